package collections

import "encoding/json"

// Filter is a parsed condition on items. A nil Filter matches everything. It is
// immutable and may be used concurrently.
type Filter struct{}

// ParseFilter reads a filter from JSON. Absent, null and {} are the nil Filter.
func ParseFilter(raw json.RawMessage) (*Filter, error) { panic("skeleton") }

// Match tells whether a stored item matches.
func (f *Filter) Match(item []byte) bool { panic("skeleton") }

// Canonical is one text for each meaning of equal JSON; "{}" for nil.
func (f *Filter) Canonical() string { panic("skeleton") }

// Range is a set of values that are neighbours in the order of Value.Compare,
// as keys of Value.AppendKey: those with Low <= key < High in the order of
// bytes. In an index whose keys begin with the same bytes, and go on with
// further columns, that holds of the whole index key as well.
type Range struct {
	Low   []byte
	High  []byte // never nil
	Point bool   // exactly one value (Low is its whole key): the next column of an index is in order within this range
}

// Bounds tells a planner which values the path can have in an item that
// matches: those in one of the ranges, which are disjoint and ascending.
// ok is false where the filter does not restrict the path. No ranges with ok
// true: nothing can match.
func (f *Filter) Bounds(p Path) (ranges []Range, ok bool) { panic("skeleton") }

// Covered tells whether the filter is nothing but the Bounds of these paths:
// an item whose values lie in the ranges of all of them matches, so that
// a count of index entries is the total and Match need not be asked.
func (f *Filter) Covered(paths []Path) bool { panic("skeleton") }
