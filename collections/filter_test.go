package collections

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func mustFilter(t testing.TB, raw string) *Filter {
	t.Helper()
	f, err := ParseFilter(json.RawMessage(raw))
	if err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	return f
}

func TestFilterMatch(t *testing.T) {
	item := []byte(`{"id":7,"n":10,"s":"10","t":true,"f":false,"z":null,"name":"Dark \"70%\" Ch\u006fc","a":[1,"x",true,null,"10"],"o":{"p":{"q":2.5}},"big":1e21,"neg":-0}`)
	match := []string{
		`{}`, `null`, `{"n":10}`, `{"n":"10"}`, `{"n":10.0}`, `{"s":"10"}`, `{"t":true}`, `{"t":"true"}`, `{"f":"false"}`, `{"z":null}`, `{"z":"null"}`, `{"o.p.q":"2.5"}`, `{"a.0":1}`,
		`{"big":"1e+21"}`, `{"neg":"0"}`, `{"neg":0}`, `{"name":"Dark \"70%\" Choc"}`,
		`{"n":{"$gt":9}}`, `{"n":{"$gt":"9"}}`, `{"n":{"$gte":10,"$lte":10}}`, `{"n":{"$lt":"1e3"}}`, `{"s":{"$gt":"1"}}`, `{"s":{"$lt":"9"}}`, `{"name":{"$gt":"Dar"}}`, `{"t":{"$gt":false}}`, `{"z":{"$gte":null}}`, `{"z":{"$lte":null}}`,
		`{"n":{"$ne":11}}`, `{"missing":{"$ne":1}}`, `{"missing":{"$nin":[1,2]}}`, `{"z":{"$ne":"x"}}`, `{"n":{"$in":[1,"10"]}}`, `{"n":{"$nin":[]}}`,
		`{"z":{"$exists":true}}`, `{"missing":{"$exists":false}}`, `{"missing":{"$exists":"false"}}`, `{"n":{"$exists":"true"}}`,
		`{"name":{"$contains":"70%\" Ch"}}`, `{"name":{"$contains":""}}`, `{"a":{"$contains":"x"}}`, `{"a":{"$contains":1}}`, `{"a":{"$contains":"1"}}`, `{"a":{"$contains":null}}`, `{"a":{"$contains":"true"}}`,
		`{"name":{"$startsWith":"Dark \""}}`, `{"s":{"$startsWith":""}}`,
		`{"n":{"$not":{"$gt":10}}}`, `{"missing":{"$not":{"$gt":10}}}`, `{"$not":{"n":11}}`, `{"$or":[{"n":1},{"s":"10"}]}`, `{"$and":[{"n":10},{"t":true}]}`, `{"a":{"$not":{"$contains":"y"}}}`,
		`{"n":{"$not":{"$not":{"$eq":10}}}}`, `{"$or":[{"n":1},{"n":{"$gt":9}}]}`, `{"$not":{"$or":[{"n":1},{"s":"x"}]}}`,
	}
	for _, s := range match {
		if !mustFilter(t, s).Match(item) {
			t.Errorf("%s should match", s)
		}
	}
	miss := []string{
		`{"n":"10.0"}`, `{"n":11}`, `{"s":10}`, `{"t":1}`, `{"t":"True"}`, `{"missing":null}`, `{"missing":"null"}`, `{"z":false}`, `{"a":1}`, `{"o":"x"}`, `{"n":" 10"}`,
		`{"n":{"$gt":10}}`, `{"s":{"$gt":9}}`, `{"n":{"$gt":"x"}}`, `{"t":{"$gt":0}}`, `{"t":{"$gt":true}}`, `{"z":{"$gt":null}}`, `{"missing":{"$lt":5}}`, `{"z":{"$lt":5}}`, `{"missing":{"$gte":null}}`,
		`{"n":{"$in":[]}}`, `{"n":{"$nin":["10"]}}`, `{"n":{"$ne":"10"}}`, `{"z":{"$exists":false}}`, `{"n":{"$contains":"1"}}`, `{"s":{"$contains":1}}`, `{"a":{"$contains":"y"}}`, `{"a":{"$contains":2}}`, `{"name":{"$contains":"choc"}}`,
		`{"n":{"$startsWith":"1"}}`, `{"name":{"$startsWith":"ark"}}`, `{"$not":{"n":10}}`, `{"$or":[{"n":1},{"s":"11"}]}`, `{"n":10,"s":"11"}`, `{"n":{"$gt":20,"$lt":5}}`, `{"n":{"$gt":10,"$lt":10}}`, `{"o.p":{"$gt":1}}`,
		`{"a":{"$contains":"NaN"}}`, `{"n":"NaN"}`, `{"n":"Infinity"}`,
	}
	for _, s := range miss {
		if mustFilter(t, s).Match(item) {
			t.Errorf("%s should not match", s)
		}
	}
}

