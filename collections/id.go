package collections

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxIDNumber is the largest integer that JavaScript tells from its
// neighbours: Number.MAX_SAFE_INTEGER.
const maxIDNumber = 1<<53 - 1

// maxIDText is the longest text of an id in bytes.
const maxIDText = 256

// ID is an item's id: a positive integer that JavaScript holds exactly, or a
// text. It is comparable and can be a map's key; the zero ID is none.
// The number 1 and the text "1" are different IDs that address the same item:
// see Twin.
type ID struct {
	text   string // empty for a number
	number uint64 // zero for a text
}

// NumberID makes the id of a number from 1 to 2^53-1; ErrBadRequest for others.
func NumberID(n uint64) (ID, error) {
	if n < 1 || n > maxIDNumber {
		return ID{}, Errorf(ErrBadRequest, "%d is no id: a number must be a whole one from 1 to %d", n, uint64(maxIDNumber))
	}
	return ID{number: n}, nil
}

// TextID makes the id of a text: 1 to 256 bytes of UTF-8 without control
// characters and without '/'; ErrBadRequest for others. The text "7" stays a text.
func TextID(s string) (ID, error) {
	switch {
	case s == "":
		return ID{}, Errorf(ErrBadRequest, "an id must not be empty")
	case len(s) > maxIDText:
		return ID{}, Errorf(ErrBadRequest, "%q is too long for an id: at most %d bytes", clip(s), maxIDText)
	case !utf8.ValidString(s):
		return ID{}, Errorf(ErrBadRequest, "%q is no id: it must be valid UTF-8", s)
	}
	for _, r := range s {
		if r == '/' || unicode.IsControl(r) {
			return ID{}, Errorf(ErrBadRequest, "%q is no id: it must not have %q in it", clip(s), r)
		}
	}
	return ID{text: s}, nil
}

// DecodeID reads an id from a JSON value, a number or a string. A number
// counts as JavaScript reads it, so 7.0 is 7. Else ErrBadRequest, also for null.
func DecodeID(raw json.RawMessage) (ID, error) {
	if err := CheckJSON(raw, 1); err != nil {
		return ID{}, Errorf(ErrBadRequest, "an id must be a number or a text: %s", err)
	}
	return idOf(valueAt(raw, skipSpace(raw, 0)))
}

// idOf is the id that a value found in an item is.
func idOf(v Value) (ID, error) {
	switch v.Kind {
	case Number:
		if v.Number >= 1 && v.Number <= maxIDNumber && v.Number == math.Trunc(v.Number) {
			return ID{number: uint64(v.Number)}, nil
		}
		return ID{}, Errorf(ErrBadRequest, "%s is no id: a number must be a whole one from 1 to %d", jsNumber(v.Number), uint64(maxIDNumber))
	case String:
		return TextID(v.Text())
	}
	return ID{}, Errorf(ErrBadRequest, "an id must be a number or a text, not %s", v.Kind)
}

// ParseID reads an id from a URL or a patch path: a text that looks like a
// number ("7", not "07") is that number. Else ErrBadRequest.
func ParseID(s string) (ID, error) {
	if n, ok := idNumber(s); ok {
		return ID{number: n}, nil
	}
	return TextID(s)
}

// idNumber is the number whose text s is.
func idNumber(s string) (uint64, bool) {
	if s == "" || len(s) > 16 || s[0] < '1' || s[0] > '9' {
		return 0, false
	}
	var n uint64
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + uint64(s[i]-'0')
	}
	return n, n <= maxIDNumber
}

// Text is the id's text, by which it is addressed; empty for the zero ID.
func (id ID) Text() string {
	if id.number != 0 {
		return strconv.FormatUint(id.number, 10)
	}
	return id.text
}

// String is the id as a person wants to see it in a message: 7 or "7".
func (id ID) String() string {
	return string(id.AppendJSON(nil))
}

// IsNumber tells whether the id is a number.
func (id ID) IsNumber() bool { return id.number != 0 }

