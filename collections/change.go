package collections

import (
	"encoding/json"
	"time"
)

// ChangeType says what a write did to an item. Its text is the event's name.
type ChangeType uint8

const (
	Added ChangeType = iota + 1
	Modified
	Deleted
)

func (t ChangeType) String() string {
	switch t {
	case Added:
		return "ADDED"
	case Modified:
		return "MODIFIED"
	case Deleted:
		return "DELETED"
	}
	return "UNKNOWN"
}

// Change is one entry of the change log: what one write did to one item.
// A Change that a store has handed out is never modified and may be shared.
type Change struct {
	Position   Position // set by the store at the commit
	Type       ChangeType
	Collection string
	ID         ID
	Prev       Rev             // the revision before; zero for Added
	Time       time.Time       // set by the store at the commit, never before that of an earlier change
	Reason     string          // the writer's own words, or empty
	By         string          // the subject of the writer's token, or empty
	Before     json.RawMessage // nil for Added
	After      json.RawMessage // nil for Deleted
	Diff       json.RawMessage // RFC 6902 from Before to After, stored for Modified only: see Patch
	Writer     Writer          // known only in the process that wrote, for a while; not stored
}

// Rev is the item's revision after the change.
func (c *Change) Rev() Rev { return Rev{Seq: c.Position.Seq, Tag: c.Position.Tag} }

// Writer says on whose behalf an update runs, so that the delivery of its
// changes to that same connection can wait for the acknowledgement.
// Updates of one Writer.Conn commit in the order of the calls.
type Writer struct {
	Conn    string // id of the connection, unique among all processes; empty for none
	Request uint64 // the connection's own count of its requests
}
