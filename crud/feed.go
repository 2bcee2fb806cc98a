package crud

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"ackbase/collections"
)

// hub hands the changes of the log to the rooms.
type hub struct {
	flushers atomic.Pointer[[]Flusher] // the wires in use that need it; replaced under mu

	mu       sync.Mutex
	position collections.Position // every change up to here has been offered to the rooms
	ring     ring
	topics   map[string]*topic // by the collection's name
	arrivals arrivals
	lasts    []*Session  // whose last is set
	encoded  []*audience // whose frames these may still need

	sessionLoad   int // see setApart; a test changes it before there are sessions
	subscriptions int
	rooms         int
	behind        int // sessions
	delivered     uint64
	published     uint64
	fromRing      uint64 // changes that sessions which were behind have caught up with
	fromLog       uint64
}

func (h *hub) init(p collections.Position, ringBytes int) {
	h.position = p
	h.ring = ring{max: ringBytes, floor: p}
	h.topics = map[string]*topic{}
	h.sessionLoad = sessionLoad
	h.flushers.Store(new([]Flusher))
}

// uses sees that what is sent over a wire is flushed. The hub is locked.
func (h *hub) uses(w Wire) {
	f, ok := w.(Flusher)
	if known := *h.flushers.Load(); ok && !slices.Contains(known, f) {
		known = append(slices.Clip(known), f)
		h.flushers.Store(&known)
	}
}

// flush lets go what was sent. It follows every delivery, without the lock.
func (h *hub) flush() {
	for _, f := range *h.flushers.Load() {
		f.Flush()
	}
}

// feedPiece is how many changes are taken from the store at a time, flushPiece
// how many are delivered before their events leave.
const (
	feedPiece  = 256
	flushPiece = 16
)

// feed is the one reader of the change log in this process.
func (s *Service) feed() {
	h := &s.hub
	position := h.position
	pause := 10 * time.Millisecond
	for s.ctx.Err() == nil {
		changes, err := s.changes(position, feedPiece)
		switch {
		case s.ctx.Err() != nil:
			return
		case errors.Is(err, collections.ErrGone):
			// The log was cut off before it was read: nobody's stream can go on as if nothing had happened.
			s.log.Error("the change log no longer reaches back to what was delivered: all subscribers are cut off to resume by their cursors", "err", err)
			position = s.restart()
		case err != nil:
			s.log.Warn("the change log cannot be read: trying again", "err", err, "in", pause)
			select {
			case <-time.After(pause):
			case <-s.ctx.Done():
			}
			pause = min(2*pause, 5*time.Second)
		default:
			pause = 10 * time.Millisecond
			for i, c := range changes {
				s.offer(c)
				position = c.Position
				if i%flushPiece == flushPiece-1 {
					s.hub.flush()
				}
			}
			s.hub.flush()
		}
	}
}

// changes reads the log, of which nothing may be missing of the collections in of, or of all. A panic,
// as a damaged file may cause, is an error: it is on a goroutine where it would end the process.
func (s *Service) changes(from collections.Position, max int, of ...string) (changes []*collections.Change, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("reading the change log panicked: %v", p)
		}
	}()
	return s.db.Changes(s.ctx, from, max, of...)
}

// offer hands one change to all who asked for it and keep up.
func (s *Service) offer(c *collections.Change) {
	h := &s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	h.settle()
	var apart []*Session
	if t := h.topics[c.Collection]; t != nil {
		apart = s.setApart(t, c)
		if t.whole != nil {
			s.offerTo(t.whole, c)
		}
		if r := t.items[c.ID.Text()]; r != nil {
			s.offerTo(r, c)
		}
		for _, r := range t.filtered {
			s.offerTo(r, c)
		}
		s.deliverLasts(c)
	}
	h.ring.add(c)
	h.position = c.Position
	for _, session := range apart {
		s.resume(session)
	}
}

func (s *Service) offerTo(r *room, c *collections.Change) {
	for _, a := range r.audiences {
		if !a.live() || r.judge(c).kind == 0 {
			continue
		}
		a.told = c.Position.Seq
		for at := 0; at < len(a.members); at += offerPiece {
			s.offerToSome(a.members[at:min(at+offerPiece, len(a.members))], c)
		}
		if len(s.hub.lasts) == 0 {
			a.forget()
		} else {
			s.hub.encoded = append(s.hub.encoded, a)
		}
	}
}

