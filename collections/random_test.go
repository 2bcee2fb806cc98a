package collections

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"unicode/utf16"

	"pgregory.net/rapid"
)

// oddKeys are names that patches, paths and readers are likely to get wrong.
var oddKeys = []string{"", "~", "/", "a/b", "-", "0", "1", "é", "a", "b", "~1", "~0", `"`, `\`, "\x00", "\u2028", "😀", "<b>", "id", "a.b", "$x"}

var oddNumbers = []string{"0", "-0", "1", "1.0", "10e-1", "-1", "2", "10", "1e1", "1.5", "9007199254740993", "9007199254740992", "1e300", "0.1", "1e-7", "-2.5E+3"}

// randomJSON draws a value as encoding/json decodes it with UseNumber.
func randomJSON(depth int) *rapid.Generator[any] {
	scalar := rapid.OneOf(
		rapid.Just[any](nil),
		rapid.Map(rapid.Bool(), func(b bool) any { return b }),
		rapid.Map(rapid.SampledFrom(oddNumbers), func(s string) any { return json.Number(s) }),
		rapid.Map(rapid.OneOf(rapid.SampledFrom(oddKeys), rapid.SampledFrom([]string{"true", "null", "10", "1", "x", "xy"}), rapid.String()), func(s string) any { return s }),
	)
	if depth <= 0 {
		return scalar
	}
	return rapid.Custom(func(t *rapid.T) any {
		switch rapid.IntRange(0, 3).Draw(t, "kind") {
		case 0:
			return rapid.SliceOfN(randomJSON(depth-1), 0, 6).Draw(t, "array")
		case 1:
			return any(randomObject(depth-1).Draw(t, "object"))
		}
		return scalar.Draw(t, "scalar")
	})
}

func randomObject(depth int) *rapid.Generator[map[string]any] {
	return rapid.MapOfN(rapid.SampledFrom(oddKeys), randomJSON(depth), 0, 6)
}

// similarTo draws a value that has much in common with v, as an edit would leave it.
func similarTo(v any, depth int) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		if rapid.IntRange(0, 7).Draw(t, "new") == 0 {
			return randomJSON(depth).Draw(t, "other")
		}
		switch v := v.(type) {
		case []any:
			out := []any{}
			for _, e := range v {
				switch rapid.IntRange(0, 6).Draw(t, "edit") {
				case 0:
				case 1:
					out = append(out, randomJSON(1).Draw(t, "inserted"), e)
				case 2:
					out = append(out, similarTo(e, depth-1).Draw(t, "element"))
				default:
					out = append(out, e)
				}
			}
			return out
		case map[string]any:
			return similarObject(t, v, depth)
		}
		return v
	})
}

func similarObject(t *rapid.T, v map[string]any, depth int) map[string]any {
	out := map[string]any{}
	for _, k := range oddKeys {
		e, ok := v[k]
		switch n := rapid.IntRange(0, 20).Draw(t, "member"); {
		case n == 0:
			out[k] = randomJSON(max(depth-1, 0)).Draw(t, "new member")
		case n < 3 || !ok:
		case n < 8:
			out[k] = similarTo(e, max(depth-1, 0)).Draw(t, "changed")
		default:
			out[k] = e
		}
	}
	return out
}

// spell writes a value in one of its many spellings: white space, order of
// members, escapes.
func spell(t *rapid.T, v any) []byte {
	var b bytes.Buffer
	space := func() { b.WriteString(rapid.SampledFrom([]string{"", "", "", " ", "\n\t"}).Draw(t, "space")) }
	text := func(s string) {
		if rapid.IntRange(0, 3).Draw(t, "escapes") > 0 {
			b.Write(appendString(nil, s))
			return
		}
		b.WriteByte('"')
		for _, u := range utf16.Encode([]rune(s)) {
			fmt.Fprintf(&b, `\u%04X`, u)
		}
		b.WriteByte('"')
	}
	var write func(v any)
	write = func(v any) {
		space()
		switch v := v.(type) {
		case nil:
			b.WriteString("null")
		case bool:
			fmt.Fprint(&b, v)
		case json.Number:
			b.WriteString(v.String())
		case string:
			text(v)
		case []any:
			b.WriteByte('[')
			for i, e := range v {
				if i > 0 {
					b.WriteByte(',')
				}
				write(e)
			}
			space()
			b.WriteByte(']')
		case map[string]any:
			b.WriteByte('{')
			keys := []string{}
			for k := range v {
				keys = append(keys, k)
			}
			for i, k := range rapid.Permutation(sorted(keys)).Draw(t, "order") {
				if i > 0 {
					b.WriteByte(',')
				}
				space()
				text(k)
				space()
				b.WriteByte(':')
				write(v[k])
			}
			space()
			b.WriteByte('}')
		default:
			t.Fatalf("no JSON: %T", v)
		}
		space()
	}
	write(v)
	if err := CheckJSON(b.Bytes(), 100); err != nil {
		t.Fatalf("the generator made %s: %v", b.Bytes(), err)
	}
	return b.Bytes()
}

func sorted(s []string) []string {
	out := append([]string(nil), s...)
	for i := range out {
		for j := i + 1; j < len(out); j++ {
			if out[j] < out[i] {
				out[i], out[j] = out[j], out[i]
			}
		}
	}
	return out
}

// decode reads JSON as encoding/json does.
func decode(t interface {
	Helper()
	Fatalf(string, ...any)
}, raw []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%s is no JSON: %v", raw, err)
	}
	return v
}

// same is equality of decoded values, the slow and obvious way.
func same(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for k, v := range a {
			if w, ok := b[k]; !ok || !same(v, w) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !same(a[i], b[i]) {
				return false
			}
		}
		return true
	case json.Number:
		b, ok := b.(json.Number)
		return ok && ratOf(a).Cmp(ratOf(b)) == 0
	}
	return a == b
}

// is64 is a number as JavaScript holds it.
func is64(n json.Number) float64 {
	f, err := n.Float64()
	if err != nil && !math.IsInf(f, 0) {
		panic(err)
	}
	return f
}

func wantKind(t testing.TB, err, kind error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("no error: want %v", kind)
	}
	if !isKind(err, kind) {
		t.Fatalf("%v: want %v", err, kind)
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Fatalf("the message %q should mention %q", err, w)
		}
	}
}
