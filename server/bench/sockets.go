package bench

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// dialers is how many connections are opened at the same time.
const dialers = 32

// sockets runs what goes over WebSocket: get, post, fanout and idle.
func (r *run) sockets(ctx context.Context) error {
	l, err := newLoop()
	if err != nil {
		return err
	}
	defer l.close()
	items := r.arguments()
	k := &caller{run: r, loop: l, rate: r.Rate, args: items.post}
	k.h = k
	settled := func() bool { return k.pending == 0 }
	arrived := func() int64 { return k.issued - k.pending }
	var f *fanout

	switch r.Kind {
	case Get:
		if err := r.prepare(ctx, l); err != nil {
			return err
		}
		k.args = items.get
		k.conns, err = r.connect(ctx, k, r.Connections, r.Depth)
	case Post:
		k.conns, err = r.connect(ctx, k, r.Connections, r.Depth)
	case Fanout:
		f = &fanout{caller: k, items: items}
		k.h, k.answer, settled = f, f.wrote, f.settled
		arrived = func() int64 { return k.issued - k.pending + f.delivered }
		err = f.connect(ctx)
	case Idle:
		k.rate, k.stopped = 0, true
		return r.idle(ctx, k)
	}
	if err != nil {
		return err
	}

	r.schedule(r.seconds())
	k.start = r.now()
	if err := k.drive(ctx, r.watch); err != nil {
		return err
	}
	k.stopped = true
	last, since := arrived(), r.now()
	err = k.drive(ctx, func(now time.Duration) (bool, error) {
		if n := arrived(); n != last { // late is not lost
			last, since = n, now
		}
		return settled() || now-since > r.Timeout, nil
	})
	if err != nil {
		return err
	}
	r.fail(k.pending, "a call was not answered, and none at all for %v", r.Timeout)
	if f != nil {
		r.lost = f.missing()
		r.fail(r.lost, "an event did not arrive, and none at all for %v", r.Timeout)
	}
	return nil
}

// idle lets connections rest for whole ping intervals, and counts the heartbeats meanwhile.
func (r *run) idle(ctx context.Context, k *caller) error {
	before, scraped := r.goroutines(ctx)
	conns, err := r.connect(ctx, k, r.Connections, r.Depth)
	if err != nil {
		return err
	}
	intervals := int64(0)
	length := r.seconds()
	if every := conns[0].interval; every > 0 { // whole ones: each connection has the same number of heartbeats
		intervals = int64((length + every - 1) / every)
		length = time.Duration(intervals) * every
	}
	r.schedule(length)
	err = k.drive(ctx, func(now time.Duration) (bool, error) {
		opened := r.window.opened
		over, err := r.watch(now)
		if opened == 0 && r.window.opened > 0 {
			for _, c := range conns {
				c.pings = 0
			}
		}
		return over, err
	})
	if err != nil {
		return err
	}
	if after, still := r.goroutines(ctx); scraped && still {
		each := float64(after-before) / float64(r.Connections)
		r.goroutinesEach = &each
	}
	for _, c := range conns {
		r.counted += c.pings
		if c.closed != nil {
			continue
		}
		r.held++
		if c.pings < intervals-1 { // the first or last may fall just outside
			r.fail(1, "a connection had %d heartbeats in %d intervals of %v", c.pings, intervals, c.interval)
		}
	}
	return nil
}

// connect opens n connections and hands them to the caller's loop, which turns meanwhile, so
// that those who came first get their heartbeats answered.
func (r *run) connect(ctx context.Context, k *caller, n, depth int) ([]*conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type dialed struct {
		c   *conn
		err error
	}
	orders, results := make(chan struct{}, n), make(chan dialed, n)
	for range n {
		orders <- struct{}{}
	}
	close(orders)
	var workers sync.WaitGroup
	for range min(dialers, n) {
		workers.Go(func() {
			for range orders {
				c, err := dial(ctx, &r.target, depth)
				results <- dialed{c, err}
			}
		})
	}
	defer func() {
		cancel()
		workers.Wait()
		close(results)
		for d := range results { // those that nobody took
			if d.c != nil {
				d.c.raw.close()
			}
		}
	}()

	conns := make([]*conn, 0, n)
	reported := r.now()
	for len(conns) < n {
		select {
		case d := <-results:
			if d.err != nil && len(conns) == 0 {
				return nil, d.err
			}
			if d.err != nil {
				return nil, fmt.Errorf("connection %d of %d failed: %w", len(conns)+1, n, d.err)
			}
			conns = append(conns, d.c)
			if err := k.loop.add(d.c, k.h); err != nil {
				return nil, err
			}
			if len(conns)%64 != 0 {
				continue
			}
		case <-time.After(5 * time.Millisecond):
		}
		if err := k.loop.turn(0, k.h, func(*conn) {}); err != nil {
			return nil, err
		}
		if k.bury(); r.errors > 0 {
			return nil, fmt.Errorf("while %d of %d connections were open: %s", len(conns), n, r.firstError)
		}
		if now := r.now(); now-reported > time.Second {
			fmt.Fprintf(r.progress, "%s: %d of %d connections\n", r.Kind, len(conns), n)
			reported = now
		}
	}
	return conns, nil
}

// prepare puts the items there that get reads, unless the last of them exists.
func (r *run) prepare(ctx context.Context, l *loop) error {
	a := r.arguments()
	exists := false
	ask := &caller{run: r, loop: l, total: 1,
		args:   func(dst []byte, _ time.Duration) []byte { return a.getID(dst, a.items) },
		answer: func(data []byte, _ time.Duration) { exists = !refused(data) },
	}
	ask.h = ask
	var err error
	if ask.conns, err = r.connect(ctx, ask, 4, 64); err != nil {
		return err
	}
	if err := ask.finish(ctx); err != nil || exists {
		return r.leave(l, ask.conns, err)
	}

	var id, stored int64
	var fault string
	reported := r.now()
	put := &caller{run: r, loop: l, conns: ask.conns, total: int64(r.Items)}
	put.h = put
	put.args = func(dst []byte, now time.Duration) []byte {
		if now-reported > time.Second {
			fmt.Fprintf(r.progress, "%s: %d of %d items put\n", r.Kind, stored, r.Items)
			reported = now
		}
		id++
		return a.put(dst, id)
	}
	put.answer = func(data []byte, _ time.Duration) {
		if stored++; refused(data) && fault == "" {
			fault = refusal(data)
			put.stopped = true
		}
	}
	err = put.finish(ctx)
	if fault != "" {
		err = fmt.Errorf("the items to read could not be put into %s: %s", r.Collection, fault)
	}
	return r.leave(l, put.conns, err)
}

// leave closes connections that were needed for a while.
func (r *run) leave(l *loop, conns []*conn, err error) error {
	for _, c := range conns {
		if c.closed == nil {
			l.remove(c)
		}
	}
	l.lost = l.lost[:0]
	return err
}