func TestFilterErrors(t *testing.T) {
	for raw, words := range map[string][]string{
		`[]`: {"object"}, `"x"`: {"object"}, `{"a":`: {"ends"}, `{"a":1,"a":2}`: {"twice"},
		`{"a":[1]}`: {"$in", "$contains"}, `{"a":{}}`: {"empty", "$eq"}, `{"a":{"b":1}}`: {"dotted", "a.b"}, `{"a":{"$gt":1,"b":1}}`: {"operators"},
		`{"a":{"$foo":1}}`: {"$foo", "$startsWith"}, `{"$foo":1}`: {"$foo", "$and"}, `{"$gt":1}`: {"under a field"}, `{"a":{"$and":[]}}`: {"beside"},
		`{"$and":{}}`: {"array"}, `{"$or":[]}`: {"at least one"}, `{"$or":[1]}`: {"object"}, `{"$not":1}`: {"object"}, `{"a":{"$not":5}}`: {"$ne"},
		`{"a":{"$in":5}}`: {"array"}, `{"a":{"$in":[[1]]}}`: {"array"}, `{"a":{"$gt":[]}}`: {"number"}, `{"a":{"$exists":1}}`: {"true or false"}, `{"a":{"$startsWith":1}}`: {"text"}, `{"a":{"$contains":{}}}`: {"text"}, `{"a":{"$eq":{}}}`: {"text"},
		`{"":1}`: {"path"}, `{"a..b":1}`: {"empty"},
		`{"a":"` + strings.Repeat("x", MaxFilterText+1) + `"}`:                                       {"too long"},
		`{"a":{"$in":[` + strings.Repeat("1,", MaxFilterIn) + `1]}}`:                                 {"at most 1000"},
		`{"$and":[` + strings.Repeat(`{"a":1},`, 128) + `{"a":1}]}`:                                  {"at most 256"},
		strings.Repeat(`{"$not":`, MaxFilterDepth) + `{"a":1}` + strings.Repeat("}", MaxFilterDepth): {"nested"},
		`{"a":"` + strings.Repeat("x", MaxFilterSize) + `"}`:                                         {"too long"},
	} {
		_, err := ParseFilter(json.RawMessage(raw))
		if err == nil {
			t.Errorf("%.100s passes", raw)
			continue
		}
		wantKind(t, err, ErrBadRequest, words...)
	}
	mustFilter(t, strings.Repeat(`{"$not":`, MaxFilterDepth-1)+`{"a":1}`+strings.Repeat("}", MaxFilterDepth-1))
}

func TestFilterCanonical(t *testing.T) {
	a := mustFilter(t, `{"b":{"$gt":1.0,"$lt":"x"},"a":"\u0061"}`)
	b := mustFilter(t, ` { "a":"a", "b":{"$lt":"x","$gt":1e0}}`)
	if a.Canonical() != `{"a":"a","b":{"$gt":1,"$lt":"x"}}` || a.Canonical() != b.Canonical() {
		t.Errorf("%s and %s", a.Canonical(), b.Canonical())
	}
	if c := (*Filter)(nil).Canonical(); c != "{}" {
		t.Error(c)
	}
}

// TestFilterOfEverything holds that {} alone is no filter: another text is one of its own, and costs
// a list no more than none.
func TestFilterOfEverything(t *testing.T) {
	for _, none := range []string{``, `null`, ` null `, `{}`, ` { } `} {
		if f, err := ParseFilter(json.RawMessage(none)); f != nil || err != nil {
			t.Errorf("%q gives %s, %v", none, f.Canonical(), err)
		}
	}
	id, _ := ParsePath("id")
	for raw, want := range map[string]string{
		`{"$and":[{}]}`: "", `{ "$or": [ { } ] }`: `{"$or":[{}]}`, `{"$not":{"$not":{}}}`: "", `{"$and":[{"$and":[{},{}]}]}`: "", `{"$and":[{}],"$or":[{}]}`: "",
	} {
		if want == "" {
			want = raw
		}
		f := mustFilter(t, raw)
		if f == nil || f.Canonical() != want {
			t.Errorf("%s is %s", raw, f.Canonical())
		}
		if _, bounded := f.Bounds(id); bounded || !f.Covered(nil) || !f.Match([]byte(`{"id":1}`)) {
			t.Errorf("%s: some items do not match, as a planner sees it", raw)
		}
	}
	if f := mustFilter(t, `{"$not":{}}`); f.Match([]byte(`{"id":1}`)) || f.Covered(nil) {
		t.Error(`{"$not":{}} matches`)
	}
}

