package bolt

import (
	"encoding/binary"
	"slices"

	"ackbase/collections"
)

const (
	// maxColumns is how many paths an index may have.
	maxColumns = 8

	// maxColumn is how many bytes a value's key takes in an index at most. bbolt
	// refuses keys over 32 KB, and long before that they make a bad tree.
	//
	// A longer one (a long string) is cut off. A cut key still sorts right against every
	// key that differs from it within these bytes, which includes every key
	// that is not cut. So ranges whose ends are not longer than this are
	// exact, and counts of them are; only the order among items whose
	// cut keys are equal is unknown. Cut entries are marked, and a
	// walk in order that meets one is given up for a collector: see list.go.
	maxColumn = 200

	// entrySize is how many bytes an entry's value has: whether it is cut, and where the id key begins.
	entrySize = 3
)

// index is a declared index of one collection.
type index struct {
	collection string
	bucket     []byte
	columns    []collections.Path
}

// parseIndexes reads the declarations.
func parseIndexes(declared map[string]collections.Collection) (map[string][]*index, error) {
	parsed := make(map[string][]*index)
	for name, c := range declared {
		if err := collections.CheckName(name); err != nil {
			return nil, err
		}
		for _, d := range c.Indexes {
			if len(d.Paths) == 0 || len(d.Paths) > maxColumns {
				return nil, collections.Errorf(collections.ErrBadRequest, "an index of %s has %d paths: it takes 1 to %d", name, len(d.Paths), maxColumns)
			}
			x := &index{collection: name}
			var texts []string
			for _, text := range d.Paths {
				p, err := collections.ParsePath(text)
				if err != nil {
					return nil, err
				}
				if slices.Contains(texts, p.String()) {
					return nil, collections.Errorf(collections.ErrBadRequest, "an index of %s names the path %s twice: once is enough", name, text)
				}
				texts = append(texts, p.String())
				x.columns = append(x.columns, p)
			}
			x.bucket = indexBucket(name, texts)
			if !slices.ContainsFunc(parsed[name], func(y *index) bool { return string(y.bucket) == string(x.bucket) }) {
				parsed[name] = append(parsed[name], x)
			}
		}
	}
	return parsed, nil
}

// appendColumns appends the keys of an item's values and tells whether one was cut.
func (x *index) appendColumns(dst, item []byte) (_ []byte, cut bool) {
	for _, p := range x.columns {
		start := len(dst)
		dst = p.Find(item).AppendKey(dst)
		if len(dst)-start > maxColumn {
			dst = dst[:start+maxColumn]
			cut = true
		}
	}
	return dst, cut
}

// appendEntryValue appends the value of an entry.
func appendEntryValue(dst []byte, columns int, cut bool) []byte {
	flag := byte(0)
	if cut {
		flag = 1
	}
	return binary.BigEndian.AppendUint16(append(dst, flag), uint16(columns))
}

// splitEntry takes an entry apart: the keys of the columns, the id key, and whether a column is cut.
func splitEntry(k, v []byte) (columns, id []byte, cut, ok bool) {
	if len(v) != entrySize {
		return nil, nil, false, false
	}
	n := int(binary.BigEndian.Uint16(v[1:]))
	if n > len(k) {
		return nil, nil, false, false
	}
	return k[:n], k[n:], v[0] != 0, true
}
