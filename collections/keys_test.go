package collections_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"ackbase/collections"
)

// keyedWrites are writes of every form, on the items 1 and 2, {"id":1,"n":1} and {"id":2,"n":2}.
var keyedWrites = map[string]func(h harness, w collections.Write) outcome{
	"POST":                  func(h harness, w collections.Write) outcome { return h.post(`{"name":"new"}`, w) },
	"POST with an id":       func(h harness, w collections.Write) outcome { return h.post(`{"id":"A1","name":"new"}`, w) },
	"PUT that creates":      func(h harness, w collections.Write) outcome { return h.put("", `{"id":9,"name":"new"}`, w) },
	"PUT that replaces":     func(h harness, w collections.Write) outcome { return h.put("1", `{"n":10}`, w) },
	"PUT of what is there":  func(h harness, w collections.Write) outcome { return h.put("1", `{"n":1.0,"id":1}`, w) },
	"merge patch":           func(h harness, w collections.Write) outcome { return h.merge("1", `{"n":10}`, w) },
	"merge patch of no one": func(h harness, w collections.Write) outcome { return h.merge("1", `{}`, w) },
	"JSON Patch": func(h harness, w collections.Write) outcome {
		return h.patch("1", `[{"op":"add","path":"/m","value":1}]`, w)
	},
	"JSON Patch of all": func(h harness, w collections.Write) outcome {
		return h.patchAll(`[{"op":"replace","path":"/2/n","value":20},{"op":"remove","path":"/1"},{"op":"add","path":"/7","value":{}}]`, w)
	},
	"JSON Patch of all that only tests": func(h harness, w collections.Write) outcome {
		return h.patchAll(`[{"op":"test","path":"/2/n","value":2}]`, w)
	},
	"DELETE":         func(h harness, w collections.Write) outcome { return h.remove("1", w) },
	"DELETE of none": func(h harness, w collections.Write) outcome { return h.remove("99", w) },
}

func (h harness) withTwoItems() harness {
	h.t.Helper()
	h.post(`{"id":1,"n":1}`, collections.Write{}).ok(h.t, `{"id":1,"n":1}`)
	h.post(`{"id":2,"n":2}`, collections.Write{}).ok(h.t, `{"id":2,"n":2}`)
	return h
}

// TestKeyRepeats: the first answer comes again whatever became of the items, and nothing is changed.
func TestKeyRepeats(t *testing.T) {
	for name, write := range keyedWrites {
		t.Run(name, func(t *testing.T) {
			h := open(t, nil).withTwoItems()
			w := collections.Write{Key: "a key", Reason: "because"}
			first := write(h, w)
			if first.err != nil {
				t.Fatal(first.err)
			}
			if strings.HasPrefix(name, "DELETE") {
				first.Item = collections.Item{}
			}
			between := len(h.changes())
			repeat := func() {
				t.Helper()
				again := write(h, w)
				if again.err != nil {
					t.Fatal(again.err)
				}
				if diff := cmp.Diff(first.Result, again.Result, cmp.AllowUnexported(collections.ID{})); diff != "" {
					t.Fatalf("the first answer and the second differ:\n%s", diff)
				}
			}
			repeat()
			h.put("1", `{"now":"another"}`, collections.Write{})
			h.remove("2", collections.Write{})
			h.remove("9", collections.Write{})
			repeat()
			for _, c := range h.changes()[between:] {
				if c.Reason != "" {
					t.Errorf("the repetition made the change %s of %s", c.Type, c.ID)
				}
			}
			if got := h.get("1"); got != `{"id":1,"now":"another"}` {
				t.Errorf("after the repetition the item is %s", got)
			}
		})
	}
}

// TestKeyWithIfMatch: the condition is that of the first write, and held then.
func TestKeyWithIfMatch(t *testing.T) {
	h := open(t, nil)
	rev := h.post(`{"id":1}`, collections.Write{}).Item.Rev.String()
	w := collections.Write{Key: "key", IfMatch: ifMatch(t, `"`+rev+`"`)}
	first := h.put("1", `{"n":1}`, w).ok(t, `{"id":1,"n":1}`)
	again := h.put("1", `{"n":1}`, w).ok(t, `{"id":1,"n":1}`)
	if again.Item.Rev != first.Item.Rev {
		t.Errorf("the rev is %s, the first was %s", again.Item.Rev, first.Item.Rev)
	}
	w.Key = "other"
	h.put("1", `{"n":1}`, w).fails(t, collections.ErrPrecondition)
	// What failed may be tried again when it can succeed.
	now := h.get("1")
	h.remove("1", collections.Write{})
	w.IfMatch = ifMatch(t, "null")
	h.put("1", `{"n":1}`, w).ok(t, now)
}

