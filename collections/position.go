package collections

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"strings"
)

// Position is a place in a store's change log: right after the change that has
// this sequence number. Seq 0 is the place before the first change.
type Position struct {
	Epoch uint64 // made at random when the database is created
	Seq   uint64 // 1, 2, 3 … in the order of the commits
	Tag   uint32 // made at random with the change: tells it from another one with the same number, as after a restored backup
}

// Cursor is the opaque text of a position for clients.
func (p Position) Cursor() string { return string(p.AppendCursor(make([]byte, 0, 40))) }

// AppendCursor appends Cursor.
func (p Position) AppendCursor(dst []byte) []byte {
	var b [12]byte
	binary.BigEndian.PutUint64(b[:], p.Epoch)
	binary.BigEndian.PutUint32(b[8:], p.Tag)
	dst = hex.AppendEncode(dst, b[:])
	dst = append(dst, '-')
	return strconv.AppendUint(dst, p.Seq, 36)
}

// ParseCursor reads what Cursor wrote. Its error is an ErrBadRequest.
func ParseCursor(s string) (Position, error) {
	head, tail, ok := strings.Cut(s, "-")
	if ok && len(head) == 24 && len(tail) <= 13 {
		b, err := hex.DecodeString(head)
		seq, err2 := strconv.ParseUint(tail, 36, 64)
		if p := (Position{Epoch: binary.BigEndian.Uint64(pad(b)), Seq: seq, Tag: binary.BigEndian.Uint32(pad(b)[8:])}); err == nil && err2 == nil && p.Cursor() == s {
			return p, nil
		}
	}
	return Position{}, Errorf(ErrBadRequest, "%q is no cursor: pass one that this server gave, as it was", clip(s))
}

// pad makes the fixed reads of ParseCursor safe when the hex was cut off.
func pad(b []byte) []byte {
	if len(b) == 12 {
		return b
	}
	return make([]byte, 12)
}

// Rev is an item's revision: it names the change that made it. The zero Rev
// is that of an item which does not exist.
type Rev struct {
	Seq uint64
	Tag uint32
}

// IsZero tells whether there is no revision.
func (r Rev) IsZero() bool { return r == Rev{} }

// String is the opaque text of a revision for clients; empty for the zero Rev.
func (r Rev) String() string { return string(r.Append(make([]byte, 0, 24))) }

// Append appends String.
func (r Rev) Append(dst []byte) []byte {
	if r.IsZero() {
		return dst
	}
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], r.Tag)
	dst = strconv.AppendUint(dst, r.Seq, 36)
	dst = append(dst, '-')
	return hex.AppendEncode(dst, b[:])
}

// ParseRev reads what String wrote. Its error is an ErrBadRequest.
func ParseRev(s string) (Rev, error) {
	head, tail, ok := strings.Cut(s, "-")
	if ok && len(tail) == 8 && len(head) <= 13 {
		seq, err := strconv.ParseUint(head, 36, 64)
		tag, err2 := strconv.ParseUint(tail, 16, 32)
		if r := (Rev{Seq: seq, Tag: uint32(tag)}); err == nil && err2 == nil && r.String() == s {
			return r, nil
		}
	}
	return Rev{}, Errorf(ErrBadRequest, "%q is no revision: pass the rev of an answer or an event, as it was", clip(s))
}

// clip shortens outside text for an error message.
func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "…"
	}
	return s
}
