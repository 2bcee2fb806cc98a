package crud

import (
	"bytes"
	"encoding/json"
	"errors"

	"ackbase/collections"
)

// target is what a SUBSCRIBE or an UNSUBSCRIBE names.
type target struct {
	id      collections.ID      // zero for the collection
	filter  *collections.Filter // nil for all
	options map[string]json.RawMessage
}

// target reads `id?, options?`, where an id of null is no id.
func (r *request) target(known ...string) (t target, err error) {
	at := 0
	if first := r.arg(0); first != nil && kind(first) != '{' {
		at = 1
		if !isNull(first) {
			if t.id, err = collections.DecodeID(first); err != nil {
				return t, err
			}
		}
	}
	if err := r.atMost(at + 1); err != nil {
		return t, err
	}
	if t.options, err = r.members(r.arg(at), known...); err != nil {
		return t, err
	}
	if raw, ok := t.options["filters"]; ok && !isNull(raw) {
		if !t.id.IsZero() {
			return t, badRequest("%s takes an id or filters, not both", r.verb.name)
		}
		if t.filter, err = collections.ParseFilter(raw); err != nil {
			return t, err
		}
	}
	return t, nil
}

// subscribe is SUBSCRIBE: the answer comes first, then what was missed, then live events.
func (r *request) subscribe() error {
	t, err := r.target("filters", "snapshot", "since", "patch")
	if err != nil {
		return err
	}
	snapshot, err := flag(t.options, "snapshot")
	if err != nil {
		return err
	}
	patch, err := flag(t.options, "patch")
	if err != nil {
		return err
	}
	f := form{wire: r.session.conn.Wire(), patch: patch}
	r.parsed = t.filter.Size()
	if raw, ok := t.options["since"]; ok {
		if snapshot {
			return badRequest("SUBSCRIBE takes snapshot or since, not both: a snapshot needs no past")
		}
		cursor, err := text(raw)
		if err != nil {
			return badRequest("the option since is a cursor, the text that an answer or an event gave")
		}
		since, err := collections.ParseCursor(cursor)
		if err != nil {
			return err
		}
		return r.inLine(false, func(r *request) error { return r.joinSince(t, f, since) })
	}
	if snapshot {
		return r.inLine(true, func(r *request) error { return r.joinWithSnapshot(t, f) })
	}
	return r.inLine(false, func(r *request) error { return r.join(t, f) })
}

// join subscribes from what the store contains now, so that no write is told that was acknowledged before; to a
// subscription that is held already it changes nothing.
func (r *request) join(t target, f form) error {
	s, c := r.session.service, r.session
	name := roomName(r.collection, t.id, t.filter)
	release, err := r.reserve(name, t.filter)
	if err != nil {
		return err
	}
	if c.recoverable() {
		if r.answerHeld(name) {
			release()
			return nil
		}
		err = r.keep(func(kept *record, at collections.Position) error {
			if kept.find(name) >= 0 {
				return nil
			}
			if len(kept.entries) >= s.opts.MaxSubscriptions {
				return s.tooMany()
			}
			kept.put(entry{room: name, patch: f.patch, start: positionOf(at)})
			return nil
		}, func(r *request, at collections.Position) error { return r.joinAt(t, f, at) }, release)
		if err != nil {
			release()
		}
		return err
	}
	defer release()
	var at collections.Position
	if err := s.db.View(s.ctx, func(v collections.Reader) error {
		at = v.Position()
		return nil
	}); err != nil {
		return err
	}
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	if s.hub.position.Seq > at.Seq {
		at = s.hub.position
	}
	return r.joinAt(t, f, at)
}

// answerHeld answers for a subscription that is held already, where nothing is under way that may change that.
func (r *request) answerHeld(name string) bool {
	c := r.session
	h := &c.service.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	held := c.rooms[name]
	if held == nil || c.kept.pending.Load() > 0 { // kept is there where anything is held
		return false
	}
	r.answerSubscribe(name, held.stands(), nil)
	return true
}