func ifMatch(t testing.TB, raw string) *collections.IfMatch {
	t.Helper()
	m, err := collections.ParseIfMatch([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestKeyOfAnotherWrite: a key stands for one write.
func TestKeyOfAnotherWrite(t *testing.T) {
	for name, write := range keyedWrites {
		h := open(t, nil).withTwoItems()
		w := collections.Write{Key: "key"}
		if first := write(h, w); first.err != nil {
			t.Fatal(first.err)
		}
		for other, write := range keyedWrites {
			if name != other {
				write(h, w).fails(t, collections.ErrConflict, `"key"`, "new key")
			}
		}
	}
}

func TestKeyComparesWhatWasAsked(t *testing.T) {
	first := func(h harness, item string, w collections.Write) outcome {
		w.Key = "key"
		return h.post(item, w)
	}
	const item = `{"name":"Lamp","price":100,"tags":["a","b"],"maker":{"name":"x","since":1999}}`
	for spelled, equal := range map[string]bool{
		item: true,
		` { "price" : 1e2, "maker":{"since":1999.0,"name":"\u0078"},"tags":["a","b"],"name":"\u004camp"}`:      true,
		`{"name":"Lamp","price":100,"tags":["b","a"],"maker":{"name":"x","since":1999}}`:                       false,
		`{"name":"Lamp","price":"100","tags":["a","b"],"maker":{"name":"x","since":1999}}`:                     false,
		`{"name":"Lamp","price":100.00000000000000001,"tags":["a","b"],"maker":{"name":"x","since":1999}}`:     false,
		`{"name":"Lamp","price":100,"tags":["a","b"],"maker":{"name":"x","since":1999,"until":null}}`:          false,
		`{"name":"Lamp","price":100,"tags":["a","b"],"maker":{"name":"x"},"since":1999}`:                       false,
		`{"id":1,"name":"Lamp","price":100,"tags":["a","b"],"maker":{"name":"x","since":1999}}`:                false,
		`{"name":"Lamp","price":100,"tags":["a","b"],"maker":{"name":"x","since":1999},"\u006eame\u0000":"x"}`: false,
	} {
		h := open(t, nil)
		want := first(h, item, collections.Write{Reason: "because"})
		if want.err != nil {
			t.Fatal(want.err)
		}
		got := first(h, spelled, collections.Write{Reason: "because"})
		if equal {
			if diff := cmp.Diff(want.Result, got.Result, cmp.AllowUnexported(collections.ID{})); diff != "" || got.err != nil {
				t.Errorf("%s: %v\n%s", spelled, got.err, diff)
			}
		} else {
			got.fails(t, collections.ErrConflict)
		}
	}
	h := open(t, nil)
	w := collections.Write{Reason: "because", IfMatch: ifMatch(t, "null")}
	first(h, item, w)
	for name, w := range map[string]collections.Write{
		"another reason":    {Reason: "why not", IfMatch: w.IfMatch},
		"no reason":         {IfMatch: w.IfMatch},
		"no ifMatch":        {Reason: "because"},
		"another ifMatch":   {Reason: "because", IfMatch: ifMatch(t, `"*"`)},
		"ifMatch of a rev":  {Reason: "because", IfMatch: ifMatch(t, `"1-00000000"`)},
		"none of the first": {},
	} {
		if got := first(h, item, w); got.err == nil {
			t.Errorf("%s: it counts as the same", name)
		} else {
			got.fails(t, collections.ErrConflict)
		}
	}
}

// TestKeyScope: the same key of another subject or for another collection is another key.
func TestKeyScope(t *testing.T) {
	h := open(t, nil)
	post := func(collection, by string) outcome {
		return h.wait(func(done func(collections.Result, error)) {
			h.Post(ctx, collection, []byte(`{}`), collections.Write{Key: "key", By: by}, done)
		})
	}
	seen := map[string]string{}
	for range 2 {
		for _, scope := range [][2]string{{"items", ""}, {"items", "ann"}, {"items", "bob"}, {"others", ""}, {"others", "ann"}, {"items", "\x00ann"}} {
			got := post(scope[0], scope[1])
			if got.err != nil {
				t.Fatal(got.err)
			}
			name, rev := strings.Join(scope[:], " of "), got.Item.Rev.String()
			if before, again := seen[name]; again && before != rev {
				t.Errorf("%s: the repetition made %s, the first %s", name, rev, before)
			}
			seen[name] = rev
		}
	}
	revs := map[string]bool{}
	for name, rev := range seen {
		if revs[rev] {
			t.Errorf("%s shares its answer with another scope", name)
		}
		revs[rev] = true
	}
}

func TestKeyExpires(t *testing.T) {
	for name, c := range map[string]struct {
		keep time.Duration // as set
		want time.Duration
	}{"unless set": {0, 24 * time.Hour}, "as set": {time.Minute, time.Minute}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := open(t, &collections.Options{KeepKeys: c.keep})
				w := collections.Write{Key: "key"}
				h.post(`{}`, w).ok(t, `{"id":1}`)
				time.Sleep(c.want - time.Millisecond)
				h.post(`{}`, w).ok(t, `{"id":1}`)
				time.Sleep(time.Millisecond)
				h.post(`{}`, w).ok(t, `{"id":2}`)
				h.post(`{}`, w).ok(t, `{"id":2}`)
			})
		})
	}
}

func TestBadKeys(t *testing.T) {
	h := open(t, nil)
	for name, key := range map[string]string{
		"too long": strings.Repeat("k", collections.MaxKey+1), "no UTF-8": "\xff", "a NUL": "a\x00b", "a line break": "a\n", "a C1 control": "a\u0085",
	} {
		t.Run(name, func(t *testing.T) {
			h.post(`{}`, collections.Write{Key: key}).fails(t, collections.ErrBadRequest, "key", "UUID")
		})
	}
	for _, key := range []string{strings.Repeat("k", collections.MaxKey), "ключ 🔑", " ", "a/b"} {
		if got := h.post(`{}`, collections.Write{Key: key, By: strings.Repeat("s", 255)}); got.err != nil {
			t.Errorf("%q: %v", key, got.err)
		}
	}
}
