package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"ackbase/server/bench"
)

// measure is one line of the table.
type measure struct {
	name  string // for -only and the progress
	title string
	bound float64 // what the ratio may be at most; 0 for none
	fresh bool    // each round on servers of its own: a heap does not shrink
	load  bench.Command
}

// spread is how many events a second the two sizes of room get that are compared with each other.
const spread = 15

func (s *settings) measures() []measure {
	list := []measure{
		{name: "get", title: "GET by id, 1,000 items", bound: 0.3, load: bench.Command{Kind: bench.Get}},
		{name: "get-large", title: fmt.Sprintf("GET by id, %s items", grouped(s.large)), load: bench.Command{Kind: bench.Get, Items: s.large}},
		{name: "post", title: "durable POST, 256 in flight", bound: 0.5, load: bench.Command{Kind: bench.Post}},
		{name: "post-key", title: "the same with a time-ordered idempotency key", bound: 0.8, load: bench.Command{Kind: bench.Post, Key: "time"}},
		{name: "post-index", title: "the same with an index on a random value", load: bench.Command{Kind: bench.Post, Collection: "bench-index"}},
		{name: "event-10k", title: "event delivered, 500 subscribers, 10,000/s", bound: 0.6, load: bench.Command{Kind: bench.Fanout, Rate: 20}},
		{name: "event-75k", title: "event delivered, 500 subscribers, 75,000/s", bound: 0.6, load: bench.Command{Kind: bench.Fanout, Rate: 150}},
		{name: "event-1", title: fmt.Sprintf("event delivered, 1 subscriber, %d events/s", spread), load: bench.Command{Kind: bench.Fanout, Connections: 1, Rate: spread}},
		{name: "event-50", title: fmt.Sprintf("event delivered, 50 subscribers, %d events/s", spread), load: bench.Command{Kind: bench.Fanout, Connections: 50, Rate: spread}},
		{name: "event-5000", title: fmt.Sprintf("event delivered, 5,000 subscribers, %d events/s", spread), load: bench.Command{Kind: bench.Fanout, Connections: 5000, Rate: spread}},
		{name: "polling", title: "GET by id over long-polling, 50 clients", bound: 0.6, load: bench.Command{Kind: bench.Polling}},
		{name: "idle", title: grouped(s.idle) + " idle connections", fresh: true, load: bench.Command{Kind: bench.Idle, Connections: s.idle}},
	}
	for i := range list {
		list[i].load.Seconds, list[i].load.Warmup = s.seconds, s.warmup
	}
	return list
}

// outcome is what the rounds of a measure gave, by server in the order of the flags.
type outcome struct {
	measure
	results [][]*bench.Result
	faults  []error // why a server has no results
}

// make makes a measure: in each round one run for each server, the order turned
// around from round to round.
func (s *settings) make(ctx context.Context, m measure, dir string, progress io.Writer) (o outcome, err error) {
	o = outcome{measure: m, results: make([][]*bench.Result, len(s.servers)), faults: make([]error, len(s.servers))}
	peers := make([]*peer, len(s.servers))
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
	for round := range s.rounds {
		order := make([]int, len(s.servers))
		for i := range order {
			order[i] = i
		}
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for _, i := range order {
			if o.faults[i] != nil {
				continue
			}
			if peers[i] == nil {
				if peers[i], err = s.servers[i].start(ctx, dir); err != nil {
					return o, err
				}
			}
			load := m.load
			load.URL, load.PID = peers[i].url, peers[i].cmd.Process.Pid
			start := time.Now()
			result, err := load.Measure(ctx, io.Discard)
			if ctx.Err() != nil {
				return o, ctx.Err()
			}
			if err != nil {
				o.faults[i] = err
				fmt.Fprintf(progress, "%s, round %d, %s: %v %s\n", m.name, round+1, s.servers[i].name, err, peers[i].said.String())
				continue
			}
			o.results[i] = append(o.results[i], result)
			fmt.Fprintf(progress, "%s, round %d of %d, %s, %.0f s:\n%s", m.name, round+1, s.rounds, s.servers[i].name, time.Since(start).Seconds(), result)
			if m.fresh {
				stop(i)
			}
		}
	}
	return o, nil
}

// median of a figure over a server's rounds; ok is false where there are none.
func (o outcome) median(server int, figure func(*bench.Result) float64) (value float64, ok bool) {
	if o.faults[server] != nil || len(o.results[server]) == 0 {
		return 0, false
	}
	var all []float64
	for _, r := range o.results[server] {
		all = append(all, figure(r))
	}
	slices.Sort(all)
	if n := len(all); n%2 == 0 {
		return (all[n/2-1] + all[n/2]) / 2, true
	}
	return all[len(all)/2], true
}

func cpuPerOp(r *bench.Result) float64  { return r.Server.CPUPerOp }
func perSecond(r *bench.Result) float64 { return r.PerSecond }

// grouped writes a number with commas.
func grouped(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", grouped(n/1000), n%1000)
}