// randomFilter draws a filter as decoded JSON.
func randomFilter(depth int) *rapid.Generator[map[string]any] {
	scalar := rapid.OneOf(rapid.SampledFrom([]any{"1", "10", "true", "null", "x", "xy", "", nil, true, false, json.Number("1"), json.Number("10"), json.Number("0"), json.Number("1.5"), "a", "é"}),
		rapid.Map(rapid.SampledFrom(oddNumbers), func(s string) any { return json.Number(s) }))
	var ops func(t *rapid.T, depth int) map[string]any
	ops = func(t *rapid.T, depth int) map[string]any {
		out := map[string]any{}
		for range rapid.IntRange(1, 2).Draw(t, "operators") {
			op := rapid.SampledFrom([]string{"$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$exists", "$contains", "$startsWith", "$not"}).Draw(t, "op")
			switch op {
			case "$in", "$nin":
				out[op] = rapid.SliceOfN(scalar, 0, 3).Draw(t, op)
			case "$exists":
				out[op] = rapid.SampledFrom([]any{true, false, "true"}).Draw(t, op)
			case "$startsWith":
				out[op] = rapid.SampledFrom([]any{"", "x", "1", "a", "\x00"}).Draw(t, op)
			case "$not":
				if depth > 0 {
					out[op] = ops(t, depth-1)
					break
				}
				fallthrough
			default:
				if op == "$not" {
					op = "$eq"
				}
				out[op] = scalar.Draw(t, op)
			}
		}
		return out
	}
	return rapid.Custom(func(t *rapid.T) map[string]any {
		out := map[string]any{}
		for range rapid.IntRange(0, 3).Draw(t, "conditions") {
			switch rapid.IntRange(0, 5).Draw(t, "condition") {
			case 0:
				if depth > 0 {
					out["$not"] = randomFilter(depth-1).Draw(t, "not")
				}
			case 1:
				if depth > 0 {
					list := []any{}
					for _, f := range rapid.SliceOfN(randomFilter(depth-1), 1, 3).Draw(t, "list") {
						list = append(list, f)
					}
					out[rapid.SampledFrom([]string{"$and", "$or"}).Draw(t, "and or or")] = list
				}
			case 2:
				out[rapid.SampledFrom([]string{"a", "b", "a.b", "a.0"}).Draw(t, "field")] = scalar.Draw(t, "value")
			default:
				out[rapid.SampledFrom([]string{"a", "b", "a.b", "a.0"}).Draw(t, "field")] = ops(t, 2)
			}
		}
		return out
	})
}

// naiveText is the text of a scalar as JavaScript's String gives it.
func naiveText(v any) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "null", true
	case bool:
		return fmt.Sprint(v), true
	case json.Number:
		if f := is64(v); f == 0 {
			return "0", true
		} else {
			b, _ := json.Marshal(f)
			return string(b), true
		}
	case string:
		return v, true
	}
	return "", false
}

func naiveEqual(v any, found bool, want any) bool {
	if !found {
		return false
	}
	if want, ok := want.(string); ok {
		text, scalar := naiveText(v)
		return scalar && text == want
	}
	switch want := want.(type) {
	case json.Number:
		n, ok := v.(json.Number)
		return ok && is64(n) == is64(want)
	default:
		return v == want && naiveRank(v, true) < Array
	}
}

func naiveOrder(v any, found bool, op string, want any) bool {
	holds := func(c int) bool {
		switch op {
		case "$gt":
			return c > 0
		case "$gte":
			return c >= 0
		case "$lt":
			return c < 0
		}
		return c <= 0
	}
	if !found {
		return false
	}
	if text, ok := want.(string); ok {
		if s, ok := v.(string); ok {
			return holds(strings.Compare(s, text))
		}
		var n any
		d := json.NewDecoder(strings.NewReader(text))
		d.UseNumber()
		if n0, ok := v.(json.Number); ok && json.Valid([]byte(text)) && d.Decode(&n) == nil {
			if n1, ok := n.(json.Number); ok {
				return holds(naiveCompare(n0, true, n1, true))
			}
		}
		return false
	}
	class := func(v any) Kind {
		k := naiveRank(v, true)
		if k == False {
			return True
		}
		return k
	}
	return class(v) == class(want) && class(v) < Array && holds(naiveCompare(v, true, want, true))
}

