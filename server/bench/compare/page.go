package main

import (
	"fmt"
	"strings"
	"time"

	"ackbase/server/bench"
)

// page is the Markdown page.
func (s *settings) page(m machine, made []outcome) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Benchmarks\n\nWritten by `task bench` on %s.\n\n", time.Now().UTC().Format("2006-01-02 15:04 UTC"))
	fmt.Fprintf(&b, "Machine: %s, %d cores, %s, data on %s (a 4 KB write with its fsync takes %v), %s.\n\n",
		m.cpu, m.cores, m.kernel, m.filesystem, m.flush.Round(time.Microsecond), m.versions)
	fmt.Fprintf(&b, "Method: server and load generator (`ackbase bench`, see `server/bench/doc.go`) on the same machine, over 127.0.0.1. Each figure is\n"+
		"the median of %d rounds of %g s, after %v of warm-up, that alternate between the servers, their order turned around each time; each measure starts on\n"+
		"empty data. CPU is the server process's user and system time, all threads, from its CPU clock. Errors are the sum over all rounds.\n\n",
		s.rounds, s.seconds, s.warmup)
	s.costs(&b, made)
	s.rates(&b, made)
	s.scale(&b, made)
	s.faults(&b, made)
	return b.String()
}

func (s *settings) head(b *strings.Builder, columns ...string) {
	fmt.Fprintf(b, "| %s |\n|%s\n", strings.Join(columns, " | "), strings.Repeat("---|", len(columns)))
}

// costs is the table of CPU per operation.
func (s *settings) costs(b *strings.Builder, made []outcome) {
	b.WriteString("## Server CPU per operation, µs\n\n")
	columns := []string{"measure"}
	for i, server := range s.servers {
		columns = append(columns, server.name)
		if i > 0 {
			columns = append(columns, "ratio to "+server.name)
		}
	}
	s.head(b, append(columns, "bound")...)
	for _, o := range made {
		if o.load.Kind == bench.Idle {
			continue
		}
		fmt.Fprintf(b, "| %s |", o.title)
		first, told := o.median(0, cpuPerOp)
		for i := range s.servers {
			value, ok := o.median(i, cpuPerOp)
			if !ok {
				b.WriteString(" failed |")
			} else {
				fmt.Fprintf(b, " %.2f |", value)
			}
			switch {
			case i == 0:
			case ok && told && value > 0:
				fmt.Fprintf(b, " %.2f |", first/value)
			default:
				b.WriteString(" |")
			}
		}
		if o.bound > 0 {
			fmt.Fprintf(b, " %.1f", o.bound)
		}
		b.WriteString(" |\n")
	}
	b.WriteString("\n")
}

// rates is the table of what came of it.
func (s *settings) rates(b *strings.Builder, made []outcome) {
	b.WriteString("## Rate, latency, errors\n\n")
	s.head(b, "measure", "server", "a second", "p50 ms", "p99 ms", "p99.9 ms", "errors")
	for _, o := range made {
		if o.load.Kind == bench.Idle {
			continue
		}
		for i, server := range s.servers {
			rate, ok := o.median(i, perSecond)
			if !ok {
				continue
			}
			var errors int64
			for _, r := range o.results[i] {
				errors += r.Errors
			}
			fmt.Fprintf(b, "| %s | %s | %s |", o.title, server.name, grouped(int(rate+0.5)))
			for _, quantile := range []func(l *bench.Latency) float64{
				func(l *bench.Latency) float64 { return l.P50 },
				func(l *bench.Latency) float64 { return l.P99 },
				func(l *bench.Latency) float64 { return l.P999 },
			} {
				value, _ := o.median(i, func(r *bench.Result) float64 {
					if r.Latency == nil {
						return 0
					}
					return quantile(r.Latency)
				})
				fmt.Fprintf(b, " %.3g |", value)
			}
			fmt.Fprintf(b, " %d |\n", errors)
		}
	}
	b.WriteString("\n")
}

