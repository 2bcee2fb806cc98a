package collections

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	jsonpatch "github.com/evanphx/json-patch/v5"
	"pgregory.net/rapid"
)

func TestApplyPatch(t *testing.T) {
	for _, c := range []struct{ doc, patch, want string }{
		// The examples of RFC 6902, appendix A.
		{`{"foo":"bar"}`, `[{"op":"add","path":"/baz","value":"qux"}]`, `{"foo":"bar","baz":"qux"}`},
		{`{"foo":["bar","baz"]}`, `[{"op":"add","path":"/foo/1","value":"qux"}]`, `{"foo":["bar","qux","baz"]}`},
		{`{"baz":"qux","foo":"bar"}`, `[{"op":"remove","path":"/baz"}]`, `{"foo":"bar"}`},
		{`{"foo":["bar","qux","baz"]}`, `[{"op":"remove","path":"/foo/1"}]`, `{"foo":["bar","baz"]}`},
		{`{"baz":"qux","foo":"bar"}`, `[{"op":"replace","path":"/baz","value":"boo"}]`, `{"baz":"boo","foo":"bar"}`},
		{`{"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}}`, `[{"op":"move","from":"/foo/waldo","path":"/qux/thud"}]`, `{"foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}}`},
		{`{"foo":["all","grass","cows","eat"]}`, `[{"op":"move","from":"/foo/1","path":"/foo/3"}]`, `{"foo":["all","cows","eat","grass"]}`},
		{`{"baz":"qux","foo":["a",2,"c"]}`, `[{"op":"test","path":"/baz","value":"qux"},{"op":"test","path":"/foo/1","value":2}]`, `{"baz":"qux","foo":["a",2,"c"]}`},
		{`{"foo":"bar"}`, `[{"op":"add","path":"/child","value":{"grandchild":{}}}]`, `{"foo":"bar","child":{"grandchild":{}}}`},
		{`{"foo":"bar"}`, `[{"op":"add","path":"/baz","value":"qux","xyz":123}]`, `{"foo":"bar","baz":"qux"}`},
		{`{"/":9,"~1":10}`, `[{"op":"test","path":"/~01","value":10}]`, `{"/":9,"~1":10}`},
		{`{"foo":["bar"]}`, `[{"op":"add","path":"/foo/-","value":["abc","def"]}]`, `{"foo":["bar",["abc","def"]]}`},
		// Nulls, spelling, order, the root.
		{`{"a":null}`, `[{"op":"test","path":"/a","value":null},{"op":"replace","path":"/a","value":1}]`, `{"a":1}`},
		{`{"a":1}`, `[{"op":"add","path":"/b","value":null},{"op":"test","path":"/b","value":null}]`, `{"a":1,"b":null}`},
		{`{"a":[null,1]}`, `[{"op":"remove","path":"/a/0"},{"op":"test","path":"/a","value":[1]}]`, `{"a":[1]}`},
		{`{"n":9007199254740993}`, `[{"op":"copy","from":"/n","path":"/m"},{"op":"add","path":"/h","value":"<&>\u2028"}]`, `{"n":9007199254740993,"m":9007199254740993,"h":"<&>\u2028"}`},
		{`{"n":1.0}`, `[{"op":"test","path":"/n","value":10e-1}]`, `{"n":1.0}`},
		{`{"o":{"a":1,"b":[2]}}`, `[{"op":"test","path":"/o","value":{"b":[2.0],"\u0061":1}}]`, `{"o":{"a":1,"b":[2]}}`},
		{`{"a":1}`, `[{"op":"add","path":"","value":{"b":2}}]`, `{"b":2}`},
		{`{"a":1}`, `[{"op":"replace","path":"","value":[]},{"op":"add","path":"/-","value":1}]`, `[1]`},
		{`{"a":{"b":1}}`, `[{"op":"copy","from":"","path":"/c"}]`, `{"a":{"b":1},"c":{"a":{"b":1}}}`},
		{`{"a":{"b":1}}`, `[{"op":"copy","from":"/a","path":"/a/c"},{"op":"replace","path":"/a/c/b","value":2}]`, `{"a":{"b":1,"c":{"b":2}}}`},
		{`{"a":1}`, `[{"op":"move","from":"/a","path":"/a"}]`, `{"a":1}`},
		{`{"a":[1,2]}`, `[{"op":"move","from":"/a/0","path":"/a/0"},{"op":"copy","from":"/a/0","path":"/a/0"}]`, `{"a":[1,1,2]}`},
		{`{"a":1,"b":2}`, `[{"op":"remove","path":"/a"},{"op":"add","path":"/a","value":3}]`, `{"b":2,"a":3}`},
		{`{"":1}`, `[{"op":"replace","path":"/","value":2}]`, `{"":2}`},
		{`{"-":1,"0":2}`, `[{"op":"remove","path":"/-"},{"op":"replace","path":"/0","value":3}]`, `{"0":3}`},
		{` { "a" : [ 1 , 2 ] } `, ` [ { "op" : "remove" , "path" : "/a/0" } ] `, `{"a":[2]}`},
		{`{"a":1}`, `[]`, `{"a":1}`},
	} {
		got, err := ApplyPatch([]byte(c.doc), []byte(c.patch))
		if err != nil || string(got) != c.want {
			t.Errorf("%s\n on %s\ngives %s, %v\n want %s", c.patch, c.doc, got, err, c.want)
		}
	}
}

