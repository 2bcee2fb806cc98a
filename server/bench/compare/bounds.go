package main

import (
	"errors"
	"fmt"
	"math"

	"ackbase/server/bench"
)

// bound is something that was promised, and what was measured of it.
type bound struct {
	title string
	most  float64
	value float64
	told  string // the value in words, with what it comes from
	err   error  // why it was not measured
}

// verdict is in words whether the bound holds. What was not measured does not hold.
func (b *bound) verdict() string {
	switch {
	case b.err != nil:
		return "not measured: " + b.err.Error()
	case math.IsNaN(b.value) || math.IsInf(b.value, 0):
		return "not measured: it is no number"
	case b.value <= b.most:
		return "holds"
	}
	return "**does not hold**"
}

// ratio fills in the ratio of two medians.
func (b bound) ratio(a, of spread, unit string, errs ...error) bound {
	b.err = errors.Join(errs...)
	if b.err == nil && of.median <= 0 {
		b.err = errors.New("what it is held against is 0")
	}
	if b.err == nil {
		b.value = a.median / of.median
		b.told = fmt.Sprintf("%.2f (%s to %s %s)", b.value, short(a.median), short(of.median), unit)
	}
	return b
}

// absolute fills in one figure.
func (b bound) absolute(value float64, format string, err error) bound {
	b.value, b.err = value, err
	if err == nil {
		b.told = fmt.Sprintf(format, value)
	}
	return b
}

// bounds holds the outcomes against what was promised.
func (s *settings) bounds(outcomes []outcome) []bound {
	find := func(name string) *outcome {
		for i := range outcomes {
			if outcomes[i].name == name {
				return &outcomes[i]
			}
		}
		return nil
	}
	errMissing := errors.New("it was left out")
	// figureOf is the figure of an entrant all of whose rounds went without an error.
	figureOf := func(name string, i int, f figure) (spread, error) {
		o := find(name)
		if o == nil {
			return spread{}, errMissing
		}
		if i >= len(o.entrants) {
			return spread{}, errors.New("there is no server to hold it against")
		}
		return o.clean(i, f)
	}
	between := func(name, title string, most float64, f figure, unit string) bound {
		a, err := figureOf(name, 0, f)
		of, err2 := figureOf(name, 1, f)
		if errors.Is(err2, errMissing) {
			err2 = nil // said once
		}
		return bound{title: title, most: most}.ratio(a, of, unit, err, err2)
	}
	// sum adds up what may not be there at all, over all rounds; errors are what it is about.
	sum := func(f figure, names ...string) (total float64, err error) {
		for _, name := range names {
			o := find(name)
			if o == nil {
				return 0, errMissing
			}
			s, err := o.over(0, f)
			if err != nil {
				return 0, err
			}
			total += s.sum
		}
		return total, nil
	}

	us, peer := s.servers[0].name, "the second server"
	if len(s.servers) > 1 {
		peer = s.servers[1].name
	}
	cpu := func(name, what string, most float64) bound {
		return between(name, fmt.Sprintf("%s: CPU to that of %s", what, peer), most, cpuPerOp, "µs")
	}
	tail := func(name, what string) bound {
		return between(name, fmt.Sprintf("%s: p99 to that of %s", what, peer), 1, p99, "ms")
	}
	own := func(name, title string, most float64, large, small int) bound {
		a, err := figureOf(name, large, cpuPerOp)
		of, err2 := figureOf(name, small, cpuPerOp)
		if err != nil {
			err2 = nil
		}
		return bound{title: title, most: most}.ratio(a, of, "µs", err, err2)
	}
	lost, errLost := sum(errorCount, event10k, event75k)
	gone, errGone := sum(func(r *bench.Result) (float64, error) {
		return float64(int64(r.Connections) - r.Held + r.Errors), nil
	}, idle)
	memory, errMemory := figureOf(idle, 0, func(r *bench.Result) (float64, error) { return kilobytes(r), nil })
	goroutines, errGoroutines := figureOf(idle, 0, goroutinesEach)
	heartbeats, errHeartbeats := figureOf(idle, 0, percentOfCore)
	return []bound{
		cpu(getByID, "GET by id", 0.3),
		cpu(post, "durable POST, 256 in flight", 0.5),
		cpu(postKey, "durable POST with a time-ordered key (¹)", 0.8),
		cpu(event10k, s.delivered(fewEvents), 0.6),
		cpu(event75k, s.delivered(manyEvents), 0.6),
		bound{title: "these events: lost, doubled or out of order"}.absolute(lost, "%.0f", errLost),
		tail(event10k, s.delivered(fewEvents)),
		tail(event75k, s.delivered(manyEvents)),
		bound{title: "memory of an idle connection, KB", most: 12}.absolute(memory.median, "%.1f", errMemory),
		bound{title: "goroutines of an idle connection", most: 1}.absolute(math.Round(100*goroutines.median)/100, "%.2f", errGoroutines),
		bound{title: grouped(s.idle) + " idle connections: broken, or left without a heartbeat"}.absolute(gone, "%.0f", errGone),
		bound{title: "their heartbeats, % of a core", most: 3}.absolute(heartbeats.median, "%.2f", errHeartbeats),
		cpu(polling, "GET by id over long-polling", 0.6),
		own(getItems, fmt.Sprintf("GET by id: CPU at %s items to that at 1,000, %s alone", grouped(s.large), us), 1.8, 1, 0),
		own(eventSubscribers, fmt.Sprintf("event: CPU for each of %s subscribers to that for each of 50, %s alone", grouped(s.largeRoom), us), 1.2, 1, 0),
	}
}

func kilobytes(r *bench.Result) float64 { return float64(r.Server.PerConnection) / 1024 }

func percentOfCore(r *bench.Result) (float64, error) { return 100 * r.Server.CPUs, nil }

func goroutinesEach(r *bench.Result) (float64, error) {
	if r.Goroutines == nil {
		return 0, errors.New("its /metrics does not tell go_goroutines")
	}
	return *r.Goroutines, nil
}