// stands is up to where everything due to the subscription has been sent. The hub is locked.
func (sub *subscription) stands() collections.Position {
	if !sub.live() {
		return sub.replayed
	}
	return sub.session.delivered()
}

// joinAt subscribes from a position, up to which the hub has come at the most, or stays where a
// subscription is held. The hub is locked.
func (r *request) joinAt(t target, f form, at collections.Position) error {
	c, h := r.session, &r.session.service.hub
	name := roomName(r.collection, t.id, t.filter)
	if held := c.rooms[name]; held != nil {
		at = held.stands()
	} else {
		if err := r.admit(); err != nil {
			return err
		}
		h.join(c, r.collection, t.id, t.filter, f).start = at.Seq
	}
	// Under the lock, so that no event gets before the answer.
	r.answerSubscribe(name, at, nil)
	return nil
}

var errEnded = collections.Errorf(collections.ErrUnavailable, "the connection has ended")

// admit says whether the session may have one more subscription. The hub is locked.
func (r *request) admit() error {
	s, c := r.session.service, r.session
	c.subscribed.Store(true)
	if c.gone || c.closed.Load() {
		return errEnded
	}
	if len(c.rooms) >= s.opts.MaxSubscriptions {
		return s.tooMany()
	}
	return nil
}

// reserve lets a filter that is asked for count among those that the session has, until release is called: by then
// it is one of them, or none. What is subscribed to already takes no more.
func (r *request) reserve(room string, f *collections.Filter) (release func(), err error) {
	if f == nil {
		return func() {}, nil
	}
	c, most := r.session, r.session.service.opts.MaxFilterBytes
	h := &c.service.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	if c.rooms[room] != nil {
		return func() {}, nil
	}
	size := filterSize(room, f)
	if c.holding+int(c.reserved.Load())+size > most {
		return nil, badRequest("the filters of a socket's subscriptions take %d bytes of memory at the most, and this one about %d: use shorter ones, or UNSUBSCRIBE from others first", most, size)
	}
	c.reserved.Add(int64(size))
	return func() { c.reserved.Add(-int64(size)) }, nil
}

func (s *Service) tooMany() error {
	return badRequest("a socket holds %d subscriptions at the most: UNSUBSCRIBE from one first", s.opts.MaxSubscriptions)
}

// joinWithSnapshot holds the delivery to the session where it stands, reads the
// snapshot, answers, and lets the delivery go on: events of other subscriptions in
// their order, those of this one from the snapshot's position on.
func (r *request) joinWithSnapshot(t target, f form) error {
	s, c := r.session.service, r.session
	h := &s.hub
	name := roomName(r.collection, t.id, t.filter)
	release, err := r.reserve(name, t.filter)
	if err != nil {
		return err
	}
	defer release()
	h.mu.Lock()
	c.subscribed.Store(true) // before the look at closed: either this or Close sees the other
	if c.closed.Load() {
		h.mu.Unlock()
		return errEnded
	}
	s.stayBehind(c)
	c.held++
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		c.held--
		s.resume(c)
	}()

	b := buffers.Get().(*bytes.Buffer)
	defer putBuffer(b)
	var at collections.Position
	if err := s.db.View(s.ctx, func(v collections.Reader) error {
		items, err := r.snapshot(v, t)
		if err != nil {
			return err
		}
		at = v.Position()
		return s.writeItems(b, &collections.Query{}, items, "subscribe "+fewer)
	}); err != nil {
		return err
	}
	begin := func(r *request) (*subscription, error) {
		if old := c.rooms[name]; old != nil {
			h.drop(old)
		}
		if err := r.admit(); err != nil {
			return nil, err
		}
		sub := h.join(c, r.collection, t.id, t.filter, f)
		sub.start = at.Seq
		r.answerSubscribe(name, at, b.Bytes())
		return sub, nil
	}
	if !c.recoverable() {
		h.mu.Lock()
		defer h.mu.Unlock()
		_, err := begin(r)
		return err
	}
	if err := c.ensureKept(); err != nil {
		return err
	}
	number := c.issue()
	var replaces bool
	settled := make(chan struct{})
	if err := r.keep(func(kept *record, _ collections.Position) error {
		e := entry{room: name, patch: f.patch, start: positionOf(at)}
		old := kept.find(name)
		if replaces = old >= 0; replaces {
			e.replace(kept.entries[old], number)
			kept.issued = number
		} else if len(kept.entries) >= s.opts.MaxSubscriptions {
			return s.tooMany()
		}
		kept.put(e)
		return nil
	}, func(r *request, _ collections.Position) error {
		sub, err := begin(r)
		if err == nil && replaces {
			sub.tellReplaced(at, number)
		}
		return err
	}, func() { close(settled) }); err != nil {
		return err
	}
	<-settled
	h.flush()
	return nil
}

