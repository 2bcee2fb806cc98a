package crud

import (
	"reflect"
	"testing"

	"ackbase/collections"
)

// Clients send offsets: what is none is refused, and what is one is as it was written.
func FuzzParseOffset(f *testing.F) {
	at := collections.Position{Epoch: 7, Seq: 1 << 40, Tag: 9}
	for _, o := range []offset{{position: at}, {at, 1}, {at, 1<<64 - 1}, {collections.Position{}, 3}} {
		f.Add(o.String())
	}
	for _, s := range []string{"", "-", ".", at.Cursor() + ".", at.Cursor() + ".0", at.Cursor() + ".01", at.Cursor() + ".1.1", at.Cursor() + ".+1", at.Cursor() + ".A"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		o, err := parseOffset(s)
		if err == nil && o.String() != s {
			t.Errorf("%q is read as %q", s, o)
		}
		if err != nil && o != (offset{}) {
			t.Errorf("%q is refused and read as %q", s, o)
		}
	})
}

// A record is read as it was written, and bytes that are none are refused, whatever they are.
func FuzzDecodeRecord(f *testing.F) {
	at := position{1 << 40, 9}
	full := record{
		scope: "/", id: "an id", subject: "ada", issued: 9, replay: 8, asked: at, rooms: []string{"", "a room"},
		entries: []entry{{room: "items", start: at}, {room: `items?{"n":1}`, patch: true, start: at, snapshot: 9, held: position{1, 2}}},
	}
	for _, r := range []*record{{}, &full} {
		b := r.encode()
		f.Add(b)
		f.Add(b[:len(b)-1])
	}
	f.Add([]byte{})
	f.Add([]byte{recordVersion - 1})
	f.Add([]byte("\x03\x00\x00\x000000000\xd8"))                                                      // a number that is cut off
	f.Add([]byte("\x03\x010\x0500000\x030000000000\x02\x00\x060000002\r000000000000000000\x0000000")) // a snapshot without its number
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decodeRecord(b)
		if err != nil {
			return
		}
		again, err := decodeRecord(r.encode())
		if err != nil || !reflect.DeepEqual(r, again) {
			t.Errorf("%+v is written and read as %+v (%v)", r, again, err)
		}
		for _, e := range r.entries {
			_, _, _, _ = roomTarget(e.room) // must not panic
		}
	})
}