func naiveMatch(doc any, filter map[string]any) bool {
	for key, cond := range filter {
		ok := true
		switch key {
		case "$and":
			for _, f := range cond.([]any) {
				ok = ok && naiveMatch(doc, f.(map[string]any))
			}
		case "$or":
			ok = false
			for _, f := range cond.([]any) {
				ok = ok || naiveMatch(doc, f.(map[string]any))
			}
		case "$not":
			ok = !naiveMatch(doc, cond.(map[string]any))
		default:
			v, found := naiveFind(doc, key)
			ok = naiveField(v, found, cond)
		}
		if !ok {
			return false
		}
	}
	return true
}

func naiveField(v any, found bool, cond any) bool {
	ops, isOps := cond.(map[string]any)
	if !isOps {
		return naiveEqual(v, found, cond)
	}
	for op, want := range ops {
		ok := false
		switch op {
		case "$eq":
			ok = naiveEqual(v, found, want)
		case "$ne":
			ok = !naiveEqual(v, found, want)
		case "$in", "$nin":
			for _, w := range want.([]any) {
				ok = ok || naiveEqual(v, found, w)
			}
			ok = ok == (op == "$in")
		case "$exists":
			ok = found == (want == true || want == "true")
		case "$startsWith":
			s, isText := v.(string)
			ok = isText && strings.HasPrefix(s, want.(string))
		case "$contains":
			switch v := v.(type) {
			case string:
				w, isText := want.(string)
				ok = isText && strings.Contains(v, w)
			case []any:
				for _, e := range v {
					ok = ok || naiveEqual(e, true, want)
				}
			}
		case "$not":
			ok = !naiveField(v, found, want)
		default:
			ok = naiveOrder(v, found, op, want)
		}
		if !ok {
			return false
		}
	}
	return true
}

// randomItem draws an object that random filters have something to say of.
func randomItem() *rapid.Generator[map[string]any] {
	value := rapid.OneOf(randomJSON(2), rapid.SampledFrom([]any{"1", "10", "x", "xy", "", nil, true, false, json.Number("1"), json.Number("10"), json.Number("1.5"), "a\x00", "\x00"}),
		rapid.Just[any](map[string]any{"b": json.Number("1")}), rapid.Just[any]([]any{"x", json.Number("10")}))
	return rapid.Custom(func(t *rapid.T) map[string]any {
		return rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "c"}), value, 0, 3).Draw(t, "members")
	})
}

func TestFilterAgainstNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := randomFilter(2).Draw(t, "filter")
		f, err := ParseFilter(spell(t, want))
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			doc := any(randomItem().Draw(t, "item"))
			raw := spell(t, doc)
			got := f.Match(raw)
			if got != naiveMatch(doc, want) {
				t.Fatalf("%s on %s: %v", f.Canonical(), raw, got)
			}
			checkBounds(t, f, raw, got)
		}
	})
}

// checkBounds holds what Bounds and Covered promise.
func checkBounds(t *rapid.T, f *Filter, raw []byte, match bool) {
	var paths []Path
	within := true
	for _, text := range []string{"a", "b", "a.b", "a.0"} {
		p, _ := ParsePath(text)
		ranges, ok := f.Bounds(p)
		if !ok {
			continue
		}
		paths = append(paths, p)
		key := p.Find(raw).AppendKey(nil)
		in := slices.ContainsFunc(ranges, func(r Range) bool {
			return bytes.Compare(key, r.Low) >= 0 && bytes.Compare(key, r.High) < 0
		})
		within = within && in
		for i, r := range ranges {
			if len(r.High) == 0 || bytes.Compare(r.Low, r.High) >= 0 || i > 0 && bytes.Compare(ranges[i-1].High, r.Low) >= 0 {
				t.Fatalf("%s: ranges of %s are not ascending and apart: %q", f.Canonical(), text, fmt.Sprint(ranges))
			}
			if v, n, err := decodeKey(r.Low); r.Point != (err == nil && n == len(r.Low) && v.compareKey(r.High) < 0 && !bytes.HasPrefix(r.High, r.Low) && pointSet(v)[0].High != nil && bytes.Equal(pointSet(v)[0].High, r.High)) {
				t.Fatalf("%s: Point of %q is %v", f.Canonical(), fmt.Sprint(r), r.Point)
			}
		}
	}
	if match && !within {
		t.Fatalf("%s matches %s, which is not within its bounds", f.Canonical(), raw)
	}
	if f.Covered(paths) && match != within {
		t.Fatalf("%s is covered, and on %s Match says %v, the bounds %v", f.Canonical(), raw, match, within)
	}
}