// IsZero tells whether there is no id.
func (id ID) IsZero() bool { return id == ID{} }

// Number is the number of a number's id, zero for a text.
func (id ID) Number() uint64 { return id.number }

// Twin is the id of the other type with the same text: 1 for "1" and "1" for 1.
// A text that is not the text of a number has none.
func (id ID) Twin() (ID, bool) {
	if id.number != 0 {
		return ID{text: id.Text()}, true
	}
	n, ok := idNumber(id.text)
	if !ok {
		return ID{}, false
	}
	return ID{number: n}, true
}

// sameText tells whether two ids address the same item.
func (id ID) sameText(other ID) bool {
	if id == other {
		return true
	}
	twin, ok := id.Twin()
	return ok && twin == other
}

// Compare orders numbers before texts, numbers by value, texts by their bytes.
func (id ID) Compare(other ID) int {
	switch {
	case id.number != 0 && other.number != 0:
		return cmp.Compare(id.number, other.number)
	case id.number != 0:
		return -1
	case other.number != 0:
		return 1
	}
	return strings.Compare(id.text, other.text)
}

// AppendJSON appends the id as a JSON value; null for the zero ID.
func (id ID) AppendJSON(dst []byte) []byte {
	switch {
	case id.number != 0:
		return strconv.AppendUint(dst, id.number, 10)
	case id.text == "":
		return append(dst, "null"...)
	}
	return appendString(dst, id.text)
}

// MarshalJSON is AppendJSON.
func (id ID) MarshalJSON() ([]byte, error) { return id.AppendJSON(nil), nil }

// Value is the id as a Value, in the order of Compare; Missing for the zero ID.
func (id ID) Value() Value {
	switch {
	case id.number != 0:
		return Value{Kind: Number, Number: float64(id.number)}
	case id.text == "":
		return Value{}
	}
	return textValue(id.text)
}

// AppendKey appends the key of the id's Value: bytes.Compare of two keys is
// Compare, and no key is the prefix of another. 9 bytes for a number, the text
// and 3 bytes for a text.
func (id ID) AppendKey(dst []byte) []byte {
	if id.text == "" {
		return id.Value().AppendKey(dst)
	}
	return append(append(append(dst, byte(String)), id.text...), 0, keyEnd) // it has no zero byte
}

// DecodeIDKey reads an id that AppendKey wrote at the beginning of key, and
// tells how many bytes it took. Other bytes are a fault: an error without a kind.
// It allocates for a text only.
func DecodeIDKey(key []byte) (ID, int, error) {
	if len(key) >= 9 && Kind(key[0]) == Number {
		// The key of a positive number is its bits with the first one set.
		f := math.Float64frombits(binary.BigEndian.Uint64(key[1:]) ^ 1<<63)
		if n := uint64(f); f >= 1 && f <= maxIDNumber && float64(n) == f {
			return ID{number: n}, 9, nil
		}
		return ID{}, 0, errKey
	}
	if len(key) > 0 && Kind(key[0]) == String {
		// A text of an id has no zero byte, so that the key needed no escape.
		if end := bytes.IndexByte(key, 0); end > 1 && end+1 < len(key) && key[end+1] == keyEnd {
			return ID{text: string(key[1:end])}, end + 2, nil
		}
	}
	return ID{}, 0, errKey
}

// CheckName tells whether a text can be a collection's name: a letter, then up
// to 63 letters, digits, '_' or '-'. Else ErrBadRequest.
func CheckName(name string) error {
	ok := name != "" && len(name) <= 64
	for i := 0; ok && i < len(name); i++ {
		c := name[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		ok = letter || i > 0 && (c >= '0' && c <= '9' || c == '_' || c == '-')
	}
	if !ok {
		return Errorf(ErrBadRequest, "%q is no name of a collection: a letter, then up to 63 letters, digits, _ or -", clip(name))
	}
	return nil
}
