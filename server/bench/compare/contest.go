package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"ackbase/server/bench"
)

// contest is a measure: loads that take turns, so that whatever the machine does
// meanwhile happens to all of them.
type contest struct {
	name     string // for -only, the progress and the bounds
	title    string
	fresh    bool // each round on a server of its own: a heap does not shrink
	entrants []entrant
}

// entrant is one server under one load.
type entrant struct {
	name   string // in the contest
	server server
	load   bench.Command
	rounds int
}

// outcome is what the rounds of a contest gave, entrant by entrant.
type outcome struct {
	contest
	results [][]*bench.Result
	faults  []error // why an entrant went no further; nil for most
}

// errEnded is a server whose process ended by itself.
var errEnded = errors.New("process ended")

// tournament plays contests.
type tournament struct {
	dir      string // for the servers' data
	progress io.Writer
	start    time.Time

	played, rounds int
}

// play plays the contests one after the other. Its error is ctx's: what goes wrong with a server is part of the outcome.
func (t *tournament) play(ctx context.Context, contests []contest) ([]outcome, error) {
	for _, c := range contests {
		for _, e := range c.entrants {
			t.rounds += e.rounds
		}
	}
	var outcomes []outcome
	for _, c := range contests {
		o, err := t.contest(ctx, c)
		if err != nil {
			return nil, err
		}
		outcomes = append(outcomes, o)
	}
	return outcomes, nil
}

// contest plays one: in each round every entrant has its turn, in the order that is
// turned around from round to round.
func (t *tournament) contest(ctx context.Context, c contest) (outcome, error) {
	o := outcome{contest: c, results: make([][]*bench.Result, len(c.entrants)), faults: make([]error, len(c.entrants))}
	peers := make([]*peer, len(c.entrants))
	stop := func(i int) {
		if peers[i] != nil {
			peers[i].stop()
			peers[i] = nil
		}
	}
	defer func() {
		for i := range peers {
			stop(i)
		}
	}()
	rounds := 0
	for _, e := range c.entrants {
		rounds = max(rounds, e.rounds)
	}
	for round := range rounds {
		order := make([]int, len(c.entrants))
		for i := range order {
			order[i] = i
		}
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for _, i := range order {
			e := c.entrants[i]
			if round >= e.rounds {
				continue
			}
			t.played++
			if o.faults[i] != nil {
				continue
			}
			result, fault := t.turn(ctx, e, &peers[i])
			if ctx.Err() != nil {
				return o, ctx.Err()
			}
			if o.faults[i] = fault; fault == nil {
				o.results[i] = append(o.results[i], result)
			}
			t.report(c, round, i, result, fault, peers[i])
			if c.fresh || fault != nil {
				stop(i)
			}
		}
	}
	return o, nil
}

// turn is one entrant's turn in a round. It starts the server where there is none.
func (t *tournament) turn(ctx context.Context, e entrant, p **peer) (result *bench.Result, err error) {
	if *p == nil {
		if *p, err = e.server.start(ctx, t.dir); err != nil {
			return nil, err
		}
	}
	load := e.load
	load.URL, load.PID = (*p).url, (*p).cmd.Process.Pid
	// Nothing that a server does may hold the run up for good.
	patience := time.Duration(load.Seconds*float64(time.Second)) + 2*time.Minute + time.Duration(load.Items)*time.Millisecond
	within, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	result, err = load.Measure(within, io.Discard)
	switch {
	case err == nil && result.Errors == 0:
		return result, nil
	case (*p).ended():
		return nil, fmt.Errorf("%w: %s", errEnded, (*p).lastWords())
	case within.Err() != nil && ctx.Err() == nil:
		return nil, fmt.Errorf("the round did not end within %v", patience)
	}
	return result, err
}

// report prints a line of progress for a turn.
func (t *tournament) report(c contest, round, i int, r *bench.Result, fault error, p *peer) {
	fmt.Fprintf(t.progress, "%4.0fs %3d/%d  %s, round %d, %s: ", time.Since(t.start).Seconds(), t.played, t.rounds, c.name, round+1, c.entrants[i].name)
	if fault != nil {
		fmt.Fprintf(t.progress, "%v\n", fault)
		if p != nil && p.said.String() != "" {
			fmt.Fprintf(t.progress, "its standard error output ended in:\n%s\n", p.said.String())
		}
		return
	}
	fmt.Fprintf(t.progress, "%.0f/s", r.PerSecond)
	if c.entrants[i].load.Kind == bench.Idle {
		fmt.Fprintf(t.progress, ", %.2f %% of a core, %.1f KB a connection", 100*r.Server.CPUs, kilobytes(r))
	} else {
		fmt.Fprintf(t.progress, ", %.2f µs each", r.Server.CPUPerOp)
	}
	if r.Latency != nil {
		fmt.Fprintf(t.progress, ", p99 %.3g ms", r.Latency.P99)
	}
	if r.Errors > 0 {
		fmt.Fprintf(t.progress, ", %d errors, the first: %s", r.Errors, r.Error)
	}
	fmt.Fprintf(t.progress, ", generator %.2f cores\n", r.Generator)
}

// figure is something that a round measured. It is an error where the round did not.
type figure func(*bench.Result) (float64, error)

func cpuPerOp(r *bench.Result) (float64, error)  { return r.Server.CPUPerOp, nil }
func perSecond(r *bench.Result) (float64, error) { return r.PerSecond, nil }
func errorCount(r *bench.Result) (float64, error) {
	return float64(r.Errors), nil
}
func p99(r *bench.Result) (float64, error) {
	return quantile(func(l *bench.Latency) float64 { return l.P99 })(r)
}

func quantile(of func(*bench.Latency) float64) figure {
	return func(r *bench.Result) (float64, error) {
		if r.Latency == nil {
			return 0, errors.New("nothing has a latency")
		}
		return of(r.Latency), nil
	}
}

// spread is a figure over the rounds of an entrant.
type spread struct{ median, least, most, sum float64 }

// over gathers a figure of the entrant at i. It is an error where the rounds were
// not all made or one did not measure it.
func (o *outcome) over(i int, f figure) (s spread, err error) {
	e := o.entrants[i]
	if errors.Is(o.faults[i], errEnded) {
		return s, fmt.Errorf("%s: %w", e.name, errEnded)
	}
	if o.faults[i] != nil {
		return s, fmt.Errorf("%s failed, as told below", e.name)
	}
	if len(o.results[i]) < e.rounds || e.rounds == 0 {
		return s, fmt.Errorf("%s: %d of %d rounds were made", e.name, len(o.results[i]), e.rounds)
	}
	var all []float64
	for _, r := range o.results[i] {
		value, err := f(r)
		if err != nil {
			return s, fmt.Errorf("%s: %w", e.name, err)
		}
		all = append(all, value)
		s.sum += value
	}
	s.median, s.least, s.most = median(all), slices.Min(all), slices.Max(all)
	return s, nil
}

// clean is over, and an error where any round had errors: what it measured is then
// not what was asked for.
func (o *outcome) clean(i int, f figure) (spread, error) {
	for _, r := range o.results[i] {
		if r.Errors > 0 && o.faults[i] == nil {
			return spread{}, fmt.Errorf("%s had errors, as told below", o.entrants[i].name)
		}
	}
	return o.over(i, f)
}

// median of at least one value.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}

// grouped writes a number with commas.
func grouped(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", grouped(n/1000), n%1000)
}
