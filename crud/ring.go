package crud

import (
	"slices"

	"ackbase/collections"
)

// ring keeps the changes that were announced last, bounded in bytes.
type ring struct {
	max     int
	bytes   int
	floor   collections.Position // right before the first of changes
	changes []*collections.Change
}

// weight is about what a change takes in memory.
func weight(c *collections.Change) int {
	return 256 + len(c.Before) + len(c.After) + len(c.Diff) + len(c.Reason)
}

func (r *ring) add(c *collections.Change) {
	r.changes = append(r.changes, c)
	r.bytes += weight(c)
	n := 0
	for r.bytes > r.max && n < len(r.changes)-1 {
		r.bytes -= weight(r.changes[n])
		r.floor = r.changes[n].Position
		r.changes[n] = nil
		n++
	}
	// append moves the rest to the front of a new array when this one is used up.
	r.changes = r.changes[n:]
}

// after returns up to max changes after a position; false where the ring no
// longer reaches back that far. The result is good until the next add.
func (r *ring) after(p collections.Position, max int) ([]*collections.Change, bool) {
	if p.Seq < r.floor.Seq {
		return nil, false
	}
	at, _ := slices.BinarySearchFunc(r.changes, p.Seq+1, func(c *collections.Change, seq uint64) int {
		switch {
		case c.Position.Seq < seq:
			return -1
		case c.Position.Seq > seq:
			return 1
		}
		return 0
	})
	return r.changes[at:min(len(r.changes), at+max)], true
}
