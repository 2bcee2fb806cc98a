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

// join subscribes from where the session's delivery stands; to a subscription
// that is held already it changes nothing.
func (r *request) join(t target, f form) error {
	s, c := r.session.service, r.session
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	name := roomName(r.collection, t.id, t.filter)
	from := s.hub.position
	if c.behind {
		from = c.position
	}
	if held := c.rooms[name]; held == nil {
		if err := r.admit(); err != nil {
			return err
		}
		s.hub.join(c, r.collection, t.id, t.filter, f).start = from.Seq
	} else if !held.live() {
		from = held.replayed
	}
	// Under the lock, so that no event gets before the answer.
	r.answerSubscribe(name, from, nil)
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
		return badRequest("a socket holds %d subscriptions at the most: UNSUBSCRIBE from one first", s.opts.MaxSubscriptions)
	}
	return nil
}

// joinWithSnapshot holds the delivery to the session where it stands, reads the
// snapshot, answers, and lets the delivery go on: events of other subscriptions in
// their order, those of this one from the snapshot's position on.
func (r *request) joinWithSnapshot(t target, f form) error {
	s, c := r.session.service, r.session
	h := &s.hub
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

	name := roomName(r.collection, t.id, t.filter)
	return s.db.View(s.ctx, func(v collections.Reader) error {
		items, err := r.snapshot(v, t)
		if err != nil {
			return err
		}
		b := buffers.Get().(*bytes.Buffer)
		defer putBuffer(b)
		if err := s.writeItems(b, &collections.Query{}, items, "subscribe "+fewer); err != nil {
			return err
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		if old := c.rooms[name]; old != nil {
			h.drop(old)
		}
		if err := r.admit(); err != nil {
			return err
		}
		h.join(c, r.collection, t.id, t.filter, f).start = v.Position().Seq
		r.answerSubscribe(name, v.Position(), b.Bytes())
		return nil
	})
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
	s, c := r.session.service, r.session
	s.hub.mu.Lock()
	defer s.hub.mu.Unlock()
	result := "false"
	if sub := c.rooms[roomName(r.collection, t.id, t.filter)]; sub != nil {
		s.hub.drop(sub)
		result = "true"
	}
	// Under the lock, so that no event comes after the answer.
	if r.reply != nil {
		r.reply.Answer([]byte(result), null, []byte("{}"))
	}
	return nil
}
