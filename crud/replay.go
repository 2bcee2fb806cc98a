package crud

import (
	"math"
	"slices"

	"ackbase/collections"
)

// notLive is the start of a subscription that no live event is for yet.
const notLive = math.MaxUint64

// joinSince subscribes from a cursor: the answer, what was missed, a BOOKMARK,
// then live events. A subscription that is held already begins anew.
func (r *request) joinSince(t target, f form, since collections.Position) error {
	s, c := r.session.service, r.session
	if err := s.reachesBack(since, r.collection); err != nil {
		return err
	}
	h := &s.hub
	room := roomName(r.collection, t.id, t.filter)
	release, err := r.reserve(room, t.filter)
	if err != nil {
		return err
	}
	if !c.recoverable() {
		defer release()
		h.mu.Lock()
		defer h.mu.Unlock()
		return r.replaySince(t, f, since)
	}
	if err := c.ensureKept(); err != nil {
		release()
		return err
	}
	number := c.issue()
	err = r.keep(func(kept *record, at collections.Position) error {
		if kept.find(room) < 0 && len(kept.entries) >= s.opts.MaxSubscriptions {
			return s.tooMany()
		}
		kept.put(entry{room: room, patch: f.patch, start: positionOf(since)})
		kept.issued, kept.replay, kept.asked = number, number, positionOf(at) // no event beyond it has been sent yet
		return nil
	}, func(r *request, at collections.Position) error {
		c.kept.joined, c.numbered = number, at.Seq
		return r.replaySince(t, f, since)
	}, release)
	if err != nil {
		release()
	}
	return err
}

// delivered is how far the session's live delivery has come. The hub is locked.
func (c *Session) delivered() collections.Position {
	if c.behind {
		return c.position
	}
	return c.service.hub.position
}

// replaySince begins the replay. The hub is locked.
func (r *request) replaySince(t target, f form, since collections.Position) error {
	s, c, h := r.session.service, r.session, &r.session.service.hub
	name := roomName(r.collection, t.id, t.filter)
	if old := c.rooms[name]; old != nil {
		h.drop(old)
	}
	if err := r.admit(); err != nil {
		return err
	}
	sub := h.join(c, r.collection, t.id, t.filter, f)
	sub.start, sub.replayed = notLive, since
	c.replays = append(c.replays, sub)
	c.remark()
	c.lagging.Store(true)
	// Under the lock, so that no event gets before the answer.
	r.answerSubscribe(name, since, nil)
	s.resumeReplays(c)
	return nil
}

// reachesBack tells whether the log can be gone on from a position with the changes of
// collections: nil, or an ErrGone.
func (s *Service) reachesBack(p collections.Position, of ...string) error {
	// An answer's cursor may be ahead of what has been announced, for a moment.
	for head := s.db.Head(); p.Epoch == head.Epoch && p.Seq > head.Seq; head = s.db.Head() {
		var written collections.Position
		if err := s.db.View(s.ctx, func(v collections.Reader) error {
			written = v.Position()
			return nil
		}); err != nil {
			return err
		}
		if p.Seq > written.Seq {
			break // and Changes tells what is wrong with it
		}
		if _, err := s.changes(head, 1, of...); err != nil {
			return err
		}
	}
	if p == s.db.Head() {
		return nil
	}
	_, err := s.changes(p, 1, of...)
	return err
}

// live tells whether the subscription gets live events.
func (sub *subscription) live() bool { return sub.start != notLive }

// resumeReplays starts to send what the session's subscriptions have missed,
// unless that is under way. The hub is locked.
func (s *Service) resumeReplays(c *Session) {
	if len(c.replays) > 0 && !c.replaying && !c.gone {
		c.replaying = s.spawn(func() { s.replay(c) })
	}
}

// replay sends what the session's subscriptions have missed, one subscription
// after the other, until all are live or the connection is full.
func (s *Service) replay(c *Session) {
	for {
		sub, from, ok := s.replayFromRing(c)
		if ok {
			return
		}
		if err := s.replayFromStore(c, sub, from); err != nil {
			s.hub.mu.Lock()
			c.replaying = false
			s.hub.mu.Unlock()
			if s.ctx.Err() == nil && c.conn.Context().Err() == nil {
				s.log.Warn("a client is cut off during a replay, since the log cannot be read from where it stands", "conn", c.conn.ID(), "err", err)
				c.conn.Close("replay failed")
			}
			return
		}
	}
}

