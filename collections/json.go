package collections

import (
	"bytes"
	"encoding/json"
	"iter"
	"unicode/utf8"

	"github.com/tidwall/gjson"
)

// EqualJSON tells whether two checked JSON texts are the same value: the order
// of members, white space, escapes and the spelling of numbers do not matter.
// Numbers are compared exactly, not as float64, so that no write is taken
// for one that changes nothing because its last digits are beyond a float64.
func EqualJSON(a, b []byte) bool {
	return bytes.Equal(a, b) || equalNodes(rawNode(a), rawNode(b))
}

// ValidJSON tells whether bytes that were checked once still are JSON. It is quick, and not what
// [CheckJSON] is for texts from outside.
func ValidJSON(b []byte) bool { return gjson.ValidBytes(b) && utf8.Valid(b) }

// CompactJSON appends raw, which has been checked, without insignificant white space.
func CompactJSON(dst, raw []byte) []byte {
	from := 0
	for i := 0; i < len(raw); {
		switch {
		case raw[i] == '"':
			i, _ = skipString(raw, i+1)
			i++
		case raw[i] <= ' ':
			dst = append(dst, raw[from:i]...)
			i = skipSpace(raw, i)
			from = i
		default:
			i++
		}
	}
	return append(dst, raw[from:]...)
}

// Members walks over the members of a checked object: the names, decoded, and the values, parts of object.
func Members(object []byte) iter.Seq2[string, json.RawMessage] {
	return func(yield func(string, json.RawMessage) bool) {
		m := members{b: object, i: skipSpace(object, 0)}
		for m.next() {
			m.skip()
			if !yield(m.key(), m.b[m.value:m.i:m.i]) {
				return
			}
		}
	}
}

// ItemID is the top-level member "id" of a checked object; absent: ok is false.
// An ErrBadRequest where it is no id, null among it: what a client has not set must
// not make an item.
func ItemID(item []byte) (id ID, ok bool, err error) {
	m, found := idMember(item)
	if !found {
		return ID{}, false, nil
	}
	v := valueAt(item, m.value)
	if v.Kind == Null {
		return ID{}, false, Errorf(ErrBadRequest, "the id is null: leave it out for POST to make one, or name the item")
	}
	id, err = idOf(v)
	return id, err == nil, err
}

// idMember finds the member "id" of an object. The cursor has gone behind it.
func idMember(item []byte) (members, bool) {
	m := members{b: item, i: skipSpace(item, 0)}
	for m.next() {
		m.skip()
		if m.is("id") {
			return m, true
		}
	}
	return members{}, false
}

// WithID is a copy of a checked object with the id as its first member where
// it has none; else the object itself, unchanged.
func WithID(item []byte, id ID) []byte {
	if _, ok, err := ItemID(item); ok || err != nil {
		return item
	}
	return setID(item, id)
}

// setID is the object with this very id: itself where that is so, else a copy
// with the id in the place of the one it had, or as its first member.
func setID(item []byte, id ID) []byte {
	if m, found := idMember(item); found {
		if has, err := idOf(valueAt(item, m.value)); err == nil && has == id {
			return item
		}
		dst := append(make([]byte, 0, len(item)+maxIDText), item[:m.value]...)
		dst = id.AppendJSON(dst)
		return append(dst, item[m.i:]...)
	}
	dst := append(make([]byte, 0, len(item)+32), `{"id":`...)
	dst = id.AppendJSON(dst)
	rest := item[skipSpace(item, 0)+1:]
	if rest[skipSpace(rest, 0)] != '}' {
		dst = append(dst, ',')
	}
	return append(dst, rest...)
}
