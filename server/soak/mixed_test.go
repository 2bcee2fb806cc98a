package soak

import (
	"context"
	"testing"
	"time"
)

// measured is how long a run must be for its figures to tell something.
const measured = time.Minute

// TestMixedLoad runs healthy clients alone and then beside others, on the real binary. No event may be lost,
// doubled or out of order at the healthy ones, and nothing of anybody may be left at the end. At length,
// memory must be flat, and the latencies at most doubled.
func TestMixedLoad(t *testing.T) {
	length := time.Duration(*minutes * float64(time.Minute))
	p := startProcess(t, "--log-level", "error", "--allow-eio3", "--ping-interval", "5s", "--connect-timeout", "5s", "--upgrade-timeout", "5s",
		"--stall-timeout", "5s", "--high-water", "256KB")
	before := p.settled(t, nil)
	acting, stop := context.WithCancel(t.Context())
	defer stop()
	l := &load{visitor: newVisitor(t.Context(), p.url, 0), acting: acting, base: time.Now(), ledger: ledger{writes: map[string][]record{}}}
	h := newHealthy(t, l, *clients/2)

	w := watch(p)
	h.work()
	pass := func(s stage, d time.Duration) {
		l.stage.Store(int32(s))
		if err := w.enter(s); err != nil {
			t.Fatal(err)
		}
		time.Sleep(d)
	}
	pass(arriving, length/20)
	pass(alone, length/5)
	o := startApart(t, order{p.url, h.collections, *clients - *clients/2, length})
	h.working.Go(func() { h.noisy.every(beat(length), writes, h.noisy.overwrite) })
	pass(arriving, length/20)
	pass(mixed, length)
	pass(leaving, 0)

	stop()
	h.working.Wait()
	w.end()
	if err := l.faults.err(); err != nil {
		t.Fatal(err)
	}
	others := h.finish(t, o)
	r := h.report()
	t.Logf("%s%s%s", r, others, w)
	t.Logf("before: %v", before)
	t.Logf("after:  %v", p.settled(t, before))
	if length >= measured {
		r.check(t)
		w.check(t)
	}
	p.stop(t)
}
