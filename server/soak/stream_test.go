package soak

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	jsonpatch "github.com/evanphx/json-patch/v5"

	"ackbase/server/client"
)

// stream is what one subscription has been told, over all connections that it was resumed on.
type stream struct {
	collection string
	id         string // of the item; empty for all
	bucket     int8   // what the filter asks for; noBucket for no filter
	patch      bool   // MODIFIED with the patch

	room   string
	from   uint64        // the cursor of the first SUBSCRIBE's answer
	last   atomic.Uint64 // of what came so far
	cursor string        // the same, to resume after
	events []seen
	items  map[string]json.RawMessage // with patch: the state that the events make
}

// seen is one event in short.
type seen struct {
	seq       uint64
	n         int32
	rev, prev uint32
	kind      kind
	filtered  bool // the cause is the filter
}

// event is what the tests look at of a change.
type event struct {
	Type, Room, Rev, Prev, Cursor, Cause string
	ID                                   json.RawMessage
	Item                                 json.RawMessage
	Patch                                json.RawMessage
}

// content is an item of the load.
type content struct {
	ID     json.RawMessage `json:"id,omitempty"`
	N      int32           `json:"n"`
	Bucket int8            `json:"bucket"`
	SentAt time.Duration   `json:"sentAt"` // since the load began
	Text   string          `json:"text,omitempty"`
}

// subscribe begins the stream on a connection, or resumes it there.
func (s *stream) subscribe(c *client.Client) error {
	options := map[string]any{}
	if s.patch {
		options["patch"] = true
	}
	if s.bucket != noBucket {
		options["filters"] = map[string]any{"bucket": s.bucket}
	}
	switch {
	case s.cursor != "":
		options["since"] = s.cursor
	case s.patch:
		options["snapshot"] = true
	}
	args := []any{"SUBSCRIBE", s.collection}
	if s.id != "" {
		args = append(args, json.RawMessage(s.id))
	}
	// The goroutine that reads takes the answer, so that the first event cannot overtake it.
	done := make(chan error, 1)
	if err := c.Begin(func(a client.Answer) { done <- s.begin(a) }, append(args, options)...); err != nil {
		return err
	}
	select {
	case err := <-done:
		return err
	case <-c.Ended():
		return errors.Join(errors.New("the connection ended before SUBSCRIBE was answered"), c.Err())
	}
}

// begin takes the answer to SUBSCRIBE.
func (s *stream) begin(a client.Answer) error {
	if a.Fault != nil {
		return a.Fault
	}
	var result struct {
		Cursor string
		Items  []json.RawMessage
	}
	var meta struct{ Room string }
	if err := errors.Join(json.Unmarshal(a.Result, &result), json.Unmarshal(a.Meta, &meta)); err != nil {
		return err
	}
	s.room = meta.Room
	if s.cursor != "" {
		return nil
	}
	s.cursor = result.Cursor
	var err error
	s.from, err = place(result.Cursor)
	s.last.Store(s.from)
	if err != nil || !s.patch {
		return err
	}
	s.items = map[string]json.RawMessage{}
	for _, item := range result.Items {
		var c content
		if err := json.Unmarshal(item, &c); err != nil {
			return err
		}
		s.items[string(c.ID)] = item
	}
	return nil
}

// take notes an event of the stream. sent is when its writer sent it, 0 where it does not tell.
func (s *stream) take(e *event) (sent time.Duration, err error) {
	seq, err := place(e.Cursor)
	if err != nil {
		return 0, err
	}
	note := seen{seq: seq, rev: short(e.Rev), prev: short(e.Prev), kind: kinds[e.Type], filtered: e.Cause == "filter"}
	item := e.Item
	if s.patch {
		if item, err = s.apply(e); err != nil {
			return 0, fmt.Errorf("%s %s %s: %w", e.Type, e.Room, e.ID, err)
		}
	}
	var c content
	if err := json.Unmarshal(item, &c); err != nil {
		return 0, err
	}
	note.n = c.N
	s.events = append(s.events, note)
	s.cursor = e.Cursor
	s.last.Store(seq)
	if note.kind != deleted {
		sent = c.SentAt
	}
	return sent, nil
}

// apply makes the item after a change, of deleted that before it, from what the stream has told so far.
func (s *stream) apply(e *event) (json.RawMessage, error) {
	id := string(e.ID)
	switch {
	case kinds[e.Type] == deleted:
		delete(s.items, id)
		return e.Item, nil
	case kinds[e.Type] == added:
		s.items[id] = e.Item
		return e.Item, nil
	case e.Patch == nil:
		return nil, errors.New("it has no patch")
	}
	patch, err := jsonpatch.DecodePatch(e.Patch)
	if err != nil {
		return nil, err
	}
	s.items[id], err = patch.Apply(s.items[id])
	return s.items[id], err
}

// due is what the stream must have been told of its collection's log.
func (s *stream) due(log []change) []seen {
	var list []seen
	for _, c := range log {
		if c.seq <= s.from || s.id != "" && c.id != s.id {
			continue
		}
		note := seen{seq: c.seq, n: c.n, rev: c.rev, prev: c.before.rev, kind: c.kind}
		if s.bucket != noBucket {
			before, after := c.before.bucket == s.bucket, c.kind != deleted && c.bucket == s.bucket
			switch {
			case !before && !after:
				continue
			case before && !after && c.kind == modified:
				note.kind, note.filtered = deleted, true
			case !before && after && c.kind == modified:
				note.kind, note.filtered = added, true
			}
		}
		if note.kind == deleted { // which tells the item as it was
			note.n = c.before.n
		}
		list = append(list, note)
	}
	return list
}

// check compares the stream with its collection's log.
func (s *stream) check(log []change) error {
	want := s.due(log)
	var previous uint64
	for i, got := range s.events {
		switch {
		case got.seq <= previous:
			return fmt.Errorf("%s: the event number %d came after %d: doubled or out of order", s.room, got.seq, previous)
		case i >= len(want):
			return fmt.Errorf("%s: the event number %d is of no write that was acknowledged", s.room, got.seq)
		case got.seq > want[i].seq:
			return fmt.Errorf("%s: the event number %d is lost: after %d came %d", s.room, want[i].seq, previous, got.seq)
		case got.seq < want[i].seq:
			return fmt.Errorf("%s: the event number %d does not belong there: after %d is due %d", s.room, got.seq, previous, want[i].seq)
		}
		if want[i].rev == 0 {
			want[i].rev = got.rev
		}
		if got != want[i] {
			return fmt.Errorf("%s: the event is %+v, and the write was %+v", s.room, got, want[i])
		}
		previous = got.seq
	}
	if len(s.events) < len(want) {
		return fmt.Errorf("%s: %d of %d events are lost at the end, from number %d on", s.room, len(want)-len(s.events), len(want), want[len(s.events)].seq)
	}
	return nil
}
