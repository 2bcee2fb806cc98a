package main

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// page is the Markdown page.
func (s *settings) page(m machine, outcomes []outcome) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Benchmarks\n\nWritten by `task bench` on %s", time.Now().UTC().Format("2006-01-02 15:04 UTC"))
	if partial := s.partial(); partial != "" {
		fmt.Fprintf(&b, ", **in a run that was not the full one** (%s)", partial)
	}
	b.WriteString(".\n\n")
	s.judge(&b, outcomes)
	var alone, others []outcome
	for _, o := range outcomes {
		switch o.name {
		case idle:
		case getItems, eventSubscribers:
			alone = append(alone, o)
		default:
			others = append(others, o)
		}
	}
	s.costs(&b, others)
	s.rates(&b, others)
	s.scale(&b, alone)
	for i := range outcomes {
		if outcomes[i].name == idle {
			s.idling(&b, &outcomes[i])
		}
	}
	faults(&b, outcomes)
	s.method(&b, m)
	return b.String()
}

// head begins a table.
func head(b *strings.Builder, columns ...string) {
	fmt.Fprintf(b, "| %s |\n|%s\n", strings.Join(columns, " | "), strings.Repeat("---|", len(columns)))
}

// row is one line of it.
func row(b *strings.Builder, cells ...string) {
	b.WriteString("|")
	for _, cell := range cells {
		if cell != "" {
			cell = " " + strings.ReplaceAll(cell, "|", "\\|")
		}
		b.WriteString(cell + " |")
	}
	b.WriteString("\n")
}

// judge is the table of the bounds.
func (s *settings) judge(b *strings.Builder, outcomes []outcome) {
	bounds := s.bounds(outcomes)
	count := map[string]int{}
	for i := range bounds {
		verdict, _, _ := strings.Cut(bounds[i].verdict(), ":")
		count[verdict]++
	}
	fmt.Fprintf(b, "## What %s holds itself to\n\nOf %d bounds %d hold, %d do not, and %d were not measured.\n\n",
		s.servers[0].name, len(bounds), count["holds"], count["**does not hold**"], count["not measured"])
	head(b, "bound", "at most", "measured", "verdict")
	for i := range bounds {
		row(b, bounds[i].title, fmt.Sprint(bounds[i].most), bounds[i].told, bounds[i].verdict())
	}
	b.WriteString("\n")
}

// method says where the figures come from.
func (s *settings) method(b *strings.Builder, m machine) {
	fmt.Fprintf(b, "## Machine\n\n* %s, %d cores, %s, data on %s (a 4 KB write with its fsync takes %v); load average before the start %s.\n",
		m.cpu, m.cores, m.kernel, m.filesystem, m.flush.Round(time.Microsecond), m.load)
	for _, server := range s.servers {
		var words []string
		for _, word := range server.command {
			if filepath.IsAbs(word) {
				word = filepath.Base(word)
			}
			words = append(words, word)
		}
		fmt.Fprintf(b, "* %s: `%s`, %s.\n", server.name, strings.Join(words, " "), cmp.Or(server.versions(), "of unknown versions"))
	}
	fmt.Fprintf(b, `
## Method

* The servers and the load generator (%[1]sackbase bench%[1]s; [doc.go](bench/doc.go) says what its figures mean) run on the same machine, over 127.0.0.1. The
  generator holds all WebSockets in one thread: 1.0 of its cores in the tables would mean that it was the limit. For long-polling it has more.
* CPU is the user and system time of the server's process, all its threads, within a round, divided by what was answered or delivered meanwhile. Each
  figure is the median of %[2]d rounds (%[6]d where no bound is about it) of %[3]g s, after %[4]v of warm-up; the lowest and the highest are in brackets. The rounds alternate between the servers, in an order
  that is turned around each time. Each measure starts with new processes on empty data.
* GET, POST and polling run at full speed: so many calls are in flight, and the next goes when one is answered. Each server is then measured where it gathers most,
  answers for one system call and writes for one flush, and the rates are not the same. With less to do an operation costs more: GET at 10,000 a second shows it, at the same rate for all. Events are written at the given rate,
  the same for all, and each subscriber is held to get every one of them once and in order; where a server does not keep up, its latency tells.
* The CPU of a delivered event contains its share of the write.
* Idle connections have a new process in each round, and rest for %[5]g s rounded up to whole ping intervals; servers other than the first have one round. Their
  memory is the growth of RssAnon since before the first of them; what the kernel has for their sockets is not in it.
* A bound is judged by rounds without any error alone. What is not measured does not hold.

## Again

%[1]s%[1]s%[1]ssh
go run github.com/go-task/task/v3/cmd/task@v3.53.1 bench
%[1]s%[1]s%[1]s

A quick look, which leaves this page as it is: %[1]s… bench -- -rounds 1 -seconds 1 -large 10000 -idle 500 -only '^(get|post)$'%[1]s. The flags are told by
%[1]sgo run ./server/bench/compare -help%[1]s.
`, "`", s.rounds, s.seconds, s.warmup, s.idleSeconds, min(s.rounds, othersRounds))
}