// tellReplaced lets the client know, for the time when it comes back, that it has a snapshot up to a position, which took
// the place of events that may have been on their way. Other subscriptions may not have been told up to there: the offset says where
// the session stands, and by the snapshot's number that this has come. During a replay there are no offsets; the one that ends it
// has the number. The hub is locked.
func (sub *subscription) tellReplaced(at collections.Position, number uint64) {
	c := sub.session
	c.kept.joined = number
	c.numbered = max(c.numbered, at.Seq)
	if !c.marks {
		return
	}
	if frame := sub.audience.bookmark(at, offset{c.delivered(), number}.String()); frame != nil {
		_ = c.conn.Send(frame)
	}
}

// fewer is what to do instead of a snapshot that is too large.
const fewer = "with filters that match fewer, or without snapshot and read the pages"

// snapshot reads what the target has now.
func (r *request) snapshot(v collections.Reader, t target) ([]collections.Item, error) {
	if !t.id.IsZero() {
		item, err := v.Get(r.collection, t.id)
		if errors.Is(err, collections.ErrNotFound) {
			return nil, nil
		}
		return []collections.Item{item}, err
	}
	most := r.session.service.opts.MaxSnapshot
	page, err := v.List(r.session.conn.Context(), r.collection, &collections.Query{Filter: t.filter, Page: 1, Limit: most + 1})
	if err == nil && len(page.Items) > most {
		err = collections.Errorf(collections.ErrTooLarge, "the snapshot has over %d items: subscribe %s", most, fewer)
	}
	return page.Items, err
}

// answerSubscribe answers { cursor, items? } with { room }.
func (r *request) answerSubscribe(room string, from collections.Position, items []byte) {
	if r.reply == nil {
		return
	}
	b := make([]byte, 0, 64+len(items))
	b = append(b, `{"cursor":"`...)
	b = append(b, from.Cursor()...)
	b = append(b, '"')
	if items != nil {
		b = append(b, `,"items":`...)
		b = append(b, items...)
	}
	b = append(b, '}')
	meta := appendString([]byte(`{"room":`), room)
	r.reply.Answer(b, null, append(meta, '}'))
}

// unsubscribe is UNSUBSCRIBE.
func (r *request) unsubscribe() error {
	t, err := r.target("filters")
	if err != nil {
		return err
	}
	return r.inLine(false, func(r *request) error { return r.leave(t) })
}

func (r *request) leave(t target) error {
	c, h := r.session, &r.session.service.hub
	name := roomName(r.collection, t.id, t.filter)
	h.mu.Lock()
	if k := c.kept; k == nil || c.rooms[name] == nil && k.pending.Load() == 0 { // nothing to write
		defer h.mu.Unlock()
		return r.part(name)
	}
	h.mu.Unlock()
	return r.keep(func(kept *record, _ collections.Position) error {
		kept.remove(name)
		return nil
	}, func(r *request, _ collections.Position) error { return r.part(name) }, func() {})
}

// part ends a subscription. The hub is locked.
func (r *request) part(name string) error {
	result := "false"
	if sub := r.session.rooms[name]; sub != nil {
		r.session.service.hub.drop(sub)
		result = "true"
	}
	// Under the lock, so that no event comes after the answer.
	if r.reply != nil {
		r.reply.Answer([]byte(result), null, []byte("{}"))
	}
	return nil
}