func TestApplyPatchErrors(t *testing.T) {
	doc := `{"a":[1,2],"b":{"c":null},"s":"x"}`
	deep := strings.Repeat(`[`, 63) + strings.Repeat(`]`, 63)
	for _, c := range []struct {
		patch string
		kind  error
		word  string
	}{
		{`{}`, ErrBadRequest, "array"}, {`[1]`, ErrBadRequest, "operation 0"}, {`[{"op":"add","path":"/x","value":1},{}]`, ErrBadRequest, "operation 1"},
		{`[{"op":"spam","path":"/a"}]`, ErrBadRequest, "add, remove"}, {`[{"op":1,"path":"/a"}]`, ErrBadRequest, "add, remove"}, {`[{"op":"add","value":1}]`, ErrBadRequest, "path"}, {`[{"op":"add","path":1,"value":1}]`, ErrBadRequest, "path"},
		{`[{"op":"add","path":"/x"}]`, ErrBadRequest, "value"}, {`[{"op":"test","path":"/a"}]`, ErrBadRequest, "value"}, {`[{"op":"move","path":"/x"}]`, ErrBadRequest, "from"}, {`[{"op":"copy","from":5,"path":"/x"}]`, ErrBadRequest, "from"},
		{`[{"op":"add","path":"x","value":1}]`, ErrBadRequest, "begin"}, {`[{"op":"add","path":"/x~","value":1}]`, ErrBadRequest, "~0"}, {`[{"op":"add","path":"/x~2","value":1}]`, ErrBadRequest, "~0"},
		{`[{"op":"move","from":"/b","path":"/b/c"}]`, ErrBadRequest, "itself"}, {`[{"op":"remove","path":""}]`, ErrBadRequest, "DELETE"}, {`[{"op":"move","from":"","path":"/x"}]`, ErrBadRequest, "itself"},
		{`[{"op":"add","path":"/__proto__","value":1}]`, ErrBadRequest, "__proto__"}, {`[{"op":"add","path":"/constructor/prototype","value":1}]`, ErrBadRequest, "constructor"},
		{`[{"op":"add","path":"` + strings.Repeat("/a", 70) + `","value":1}]`, ErrBadRequest, "deep"},
		{`[{"op":"add","path":"/b/c","value":` + deep + `}]`, ErrBadRequest, "nested"},
		{`[{"op":"test","path":"/a/0","value":2}]`, ErrConflict, "another"}, {`[{"op":"test","path":"/x","value":null}]`, ErrConflict, "nothing"}, {`[{"op":"test","path":"/b/c","value":false}]`, ErrConflict, "another"},
		{`[{"op":"remove","path":"/x"}]`, ErrConflict, "nothing"}, {`[{"op":"replace","path":"/x","value":1}]`, ErrConflict, "nothing"}, {`[{"op":"add","path":"/x/y","value":1}]`, ErrConflict, `"x"`}, {`[{"op":"copy","from":"/x","path":"/y"}]`, ErrConflict, "nothing"},
		{`[{"op":"add","path":"/a/3","value":1}]`, ErrConflict, "array of 2"}, {`[{"op":"add","path":"/a/-1","value":1}]`, ErrConflict, "array of 2"}, {`[{"op":"add","path":"/a/01","value":1}]`, ErrConflict, "array"}, {`[{"op":"remove","path":"/a/-"}]`, ErrConflict, "nothing"}, {`[{"op":"remove","path":"/a/-1"}]`, ErrConflict, "nothing"}, {`[{"op":"replace","path":"/a/2","value":1}]`, ErrConflict, "nothing"}, {`[{"op":"add","path":"/a/x","value":1}]`, ErrConflict, "array"},
		{`[{"op":"add","path":"/s/x","value":1}]`, ErrConflict, "object or an array"}, {`[{"op":"add","path":"/b/c/d","value":1}]`, ErrConflict, "object or an array"},
	} {
		_, err := ApplyPatch([]byte(doc), []byte(c.patch))
		if !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.word) {
			t.Errorf("%.200s: %v", c.patch, err)
		}
	}
}

