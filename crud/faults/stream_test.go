package faults

import (
	"encoding/json"
	"fmt"
	"sync"

	"ackbase/collections"
)

// topic is what a subscription is to.
type topic struct {
	collection string
	id         string // of the item, as JSON; empty for all
	bucket     int    // what the filter asks for; noBucket for no filter
	patch      bool   // MODIFIED comes with the patch, and what the patches make is compared
}

// stream is what one subscription has been told, over all connections that it was resumed on.
// One goroutine takes events; others may await them.
type stream struct {
	topic
	who string // for messages

	room   string
	cursor string // to resume after
	parts  []*part
	breaks int    // how often the connection broke
	marked func() // called at each BOOKMARK; nil for nothing

	mu    sync.Mutex
	last  uint64        // the number of what came last
	moved chan struct{} // closed when last moves
}

// part is what came without a gap: from the first SUBSCRIBE on, or from a snapshot.
type part struct {
	from   uint64
	events []seen
	first  map[string]json.RawMessage // the items there were then, where they are known
	items  map[string]json.RawMessage // what the events make of them
}

// seen is one event, or a BOOKMARK, whose Type is empty.
type seen struct {
	Seq                                    uint64
	Type, ID, Rev, Prev, Cursor, Op, Cause string
	Item                                   json.RawMessage // of DELETED the one before
}

// event is a change on the wire.
type event struct {
	Type, Room, Collection, Rev, Prev, Cursor, Cause, Reason string
	ID                                                       json.RawMessage
	Item                                                     json.RawMessage
	Patch                                                    json.RawMessage
}

// begin begins a part at a cursor, with the items there are then; nil where they are not known.
func (s *stream) begin(cursor string, items []json.RawMessage) error {
	seq, err := place(cursor)
	if err != nil {
		return err
	}
	p := &part{from: seq}
	if items != nil {
		p.first, p.items = map[string]json.RawMessage{}, map[string]json.RawMessage{}
		for _, item := range items {
			var c content
			if err := json.Unmarshal(item, &c); err != nil {
				return err
			}
			p.first[string(c.ID)], p.items[string(c.ID)] = item, item
		}
	}
	s.parts, s.cursor = append(s.parts, p), cursor
	s.move(seq)
	return nil
}

// begun tells whether there is a cursor to resume after.
func (s *stream) begun() bool { return len(s.parts) > 0 }

// take notes an event.
func (s *stream) take(e *event) error {
	if !s.begun() {
		return fmt.Errorf("%s: the event %s came before the answer to SUBSCRIBE", s.who, e.Cursor)
	}
	seq, err := place(e.Cursor)
	if err != nil {
		return err
	}
	p := s.parts[len(s.parts)-1]
	note := seen{Seq: seq, Type: e.Type, ID: string(e.ID), Rev: e.Rev, Prev: e.Prev, Cursor: e.Cursor, Op: e.Reason, Cause: e.Cause, Item: e.Item}
	if p.items != nil {
		if note.Item, err = p.apply(e); err != nil {
			return fmt.Errorf("%s: %s of %s: %w", s.who, e.Type, e.ID, err)
		}
	}
	if note.Item == nil {
		return fmt.Errorf("%s: %s of %s has no item", s.who, e.Type, e.ID)
	}
	p.events = append(p.events, note)
	s.cursor = e.Cursor
	s.move(seq)
	return nil
}

// mark notes a BOOKMARK: the stream has been told all up to its cursor.
func (s *stream) mark(cursor string) error {
	seq, err := place(cursor)
	if err != nil || !s.begun() {
		return err
	}
	p := s.parts[len(s.parts)-1]
	p.events = append(p.events, seen{Seq: seq, Cursor: cursor})
	s.cursor = cursor
	if s.marked != nil {
		s.marked()
	}
	return nil
}

// apply makes the item after a change, of a deleted one that before it, by the patches where there are any.
func (p *part) apply(e *event) (item json.RawMessage, err error) {
	id := string(e.ID)
	before, exists := p.items[id]
	switch {
	case e.Type == "DELETED":
		delete(p.items, id)
		if exists && !same(before, e.Item) {
			return nil, fmt.Errorf("the item was %s, and the event says %s", before, e.Item)
		}
		if e.Patch != nil {
			if nothing, err := applied(e.Patch, e.Item); err != nil || !same(nothing, json.RawMessage("{}")) {
				return nil, fmt.Errorf("the patch %s leaves %s of %s (%w)", e.Patch, nothing, e.Item, err)
			}
		}
		return e.Item, nil
	case e.Type == "MODIFIED" && e.Patch != nil && exists:
		item, err = applied(e.Patch, before)
	case e.Type == "ADDED" && e.Patch != nil:
		item, err = applied(e.Patch, json.RawMessage("{}"))
	case e.Item == nil:
		err = fmt.Errorf("it has neither item nor a patch of an item that is known: %+v", e)
	default:
		item = e.Item
	}
	if err == nil && e.Item != nil && !same(item, e.Item) {
		err = fmt.Errorf("the patch %s makes %s, and the event says %s", e.Patch, item, e.Item)
	}
	p.items[id] = item
	return item, err
}

