package socketio

import (
	"bytes"
	"encoding/json"
	"fmt"

	"ackbase/collections"
)

// told is what one subscription was told.
type told struct {
	room       string
	collection string
	id         string
	filter     *collections.Filter
	patch      bool
	start      uint64
	replaying  bool
	told       bool // a BOOKMARK may come
	last       uint64
	cursor     string // where to resume
	events     []seen
	marks      []mark
	items      []json.RawMessage // of the snapshot; nil for none
	ended      bool
}

type seen struct {
	seq   uint64
	event json.RawMessage // nil where the collection's subscription has told it
}

// mark says that when so many events had come, all was told up to a place.
type mark struct {
	events int
	upTo   uint64
}

type heard struct {
	Type, Room, Collection, Cause, Cursor, Rev, Prev string
	ID                                               json.RawMessage
	Item, Patch                                      json.RawMessage
}

// check compares what was told with the log.
func (s *told) check(log []*collections.Change) error {
	if s.items != nil {
		state := map[string]json.RawMessage{}
		for _, c := range log {
			if c.Position.Seq > s.start {
				break
			}
			if c.Collection == s.collection && (s.id == "" || s.id == c.ID.Text()) {
				if delete(state, c.ID.Text()); c.After != nil && s.filter.Match(c.After) {
					state[c.ID.Text()] = c.After
				}
			}
		}
		if len(state) != len(s.items) {
			return fmt.Errorf("%s: a snapshot at %d has %d items, not %d", s.room, s.start, len(s.items), len(state))
		}
		for _, item := range s.items {
			var v struct{ ID json.RawMessage }
			if err := json.Unmarshal(item, &v); err != nil || !bytes.Equal(state[string(v.ID)], item) {
				return fmt.Errorf("%s: a snapshot at %d has %s, not %s", s.room, s.start, item, state[string(v.ID)])
			}
		}
	}
	at := 0
	for _, c := range log {
		if c.Position.Seq <= s.start || c.Collection != s.collection || s.id != "" && s.id != c.ID.Text() {
			continue
		}
		kind, cause := c.Type.String(), ""
		if s.filter != nil {
			before, after := c.Before != nil && s.filter.Match(c.Before), c.After != nil && s.filter.Match(c.After)
			switch {
			case !before && !after:
				continue
			case before && !after && c.Type != collections.Deleted:
				kind, cause = "DELETED", "filter"
			case !before && after && c.Type != collections.Added:
				kind, cause = "ADDED", "filter"
			}
		}
		for _, m := range s.marks {
			if m.events == at && m.upTo >= c.Position.Seq {
				return fmt.Errorf("%s from %d: when it was said that all was told up to %d, the change %d had not been told (%d events)", s.room, s.start, m.upTo, c.Position.Seq, at)
			}
		}
		if at == len(s.events) {
			if s.ended {
				return nil
			}
			return fmt.Errorf("%s from %d: nothing came after %d, and %d is due", s.room, s.start, s.last, c.Position.Seq)
		}
		e := s.events[at]
		if e.seq != c.Position.Seq {
			return fmt.Errorf("%s from %d: event %d is about %d, want %d", s.room, s.start, at, e.seq, c.Position.Seq)
		}
		at++
		if e.event == nil {
			continue
		}
		var h heard
		if err := json.Unmarshal(e.event, &h); err != nil {
			return err
		}
		item := c.After
		if kind == "DELETED" {
			item = c.Before
		}
		prev := ""
		if !c.Prev.IsZero() {
			prev = c.Prev.String()
		}
		patch := json.RawMessage(nil)
		if s.patch && kind == "MODIFIED" {
			item, patch = nil, c.Diff
		}
		if h.Type != kind || h.Cause != cause || h.Rev != c.Rev().String() || h.Prev != prev || string(h.ID) != c.ID.Text() || !bytes.Equal(h.Item, item) || !bytes.Equal(h.Patch, patch) {
			return fmt.Errorf("%s: the change %d was told as %s", s.room, c.Position.Seq, e.event)
		}
	}
	for _, m := range s.marks {
		if m.events < len(s.events) && s.events[m.events].seq <= m.upTo {
			return fmt.Errorf("%s from %d: all was said to be told up to %d, and then came %d", s.room, s.start, m.upTo, s.events[m.events].seq)
		}
	}
	if at < len(s.events) {
		return fmt.Errorf("%s from %d: %d events, %d due", s.room, s.start, len(s.events), at)
	}
	return nil
}
