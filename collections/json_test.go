package collections

import (
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func ratOf(n json.Number) *big.Rat {
	r, ok := new(big.Rat).SetString(n.String())
	if !ok {
		panic(n)
	}
	return r
}

func isKind(err, kind error) bool { return errors.Is(err, kind) }

func TestCheckJSON(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	many := func(last string) string {
		var b strings.Builder
		b.WriteString("{")
		for i := range 1000 {
			b.WriteString(`"k` + strings.Repeat("x", i%7) + jsNumber(float64(i)) + `":1,`)
		}
		return b.String() + `"` + last + `":1}`
	}
	good := []string{`{}`, `[]`, ` {"a":[1,2,{"b":null}]} `, `"x"`, `-0.5e-3`, `0`, `"😀"`, `"\ud83d\ude00"`, `{"constructor":1}`,
		`{"prototype":1}`, `{"constructor":[{"prototype":1}]}`, `{"constructor":{"a":{"prototype":1}}}`, `{"a":{"a":{"a":1}}}`, deep(MaxDepth), many("last"),
		`1.7976931348623157e308`, `1e-400`, `"\u0000"`, `[{"a":1},{"a":2}]`, `{"a":"constructor","b":{"prototype":1}}`, `{"constructor":1,"b":{"prototype":1}}`}
	for _, s := range good {
		if err := CheckJSON([]byte(s), MaxDepth); err != nil {
			t.Errorf("%.80s: %v", s, err)
		}
	}
	bad := map[string]string{
		``: "ends", `{`: "name", `{"a"`: "colon", `{"a":`: "ends", `{"a":1`: "early", `{"a":1,}`: "name", `[1,]`: "value", `[1`: "early", `[1}`: "comma", `{"a":1]`: "comma",
		`1 2`: "after", `{} x`: "after", `tru`: "value", `nul`: "value", `+1`: "value", `01`: "after", `1.`: "number", `.5`: "value", `-`: "number", `1e`: "number", `1e+`: "number",
		`"abc`: "string", "\"a\nb\"": "control", `"\x"`: "escape", `"\u12"`: "escape", `"\u12G4"`: "escape", `"\ud800"`: "escape", `"\ud800\u0041"`: "escape", `"\udc00"`: "escape", `"\ud800x"`: "escape",
		"\"\xff\"": "UTF-8", "\"\xed\xa0\x80\"": "UTF-8", "\"\xc0\xaf\"": "UTF-8", `"a\`: "escape", "{\"\xff\":1}": "UTF-8",
		`{"a":1,"a":2}`: "twice", `{"a":1,"\u0061":2}`: "twice", `{"":1,"":1}`: "twice", many("k100"): "after", many("kx1"): "twice",
		`{"x":[{"b":1,"b":1}]}`: "twice",
		`{"__proto__":1}`:       "__proto__", `{"\u005f_proto__":1}`: "__proto__", `[{"a":{"__proto__":{}}}]`: "__proto__",
		`{"constructor":{"prototype":1}}`: "prototype", `{"constructor":{"a":1,"\u0070rototype":1}}`: "prototype",
		`1e309`: "large", `-1e400`: "large", strings.Repeat("9", 400): "large", deep(MaxDepth + 1): "deep", strings.Repeat("[", 100_000): "deep", strings.Repeat(`{"a":`, 70): "deep",
		"\ufeff{}": "value", "{}\x00": "after", "nullx": "after", "'a'": "value", "NaN": "value", "// x": "value",
	}
	delete(bad, many("k100"))
	for s, word := range bad {
		err := CheckJSON([]byte(s), MaxDepth)
		if err == nil {
			t.Errorf("%.80q passes", s)
			continue
		}
		wantKind(t, err, ErrBadRequest, word)
	}
}

// A hostile object must not cost the square of its size.
func TestCheckJSONManyMembers(t *testing.T) {
	var b strings.Builder
	b.WriteString("{")
	for i := range 200_000 {
		b.WriteString(`"`)
		b.WriteString(jsNumber(float64(i * 7919 % 200_003)))
		b.WriteString(`":0,`)
	}
	b.WriteString(`"":0}`)
	if err := CheckJSON([]byte(b.String()), MaxDepth); err != nil {
		t.Fatal(err)
	}
}

func TestCheckJSONAllocatesNothing(t *testing.T) {
	raw := []byte(product)
	if n := testing.AllocsPerRun(100, func() {
		if CheckJSON(raw, MaxDepth) != nil {
			t.Fatal("refused")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// strict is the rules beyond syntax, the slow way: over what encoding/json reads.
func strict(raw []byte) bool {
	if !utf8.Valid(raw) {
		return false
	}
	type frame struct {
		object, wantsKey, constructor bool
		names                         map[string]bool
		last                          string
	}
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.UseNumber()
	var stack []*frame
	for {
		tok, err := d.Token()
		if err != nil {
			return true
		}
		top := &frame{}
		if len(stack) > 0 {
			top = stack[len(stack)-1]
		}
		if top.object && top.wantsKey {
			if name, ok := tok.(string); ok {
				if top.names[name] || name == "__proto__" || name == "prototype" && top.constructor {
					return false
				}
				top.names[name], top.last, top.wantsKey = true, name, false
				continue
			}
		}
		if tok == json.Delim('}') || tok == json.Delim(']') {
			stack = stack[:len(stack)-1]
			continue
		}
		top.wantsKey = true
		switch tok := tok.(type) {
		case json.Delim:
			stack = append(stack, &frame{object: tok == '{', wantsKey: true, constructor: tok == '{' && top.object && top.last == "constructor", names: map[string]bool{}})
			if len(stack) > MaxDepth {
				return false
			}
		case json.Number:
			if _, err := tok.Float64(); err != nil {
				return false
			}
		}
	}
}

func FuzzCheckJSON(f *testing.F) {
	for _, s := range []string{product, `{"a":1,"a":2}`, `{"constructor":{"prototype":1}}`, `["\ud800\udc00",1e400,-0.0e+1]`, `{"\u0061":"\n","a":[]}`, "\"\xff\"", "[[[{}]]] "} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		err := CheckJSON(raw, MaxDepth)
		valid := json.Valid(raw)
		switch {
		case err == nil && !valid:
			t.Fatalf("%q passes and is no JSON", raw)
		case err == nil && !strict(raw):
			t.Fatalf("%q passes and breaks a rule", raw)
		case err != nil && !isKind(err, ErrBadRequest):
			t.Fatalf("%v is no ErrBadRequest", err)
		case err != nil && valid && strict(raw) && !strings.Contains(err.Error(), "escape"):
			t.Fatalf("%q: %v", raw, err)
		case err != nil:
			return
		}
		compact := CompactJSON(nil, raw)
		if err := CheckJSON(compact, MaxDepth); err != nil {
			t.Fatalf("%q compacts to %q: %v", raw, compact, err)
		}
		if !EqualJSON(raw, compact) || !same(decode(t, raw), decode(t, compact)) {
			t.Fatalf("%q compacts to %q", raw, compact)
		}
		canonical := appendCanonical(nil, raw, appendJSNumber)
		if again := appendCanonical(nil, canonical, appendJSNumber); string(again) != string(canonical) {
			t.Fatalf("%q is canonical as %q and that as %q", raw, canonical, again)
		}
		if n := rawDepth(compact); n > MaxDepth {
			t.Fatalf("depth %d", n)
		}
	})
}

func TestEqualJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := randomJSON(3).Draw(t, "a")
		b := similarTo(a, 2).Draw(t, "b")
		x, x2, y := spell(t, a), spell(t, a), spell(t, b)
		if !EqualJSON(x, x2) {
			t.Fatalf("%s and %s are the same", x, x2)
		}
		if got, want := EqualJSON(x, y), same(a, b); got != want {
			t.Fatalf("%s and %s: %v", x, y, got)
		}
		if got := string(appendCanonical(nil, x, appendJSNumber)); got != string(appendCanonical(nil, x2, appendJSNumber)) {
			t.Fatalf("%s and %s have different canonical texts", x, x2)
		}
		exact := func(raw []byte) string { return string(appendCanonical(nil, raw, appendExactNumber)) }
		if got := exact(x); got != exact(x2) {
			t.Fatalf("%s and %s have different exact texts", x, x2)
		}
		if got, want := exact(x) == exact(y), same(a, b); got != want {
			t.Fatalf("%s and %s have the same exact text: %v", x, y, got)
		}
	})
}

func TestEqualNumbers(t *testing.T) {
	exact := func(value string) string { return string(appendCanonical(nil, []byte(value), appendExactNumber)) }
	equal := [][2]string{{"1", "1.0"}, {"1", "10e-1"}, {"100", "1e2"}, {"0", "-0.0"}, {"0", "0e99999999999999999999"}, {"-1.50", "-15e-1"}, {"0.001", "1E-3"}}
	for _, p := range equal {
		if !EqualJSON([]byte(p[0]), []byte(p[1])) || exact(p[0]) != exact(p[1]) {
			t.Errorf("%s and %s are equal", p[0], p[1])
		}
	}
	different := [][2]string{{"1", "-1"}, {"9007199254740992", "9007199254740993"}, {"1", "10"}, {"0.1", "0.10000000000000000001"}, {"1", `"1"`}, {"0", "false"}, {"1e-400", "0"}}
	for _, p := range different {
		if EqualJSON([]byte(p[0]), []byte(p[1])) || exact(p[0]) == exact(p[1]) {
			t.Errorf("%s and %s are not equal", p[0], p[1])
		}
	}
}

func TestWithID(t *testing.T) {
	seven, text := ID{number: 7}, ID{text: `a"b`}
	for _, c := range []struct {
		item string
		id   ID
		want string
	}{
		{`{}`, seven, `{"id":7}`},
		{` { } `, seven, `{"id":7 } `},
		{`{"a":1}`, text, `{"id":"a\"b","a":1}`},
		{`{"a":1,"id":3}`, seven, `{"a":1,"id":3}`},
		{`{"a":{"id":5},"b":"id"}`, seven, `{"id":7,"a":{"id":5},"b":"id"}`},
	} {
		got := string(WithID([]byte(c.item), c.id))
		if got != c.want {
			t.Errorf("WithID(%s, %s) = %s, want %s", c.item, c.id, got, c.want)
		}
		if err := CheckJSON([]byte(got), MaxDepth); err != nil {
			t.Error(err)
		}
	}
	for _, c := range [][2]string{{`{"a":1,"id":"7","b":2}`, `{"a":1,"id":7,"b":2}`}, {`{"id":7.0}`, `{"id":7.0}`}, {`{"id" : "7" }`, `{"id" : 7 }`}} {
		if got := string(setID([]byte(c[0]), seven)); got != c[1] {
			t.Errorf("setID(%s) = %s, want %s", c[0], got, c[1])
		}
	}
}

const product = `{"id":4711,"name":"Dark Chocolate 70% 100g","category":"confectionery","rrp":2.49,"stock":120,"active":true,"info":{"weight":100,"origin":"Ghana"},"tags":["dark","fair"]}`
