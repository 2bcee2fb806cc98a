package crud

import (
	"slices"

	"ackbase/collections"
)

// catchUpPiece is how many changes a session catches up with before others get the hub.
const catchUpPiece = 64

// resume starts to catch a session up that stands behind, unless that is
// under way or the session is held. The hub is locked.
func (s *Service) resume(c *Session) {
	if !c.behind || c.running || c.held > 0 || c.gone {
		return
	}
	if c.position.Seq >= s.hub.position.Seq {
		s.keepUp(c)
		return
	}
	c.running = s.spawn(func() { s.catchUp(c) })
}

// catchUp delivers what a session has missed, from the ring or the store, until it stands where the
// hub does, its connection is full, or it is held.
func (s *Service) catchUp(c *Session) {
	for {
		from, ok := s.catchUpFromRing(c)
		if ok {
			return
		}
		if err := s.catchUpFromStore(c, from); err != nil {
			s.hub.mu.Lock()
			c.running = false
			s.hub.mu.Unlock()
			if s.ctx.Err() == nil && c.conn.Context().Err() == nil {
				s.log.Warn("a client that was behind is cut off, since the log cannot be read from where it stands", "conn", c.conn.ID(), "err", err)
				c.conn.Close("too far behind")
			}
			return
		}
	}
}

// catchUpFromStore reads one piece of the log and delivers it. It holds one of the places for long reads
// meanwhile, so that few pieces are in memory however many clients come back at the same time.
func (s *Service) catchUpFromStore(c *Session, from collections.Position) error {
	leave, err := s.takePlace(c)
	if err != nil {
		return err
	}
	defer leave()
	s.hub.mu.Lock()
	of := c.collections()
	s.hub.mu.Unlock()
	if len(of) == 0 {
		return nil // unsubscribed from all meanwhile
	}
	changes, err := s.changes(from, feedPiece, of...)
	if err == nil {
		s.catchUpWith(c, changes, of)
	}
	return err
}

// takePlace waits for one of the places for long reads, which leave gives back.
func (s *Service) takePlace(c *Session) (leave func(), err error) {
	select {
	case s.scans <- struct{}{}:
		return func() { <-s.scans }, nil
	case <-c.conn.Context().Done():
		return nil, c.conn.Context().Err()
	case <-s.ctx.Done():
		return nil, s.ctx.Err()
	}
}

// catchUpFromRing goes on as far as the ring and the connection allow. It returns false
// with the position to read the store from where the ring does not reach back.
func (s *Service) catchUpFromRing(c *Session) (collections.Position, bool) {
	h := &s.hub
	for {
		h.mu.Lock()
		if !s.goesOn(c) {
			h.mu.Unlock()
			return collections.Position{}, true
		}
		changes, ok := h.ring.after(c.position, catchUpPiece)
		if !ok {
			from := c.position
			h.mu.Unlock()
			return from, false
		}
		var v verdicts
		if rooms := c.filters(); len(rooms) > 0 {
			changes = slices.Clone(changes)
			h.mu.Unlock()
			v = s.judge(c, rooms, changes)
			h.mu.Lock()
			if !s.goesOn(c) {
				h.mu.Unlock()
				return collections.Position{}, true
			}
		} else {
			v.changes = changes
		}
		h.fromRing += uint64(s.deliverAll(c, v))
		h.mu.Unlock()
		h.flush()
	}
}

// catchUpWith delivers changes that were read from the store, as far as the session takes them. Of
// collections that are not in of some may be missing.
func (s *Service) catchUpWith(c *Session, changes []*collections.Change, of []string) {
	h := &s.hub
	h.mu.Lock()
	rooms := c.filters()
	h.mu.Unlock()
	for len(changes) > 0 {
		v := s.judge(c, rooms, changes[:min(len(changes), catchUpPiece)])
		h.mu.Lock()
		if c.gone || c.held > 0 || !slices.Equal(of, c.collections()) { // subscribed meanwhile
			h.mu.Unlock()
			return
		}
		n := s.deliverAll(c, v)
		h.fromLog += uint64(n)
		h.mu.Unlock()
		h.flush()
		if n == 0 || n < len(v.changes) {
			return // what comes behind must wait for the rest of the piece
		}
		changes = changes[n:]
	}
}

// goesOn tells whether there is more to catch up with now; if not, the session
// is left as it should be. The hub is locked.
func (s *Service) goesOn(c *Session) bool {
	if !c.gone && !c.closed.Load() && c.held == 0 && s.ctx.Err() == nil {
		if c.position.Seq >= s.hub.position.Seq || len(c.rooms) == 0 {
			s.keepUp(c)
		} else if c.conn.Writable() {
			return true
		}
	}
	c.running = false
	return false
}

// deliverAll delivers changes to one session as far as its connection takes
// them, none beyond where the hub stands and none with a filter that was not asked,
// and tells how many those are. The hub is locked.
func (s *Service) deliverAll(c *Session, v verdicts) int {
	for i, change := range v.changes {
		if change.Position.Seq > s.hub.position.Seq || !c.conn.Writable() {
			return i
		}
		topic := s.hub.topics[change.Collection]
		for _, sub := range c.filtered {
			if sub.audience.room.topic == topic && !v.give(sub.audience.room, i) {
				return i // subscribed meanwhile
			}
		}
		if sub := c.rooms[change.Collection]; sub != nil {
			s.deliver(sub, change)
		}
		if sub := c.rooms[change.Collection+"/"+change.ID.Text()]; sub != nil {
			s.deliver(sub, change)
		}
		for _, sub := range c.filtered {
			if sub.audience.room.topic == topic && !c.closed.Load() {
				s.deliver(sub, change)
			}
		}
		s.deliverLasts(change)
		for _, sub := range c.filtered {
			sub.audience.forget()
		}
		c.position = change.Position
	}
	return len(v.changes)
}

// collections are those that the session has subscribed to something of, in order. The hub is locked.
func (c *Session) collections() []string {
	of := make([]string, 0, len(c.rooms))
	for _, sub := range c.rooms {
		of = append(of, sub.audience.room.collection)
	}
	slices.Sort(of)
	return slices.Compact(of)
}
