package main

import (
	"errors"
	"fmt"
	"strings"

	"ackbase/server/bench"
)

// costs is the table of CPU per operation.
func (s *settings) costs(b *strings.Builder, outcomes []outcome) {
	if len(outcomes) == 0 {
		return
	}
	b.WriteString("## Server CPU per operation, µs\n\n")
	columns := []string{"measure"}
	for i, server := range s.servers {
		columns = append(columns, server.name)
		if i > 0 {
			columns = append(columns, s.servers[0].name+" to it")
		}
	}
	head(b, columns...)
	for _, o := range outcomes {
		cells := []string{o.title}
		first, err := o.clean(0, cpuPerOp)
		for i := range o.entrants {
			cells = append(cells, o.cost(i))
			if i == 0 {
				continue
			}
			ratio := ""
			if value, err2 := o.clean(i, cpuPerOp); err == nil && err2 == nil && value.median > 0 {
				ratio = fmt.Sprintf("%.2f", first.median/value.median)
			}
			cells = append(cells, ratio)
		}
		row(b, cells...)
	}
	if len(s.servers) > 1 {
		fmt.Fprintf(b, "\n(¹) Only %[1]s gets the key. The others do the plain POST: the contract of %[2]s has no keys.\\\n(²) Only %[1]s has the index.\n",
			s.servers[0].name, s.servers[1].name)
	}
	b.WriteString("\n")
}

// cost is an entrant's CPU per operation, with what is wrong with it.
func (o *outcome) cost(i int) string {
	spread, err := o.over(i, cpuPerOp)
	switch {
	case errors.Is(err, errEnded):
		return errEnded.Error()
	case err != nil:
		return "failed"
	}
	text := fmt.Sprintf("%s (%s–%s)", short(spread.median), short(spread.least), short(spread.most))
	if lost := o.lost(i); lost > 0 {
		text += fmt.Sprintf(", lost %.3g %%", 100*lost)
	} else if failed, _ := o.over(i, errorCount); failed.sum > 0 {
		text += fmt.Sprintf(", %s errors", grouped(int(failed.sum)))
	}
	return text
}

// lost is the share of an entrant's events that were lost, in all rounds.
func (o *outcome) lost(i int) float64 {
	var lost, due int64
	for _, r := range o.results[i] {
		lost += r.Lost
		due += r.Written * int64(r.Connections)
	}
	if due == 0 {
		return 0
	}
	return float64(lost) / float64(due)
}

// short is a figure with three digits that count.
func short(v float64) string {
	switch {
	case v < 10:
		return fmt.Sprintf("%.2f", v)
	case v < 100:
		return fmt.Sprintf("%.1f", v)
	}
	return grouped(int(v + 0.5))
}

var rateColumns = []string{"a second", "p50 ms", "p99 ms", "p99.9 ms", "lost", "errors", "server's cores", "generator's cores"}

// rates is the table of what came of it.
func (s *settings) rates(b *strings.Builder, outcomes []outcome) {
	if len(outcomes) == 0 {
		return
	}
	b.WriteString("## Rate, latency, errors\n\n")
	head(b, append([]string{"measure", "server"}, rateColumns...)...)
	for _, o := range outcomes {
		for i, e := range o.entrants {
			row(b, append([]string{o.title, e.name}, o.rate(i)...)...)
		}
	}
	b.WriteString("\n")
}

// rate is the cells of rateColumns for an entrant.
func (o *outcome) rate(i int) (cells []string) {
	for _, column := range []figure{
		perSecond,
		quantile(func(l *bench.Latency) float64 { return l.P50 }),
		quantile(func(l *bench.Latency) float64 { return l.P99 }),
		quantile(func(l *bench.Latency) float64 { return l.P999 }),
	} {
		spread, err := o.over(i, column)
		if err != nil {
			cells = append(cells, "")
			continue
		}
		cells = append(cells, short(spread.median))
	}
	if len(o.results[i]) == 0 {
		return append(cells, "", "", "", "")
	}
	var lost, errors int64
	for _, r := range o.results[i] {
		lost += r.Lost
		errors += r.Errors
	}
	cells = append(cells, grouped(int(lost)), grouped(int(errors)))
	for _, column := range []figure{
		func(r *bench.Result) (float64, error) { return r.Server.CPUs, nil },
		func(r *bench.Result) (float64, error) { return r.Generator, nil },
	} {
		spread, err := o.over(i, column)
		if err != nil {
			cells = append(cells, "")
			continue
		}
		cells = append(cells, fmt.Sprintf("%.2f", spread.median))
	}
	return cells
}

