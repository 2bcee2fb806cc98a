package crud

import (
	"bytes"
	"encoding/json"
	"slices"

	"ackbase/collections"
)

// topic is what is subscribed to in one collection.
type topic struct {
	whole    *room
	items    map[string]*room // by the text of the id
	filtered []*room
	byName   map[string]*room // of filtered

	conditions int // of the filters of filtered
}

// room is what one SUBSCRIBE names: a collection, one item of it, or a filter over it.
type room struct {
	name       string
	nameJSON   []byte
	collection string
	topic      *topic
	item       string              // the text of the id; empty for all
	filter     *collections.Filter // nil for all
	audiences  []*audience
	slot       int // in topic.filtered
	size       int // bytes that the filter takes

	judged uint64 // the change that the verdict is about, by sequence number
	verdict
}

// verdict is what a change is for a room.
type verdict struct {
	kind  collections.ChangeType // zero: nothing
	cause string                 // "filter" where no write made this kind
	item  json.RawMessage        // after the change; for Deleted the content before it
}

// audience is those members of a room who get the same bytes.
type audience struct {
	room    *room
	form    form
	members []*subscription

	told    uint64 // the change or bookmark that was sent last, by sequence number
	encoded uint64 // the change that the frames are of, by sequence number
	plain   Frame
	marked  Frame // with the offset
}

// form is what makes the bytes of an event differ within a room. What a
// subscriber may see, by the rules, belongs here too once there are rules: those who see
// alike share an audience, and the verdict is theirs.
type form struct {
	wire  Wire
	patch bool // MODIFIED with the patch instead of the item
}

// subscription is one session's membership in a room.
type subscription struct {
	session  *Session
	audience *audience
	slot     int                  // in audience.members
	start    uint64               // changes after this sequence number are delivered; notLive during a replay
	replayed collections.Position // where a replay stands
}

// roomName is the name of the room, as clients see it.
func roomName(collection string, id collections.ID, filter *collections.Filter) string {
	switch {
	case filter != nil:
		return collection + "?" + filter.Canonical()
	case !id.IsZero():
		return collection + "/" + id.Text()
	}
	return collection
}

// judge says what a change of the room's collection (and item) is for the room.
func (r *room) judge(c *collections.Change) verdict {
	if r.judged != c.Position.Seq {
		r.judged = c.Position.Seq
		r.verdict = r.evaluate(c)
	}
	return r.verdict
}

// content is the item after a change; before it, if that was its end.
func content(c *collections.Change) json.RawMessage {
	if c.Type == collections.Deleted {
		return c.Before
	}
	return c.After
}

func (r *room) evaluate(c *collections.Change) verdict {
	plain := verdict{kind: c.Type, item: content(c)}
	if r.filter == nil {
		return plain
	}
	before := c.Before != nil && r.filter.Match(c.Before)
	after := c.After != nil && r.filter.Match(c.After)
	switch {
	case before && after, before && c.Type == collections.Deleted, after && c.Type == collections.Added:
		return plain
	case after:
		return verdict{kind: collections.Added, cause: "filter", item: c.After}
	case before:
		return verdict{kind: collections.Deleted, cause: "filter", item: c.Before}
	}
	return verdict{}
}

// event is the encoded event of a change for the audience, with the offset or without it; nil where
// the change is nothing to it.
func (a *audience) event(c *collections.Change, marked bool) Frame {
	if a.encoded != c.Position.Seq {
		a.forget()
		a.encoded = c.Position.Seq
	}
	frame := &a.plain
	if marked {
		frame = &a.marked
	}
	if *frame == nil {
		var at *offset
		if marked {
			at = &offset{position: c.Position}
		}
		*frame = a.encode(c, at)
	}
	return *frame
}

// encode encodes the event of a change, with an offset unless that is nil.
func (a *audience) encode(c *collections.Change, at *offset) Frame {
	v := a.room.judge(c)
	if v.kind == 0 {
		return nil
	}
	e := &Event{change: c, room: a.room, verdict: v, patch: a.form.patch}
	if w, ok := a.form.wire.(ChangeWire); ok {
		return w.Change(e)
	}
	b := buffers.Get().(*bytes.Buffer)
	defer putBuffer(b)
	b.Write(e.AppendJSON(b.AvailableBuffer()))
	if at != nil {
		return a.form.wire.(OffsetWire).EventAt(e.Type(), b.Bytes(), at.String())
	}
	return a.form.wire.Event(e.Type(), b.Bytes())
}

