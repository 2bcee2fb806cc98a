package collections

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"hash/fnv"
)

// PageKey is the place of an item in the order of a query: what a page after
// it begins behind. It stays right when the item itself is gone.
type PageKey struct {
	Values []Value // one for each sort key; arrays and objects without content
	ID     ID

	hash uint64 // of the sort and filters that it was made with
}

// String is the opaque text of the place, as in Page.Next and a query's after.
func (k PageKey) String() string {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, 64), k.hash)
	for _, v := range k.Values {
		b = v.AppendKey(b)
	}
	return base64.RawURLEncoding.EncodeToString(k.ID.AppendKey(b))
}

// hashOrder tells one sort with its filters from another.
func (q *Query) hashOrder() uint64 {
	h := fnv.New64a()
	for _, k := range q.Sort {
		if k.Descending {
			h.Write([]byte{'-'})
		}
		h.Write([]byte(k.Path.text))
		h.Write([]byte{','})
	}
	h.Write([]byte{0})
	h.Write([]byte(q.Filter.Canonical()))
	return h.Sum64()
}

var errAfter = Errorf(ErrBadRequest, "after must be the next of a page of the same sort and filters, as it was")

// parsePageKey reads what String wrote for a query with the same sort and filter.
func (q *Query) parsePageKey(s string) (*PageKey, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) < 8 || binary.BigEndian.Uint64(b) != q.hash {
		return nil, errAfter
	}
	k := &PageKey{hash: q.hash}
	for b = b[8:]; len(k.Values) < len(q.Sort); {
		v, n, err := decodeKey(b)
		if err != nil {
			return nil, errAfter
		}
		k.Values = append(k.Values, v)
		b = b[n:]
	}
	id, n, err := DecodeIDKey(b)
	if err != nil || n != len(b) {
		return nil, errAfter
	}
	k.ID = id
	return k, nil
}

// Key is the place of an item in the order of the query. It keeps no bytes of the item.
func (q *Query) Key(item Item) PageKey {
	k := PageKey{ID: item.ID, hash: q.hash, Values: make([]Value, len(q.Sort))}
	for i := range q.Sort {
		v := q.Sort[i].Path.Find(item.JSON)
		if v.Kind == Array || v.Kind == Object {
			v.Raw = nil
		}
		v.Raw = bytes.Clone(v.Raw)
		k.Values[i] = v
	}
	return k
}

// compareKey orders an item, given by its sort values and id, against After.
func (q *Query) compareAfter(values []Value, id ID) int {
	for i := range q.Sort {
		if c := q.Sort[i].compare(values[i], q.After.Values[i]); c != 0 {
			return c
		}
	}
	return id.Compare(q.After.ID)
}