// scale is the table of what many items and many subscribers cost the first server.
func (s *settings) scale(b *strings.Builder, outcomes []outcome) {
	if len(outcomes) == 0 {
		return
	}
	fmt.Fprintf(b, "## %s with little and with much\n\n", s.servers[0].name)
	head(b, append([]string{"measure", "with", "CPU each, µs"}, rateColumns...)...)
	for _, o := range outcomes {
		for i, e := range o.entrants {
			row(b, append([]string{o.title, e.name, o.cost(i)}, o.rate(i)...)...)
		}
	}
	b.WriteString("\n")
	for _, o := range outcomes {
		if o.name != eventSubscribers {
			continue
		}
		// What the event to one subscriber costs, less one delivery, is its write.
		var whole [3]float64
		failed := false
		for i, e := range o.entrants {
			each, err := o.clean(i, cpuPerOp)
			failed = failed || err != nil
			whole[i] = each.median * float64(e.load.Connections)
		}
		few, many := (whole[0]-whole[2])/49, (whole[1]-whole[2])/float64(s.largeRoom-1)
		if !failed && few > 0 {
			fmt.Fprintf(b, "The CPU of an event contains its write. Without what the event to one subscriber costs, each further one of 50 costs %s µs and each of %s %s µs, %.2f times that.\n\n",
				short(few), grouped(s.largeRoom), short(many), many/few)
		}
	}
}

// idling is the table of idle connections.
func (s *settings) idling(b *strings.Builder, o *outcome) {
	b.WriteString("## " + strings.ToUpper(o.title[:1]) + o.title[1:] + "\n\n")
	head(b, "server", "rounds", "held to the end", "errors", "memory each, KB", "goroutines each", "heartbeats a second", "heartbeats, % of a core")
	for i, e := range o.entrants {
		cells := []string{e.name, fmt.Sprint(len(o.results[i]))}
		if o.faults[i] != nil {
			cells = append(cells, map[bool]string{true: errEnded.Error(), false: "failed"}[errors.Is(o.faults[i], errEnded)])
		} else {
			held, _ := o.over(i, func(r *bench.Result) (float64, error) { return float64(r.Held), nil })
			cells = append(cells, grouped(int(held.least)))
		}
		for _, column := range []struct {
			format string
			figure figure
		}{
			{"%.0f", errorCount},
			{"%.1f", func(r *bench.Result) (float64, error) { return kilobytes(r), nil }},
			{"%.2f", goroutinesEach},
			{"%.0f", perSecond},
			{"%.2f", percentOfCore},
		} {
			spread, err := o.over(i, column.figure)
			if err != nil {
				cells = append(cells, "")
				continue
			}
			cells = append(cells, fmt.Sprintf(column.format, spread.median))
		}
		row(b, cells...)
	}
	b.WriteString("\n")
}

// faults tells what could not be measured, the first error of what had some, and who did not keep up.
func faults(b *strings.Builder, outcomes []outcome) {
	var lines []string
	for _, o := range outcomes {
		for i, e := range o.entrants {
			told := ""
			if o.faults[i] != nil {
				told = fmt.Sprintf("in round %d: %v", len(o.results[i])+1, o.faults[i])
			}
			for round, r := range o.results[i] {
				if told == "" && r.Errors > 0 {
					told = fmt.Sprintf("%s errors in round %d, the first: %s", grouped(int(r.Errors)), round+1, r.Error)
				}
			}
			if rate, err := o.over(i, perSecond); told == "" && err == nil && rate.median < 0.95*asked(e.load) {
				told = fmt.Sprintf("it did not keep up: %s of %s a second", grouped(int(rate.median)), grouped(int(asked(e.load))))
			}
			if told != "" {
				lines = append(lines, fmt.Sprintf("* %s, %s: %s\n", e.name, o.title, strings.ReplaceAll(told, "\n", " ")))
			}
		}
	}
	if len(lines) > 0 {
		b.WriteString("## What went wrong\n\n" + strings.Join(lines, "") + "\n")
	}
}

// asked is how many operations a second a load asks for; 0 for as many as can be had.
func asked(load bench.Command) float64 {
	if load.Kind == bench.Fanout {
		return load.Rate * float64(load.Connections)
	}
	return load.Rate
}
