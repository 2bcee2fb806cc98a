// Command compare measures servers against each other with ackbase/server/bench:
// it starts them itself, alternates the rounds of each measure between them, and
// writes the medians with their ratios, and whether the bounds hold that ackbase
// has set itself, as a Markdown page. `task bench` calls it.
//
//	go run ./server/bench/compare -out server/BENCHMARKS.md \
//	  -server "ackbase=.task/ackbase --listen 127.0.0.1:0 --data {data} --log-level warn --index bench-index.value" \
//	  -server "node=node examples/node-peer/server.mjs --listen 127.0.0.1:0 --data {data}"
//
// The first server is the one that the bounds are about, the second the one that it
// is held against; further ones are told beside them. A server's end in the middle,
// events that it loses and calls that it refuses are told in the page and do not end the run.
//
// A command is split at spaces; {data} stands for a path that does not exist yet, in
// a new directory. The server must print a line with `listening on http://ADDRESS`, end
// at SIGTERM, and be the process that is started, not a child of it: its CPU is what counts.
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
	if err := run(ctx, os.Args[1:], os.Stdout, os.Stderr); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

// extent is how much is measured. The zero value of a member has no meaning.
type extent struct {
	rounds      int
	seconds     float64
	warmup      time.Duration
	large       int
	room        int
	largeRoom   int
	idle        int
	idleSeconds float64
}

// full is what the page that is kept needs, and the flags' default.
var full = extent{
	rounds: 5, seconds: 4, warmup: time.Second,
	large: 1_000_000, room: 500, largeRoom: 5000, idle: 10_000,
	idleSeconds: 25, // a usual ping interval
}

// settings are the flags.
type settings struct {
	extent
	servers []server
	timeout time.Duration
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
	flags.Func("server", "`name=command` of a server; repeatable: the one that is measured, the one that it is held against, others", func(text string) error {
		name, command, ok := strings.Cut(text, "=")
		words := strings.Fields(command)
		if !ok || name == "" || len(words) == 0 {
			return errors.New("write name=command, such as ackbase=./ackbase --listen 127.0.0.1:0 --data {data}")
		}
		s.servers = append(s.servers, server{name, words})
		return nil
	})
	flags.IntVar(&s.rounds, "rounds", full.rounds, "rounds of each measure; the median counts")
	flags.Float64Var(&s.seconds, "seconds", full.seconds, "length of a round's window")
	flags.DurationVar(&s.warmup, "warmup", full.warmup, "time under load before it")
	flags.IntVar(&s.large, "large", full.large, "items of the large collection")
	flags.IntVar(&s.room, "room", full.room, "subscribers to whom events are delivered")
	flags.IntVar(&s.largeRoom, "large-room", full.largeRoom, "subscribers of the large room")
	flags.IntVar(&s.idle, "idle", full.idle, "idle connections")
	flags.Float64Var(&s.idleSeconds, "idle-seconds", full.idleSeconds, "length of a round's window with them, rounded up to whole ping intervals")
	flags.DurationVar(&s.timeout, "timeout", 5*time.Second, "how long nothing may arrive after a round's window before what is missing counts as lost")
	flags.Func("only", "`pattern` of the measures to make, such as ^(get|post)$", func(text string) (err error) {
		s.only, err = regexp.Compile(text)
		return err
	})
	flags.StringVar(&s.out, "out", "", "`file` for the page of a full run; that of any other run, or without this flag, goes to the standard output")
	flags.StringVar(&s.dir, "dir", "", "`directory` on the disk that is to hold the data (default: the system's for temporary files)")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for _, server := range s.servers {
		if names[server.name] {
			return nil, fmt.Errorf("-server: two servers are called %s: give each its own name", server.name)
		}
		names[server.name] = true
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

// partial says what makes a run less than full, nothing for a full one.
func (s *settings) partial() string {
	for _, short := range []struct {
		flag string
		is   bool
		// and the figures as they are printed
		got, want any
	}{
		{"-rounds", s.rounds < full.rounds, s.rounds, full.rounds},
		{"-seconds", s.seconds < full.seconds, s.seconds, full.seconds},
		{"-warmup", s.warmup < full.warmup, s.warmup, full.warmup},
		{"-large", s.large < full.large, s.large, full.large},
		{"-room", s.room < full.room, s.room, full.room},
		{"-large-room", s.largeRoom < full.largeRoom, s.largeRoom, full.largeRoom},
		{"-idle", s.idle < full.idle, s.idle, full.idle},
		{"-idle-seconds", s.idleSeconds < full.idleSeconds, s.idleSeconds, full.idleSeconds},
	} {
		if short.is {
			return fmt.Sprintf("%s %v is less than %v", short.flag, short.got, short.want)
		}
	}
	if s.only != nil {
		return "-only leaves measures out"
	}
	return ""
}

// run is the whole command. Progress goes to errOut.
func run(ctx context.Context, args []string, out, errOut io.Writer) error {
	s, err := readSettings(args, errOut)
	if err != nil {
		return err
	}
	contests := s.contests()
	if len(contests) == 0 {
		return errors.New("no measure has such a name: leave -only out to see them all")
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
	for _, server := range s.servers { // what cannot start at all is said before an hour has passed
		peer, err := server.start(ctx, dir)
		if err != nil {
			return err
		}
		peer.stop()
	}

	outcomes, err := (&tournament{dir: dir, progress: errOut, start: time.Now()}).play(ctx, contests)
	if err != nil {
		return err
	}
	return s.publish(s.page(machine, outcomes), out, errOut)
}

// publish writes the page of a full run to -out, and any other to out: a quick look does
// not replace what took long to measure.
func (s *settings) publish(page string, out, errOut io.Writer) error {
	why := s.partial()
	if s.out != "" && why == "" {
		return os.WriteFile(s.out, []byte(page), 0o644)
	}
	if s.out != "" {
		fmt.Fprintf(errOut, "%s stays as it is, since this was no full run: %s. The page goes to the standard output.\n", s.out, why)
	}
	_, err := io.WriteString(out, page)
	return err
}
