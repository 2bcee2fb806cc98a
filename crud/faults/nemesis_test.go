package faults

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

// counts are how often something happened, by its name. They may be used concurrently.
type counts struct {
	mu sync.Mutex
	of map[string]int
}

func (c *counts) add(name string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		c.of = map[string]int{}
	}
	c.of[name] += n
}

// all adds the counts of another.
func (c *counts) all(other *counts) {
	for name, n := range other.of {
		c.add(name, n)
	}
}

func (c *counts) String() string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(c.of)) {
		list = append(list, fmt.Sprintf("%s %d", name, c.of[name]))
	}
	return strings.Join(list, ", ")
}

// between is a duration in a range.
func between(rng *rand.Rand, from, to time.Duration) time.Duration {
	return from + time.Duration(rng.Int64N(int64(to-from)))
}

// ails is one fault of the network: how it begins; those that leave connections as they were end by its cure.
var ails = []struct {
	kind       string
	attributes func(rng *rand.Rand) map[string]any // nil for a cut
}{
	{"cut", nil},
	{"latency", func(rng *rand.Rand) map[string]any {
		return map[string]any{"latency": 10 + rng.IntN(150), "jitter": rng.IntN(50)}
	}},
	{"bandwidth", func(rng *rand.Rand) map[string]any { return map[string]any{"rate": 4 + rng.IntN(60)} }}, // KB/s
	{"slicer", func(rng *rand.Rand) map[string]any {
		return map[string]any{"average_size": 20 + rng.IntN(200), "size_variation": 10, "delay": 50 + rng.IntN(500)} // bytes, µs
	}},
	{"timeout", func(*rand.Rand) map[string]any { return map[string]any{"timeout": 0} }}, // half-open: all is swallowed
	{"limit_data", func(rng *rand.Rand) map[string]any { return map[string]any{"bytes": 500 + rng.IntN(20_000)} }},
	{"reset_peer", func(rng *rand.Rand) map[string]any { return map[string]any{"timeout": rng.IntN(300)} }},
}

// troubleNetwork brings faults on a line, one after the other, until the context ends, and leaves it well.
func (r *round) troubleLine(ctx context.Context, l *line, rng *rand.Rand) error {
	order := rng.Perm(len(ails))
	for i := 0; wait(ctx, between(rng, 20*time.Millisecond, 400*time.Millisecond)); i++ {
		ail := ails[order[i%len(order)]]
		r.faults.add(ail.kind, 1)
		if ail.attributes == nil {
			if err := l.cut(); err != nil {
				return err
			}
			continue
		}
		if err := l.poison(ail.kind, ail.attributes(rng)); err != nil {
			return err
		}
		wait(ctx, between(rng, 100*time.Millisecond, 900*time.Millisecond))
		if err := l.cure(ail.kind); err != nil {
			return err
		}
	}
	return nil
}

// wait waits, and tells whether the context has not ended.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// blows are the faults of the process.
var blows = []struct {
	kind   string
	strike func(p *process, rng *rand.Rand) error
}{
	{"kill -9", func(p *process, rng *rand.Rand) error {
		p.kill()
		time.Sleep(between(rng, 0, 300*time.Millisecond))
		return p.start()
	}},
	{"SIGSTOP", func(p *process, rng *rand.Rand) error {
		return p.pause(between(rng, 100*time.Millisecond, 800*time.Millisecond))
	}},
	{"kill -9 at once after the start", func(p *process, rng *rand.Rand) error {
		p.kill()
		if err := p.start(); err != nil {
			return err
		}
		time.Sleep(between(rng, 0, 30*time.Millisecond))
		p.kill()
		return p.start()
	}},
	{"full disk", func(p *process, rng *rand.Rand) error {
		free, err := p.fill()
		if err != nil {
			return err
		}
		time.Sleep(between(rng, 50*time.Millisecond, 500*time.Millisecond))
		return free()
	}},
	{"SIGTERM", func(p *process, rng *rand.Rand) error {
		if err := p.term(); err != nil {
			return err
		}
		time.Sleep(between(rng, 0, 100*time.Millisecond))
		return p.start()
	}},
}

// troubleProcess strikes the process until the context ends, and leaves it running. Rounds that
// follow each other begin with another blow.
func (r *round) troubleProcess(ctx context.Context, rng *rand.Rand) error {
	for i := int(r.seed % uint64(len(blows))); wait(ctx, between(rng, 300*time.Millisecond, 1200*time.Millisecond)); i++ {
		blow := blows[i%len(blows)]
		r.faults.add(blow.kind, 1)
		if err := blow.strike(r.process, rng); err != nil {
			return fmt.Errorf("%s: %w", blow.kind, err)
		}
	}
	return nil
}
