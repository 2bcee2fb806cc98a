package crud

import "ackbase/collections"

// Event is a change as one subscription is told of it.
type Event struct {
	change *collections.Change
	room   *room
	verdict
	patch bool // MODIFIED with the patch instead of the item
}

// Type is the event's name: ADDED, MODIFIED or DELETED.
func (e *Event) Type() string { return e.kind.String() }

// Item is the content after the change, of DELETED before it, as JSON. It must not be modified.
func (e *Event) Item() []byte { return e.item }

// Cursor is the text of the change's place in the log.
func (e *Event) Cursor() string { return e.change.Position.Cursor() }

// timeFormat is RFC 3339 with milliseconds; the time is UTC.
const timeFormat = "2006-01-02T15:04:05.000Z"

// AppendJSON appends the change as the contract's section 5 shows it.
func (e *Event) AppendJSON(dst []byte) []byte {
	c := e.change
	dst = append(dst, `{"type":"`...)
	dst = append(dst, e.kind.String()...)
	dst = append(dst, `","room":`...)
	dst = append(dst, e.room.nameJSON...)
	dst = append(dst, `,"collection":"`...)
	dst = append(dst, c.Collection...)
	dst = append(dst, `","id":`...)
	dst = c.ID.AppendJSON(dst)
	dst = append(dst, ',')
	dst = e.appendOrigin(dst)
	if e.patch && e.kind == collections.Modified {
		dst = append(dst, `,"patch":`...)
		dst = append(dst, c.Diff...)
	} else {
		dst = append(dst, `,"item":`...)
		dst = append(dst, e.item...)
	}
	return append(dst, '}')
}

// AppendSnapshot appends { id, snapshot: { type, rev, prev, cursor, time, reason, cause, by, patch, item } }. The
// patches of an item's snapshots, applied in turn, go from what it was to what it is; that of a DELETED takes every
// member away. item is the content as in AppendJSON.
func (e *Event) AppendSnapshot(dst []byte) ([]byte, error) {
	dst = append(dst, `{"id":`...)
	dst = e.change.ID.AppendJSON(dst)
	dst = append(dst, `,"snapshot":`...)
	dst, err := e.appendEntry(dst)
	return append(dst, '}'), err
}

// appendEntry appends what AppendSnapshot has as snapshot, and a history for each change.
func (e *Event) appendEntry(dst []byte) ([]byte, error) {
	before, after := e.change.Before, e.item
	patch := e.change.Diff
	switch e.kind {
	case collections.Added:
		before = empty
	case collections.Deleted:
		before, after = e.item, empty
	}
	if e.kind != e.change.Type || patch == nil {
		var err error
		if patch, err = collections.Diff(before, after); err != nil {
			return nil, err
		}
	}
	dst = append(dst, `{"type":"`...)
	dst = append(dst, e.kind.String()...)
	dst = append(dst, `",`...)
	dst = e.appendOrigin(dst)
	dst = append(dst, `,"patch":`...)
	dst = append(dst, patch...)
	dst = append(dst, `,"item":`...)
	dst = append(dst, e.item...)
	return append(dst, '}'), nil
}

// empty is the item before it was added and after it was deleted.
var empty = []byte("{}")

// appendOrigin appends the members that say where a change comes from, without braces.
func (e *Event) appendOrigin(dst []byte) []byte {
	c := e.change
	dst = append(dst, `"rev":"`...)
	dst = append(dst, c.Rev().String()...)
	dst = append(dst, '"')
	if !c.Prev.IsZero() {
		dst = append(dst, `,"prev":"`...)
		dst = append(dst, c.Prev.String()...)
		dst = append(dst, '"')
	}
	dst = append(dst, `,"cursor":"`...)
	dst = append(dst, c.Position.Cursor()...)
	dst = append(dst, '"')
	if !c.Time.IsZero() { // it is, of a change that the log has no more: see collections.History
		dst = append(dst, `,"time":"`...)
		dst = c.Time.UTC().AppendFormat(dst, timeFormat)
		dst = append(dst, '"')
	}
	if c.Reason != "" {
		dst = append(dst, `,"reason":`...)
		dst = appendString(dst, c.Reason)
	}
	if e.cause != "" {
		dst = append(dst, `,"cause":`...)
		dst = appendString(dst, e.cause)
	}
	if c.By != "" {
		dst = append(dst, `,"by":`...)
		dst = appendString(dst, c.By)
	}
	return dst
}