func (s *stream) move(seq uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last = seq
	if s.moved != nil {
		close(s.moved)
		s.moved = nil
	}
}

// state tells the number of what came last, and what is closed when more comes.
func (s *stream) state() (last uint64, moved <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.moved == nil {
		s.moved = make(chan struct{})
	}
	return s.last, s.moved
}

// due is what the stream must have been told of the log after a place.
func (s *stream) due(log []entry, from uint64) []seen {
	var list []seen
	for _, e := range log {
		if e.Seq <= from || e.Collection != s.collection || s.id != "" && e.ID != s.id {
			continue
		}
		note := seen{Seq: e.Seq, Type: e.Type, ID: e.ID, Rev: e.Rev, Prev: e.Prev, Cursor: e.Cursor, Op: e.Op, Item: e.After}
		if s.bucket != noBucket {
			before, now := e.bucketBefore == s.bucket, e.bucketNow == s.bucket
			switch {
			case !before && !now:
				continue
			case before && !now && e.Type == "MODIFIED":
				note.Type, note.Cause = "DELETED", "filter"
			case !before && now && e.Type == "MODIFIED":
				note.Type, note.Cause = "ADDED", "filter"
			}
		}
		if note.Type == "DELETED" { // which tells the item as it was
			note.Item = e.Before
		}
		list = append(list, note)
	}
	return list
}

// check compares the stream with the log. It must have come to the log's end.
func (s *stream) check(log []entry) error {
	if !s.begun() {
		return fmt.Errorf("%s never began", s.who)
	}
	for i, p := range s.parts {
		err := p.check(s.due(log, p.from), i == len(s.parts)-1)
		if err == nil && p.first != nil {
			err = s.checkSnapshot(log, p)
		}
		if err != nil {
			return fmt.Errorf("%s, after %d breaks: %w", s.who, s.breaks, err)
		}
	}
	return nil
}

func (p *part) check(due []seen, whole bool) error {
	previous, next := p.from, 0
	for _, got := range p.events {
		switch {
		case got.Type == "" && got.Seq < previous:
			return fmt.Errorf("the BOOKMARK %d came after the event %d: out of order", got.Seq, previous)
		case got.Type == "" && next < len(due) && due[next].Seq <= got.Seq:
			return fmt.Errorf("the BOOKMARK %d says that all is told, and the event %d is not", got.Seq, due[next].Seq)
		case got.Type == "":
			previous = got.Seq
			continue
		case got.Seq <= previous:
			return fmt.Errorf("the event %d (%s) came after %d: doubled or out of order", got.Seq, got.Op, previous)
		case next >= len(due):
			return fmt.Errorf("the event %d (%s) is of no change that the stream should tell", got.Seq, got.Op)
		case got.Seq > due[next].Seq:
			return fmt.Errorf("the event %d (%s) is lost: after %d came %d", due[next].Seq, due[next].Op, previous, got.Seq)
		case got.Seq < due[next].Seq:
			return fmt.Errorf("the event %d (%s) does not belong there: after %d is due %d", got.Seq, got.Op, previous, due[next].Seq)
		}
		want := due[next]
		if !same(got.Item, want.Item) {
			return fmt.Errorf("the event %d tells the item %s, and the log has %s", got.Seq, got.Item, want.Item)
		}
		got.Item, want.Item = nil, nil
		if fmt.Sprint(got) != fmt.Sprint(want) {
			return fmt.Errorf("the event is %+v, and the log has %+v", got, want)
		}
		previous = got.Seq
		next++
	}
	if whole && next < len(due) {
		return fmt.Errorf("%d of %d events are lost at the end, from %d (%s) on", len(due)-next, len(due), due[next].Seq, due[next].Op)
	}
	return nil
}

// checkSnapshot compares the items that a part began with to those that the log makes.
func (s *stream) checkSnapshot(log []entry, p *part) error {
	items := map[string]json.RawMessage{}
	for _, e := range log {
		switch {
		case e.Seq > p.from:
		case e.Collection != s.collection:
		case e.Type == "DELETED", s.bucket != noBucket && e.bucketNow != s.bucket:
			delete(items, e.ID)
		default:
			items[e.ID] = e.After
		}
	}
	for id, want := range items {
		if got := p.first[id]; got == nil || !same(got, want) {
			return fmt.Errorf("the snapshot at %d has %s as the item %s, and the log makes %s", p.from, got, id, want)
		}
	}
	if len(p.first) != len(items) {
		return fmt.Errorf("the snapshot at %d has %d items, and the log makes %d", p.from, len(p.first), len(items))
	}
	return nil
}

// revOf is the revision that a change makes.
func revOf(cursor string) string {
	p, err := collections.ParseCursor(cursor)
	if err != nil {
		return ""
	}
	return collections.Rev{Seq: p.Seq, Tag: p.Tag}.String()
}

// place is the number of a cursor in the log. Clients must not look into cursors; who compares all
// of them needs their order.
func place(cursor string) (uint64, error) {
	p, err := collections.ParseCursor(cursor)
	return p.Seq, err
}
