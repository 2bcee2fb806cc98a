package collections

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// naiveFind is Path.Find over a decoded value.
func naiveFind(v any, path string) (any, bool) {
	for name := range strings.SplitSeq(path, ".") {
		switch at := v.(type) {
		case map[string]any:
			var ok bool
			if v, ok = at[name]; !ok {
				return nil, false
			}
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(at) || strconv.Itoa(i) != name {
				return nil, false
			}
			v = at[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// naiveRank is the kind of a decoded value in the contract's order.
func naiveRank(v any, found bool) Kind {
	switch v := v.(type) {
	case bool:
		if v {
			return True
		}
		return False
	case json.Number:
		return Number
	case string:
		return String
	case []any:
		return Array
	case map[string]any:
		return Object
	}
	if found {
		return Null
	}
	return Missing
}

func naiveCompare(a any, aok bool, b any, bok bool) int {
	ra, rb := naiveRank(a, aok), naiveRank(b, bok)
	if ra != rb {
		return int(ra) - int(rb)
	}
	switch ra {
	case Number:
		x, y := is64(a.(json.Number)), is64(b.(json.Number))
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		}
	case String:
		return strings.Compare(a.(string), b.(string))
	}
	return 0
}

func sign(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}

var oddPaths = []string{"a", "b", "é", "a.b", "a.0", "a.1", "b.a", "0", "1", "-", `"`, `\`, "a/b", "~", "a.a.a", "\x00", "id"}

func TestFind(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		doc := any(randomObject(3).Draw(t, "doc"))
		raw := spell(t, doc)
		text := rapid.SampledFrom(oddPaths).Draw(t, "path")
		p, err := ParsePath(text)
		if err != nil {
			t.Fatal(err)
		}
		v := p.Find(raw)
		want, found := naiveFind(doc, text)
		if v.Kind != naiveRank(want, found) {
			t.Fatalf("%s in %s is %v: want %v", text, raw, v.Kind, want)
		}
		switch want := want.(type) {
		case json.Number:
			if v.Number != is64(want) {
				t.Fatalf("%v: want %v", v.Number, want)
			}
		case string:
			if v.Text() != want {
				t.Fatalf("%q: want %q", v.Text(), want)
			}
		case []any, map[string]any:
			if !EqualJSON(v.Raw, spell(t, want)) {
				t.Fatalf("%s: want %v", v.Raw, want)
			}
		}
	})
}

// A name with quotes in it must not be found in the middle of other members.
func TestFindOddNames(t *testing.T) {
	for _, c := range []struct {
		item, path string
		want       Kind
	}{
		{`{"a":"b"}`, `a":"b`, Missing},
		{`{"a\\":1}`, `a\`, Number},
		{`{"a\\u0041":1}`, `a\u0041`, Number},
		{`{"a\u0041":1}`, `a\u0041`, Missing},
		{`{"a\u0041":1}`, `aA`, Number},
		{`{"a\"b":1}`, `a"b`, Number},
		{`{"*":1}`, `a`, Missing},
		{`{"a":{"x":1},"a*":2}`, `a*`, Number},
		{`{"a":{"b":[0,{"c":null}]}}`, `a.b.1.c`, Null},
		{`{"a":[1,2]}`, `a.#`, Missing},
		{`{"a":[1,2]}`, `a.01`, Missing},
		{`{"a":[1,2]}`, `a.2`, Missing},
		{`{"a":[]}`, `a.0`, Missing},
		{`{"a":1}`, `a.0`, Missing},
		{`{}`, `a`, Missing},
	} {
		p, err := ParsePath(c.path)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Find([]byte(c.item)); got.Kind != c.want {
			t.Errorf("%s in %s is %v, want %v", c.path, c.item, got.Kind, c.want)
		}
	}
	if (Path{}).Find([]byte(`{"a":1}`)).Kind != Missing {
		t.Error("the zero path finds something")
	}
	for _, s := range []string{"", ".", "a.", ".a", "a..b", "\xff", strings.Repeat("a", 513), strings.Repeat("a.", 64) + "a"} {
		_, err := ParsePath(s)
		wantKind(t, err, ErrBadRequest, "path")
	}
}

func TestValueOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) (any, bool, Value) {
			if rapid.IntRange(0, 20).Draw(t, name+" missing") == 0 {
				return nil, false, Value{}
			}
			v := randomJSON(1).Draw(t, name)
			raw := spell(t, v)
			return v, true, valueAt(raw, skipSpace(raw, 0))
		}
		a, aok, x := draw("a")
		b, bok, y := draw("b")
		want := sign(naiveCompare(a, aok, b, bok))
		kx, ky := x.AppendKey(nil), y.AppendKey(nil)
		if got := sign(x.Compare(y)); got != want {
			t.Fatalf("%v and %v compare as %d", a, b, got)
		}
		if got := bytes.Compare(kx, ky); got != want {
			t.Fatalf("%v and %v have the keys %x and %x", a, b, kx, ky)
		}
		if want != 0 && bytes.HasPrefix(kx, ky) {
			t.Fatalf("%x is a prefix of %x", ky, kx)
		}
		if got := sign(x.compareKey(ky)); got != want {
			t.Fatalf("%v against the key of %v is %d, want %d", a, b, got, want)
		}
		part := ky[:rapid.IntRange(0, len(ky)).Draw(t, "part")]
		if got := sign(x.compareKey(part)); got != bytes.Compare(kx, part) {
			t.Fatalf("%v against the part %x is %d", a, part, got)
		}
		if v, n, err := decodeKey(append(kx, ky...)); err != nil || n != len(kx) || v.Compare(x) != 0 || v.Text() != x.Text() {
			t.Fatalf("%x decodes to %+v, %d, %v", kx, v, n, err)
		}
	})
}

func TestNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.Float64().Filter(func(f float64) bool { return !math.IsInf(f, 0) && !math.IsNaN(f) }).Draw(t, "f")
		for _, format := range []byte("feg") {
			s := strconv.FormatFloat(f, format, rapid.IntRange(-1, 17).Draw(t, "digits"), 64)
			if CheckJSON([]byte(s), 0) != nil {
				continue // rounded up beyond the largest
			}
			want, _ := strconv.ParseFloat(s, 64)
			if got := parseNumber([]byte(s)); got != want {
				t.Fatalf("%s is read as %v", s, got)
			}
		}
		if back := parseNumber([]byte(jsNumber(f))); back != f {
			t.Fatalf("%v is written as %s", f, jsNumber(f))
		}
		// encoding/json writes numbers as JavaScript does, but for -0.
		if b, _ := json.Marshal(f); f != 0 && string(b) != jsNumber(f) {
			t.Fatalf("%s, and encoding/json writes %s", jsNumber(f), b)
		}
	})
	for s, want := range map[string]string{"-0": "0", "1e21": "1e+21", "1e-7": "1e-7", "123456789012345680000": "123456789012345680000", "1e-6": "0.000001", "10.50": "10.5", "1.7976931348623157e308": "1.7976931348623157e+308"} {
		if got := jsNumber(parseNumber([]byte(s))); got != want {
			t.Errorf("%s is written as %s, want %s", s, got, want)
		}
	}
}