// What a patch can multiply is bounded.
func TestApplyPatchHostile(t *testing.T) {
	zeros := `{"a":[0` + strings.Repeat(",0", 400_000) + `],"x":0}`
	moves := strings.Repeat(`,{"op":"move","from":"/a/0","path":"/a/-"}`, MaxPatchOps-1)
	copies := func(from, path string, n int) string {
		return "[" + strings.Repeat(`{"op":"copy","from":"`+from+`","path":"`+path+`"},`, n) + `{"op":"remove","path":"/x"}]`
	}
	for name, c := range map[string]struct {
		doc, patch string
		kind       error
	}{
		"copies double":     {`{"a":["` + strings.Repeat("x", 1000) + `"],"x":0}`, copies("/a", "/a/-", 25), ErrBadRequest}, // nested too deep before it is too large, or the reverse
		"wide copies":       {`{"a":["` + strings.Repeat("x", 100_000) + `"],"x":0}`, copies("/a/0", "/a/-", 500), ErrTooLarge},
		"moves in an array": {zeros, `[{"op":"test","path":"/x","value":0}` + moves + `]`, ErrTooLarge},
		"operations":        {`{}`, `[` + strings.Repeat(`{"op":"add","path":"/a","value":1},`, MaxPatchOps) + `{"op":"add","path":"/a","value":1}]`, ErrTooLarge},
		"itself":            {`{"a":{},"x":0}`, copies("", "/a/b", 100), ErrBadRequest},
	} {
		_, err := ApplyPatch([]byte(c.doc), []byte(c.patch))
		if !errors.Is(err, ErrTooLarge) && !errors.Is(err, c.kind) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMergePatch(t *testing.T) {
	// The examples of RFC 7396, appendix A, and some more.
	for _, c := range [][3]string{
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`}, {`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`}, {`{"a":"b"}`, `{"a":null}`, `{}`}, {`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`}, {`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`}, {`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`}, {`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`["a","b"]`, `["c","d"]`, `["c","d"]`}, {`{"a":"b"}`, `["c"]`, `["c"]`}, {`{"a":"foo"}`, `null`, `null`}, {`{"a":"foo"}`, `"bar"`, `"bar"`}, {`{"e":null}`, `{"a":1}`, `{"e":null,"a":1}`}, {`[1,2]`, `{"a":"b","c":null}`, `{"a":"b"}`}, {`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
		{`{"a":[1]}`, `{"a":[null,{"b":null}]}`, `{"a":[null,{"b":null}]}`}, {`{"n":1}`, `{"m":9007199254740993}`, `{"n":1,"m":9007199254740993}`}, {` { "a" : 1 } `, ` { "\u0061" : { "x" : null , "y" : 1 } } `, `{"a":{"y":1}}`},
	} {
		got, err := MergePatch([]byte(c[0]), []byte(c[1]))
		if err != nil || string(got) != c[2] {
			t.Errorf("%s on %s gives %s, %v; want %s", c[1], c[0], got, err, c[2])
		}
	}
}

// naiveMerge is the pseudocode of RFC 7396.
func naiveMerge(target, patch any) any {
	p, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	out := map[string]any{}
	if t, ok := target.(map[string]any); ok {
		maps.Copy(out, t)
	}
	for k, v := range p {
		if v == nil {
			delete(out, k)
		} else {
			out[k] = naiveMerge(out[k], v)
		}
	}
	return out
}

func TestMergePatchAgainstNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		doc := any(randomObject(3).Draw(t, "doc"))
		patch := similarTo(doc, 3).Draw(t, "patch")
		x, y := spell(t, doc), spell(t, patch)
		got, err := MergePatch(x, y)
		if err != nil {
			t.Fatal(err)
		}
		if want := spell(t, naiveMerge(doc, patch)); !EqualJSON(got, want) {
			t.Fatalf("%s on %s gives %s, want %s", y, x, got, want)
		}
		if string(got) != string(CompactJSON(nil, got)) {
			t.Fatalf("%s is not compact", got)
		}
	})
}

// Applying the difference to what was before gives what is after.
func TestDiff(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := randomObject(3).Draw(t, "before")
		after := similarObject(t, before, 3)
		x, y := CompactJSON(nil, spell(t, before)), CompactJSON(nil, spell(t, after))
		diff, err := Diff(x, y)
		if err != nil {
			t.Fatal(err)
		}
		if err := CheckJSON(diff, MaxDepth+2); err != nil {
			t.Fatalf("%s: %v", diff, err)
		}
		got, err := ApplyPatch(x, diff)
		if err != nil || !EqualJSON(got, y) {
			t.Fatalf("from %s\n  to %s\n  by %s\nwent to %s, %v", x, y, diff, got, err)
		}
		if same(before, after) != (string(diff) == "[]") {
			t.Fatalf("from %s to %s by %s", x, y, diff)
		}
		for _, op := range decode(t, diff).([]any) {
			if op.(map[string]any)["path"] == "" {
				t.Fatalf("%s has the root path", diff)
			}
		}
		full, err := Diff(nil, y)
		if err != nil {
			t.Fatal(err)
		}
		if made, err := ApplyPatch([]byte(`{}`), full); err != nil || !EqualJSON(made, y) {
			t.Fatalf("from nothing to %s by %s went to %s, %v", y, full, made, err)
		}
		// What another library makes of it, which loses its way at a member "" only.
		if strings.Contains(string(diff), "//") || strings.Contains(string(diff), `"path":"/"`) {
			return
		}
		if theirs, err := jsonpatch.DecodePatch(diff); err != nil {
			t.Fatalf("%s: %v", diff, err)
		} else if out, err := theirs.Apply(x); err != nil || !EqualJSON(out, y) {
			t.Fatalf("another library, from %s by %s, goes to %s, %v", x, diff, out, err)
		}
	})
}

func TestDiffTexts(t *testing.T) {
	for _, c := range [][3]string{
		{`{"id":1,"a":1}`, `{"id":1,"a":1.0}`, `[]`},
		{`{"a":9007199254740992}`, `{"a":9007199254740993}`, `[{"op":"replace","path":"/a","value":9007199254740993}]`},
		{`{"a":1,"b":2}`, `{"b":3,"c":4}`, `[{"op":"remove","path":"/a"},{"op":"replace","path":"/b","value":3},{"op":"add","path":"/c","value":4}]`},
		{`{"t":["dark chocolate","fair trade","seventy"]}`, `{"t":["dark chocolate","organic","fair trade","seventy"]}`, `[{"op":"add","path":"/t/1","value":"organic"}]`},
		{`{"t":["dark chocolate","organic and more","fair trade","seventy and some"]}`, `{"t":["dark chocolate","seventy and some"]}`, `[{"op":"remove","path":"/t/2"},{"op":"remove","path":"/t/1"}]`},
		{`{"t":[1,2,3,4]}`, `{"t":[5]}`, `[{"op":"replace","path":"/t","value":[5]}]`},
		{`{"a/b":{"~":1,"\"":{"long":"enough to be looked into","x":1}}}`, `{"a/b":{"~":1,"\"":{"long":"enough to be looked into","x":2}}}`, `[{"op":"replace","path":"/a~1b/\"/x","value":2}]`},
		{`{"a":{"b":1}}`, `{"a":{}}`, `[{"op":"remove","path":"/a/b"}]`},
		{``, `{"id":1,"n":null}`, `[{"op":"add","path":"/id","value":1},{"op":"add","path":"/n","value":null}]`},
	} {
		var before []byte
		if c[0] != "" {
			before = []byte(c[0])
		}
		want := strings.ReplaceAll(c[2], `/"/x`, `/\"/x`)
		got, err := Diff(before, []byte(c[1]))
		if err != nil || string(got) != want {
			t.Errorf("from %s to %s by\n     %s, %v\nwant %s", c[0], c[1], got, err, want)
		}
	}
	if _, err := Diff([]byte(`[]`), []byte(`{}`)); err == nil {
		t.Error("an array has no difference to an object")
	}
}

// A large array costs linear time, and its difference is no longer than it.
func TestDiffLarge(t *testing.T) {
	list := func(n, salt int) []byte {
		var b strings.Builder
		b.WriteString(`{"a":[`)
		for i := range n {
			fmt.Fprintf(&b, "%d,", i*7919%100_003+salt)
		}
		return []byte(b.String() + "0]}")
	}
	a, b := list(100_000, 0), list(90_000, 1)
	d, err := Diff(a, b)
	if err != nil || len(d) > len(b)+100 {
		t.Fatalf("%d bytes for %d, %v", len(d), len(b), err)
	}
	if got, err := ApplyPatch(a, d); err != nil || !EqualJSON(got, b) {
		t.Fatal("wrong difference", err)
	}
}

func TestChangePatch(t *testing.T) {
	item := json.RawMessage(`{"id":1,"a":2}`)
	for _, c := range []struct {
		change Change
		want   string
	}{
		{Change{Type: Added, After: item}, `[{"op":"add","path":"/id","value":1},{"op":"add","path":"/a","value":2}]`},
		{Change{Type: Modified, Before: json.RawMessage(`{"id":1}`), After: item, Diff: json.RawMessage(`[{}]`)}, `[{}]`},
		{Change{Type: Modified, Before: json.RawMessage(`{"id":1}`), After: item}, `[{"op":"add","path":"/a","value":2}]`},
		{Change{Type: Deleted, Before: item}, ``},
	} {
		if got, err := c.change.Patch(); err != nil || string(got) != c.want {
			t.Errorf("%s: %s, %v", c.change.Type, got, err)
		}
	}
}

func FuzzApplyPatch(f *testing.F) {
	f.Add([]byte(product), []byte(`[{"op":"move","from":"/tags/0","path":"/info/x"},{"op":"copy","from":"/info","path":"/tags/-"},{"op":"test","path":"/id","value":4711.0},{"op":"replace","path":"/name","value":null},{"op":"remove","path":"/rrp"},{"op":"add","path":"/~0~1","value":{}}]`))
	f.Add([]byte(`{"":[]}`), []byte(`[{"op":"add","path":"//0","value":[[]]},{"op":"copy","from":"","path":"//-"}]`))
	f.Add([]byte(`{"a":1}`), []byte(`{"a":null,"b":{"c":null}}`))
	f.Fuzz(func(t *testing.T, doc, patch []byte) {
		if CheckJSON(doc, MaxDepth) != nil || CheckJSON(patch, MaxDepth+2) != nil {
			return
		}
		original := string(doc)
		out, err := ApplyPatch(doc, patch)
		if err != nil {
			if !isKind(err, ErrBadRequest) && !isKind(err, ErrConflict) && !isKind(err, ErrTooLarge) {
				t.Fatalf("%v", err)
			}
		} else if err := CheckJSON(out, MaxDepth); err != nil && !strings.Contains(err.Error(), "prototype") && !strings.Contains(err.Error(), "__proto__") {
			t.Fatalf("%s on %s gives %s: %v", patch, doc, out, err)
		}
		merged, err := MergePatch(doc, patch)
		if err != nil {
			t.Fatal(err)
		}
		if err := CheckJSON(merged, MaxDepth+2); err != nil && !strings.Contains(err.Error(), "prototype") {
			t.Fatalf("%s merged into %s gives %s: %v", patch, doc, merged, err)
		}
		if string(doc) != original {
			t.Fatal("the document was written to")
		}
		if doc[skipSpace(doc, 0)] == '{' && merged[0] == '{' && CheckJSON(merged, MaxDepth) == nil {
			diff, err := Diff(doc, merged)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := ApplyPatch(doc, diff); err != nil || !EqualJSON(again, merged) {
				t.Fatalf("from %s to %s by %s went to %s, %v", doc, merged, diff, again, err)
			}
		}
	})
}