// replayFromRing goes on as far as the ring and the connection allow. It returns false with
// the subscription and the position to read the store from, where the ring does not reach back.
func (s *Service) replayFromRing(c *Session) (*subscription, collections.Position, bool) {
	h := &s.hub
	for {
		h.mu.Lock()
		if len(c.replays) == 0 || c.gone || c.closed.Load() || s.ctx.Err() != nil || !c.conn.Writable() {
			c.replaying = false
			h.mu.Unlock()
			return nil, collections.Position{}, true
		}
		sub := c.replays[0]
		changes, ok := h.ring.after(sub.replayed, catchUpPiece)
		if !ok {
			from := sub.replayed
			h.mu.Unlock()
			return sub, from, false
		}
		if r := sub.audience.room; r.filter != nil {
			changes = slices.Clone(changes)
			h.mu.Unlock()
			v := s.judge(c, []*room{r}, changes)
			h.mu.Lock()
			s.replayTo(sub, v)
		} else {
			s.replayTo(sub, verdicts{changes: changes})
		}
		h.mu.Unlock()
		h.flush()
	}
}

// replayFromStore reads one piece of the log and sends what of it is for the
// subscription. It holds one of the places for long reads meanwhile, so that few
// pieces are in memory however many clients come back at the same time.
func (s *Service) replayFromStore(c *Session, sub *subscription, from collections.Position) error {
	leave, err := s.takePlace(c)
	if err != nil {
		return err
	}
	defer leave()
	changes, err := s.changes(from, feedPiece, sub.audience.room.collection)
	if err != nil {
		return err
	}
	h := &s.hub
	var rooms []*room
	if r := sub.audience.room; r.filter != nil {
		rooms = append(rooms, r)
	}
	for len(changes) > 0 {
		v := s.judge(c, rooms, changes[:min(len(changes), catchUpPiece)])
		if len(v.changes) == 0 {
			return nil // the connection has ended
		}
		changes = changes[len(v.changes):]
		h.mu.Lock()
		goesOn := s.replayTo(sub, v)
		h.mu.Unlock()
		h.flush()
		if !goesOn {
			return nil
		}
	}
	return nil
}

// replayTo sends what of the changes, which follow on those replayed before, is for
// the subscription, as far as its connection takes it, and makes it live when it has come
// to where the session's live delivery stands. It is false when the replay is over or has
// to wait. The hub is locked.
func (s *Service) replayTo(sub *subscription, v verdicts) bool {
	c, r := sub.session, sub.audience.room
	delivered := c.delivered()
	if !slices.Contains(c.replays, sub) {
		return false // unsubscribed from, or begun anew
	}
	for i, change := range v.changes {
		if sub.replayed.Seq >= delivered.Seq {
			break
		}
		if !c.conn.Writable() {
			return false
		}
		if r.concerns(change) {
			if r.filter != nil {
				v.give(r, i)
			}
			s.send(sub, change, false)
		}
		sub.replayed = change.Position
	}
	sub.audience.forget()
	if sub.replayed.Seq < delivered.Seq {
		return true
	}
	sub.start = sub.replayed.Seq
	c.endReplay(sub)
	mark := ""
	if c.marks { // it was the last one
		c.numbered = max(c.numbered, delivered.Seq)
		mark = offset{delivered, c.kept.joined}.String()
	}
	if frame := sub.audience.bookmark(sub.replayed, mark); frame != nil {
		_ = c.conn.Send(frame)
	}
	return false
}

// endReplay forgets the replay of a subscription, if there is one. The hub is locked.
func (c *Session) endReplay(sub *subscription) {
	c.replays = slices.DeleteFunc(c.replays, func(s *subscription) bool { return s == sub })
	c.lagging.Store(c.behind || len(c.replays) > 0)
	c.remark()
}

// concerns tells whether a change is of the room's collection and item.
func (r *room) concerns(c *collections.Change) bool {
	return r.collection == c.Collection && (r.item == "" || r.item == c.ID.Text())
}
