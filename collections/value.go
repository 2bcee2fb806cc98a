package collections

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"math"
	"strconv"
	"unsafe"
)

// Kind is the kind of a value. Kinds sort in this order.
type Kind uint8

const (
	Missing Kind = iota // nothing at the path
	Null
	False
	True
	Number
	String
	Array
	Object
)

// String is the kind's name in messages.
func (k Kind) String() string {
	return [...]string{"missing", "null", "false", "true", "a number", "a text", "an array", "an object"}[k&7]
}

// Value is what a path finds in an item. It points into the item's bytes and
// is valid as long as they are. The zero Value is Missing.
type Value struct {
	Kind   Kind
	Raw    []byte  // String: what stands between the quotes; Array, Object: its JSON text, or nil in a PageKey
	Number float64 // Number: as JavaScript holds it

	escaped bool // String: Raw has backslash escapes
}

// Text is a String's decoded text, a copy; empty for other kinds.
func (v Value) Text() string {
	switch {
	case v.Kind != String:
		return ""
	case v.escaped:
		return string(appendDecoded(nil, v.Raw))
	}
	return string(v.Raw)
}

// textValue is the Value of a text.
func textValue(s string) Value {
	for i := range len(s) {
		if s[i] < ' ' || s[i] == '\\' {
			// Raw must look as in JSON where something would have to be
			// escaped, so that an unescaped Raw never has a zero byte.
			quoted := appendString(nil, s)
			return Value{Kind: String, Raw: quoted[1 : len(quoted)-1], escaped: true}
		}
	}
	return Value{Kind: String, Raw: []byte(s)}
}

// valueAt is the value that begins at i of checked JSON.
func valueAt(b []byte, i int) Value {
	switch b[i] {
	case '"':
		end, escaped := skipString(b, i+1)
		return Value{Kind: String, Raw: b[i+1 : end], escaped: escaped}
	case '{':
		return Value{Kind: Object, Raw: b[i:skipValue(b, i)]}
	case '[':
		return Value{Kind: Array, Raw: b[i:skipValue(b, i)]}
	case 't':
		return Value{Kind: True}
	case 'f':
		return Value{Kind: False}
	case 'n':
		return Value{Kind: Null}
	}
	return Value{Kind: Number, Number: parseNumber(b[i:skipValue(b, i)])}
}

// parseNumber reads a checked number as JavaScript does.
func parseNumber(b []byte) float64 {
	// Short numbers without exponent are most of all: an integer below 2^53
	// divided by a power of ten below 10^23 is rounded right.
	var n uint64
	point, i := -1, 0
	if b[0] == '-' {
		i = 1
	}
	for ; i < len(b) && len(b) <= 16; i++ {
		switch c := b[i]; {
		case c >= '0' && c <= '9':
			n = n*10 + uint64(c-'0')
		case c == '.':
			point = i
		default:
			n = math.MaxUint64
		}
		if n > maxIDNumber {
			break
		}
	}
	if i == len(b) && n <= maxIDNumber {
		f := float64(n)
		if point >= 0 {
			f /= powersOfTen[len(b)-1-point]
		}
		if b[0] == '-' {
			f = -f
		}
		return f
	}
	// The string does not outlive the call.
	f, _ := strconv.ParseFloat(unsafe.String(&b[0], len(b)), 64)
	return f
}

var powersOfTen = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16}

// Compare is a total preorder: by kind, then numbers by value, strings by
// their UTF-8 bytes. Arrays are equal among themselves, objects too.
func (v Value) Compare(other Value) int {
	if v.Kind != other.Kind {
		return cmp.Compare(v.Kind, other.Kind)
	}
	switch v.Kind {
	case Number:
		return cmp.Compare(v.Number, other.Number)
	case String:
		return compareText(v, other)
	}
	return 0
}

func compareText(v, other Value) int {
	if !v.escaped && !other.escaped {
		return bytes.Compare(v.Raw, other.Raw)
	}
	a, b := textReader{raw: v.Raw}, textReader{raw: other.Raw}
	for {
		x, okx := a.next()
		y, oky := b.next()
		switch {
		case !okx && !oky:
			return 0
		case !okx:
			return -1
		case !oky:
			return 1
		case x != y:
			return cmp.Compare(x, y)
		}
	}
}

// A string's key ends in 0 and keyEnd; a zero byte within it is 0 and keyZero.
const (
	keyEnd  = 0x01
	keyZero = 0xFF
)

var errKey = errors.New("a stored key is damaged")