// scale is the table of what many connections and many items cost.
func (s *settings) scale(b *strings.Builder, made []outcome) {
	by := map[string]outcome{}
	for _, o := range made {
		by[o.name] = o
	}
	type line struct {
		title, bound string
		figure       func(server int) (string, bool)
	}
	ratio := func(of, to string) func(int) (string, bool) {
		return func(i int) (string, bool) {
			o, ok1 := by[of]
			base, ok2 := by[to]
			if !ok1 || !ok2 {
				return "", false
			}
			a, ok1 := o.median(i, cpuPerOp)
			c, ok2 := base.median(i, cpuPerOp)
			return fmt.Sprintf("%.2f", a/c), ok1 && ok2 && c > 0
		}
	}
	// An event costs its write once and a delivery for each subscriber: what the
	// event to one subscriber costs, less one delivery, is taken off.
	net := func(i int) (string, bool) {
		var cost [3]float64
		for at, name := range []string{"event-1", "event-50", "event-5000"} {
			o, ok := by[name]
			if !ok {
				return "", false
			}
			perDelivery, ok := o.median(i, cpuPerOp)
			if !ok {
				return "", false
			}
			cost[at] = perDelivery * float64(o.load.Connections)
		}
		few, many := (cost[1]-cost[0])/49, (cost[2]-cost[0])/4999
		return fmt.Sprintf("%.2f (%.2f µs to %.2f µs)", many/few, many, few), few > 0
	}
	idle := func(format string, figure func(*bench.Result) float64) func(int) (string, bool) {
		return func(i int) (string, bool) {
			o, ok := by["idle"]
			if !ok {
				return "", false
			}
			value, ok := o.median(i, figure)
			return fmt.Sprintf(format, value), ok
		}
	}
	lines := []line{
		{"GET's CPU in the large collection to that in the small one", "1.8", ratio("get-large", "get")},
		{"an event's CPU for each of 5,000 subscribers to that for each of 50", "1.2", ratio("event-5000", "event-50")},
		{"the same without what the write itself costs", "", net},
		{"memory of an idle connection, KB", "12", idle("%.1f", func(r *bench.Result) float64 { return float64(r.Server.PerConnection) / 1024 })},
		{"CPU of the idle connections' heartbeats, % of a core", "3", idle("%.2f", func(r *bench.Result) float64 { return 100 * r.Server.CPUs })},
		{"heartbeats a second", "", idle("%.0f", perSecond)},
		{"idle connections that broke", "0", idle("%.0f", func(r *bench.Result) float64 { return float64(r.Errors) })},
	}
	var text strings.Builder
	for _, l := range lines {
		row, told := "| "+l.title+" |", false
		for i := range s.servers {
			value, ok := l.figure(i)
			if !ok {
				value = ""
			}
			row, told = row+" "+value+" |", told || ok
		}
		if told {
			fmt.Fprintf(&text, "%s %s |\n", row, l.bound)
		}
	}
	if text.Len() == 0 {
		return
	}
	b.WriteString("## Many items, many connections\n\n")
	columns := []string{"figure"}
	for _, server := range s.servers {
		columns = append(columns, server.name)
	}
	s.head(b, append(columns, "bound of "+s.servers[0].name)...)
	b.WriteString(text.String() + "\n")
}

// faults tells what could not be measured, and the first error of what had some.
func (s *settings) faults(b *strings.Builder, made []outcome) {
	for _, o := range made {
		for i, server := range s.servers {
			told := o.faults[i]
			for _, r := range o.results[i] {
				if told == nil && r.Errors > 0 {
					told = fmt.Errorf("%d errors in a round, the first: %s", r.Errors, r.Error)
				}
			}
			if told != nil {
				fmt.Fprintf(b, "* %s, %s: %v\n", server.name, o.title, told)
			}
		}
	}
}