// offerPiece is how many sessions are looked at before the first of them is sent to: of many, each has left the
// processor's cache since the last event, and it fetches several at a time where nothing stands between.
const offerPiece = 16

// offerToSome hands a change to at most offerPiece subscriptions of a room.
func (s *Service) offerToSome(members []*subscription, c *collections.Change) {
	var take [offerPiece]bool
	for i, sub := range members {
		take[i] = !sub.session.behind && s.takes(sub.session, c)
	}
	for i, sub := range members {
		if take[i] {
			s.deliver(sub, c)
		}
	}
}

// takes decides once for each change whether a session that keeps up takes
// all its events now, or stays behind, before the change, because its connection is full.
func (s *Service) takes(c *Session, change *collections.Change) bool {
	if c.touched == change.Position.Seq || c.conn.Writable() {
		c.touched = change.Position.Seq
		return true
	}
	s.stayBehind(c)
	if !c.conn.Writable() {
		return false
	}
	// It drained before it was known to be behind, so nothing will tell again.
	s.keepUp(c)
	c.touched = change.Position.Seq
	return true
}

// stayBehind stops the delivery to a session where the hub stands. The hub is locked.
func (s *Service) stayBehind(c *Session) {
	if !c.behind && !c.gone {
		c.behind = true
		s.hub.behind++
		c.position = s.hub.position
		c.lagging.Store(true)
	}
}

// keepUp lets a session stand where the hub does again. The hub is locked.
func (s *Service) keepUp(c *Session) {
	if c.behind {
		s.hub.behind--
	}
	c.behind = false
	c.lagging.Store(len(c.replays) > 0)
}

// deliver sends the event of a change for one subscription, if there is one. deliverLasts must follow.
// The hub is locked.
func (s *Service) deliver(sub *subscription, c *collections.Change) {
	if c.Position.Seq <= sub.start || sub.overshadowed(c) {
		return
	}
	session := sub.session
	if len(session.filtered) == 0 || !session.marks {
		s.send(sub, c, session.marks) // the only one, or one of those that carry none
		return
	}
	if sub.audience.room.judge(c).kind == 0 {
		return
	}
	if session.last == nil {
		s.hub.lasts = append(s.hub.lasts, session)
	} else {
		s.send(session.last, c, false)
	}
	session.last = sub
}

// deliverLasts sends the last event of a change to those sessions that may have had several: it
// alone carries the offset. The hub is locked.
func (s *Service) deliverLasts(c *collections.Change) {
	h := &s.hub
	for i, session := range h.lasts {
		s.send(session.last, c, session.marks)
		session.last, h.lasts[i] = nil, nil
	}
	h.lasts = h.lasts[:0]
	for i, a := range h.encoded {
		a.forget()
		h.encoded[i] = nil
	}
	h.encoded = h.encoded[:0]
}

// send sends the event of a change, if it is one for the subscription.
func (s *Service) send(sub *subscription, c *collections.Change, marked bool) {
	frame := sub.audience.event(c, marked && c.Position.Seq > sub.session.numbered)
	if marked && frame != nil && c.Position.Seq <= sub.session.numbered {
		// It was on its way when the replay before was asked for: the offset is this client's own.
		frame = sub.audience.encode(c, &offset{c.Position, sub.session.kept.joined})
	}
	if frame != nil {
		if sub.session.conn.Send(frame) == nil { // else the connection has ended; its Close follows
			s.hub.delivered++
		}
	}
}

// overshadowed tells whether the session gets the change of this item by its
// subscription to the whole collection.
func (sub *subscription) overshadowed(c *collections.Change) bool {
	if sub.audience.room.item == "" {
		return false
	}
	whole := sub.session.rooms[c.Collection]
	return whole != nil && c.Position.Seq > whole.start
}

// restart cuts off all subscribers and goes on from the head of the log.
func (s *Service) restart() collections.Position {
	h := &s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	h.settle()
	h.position = s.db.Head()
	h.ring = ring{max: h.ring.max, floor: h.position}
	for _, t := range h.topics {
		for _, r := range t.rooms() {
			for _, a := range r.audiences {
				for _, sub := range a.members {
					sub.session.conn.Close("the change log was cut off")
				}
			}
		}
	}
	return h.position
}

func (t *topic) rooms() []*room {
	rooms := append([]*room{}, t.filtered...)
	if t.whole != nil {
		rooms = append(rooms, t.whole)
	}
	for _, r := range t.items {
		rooms = append(rooms, r)
	}
	return rooms
}