// AppendKey appends a key of which bytes.Compare gives what Compare gives.
// No key is the prefix of another value's, so keys can be joined to those of
// more columns. It is one byte for the kind, then: of a number 8 bytes, of a string its
// text, in which each zero byte takes two, and 2 bytes; nothing for the rest.
func (v Value) AppendKey(dst []byte) []byte {
	dst = append(dst, byte(v.Kind))
	switch v.Kind {
	case Number:
		return binary.BigEndian.AppendUint64(dst, numberKey(v.Number))
	case String:
		return append(v.appendTextKey(dst), 0, keyEnd)
	}
	return dst
}

// appendTextKey appends a string's key without its end.
func (v Value) appendTextKey(dst []byte) []byte {
	if !v.escaped {
		return append(dst, v.Raw...) // has no zero byte: see textValue
	}
	t := textReader{raw: v.Raw}
	for {
		b, ok := t.next()
		if !ok {
			return dst
		}
		if dst = append(dst, b); b == 0 {
			dst = append(dst, keyZero)
		}
	}
}

// numberKey orders as the numbers do.
func numberKey(f float64) uint64 {
	if f == 0 {
		f = 0 // -0 is 0
	}
	n := math.Float64bits(f)
	if n>>63 != 0 {
		return ^n
	}
	return n | 1<<63
}

// decodeKey reads the value that AppendKey wrote at the beginning of key, and
// tells how many bytes it took. Arrays and objects come back without content.
func decodeKey(key []byte) (Value, int, error) {
	if len(key) == 0 || key[0] > byte(Object) {
		return Value{}, 0, errKey
	}
	switch k := Kind(key[0]); k {
	case Number:
		if len(key) < 9 {
			return Value{}, 0, errKey
		}
		n := binary.BigEndian.Uint64(key[1:])
		if n>>63 != 0 {
			n &^= 1 << 63
		} else {
			n = ^n
		}
		f := math.Float64frombits(n)
		if math.IsNaN(f) || math.IsInf(f, 0) || numberKey(f) != binary.BigEndian.Uint64(key[1:]) {
			return Value{}, 0, errKey
		}
		return Value{Kind: Number, Number: f}, 9, nil
	case String:
		var text []byte
		for i := 1; i+1 < len(key); i++ {
			switch {
			case key[i] != 0:
				text = append(text, key[i])
			case key[i+1] == keyZero:
				text = append(text, 0)
				i++
			case key[i+1] == keyEnd:
				return textValue(string(text)), i + 2, nil
			default:
				return Value{}, 0, errKey
			}
		}
		return Value{}, 0, errKey
	default:
		return Value{Kind: k}, 1, nil
	}
}

// compareKey compares the key that AppendKey would make with key, which is one
// or a part of one, without making it.
func (v Value) compareKey(key []byte) int {
	if len(key) == 0 || byte(v.Kind) != key[0] {
		if len(key) == 0 || byte(v.Kind) > key[0] {
			return 1
		}
		return -1
	}
	rest := key[1:]
	switch v.Kind {
	case Number:
		if len(rest) == 8 {
			return cmp.Compare(numberKey(v.Number), binary.BigEndian.Uint64(rest))
		}
		var buf [8]byte
		binary.BigEndian.PutUint64(buf[:], numberKey(v.Number))
		return bytes.Compare(buf[:], rest)
	case String:
		if !v.escaped {
			n := min(len(v.Raw), len(rest))
			if c := bytes.Compare(v.Raw[:n], rest[:n]); c != 0 {
				return c
			}
			if n == len(rest) {
				return 1 // key is a beginning of this one's
			}
			end := [2]byte{0, keyEnd}
			return bytes.Compare(end[:], rest[n:])
		}
		return compareEscapedKey(v.Raw, rest)
	}
	return cmp.Compare(0, len(rest))
}

// compareEscapedKey is compareKey for a string with escapes, behind the kind.
func compareEscapedKey(raw, key []byte) int {
	t := textReader{raw: raw}
	i := 0
	differ := func(b byte) int {
		if i >= len(key) {
			return 1
		}
		i++
		return cmp.Compare(b, key[i-1])
	}
	for {
		b, ok := t.next()
		if !ok {
			break
		}
		if c := differ(b); c != 0 {
			return c
		}
		if b == 0 {
			if c := differ(keyZero); c != 0 {
				return c
			}
		}
	}
	if c := differ(0); c != 0 {
		return c
	}
	if c := differ(keyEnd); c != 0 {
		return c
	}
	return cmp.Compare(0, len(key)-i)
}
