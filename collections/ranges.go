package collections

import (
	"bytes"
	"slices"
)

// Range is a set of values that are neighbours in the order of Value.Compare,
// told by their keys: the values v with Low <= v.AppendKey(nil) < High in the order
// of bytes. In an index whose keys go on with further columns the same bounds
// hold for the whole index key, since no value's key is the prefix of another's.
type Range struct {
	Low   []byte // may be empty: from the first
	High  []byte // never empty
	Point bool   // exactly one place in the order, whose key Low is: within it an index's next column is in order
}

// valueSet is a set of values as disjoint ranges, ascending, none empty and no
// two touching; so equal sets have equal ranges. It is the meaning of every
// operator of a filter on a single field but $contains on texts and arrays:
// matching, index bounds and negation then cannot disagree. Point is not kept up
// within, see points.
type valueSet []Range

// lastKey is behind every key.
var lastKey = []byte{byte(Object) + 1}

// setAfter is the first key behind all keys that begin with prefix.
func setAfter(prefix []byte) []byte {
	key := bytes.Clone(prefix)
	for len(key) > 0 && key[len(key)-1] == 0xFF {
		key = key[:len(key)-1]
	}
	key[len(key)-1]++ // the first byte is a kind, so one is left
	return key
}

// kindSet is all values of the kinds from first to last.
func kindSet(first, last Kind) valueSet {
	return valueSet{{Low: []byte{byte(first)}, High: []byte{byte(last) + 1}}}
}

// pointSet is the values that compare equal to v.
func pointSet(v Value) valueSet {
	key := v.AppendKey(nil)
	return valueSet{{Low: key, High: setAfter(key)}}
}

// contains tells whether v is in the set.
func (s valueSet) contains(v Value) bool {
	if len(s) == 1 {
		return (len(s[0].Low) == 0 || v.compareKey(s[0].Low) >= 0) && v.compareKey(s[0].High) < 0
	}
	low, high := 0, len(s) // the first range that ends behind v
	for low < high {
		mid := int(uint(low+high) >> 1)
		if v.compareKey(s[mid].High) < 0 {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return low < len(s) && v.compareKey(s[low].Low) >= 0
}

// union is the values that are in at least one of the sets.
func union(sets ...valueSet) valueSet {
	all := slices.Concat(sets...)
	slices.SortFunc(all, func(a, b Range) int { return bytes.Compare(a.Low, b.Low) })
	var s valueSet
	for _, r := range all {
		if n := len(s); n > 0 && bytes.Compare(r.Low, s[n-1].High) <= 0 {
			if bytes.Compare(r.High, s[n-1].High) > 0 {
				s[n-1].High = r.High
			}
			continue
		}
		s = append(s, r)
	}
	return s
}

// intersect is the values that are in both sets.
func (s valueSet) intersect(t valueSet) valueSet {
	both := valueSet{}
	for i, j := 0, 0; i < len(s) && j < len(t); {
		r := Range{Low: s[i].Low, High: s[i].High}
		if bytes.Compare(t[j].Low, r.Low) > 0 {
			r.Low = t[j].Low
		}
		if bytes.Compare(t[j].High, r.High) < 0 {
			r.High = t[j].High
			j++
		} else {
			i++
		}
		if bytes.Compare(r.Low, r.High) < 0 {
			both = append(both, r)
		}
	}
	return both
}

// complement is the values that are not in the set, missing ones too.
func (s valueSet) complement() valueSet {
	rest := valueSet{}
	low := []byte{byte(Missing)}
	for _, r := range s {
		if bytes.Compare(low, r.Low) < 0 {
			rest = append(rest, Range{Low: low, High: r.Low})
		}
		low = r.High
	}
	if bytes.Compare(low, lastKey) < 0 {
		rest = append(rest, Range{Low: low, High: lastKey})
	}
	return rest
}

// points is the set as told to others: with Point.
func (s valueSet) points() []Range {
	out := make([]Range, len(s))
	for i, r := range s {
		_, n, err := decodeKey(r.Low)
		r.Point = err == nil && n == len(r.Low) && bytes.Equal(r.High, setAfter(r.Low))
		out[i] = r
	}
	return out
}
