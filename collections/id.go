package collections

import (
	"encoding/json"
)

// ID is an item's id: a positive integer that JavaScript holds exactly, or a
// text. It is comparable and can be a map's key; the zero ID is none.
// The number 1 and the text "1" are different IDs that address the same item:
// see Twin.
type ID struct {
	text   string // empty for a number
	number uint64 // zero for a text
}

// NumberID makes the id of a number from 1 to 2^53-1.
func NumberID(n uint64) (ID, error) { panic("skeleton") }

// TextID makes the id of a text: 1 to 256 bytes of UTF-8 without control
// characters and without '/'.
func TextID(s string) (ID, error) { panic("skeleton") }

// DecodeID reads an id from a JSON value, a number or a string.
func DecodeID(raw json.RawMessage) (ID, error) { panic("skeleton") }

// ParseID reads an id from a URL or a patch path: a text that looks like a
// number is one.
func ParseID(s string) (ID, error) { panic("skeleton") }

// Text is the id's text, by which it is addressed; empty for the zero ID.
func (id ID) Text() string { panic("skeleton") }

// IsNumber tells whether the id is a number.
func (id ID) IsNumber() bool { return id.number != 0 }

// IsZero tells whether there is no id.
func (id ID) IsZero() bool { return id == ID{} }

// Number is the number of a number's id, zero for a text.
func (id ID) Number() uint64 { return id.number }

// Twin is the id of the other type with the same text: 1 for "1" and "1" for 1.
// A text that no number has as its text has none.
func (id ID) Twin() (ID, bool) { panic("skeleton") }

// Compare orders numbers before texts, numbers by value, texts by their bytes.
func (id ID) Compare(other ID) int { panic("skeleton") }

// AppendJSON appends the id as a JSON value.
func (id ID) AppendJSON(dst []byte) []byte { panic("skeleton") }

// MarshalJSON is AppendJSON.
func (id ID) MarshalJSON() ([]byte, error) { return id.AppendJSON(nil), nil }

// Value is the id as a Value, whose order is that of Compare.
func (id ID) Value() Value { panic("skeleton") }

// AppendKey appends the key of the id's Value: see Value.AppendKey.
func (id ID) AppendKey(dst []byte) []byte { return id.Value().AppendKey(dst) }

// DecodeIDKey reads an id that AppendKey wrote at the beginning of key, and
// tells how many bytes it took.
func DecodeIDKey(key []byte) (ID, int, error) { panic("skeleton") }

// CheckName tells whether a text can be a collection's name.
func CheckName(name string) error { panic("skeleton") }
