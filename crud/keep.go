package crud

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"ackbase/collections"
)

// kept is what a session that can be recovered needs for that. Its record is written before a SUBSCRIBE or an
// UNSUBSCRIBE is answered, and read when a client names the session's pid.
type kept struct {
	lost     atomic.Bool  // the record was forgotten, or would be too large: the session goes on without one
	recorded atomic.Bool  // there is a record
	starting atomic.Bool  // the session is recovered, and its connection may not have the ID yet that the record has
	empty    atomic.Bool  // which has no subscriptions
	written  atomic.Int64 // when its expiry was set last, in Unix nanoseconds

	mu       sync.Mutex
	underWay int           // updates
	over     bool          // no more of them
	idle     chan struct{} // made by who waits for underWay to be 0

	ended chan struct{} // closed when the session has ended and its record is as it stays

	pending atomic.Int32 // changes of the record by requests that are not settled

	// Guarded by hub.mu.
	issued uint64 // the number of the newest replay or snapshot: see record
	joined uint64 // the same of those that have begun
}

// newKept makes what a session needs to be recovered. Different sessions have different numbers, since a client
// may name an offset that it got in an earlier session.
func newKept() *kept {
	const room = 1 << 62
	return &kept{ended: make(chan struct{}), issued: 1 + rand.Uint64N(room)} //nolint:gosec // no secret
}

// recoverable tells whether the session's subscriptions are kept.
func (c *Session) recoverable() bool { return c.identity.PID != "" }

// ensureKept makes c.kept with the first subscription: most connections of an idle server have none.
func (c *Session) ensureKept() error {
	if c.kept != nil {
		return nil
	}
	h := &c.service.hub
	h.mu.Lock()
	gone := c.gone
	if !gone {
		c.kept = newKept()
	}
	h.mu.Unlock()
	if gone {
		return errEnded
	}
	c.keepJoined(nil, true)
	return nil
}

// begin counts an update; false after the session's end.
func (k *kept) begin() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.over {
		return false
	}
	k.underWay++
	return true
}

func (k *kept) end() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.underWay--; k.underWay == 0 && k.idle != nil {
		close(k.idle)
	}
}

// await lets no more updates begin and waits for those under way.
func (k *kept) await() {
	k.mu.Lock()
	k.over = true
	if k.underWay == 0 {
		k.mu.Unlock()
		return
	}
	idle := make(chan struct{})
	k.idle = idle
	k.mu.Unlock()
	<-idle
}

// issue gives the number of a replay or a snapshot that is asked for.
func (c *Session) issue() uint64 {
	h := &c.service.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	c.kept.issued++
	return c.kept.issued
}

// remark sets whether events carry offsets, after a replay has begun or ended. The hub is locked.
func (c *Session) remark() {
	c.marks = c.recoverable() && len(c.replays) == 0
}

// retention is how long and how many records are kept. A session's is written again each quarter of the time
// while it is connected, so that all of the time is left when its connection is lost.
func (s *Service) retention() collections.Retention {
	window := s.opts.RecoverFor
	return collections.Retention{
		Expires:    time.Now().Add(window + window/4 + window/16),
		MaxRecords: s.opts.MaxRecoverable,
		MaxBytes:   s.opts.MaxRecoverableBytes,
	}
}

// keep changes the record of the session and then calls settled under the hub's lock, with the position of the
// newest change before the update: no change after it has been offered to the rooms yet. Updates of a session happen, and are
// settled, in the order of the calls. Where change returns an error, nothing is changed and settled gets it. An
// error of keep itself means that neither is called.
func (c *Session) keep(change func(r *record, at collections.Position) error, settled func(at collections.Position, err error)) error {
	if !c.service.begin() {
		return errClosing
	}
	return c.keepOpen(change, settled)
}

// keepOpen is keep for who has counted it as a piece of work of the service.
func (c *Session) keepOpen(change func(r *record, at collections.Position) error, settled func(at collections.Position, err error)) error {
	k, s := c.kept, c.service
	if !k.begin() {
		s.wg.Done()
		return errEnded
	}
	if !s.living.add(c) {
		s.wg.Done()
		k.end()
		c.conn.Close("taken over by a new connection")
		return errEnded
	}
	var at collections.Position
	var written *record // nil where the session goes on without one
	s.db.Store().Update(context.Background(), collections.Writer{Conn: c.conn.ID()}, func(tx collections.Tx) (err error) {
		at = tx.Position()
		written, err = c.update(tx, change)
		return err
	}, func(err error) {
		switch {
		case err != nil:
		case written == nil:
			k.lost.Store(true)
			k.recorded.Store(false)
		default:
			k.recorded.Store(true)
			k.empty.Store(len(written.entries) == 0)
			k.written.Store(time.Now().UnixNano())
			if j := c.joined.Load(); j != nil {
				j.wrote(written.rooms)
			}
		}
		// Before what follows in the log is announced, so that it is settled before that is offered.
		s.arrive(func() {
			defer s.wg.Done()
			defer k.end()
			settled(at, err)
		})
	})
	return nil
}

// keep changes the record of the session, and then answers the request with settled: see Session.keep. It does not wait
// for that: done is called at last, unless keep returns an error.
func (r *request) keep(change func(*record, collections.Position) error, settled func(*request, collections.Position) error, done func()) error {
	c, size := r.session, r.size()
	if err := c.ensureKept(); err != nil {
		return err
	}
	if r.detached {
		c.flow.add(size) // whoever detached it has waited for a place
	} else {
		c.enter(&c.flow, size)
	}
	c.subscribed.Store(true) // before the look at closed: either this or Close sees the other
	if c.closed.Load() {
		c.flow.leave(size)
		return errEnded
	}
	rest := r.detach()
	c.kept.pending.Add(1)
	err := c.keep(change, func(at collections.Position, err error) {
		defer done()
		defer c.flow.leave(size)
		c.kept.pending.Add(-1)
		rest.finish(func(r *request) error {
			if err != nil {
				return err
			}
			return settled(r, at)
		})
	})
	if err != nil {
		c.flow.leave(size)
		c.kept.pending.Add(-1)
	}
	return err
}

