package collections

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseID(t *testing.T) {
	for text, want := range map[string]ID{
		"1": {number: 1}, "9007199254740991": {number: maxIDNumber},
		"9007199254740992": {text: "9007199254740992"}, "0": {text: "0"}, "01": {text: "01"}, "-1": {text: "-1"}, "1.0": {text: "1.0"}, "1e3": {text: "1e3"},
		"A1": {text: "A1"}, "a b": {text: "a b"}, "é~": {text: "é~"}, strings.Repeat("x", 256): {text: strings.Repeat("x", 256)},
	} {
		got, err := ParseID(text)
		if err != nil || got != want || got.Text() != text {
			t.Errorf("ParseID(%q) = %v, %v", text, got, err)
		}
	}
	for text, word := range map[string]string{"": "empty", strings.Repeat("x", 257): "256", "a/b": "/", "a\x00": "must not", "\n": "must not", "\u0085": "must not", "\xff": "UTF-8"} {
		_, err := ParseID(text)
		wantKind(t, err, ErrBadRequest, word)
	}
}

func TestDecodeID(t *testing.T) {
	for raw, want := range map[string]ID{`1`: {number: 1}, ` 7 `: {number: 7}, `7.0`: {number: 7}, `1e3`: {number: 1000}, `"7"`: {text: "7"}, `"\u0061"`: {text: "a"}, `9007199254740991`: {number: maxIDNumber}} {
		if got, err := DecodeID(json.RawMessage(raw)); err != nil || got != want {
			t.Errorf("DecodeID(%s) = %v, %v", raw, got, err)
		}
	}
	for raw, word := range map[string]string{`0`: "whole", `-1`: "whole", `1.5`: "whole", `9007199254740992`: "whole", `null`: "null", `true`: "number or a text", `{}`: "number or a text", `[1]`: "number or a text", ``: "number or a text", `"`: "number or a text", `""`: "empty", `"a/b"`: "/", `1 2`: "after"} {
		_, err := DecodeID(json.RawMessage(raw))
		wantKind(t, err, ErrBadRequest, word)
	}
	if _, err := NumberID(0); err == nil {
		t.Error("0 is no id")
	}
	if _, err := NumberID(maxIDNumber + 1); err == nil {
		t.Error("2^53 is no id")
	}
}

func TestTwin(t *testing.T) {
	one, _ := NumberID(1)
	text, _ := TextID("1")
	if twin, ok := one.Twin(); !ok || twin != text {
		t.Errorf("the twin of 1 is %v", twin)
	}
	if twin, ok := text.Twin(); !ok || twin != one {
		t.Errorf(`the twin of "1" is %v`, twin)
	}
	if _, ok := (ID{text: "01"}).Twin(); ok {
		t.Error(`"01" has no twin`)
	}
	if !one.sameText(text) || one.sameText(ID{number: 2}) || (ID{text: "a"}).sameText(ID{text: "b"}) {
		t.Error("sameText")
	}
}

func randomID() *rapid.Generator[ID] {
	return rapid.Custom(func(t *rapid.T) ID {
		if rapid.Bool().Draw(t, "number") {
			return ID{number: rapid.Uint64Range(1, maxIDNumber).Draw(t, "n")}
		}
		return ID{text: rapid.StringOfN(rapid.RuneFrom([]rune("ab1é\"\\ ~😀")), 1, 20, 256).Draw(t, "text")}
	})
}

func TestIDOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := randomID().Draw(t, "a"), randomID().Draw(t, "b")
		ka, kb := a.AppendKey(nil), b.AppendKey(nil)
		want := a.Compare(b)
		if want != -b.Compare(a) || (want == 0) != (a == b) {
			t.Fatalf("%v and %v compare as %d", a, b, want)
		}
		if bytes.Compare(ka, kb) != want || a.Value().Compare(b.Value()) != want {
			t.Fatalf("%v and %v: keys %x and %x, values %d, want %d", a, b, ka, kb, a.Value().Compare(b.Value()), want)
		}
		got, n, err := DecodeIDKey(append(ka, kb...))
		if err != nil || got != a || n != len(ka) {
			t.Fatalf("DecodeIDKey(%x) = %v, %d, %v; want %v", ka, got, n, err, a)
		}
		if back, err := DecodeID(a.AppendJSON(nil)); err != nil || back != a {
			t.Fatalf("%v comes back as %v, %v", a, back, err)
		}
	})
}

