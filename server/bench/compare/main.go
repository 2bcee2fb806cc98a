// Command compare measures servers against each other with ackbase/server/bench:
// it starts them itself, alternates the rounds of each measure between them, and
// writes the medians with their ratios as a Markdown page. `task bench` calls it.
//
//	go run ./server/bench/compare -out server/BENCHMARKS.md \
//	  -server "ackbase=.task/ackbase --listen 127.0.0.1:0 --data {data} --log-level warn --index bench-index.value" \
//	  -server "node=node examples/node-peer/server.mjs --listen 127.0.0.1:0 --data {data}"
//
// The first server is the one that the ratios are about. A command is split at
// spaces; {data} stands for a path that does not exist yet, in a new directory. The server must
// print a line with `listening on http://ADDRESS` and end at SIGTERM.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

// settings are the flags.
type settings struct {
	servers []server
	rounds  int
	seconds float64
	warmup  time.Duration
	large   int
	idle    int
	only    *regexp.Regexp
	out     string
	dir     string
}

// server is a server as -server names it.
type server struct {
	name    string
	command []string
}

func readSettings(args []string, errOut io.Writer) (*settings, error) {
	s := &settings{}
	flags := flag.NewFlagSet("compare", flag.ContinueOnError)
	flags.SetOutput(errOut)
	flags.Func("server", "`name=command` of a server; repeatable, the ratios are about the first", func(text string) error {
		name, command, ok := strings.Cut(text, "=")
		words := strings.Fields(command)
		if !ok || name == "" || len(words) == 0 {
			return errors.New("write name=command, such as ackbase=./ackbase --listen 127.0.0.1:0 --data {data}")
		}
		s.servers = append(s.servers, server{name, words})
		return nil
	})
	flags.IntVar(&s.rounds, "rounds", 5, "rounds of each measure; the median counts")
	flags.Float64Var(&s.seconds, "seconds", 4, "length of a round's window")
	flags.DurationVar(&s.warmup, "warmup", time.Second, "time under load before it")
	flags.IntVar(&s.large, "large", 1_000_000, "items of the large collection")
	flags.IntVar(&s.idle, "idle", 10_000, "idle connections")
	flags.Func("only", "`pattern` of the measures to make, such as ^(get|post)$", func(text string) (err error) {
		s.only, err = regexp.Compile(text)
		return err
	})
	flags.StringVar(&s.out, "out", "", "`file` for the page; without it the standard output")
	flags.StringVar(&s.dir, "dir", "", "`directory` on the disk that is to hold the data (default: the system's for temporary files)")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	switch {
	case flags.NArg() > 0:
		return nil, fmt.Errorf("%q is no flag: a server's command goes into -server in quotes", flags.Arg(0))
	case len(s.servers) == 0:
		return nil, errors.New("no server is named: give at least one with -server name=command")
	case s.rounds < 1 || s.rounds > 100:
		return nil, fmt.Errorf("-rounds: %d is out of bounds: it must be 1 to 100", s.rounds)
	}
	return s, nil
}

// run is the whole command. Progress goes to errOut.
func run(ctx context.Context, args []string, errOut io.Writer) error {
	s, err := readSettings(args, errOut)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp(s.dir, "compare-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	machine, err := describe(dir)
	if err != nil {
		return err
	}
	var made []outcome
	for _, m := range s.measures() {
		if s.only != nil && !s.only.MatchString(m.name) {
			continue
		}
		o, err := s.make(ctx, m, dir, errOut)
		if err != nil {
			return err
		}
		made = append(made, o)
	}
	if len(made) == 0 {
		return errors.New("no measure has such a name: leave -only out to see them all")
	}
	page := s.page(machine, made)
	if s.out == "" {
		_, err = io.WriteString(os.Stdout, page)
		return err
	}
	return os.WriteFile(s.out, []byte(page), 0o644)
}