// forget lets go of what was encoded last, when it has been delivered.
func (a *audience) forget() { a.encoded, a.plain, a.marked = 0, nil, nil }

// appendString appends a text as JSON.
func appendString(dst []byte, s string) []byte {
	b, err := json.Marshal(s)
	if err != nil { // cannot be: any string marshals
		panic(err)
	}
	return append(dst, b...)
}

// join puts a session into a room. The hub is locked.
func (h *hub) join(c *Session, collection string, id collections.ID, filter *collections.Filter, f form) *subscription {
	t := h.topics[collection]
	if t == nil {
		t = &topic{items: map[string]*room{}, byName: map[string]*room{}}
		h.topics[collection] = t
	}
	name := roomName(collection, id, filter)
	r := t.find(name, id, filter)
	if r == nil {
		r = &room{name: name, nameJSON: appendString(nil, name), collection: collection, topic: t, item: id.Text(), filter: filter}
		h.rooms++
		switch {
		case filter != nil:
			r.slot = len(t.filtered)
			r.size = filterSize(name, filter)
			t.filtered = append(t.filtered, r)
			t.byName[name] = r
			t.conditions += filter.Conditions()
		case !id.IsZero():
			t.items[id.Text()] = r
		default:
			t.whole = r
		}
	}
	at := slices.IndexFunc(r.audiences, func(a *audience) bool { return a.form == f })
	if at < 0 {
		at = len(r.audiences)
		r.audiences = append(r.audiences, &audience{room: r, form: f})
		h.uses(f.wire)
	}
	a := r.audiences[at]
	sub := &subscription{session: c, audience: a, slot: len(a.members)}
	a.members = append(a.members, sub)
	h.subscriptions++
	if c.rooms == nil {
		c.rooms = map[string]*subscription{}
	}
	c.rooms[name] = sub
	if filter != nil {
		c.filtered = append(c.filtered, sub)
		c.conditions += filter.Conditions()
		c.hold(r.size)
	}
	return sub
}

// filterSize is about how many bytes a filtered subscription takes: the filter, and its text as the room's name.
func filterSize(room string, f *collections.Filter) int { return f.Size() + 2*len(room) }

// hold counts what the session's filters take. The hub is locked.
func (c *Session) hold(bytes int) {
	c.holding += bytes
	if h, ok := c.conn.(Holder); ok {
		h.Hold(bytes)
	}
}

func (t *topic) find(name string, id collections.ID, filter *collections.Filter) *room {
	switch {
	case filter != nil:
		return t.byName[name]
	case !id.IsZero():
		return t.items[id.Text()]
	}
	return t.whole
}

// drop takes a subscription out of its room, and the room away with its last member. The hub is locked.
func (h *hub) drop(sub *subscription) {
	c, a := sub.session, sub.audience
	r := a.room
	if c.rooms[r.name] == sub {
		delete(c.rooms, r.name)
	}
	if r.filter != nil {
		c.filtered = slices.DeleteFunc(c.filtered, func(s *subscription) bool { return s == sub })
		c.conditions -= r.filter.Conditions()
		c.hold(-r.size)
	}
	c.endReplay(sub)
	last := len(a.members) - 1
	a.members[sub.slot] = a.members[last]
	a.members[sub.slot].slot = sub.slot
	a.members[last] = nil
	a.members = a.members[:last]
	h.subscriptions--
	if last > 0 {
		return
	}
	r.audiences = slices.DeleteFunc(r.audiences, func(x *audience) bool { return x == a })
	if len(r.audiences) > 0 {
		return
	}
	h.rooms--
	t := r.topic
	switch {
	case r.filter != nil:
		last := len(t.filtered) - 1
		t.filtered[r.slot] = t.filtered[last]
		t.filtered[r.slot].slot = r.slot
		t.filtered[last] = nil
		t.filtered = t.filtered[:last]
		delete(t.byName, r.name)
		t.conditions -= r.filter.Conditions()
	case r.item != "":
		delete(t.items, r.item)
	default:
		t.whole = nil
	}
	if t.whole == nil && len(t.items) == 0 && len(t.filtered) == 0 {
		delete(h.topics, r.collection)
	}
}