func FuzzParseID(f *testing.F) {
	for _, s := range []string{"1", "01", "", "a/b", "9007199254740992", "\xff", "A1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, err := ParseID(s)
		if err != nil {
			wantKind(t, err, ErrBadRequest)
			return
		}
		if id.Text() != s {
			t.Fatalf("%q became %q", s, id.Text())
		}
		back, err := DecodeID(id.AppendJSON(nil))
		if err != nil || back != id {
			t.Fatalf("%q comes back from JSON as %v, %v", s, back, err)
		}
		twin, ok := id.Twin()
		if ok && (twin.Text() != s || twin == id) || ok != id.IsNumber() {
			t.Fatalf("%q has the twin %v, %v", s, twin, ok)
		}
	})
}

func FuzzDecodeID(f *testing.F) {
	for _, s := range []string{`1`, `"a"`, `1.0`, `null`, `1e400`, `"\ud83d\ude00"`, `-0`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		id, err := DecodeID(raw)
		if err != nil {
			wantKind(t, err, ErrBadRequest)
			return
		}
		var v any
		if err := json.Unmarshal(raw, &v); err != nil {
			t.Fatalf("%q: %v", raw, err)
		}
		switch v := v.(type) {
		case float64:
			if float64(id.Number()) != v {
				t.Fatalf("%q is %v", raw, id)
			}
		case string:
			if id.IsNumber() || id.Text() != v {
				t.Fatalf("%q is %v", raw, id)
			}
		default:
			t.Fatalf("%q is %v", raw, id)
		}
	})
}

func FuzzDecodeKey(f *testing.F) {
	f.Add([]byte("\x05abc\x00\x01"))
	f.Add(ID{number: 7}.AppendKey(nil))
	f.Fuzz(func(t *testing.T, key []byte) {
		v, n, err := decodeKey(key)
		if err == nil && !bytes.Equal(v.AppendKey(nil), key[:n]) {
			t.Fatalf("%x decodes to %+v, whose key is %x", key, v, v.AppendKey(nil))
		}
		id, n, err := DecodeIDKey(key)
		if err == nil && !bytes.Equal(id.AppendKey(nil), key[:n]) {
			t.Fatalf("%x decodes to %v, whose key is %x", key, id, id.AppendKey(nil))
		}
	})
}

func TestCheckName(t *testing.T) {
	for _, s := range []string{"a", "Items", "a-b_C9", strings.Repeat("x", 64)} {
		if err := CheckName(s); err != nil {
			t.Error(err)
		}
	}
	for _, s := range []string{"", "1a", "_a", "-", "a b", "a/b", "é", "a.b", strings.Repeat("x", 65), "a\x00"} {
		wantKind(t, CheckName(s), ErrBadRequest, "letter")
	}
}

func FuzzPositions(f *testing.F) {
	f.Add(Position{Epoch: 1, Seq: 2, Tag: 3}.Cursor(), uint64(5), uint32(7))
	f.Add(Rev{Seq: 99, Tag: 1}.String(), uint64(math.MaxUint64), uint32(math.MaxUint32))
	f.Add("0000-", uint64(0), uint32(0))
	f.Fuzz(func(t *testing.T, s string, seq uint64, tag uint32) {
		if p, err := ParseCursor(s); err != nil {
			wantKind(t, err, ErrBadRequest, "cursor")
		} else if p.Cursor() != s {
			t.Fatalf("%q became %q", s, p.Cursor())
		}
		if r, err := ParseRev(s); err != nil {
			wantKind(t, err, ErrBadRequest, "rev")
		} else if r.String() != s {
			t.Fatalf("%q became %q", s, r)
		}
		p := Position{Epoch: seq ^ 0x5555, Seq: seq, Tag: tag}
		if back, err := ParseCursor(p.Cursor()); err != nil || back != p {
			t.Fatalf("%+v comes back as %+v, %v", p, back, err)
		}
		if r := (Rev{Seq: seq, Tag: tag}); !r.IsZero() {
			if back, err := ParseRev(r.String()); err != nil || back != r {
				t.Fatalf("%+v comes back as %+v, %v", r, back, err)
			}
		}
	})
}