func TestFilterBounds(t *testing.T) {
	point := func(v Value) string { return fmt.Sprintf("%x=", v.AppendKey(nil)) }
	show := func(ranges []Range) string {
		var b []string
		for _, r := range ranges {
			s := fmt.Sprintf("%x-%x", r.Low, r.High)
			if r.Point {
				s = fmt.Sprintf("%x=", r.Low)
			}
			b = append(b, s)
		}
		return strings.Join(b, " ")
	}
	n := func(f float64) Value { return Value{Kind: Number, Number: f} }
	after := func(v Value) string { return fmt.Sprintf("%x", setAfter(v.AppendKey(nil))) }
	for _, c := range []struct {
		filter, want string
		ok, covered  bool
	}{
		{`{"a":1}`, point(n(1)), true, true},
		{`{"a":"10"}`, point(n(10)) + " " + point(textValue("10")), true, true},
		{`{"a":{"$gt":1,"$lte":5}}`, after(n(1)) + "-" + after(n(5)), true, true},
		{`{"$and":[{"a":{"$gt":1}},{"a":{"$lt":1}}]}`, "", true, true},
		{`{"a":{"$exists":false}}`, "00=", true, true},
		{`{"a":{"$in":[null,true,false]}}`, "01-04", true, true},
		{`{"a":{"$startsWith":"ab"}}`, "056162-056163", true, true},
		{`{"a":1,"b":{"$contains":"x"}}`, point(n(1)), true, false},
		{`{"a":1,"b":2}`, point(n(1)), true, false},
		{`{"a":{"$contains":"x"}}`, "", false, false},
		{`{"$or":[{"a":1},{"a":2}]}`, point(n(1)) + " " + point(n(2)), true, true},
		{`{"$or":[{"a":1},{"b":2}]}`, "", false, false},
		{`{"$not":{"a":{"$exists":true}}}`, "00=", true, true},
		{`{}`, "", false, true},
	} {
		f := mustFilter(t, c.filter)
		p, _ := ParsePath("a")
		ranges, ok := f.Bounds(p)
		if ok != c.ok || show(ranges) != c.want || f.Covered([]Path{p}) != c.covered {
			t.Errorf("%s: %s %v, covered %v; want %s %v %v", c.filter, show(ranges), ok, f.Covered([]Path{p}), c.want, c.ok, c.covered)
		}
	}
}

func TestMatchAllocatesNothing(t *testing.T) {
	f := mustFilter(t, `{"category":"confectionery","rrp":{"$gt":"1"},"tags":{"$contains":"fair"},"name":{"$contains":"70%","$startsWith":"Dark"},"$or":[{"stock":1},{"info.origin":{"$in":["Ghana","Peru"]}}],"$not":{"active":false}}`)
	raw := []byte(product)
	if n := testing.AllocsPerRun(100, func() {
		if !f.Match(raw) {
			t.Fatal("no match")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzParseFilter(f *testing.F) {
	for _, s := range []string{`{"a":{"$gt":"10","$not":{"$in":[1,null]}}}`, `{"$or":[{"a.b":1},{"$not":{"c":"x"}}]}`, `{"a":{"$contains":"\u0000"}}`, `{"a":{"$startsWith":"\uffff"}}`, `{"a":[1]}`} {
		f.Add([]byte(s), []byte(product))
	}
	f.Fuzz(func(t *testing.T, raw, item []byte) {
		filter, err := ParseFilter(raw)
		if err != nil {
			wantKind(t, err, ErrBadRequest)
			return
		}
		again, err := ParseFilter(json.RawMessage(filter.Canonical()))
		if err != nil {
			t.Fatalf("%s, canonical %s: %v", raw, filter.Canonical(), err)
		}
		if again.Canonical() != filter.Canonical() {
			t.Fatalf("%s is canonical as %s", filter.Canonical(), again.Canonical())
		}
		if CheckJSON(item, MaxDepth) == nil && item[skipSpace(item, 0)] == '{' && filter.Match(item) != again.Match(item) {
			t.Fatalf("%s and %s differ on %s", raw, filter.Canonical(), item)
		}
	})
}