// update is the transaction of keep. It returns the record as it is then, nil where the session goes on without one. A
// record without subscriptions stays until the session ends: one that is missing has been forgotten, as
// one of too many, and what was in it is not known any more.
func (c *Session) update(tx collections.Tx, change func(*record, collections.Position) error) (*record, error) {
	k, pid, retention := c.kept, c.identity.PID, c.service.retention()
	r := &record{}
	raw, err := tx.GetRecord(recordKind, pid)
	there := err == nil
	lost := k.lost.Load() || !there && k.recorded.Load()
	switch {
	case there:
		if r, err = decodeRecord(raw); err != nil {
			r, lost = &record{}, true
		}
	case !errors.Is(err, collections.ErrNotFound):
		return nil, err
	}
	if err := change(r, tx.Position()); err != nil {
		return nil, err
	}
	if len(r.entries) == 0 {
		r.issued, r.replay, r.asked = 0, 0, position{} // nothing to be in doubt about
	}
	r.scope, r.id, r.subject = c.identity.Scope, c.conn.ID(), c.identity.Subject
	if j := c.joined.Load(); j != nil {
		r.rooms = j.latest()
	}
	value := r.encode()
	if lost = lost || len(value) > maxRecord || len(r.rooms) > maxRooms; !lost {
		return r, tx.PutRecord(recordKind, pid, value, retention)
	}
	if there {
		return nil, tx.PutRecord(recordKind, pid, nil, retention)
	}
	return nil, nil
}

// arrive has fn called under the hub's lock, after those that came before and before any later change is offered.
// It does not wait for the lock. The caller holds the service open until fn has run.
func (s *Service) arrive(fn func()) {
	a := &s.hub.arrivals
	a.mu.Lock()
	a.waiting = append(a.waiting, fn)
	first := len(a.waiting) == 1
	a.some.Store(true)
	if first {
		s.wg.Add(1) // here, since the caller's hold on the service may end with fn
	}
	a.mu.Unlock()
	if first {
		go func() {
			defer s.wg.Done()
			s.hub.mu.Lock()
			defer s.hub.mu.Unlock()
			s.hub.settle()
		}()
	}
}

// arrivals are what has become durable and is to take effect on the rooms.
type arrivals struct {
	some atomic.Bool

	mu      sync.Mutex
	waiting []func()
}

// settle lets what has arrived take effect. The hub is locked.
func (h *hub) settle() {
	for h.arrivals.some.Load() {
		a := &h.arrivals
		a.mu.Lock()
		list := a.waiting
		a.waiting = nil
		a.some.Store(false)
		a.mu.Unlock()
		for _, fn := range list {
			fn()
		}
	}
}

// finish ends the keeping of a session that has closed: its record stays, unless the client has left, with the rooms that the
// program had put it into at last.
func (s *Service) finish(c *Session) {
	k := c.kept
	k.await()
	last := func(change func(tx collections.Tx) error) error {
		done := make(chan error, 1)
		s.db.Store().Update(context.Background(), collections.Writer{}, change, func(err error) { done <- err })
		return <-done
	}
	if !k.recorded.Load() {
		// There is nothing.
	} else if c.left.Load() || k.empty.Load() {
		if err := last(func(tx collections.Tx) error {
			return tx.PutRecord(recordKind, c.identity.PID, nil, s.retention())
		}); err != nil {
			s.log.Warn("the record of a session that its client has left cannot be removed: it goes when it expires", "err", err)
		}
	} else if j := c.joined.Load(); j != nil && j.look() {
		if err := last(func(tx collections.Tx) error {
			_, err := c.update(tx, nothing)
			return err
		}); err != nil {
			s.log.Warn("the rooms of a session that has ended cannot be written: when its client comes back it gets those that were written before", "err", err)
		}
	}
	s.living.remove(c)
	close(k.ended)
}

// refreshes is into how many parts the time is divided for which sessions are kept: each part, those are looked at
// whose records are a quarter of it old.
const refreshes = 32

// refresh keeps the records of sessions alive while they are connected.
func (s *Service) refresh() {
	ticks := time.NewTicker(max(s.opts.RecoverFor/refreshes, time.Millisecond))
	defer ticks.Stop()
	for {
		select {
		case <-ticks.C:
		case <-s.ctx.Done():
			return
		}
		for _, c := range s.living.list() {
			if k := c.kept; k.recorded.Load() && !k.starting.Load() && time.Since(time.Unix(0, k.written.Load())) > s.opts.RecoverFor/4 {
				// An error is that of a session that ends; a failed write is tried again.
				_ = c.keep(nothing, func(collections.Position, error) {})
			}
		}
	}
}

// living are the sessions that have a record, or a client that asks for one, by their pids.
type living struct {
	mu    sync.Mutex
	byPID map[string]*Session
}

// add is false where another connection of the client has come since, and its session is to go on there.
func (l *living) add(c *Session) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if other := l.byPID[c.identity.PID]; other != nil && other != c {
		return false
	}
	l.byPID[c.identity.PID] = c
	return true
}

func (l *living) remove(c *Session) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if pid := c.identity.PID; l.byPID[pid] == c {
		delete(l.byPID, pid)
	}
}

func (l *living) list() []*Session {
	l.mu.Lock()
	defer l.mu.Unlock()
	list := make([]*Session, 0, len(l.byPID))
	for _, c := range l.byPID {
		list = append(list, c)
	}
	return list
}
