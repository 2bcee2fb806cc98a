package crud_test

import (
	"encoding/json"
	"strings"
	"testing"

	"ackbase/collections"
)

// TestKeyRepeatsTheAnswerAndNoEvent: the same bytes come again, to whichever connection, and nothing is told.
func TestKeyRepeatsTheAnswerAndNoEvent(t *testing.T) {
	s, _ := open(t, nil)
	writer, other := dial(s, "writer", 1<<30), dial(s, "other", 1<<30)
	subscriber := dial(s, "subscriber", 1<<30)
	subscriber.call(t, "SUBSCRIBE", "items")
	heard := func(name string, of answer) {
		t.Helper()
		var meta struct{ Cursor string }
		if err := json.Unmarshal([]byte(of.meta), &meta); err != nil {
			t.Fatal(err)
		}
		if e, ok := subscriber.next().(event); !ok || e.name != name || !strings.Contains(e.payload, meta.Cursor) {
			t.Fatalf("heard %+v instead of %s at %s", e, name, meta.Cursor)
		}
	}
	key := map[string]any{"key": "key", "reason": "because"}
	for _, c := range []struct {
		event string // "" for none
		verb  string
		args  []any
	}{
		{"ADDED", "POST", []any{"items", map[string]any{"name": "new"}, key}},
		{"ADDED", "PUT", []any{"items", map[string]any{"id": "A1"}, key}},
		{"MODIFIED", "PUT", []any{"items", "A1", map[string]any{"name": "put"}, key}},
		{"", "PUT", []any{"items", "A1", map[string]any{"name": "put"}, key}},
		{"MODIFIED", "PATCH", []any{"items", map[string]any{"id": "A1", "name": "merged"}, key}},
		{"MODIFIED", "PATCH", []any{"items", "A1", []any{map[string]any{"op": "add", "path": "/n", "value": 1}}, key}},
		{"MODIFIED", "PATCH", []any{"items", []any{map[string]any{"op": "add", "path": "/A1/n", "value": 2}}, key}},
		{"DELETED", "DELETE", []any{"items", "A1", key}},
		{"", "DELETE", []any{"items", "A1", key}},
	} {
		key["key"] = key["key"].(string) + "'"
		first := writer.call(t, c.verb, c.args...)
		if first.fault != "null" {
			t.Fatalf("%s: %s", c.verb, first.fault)
		}
		if c.event != "" {
			heard(c.event, first)
		}
		writer.call(t, "PUT", "others", map[string]any{"id": 1})
		for _, client := range []*client{writer, other} {
			if again := client.call(t, c.verb, c.args...); again != first {
				t.Errorf("%s %v: the first answer is %+v, the next %+v", c.verb, c.args, first, again)
			}
		}
	}
	heard("DELETED", writer.call(t, "DELETE", "items", 1))
}

// TestKeyOfAWriteWhoseCallerHasGone: it happened, and its answer waits for whoever repeats it.
func TestKeyOfAWriteWhoseCallerHasGone(t *testing.T) {
	s, _ := open(t, nil)
	gone, back := dial(s, "gone", 1<<30), dial(s, "back", 1<<30)
	const writes = 50
	for i := range writes {
		gone.ask(i, "POST", "items", map[string]any{"n": i}, map[string]any{"key": strings.Repeat("k", i+1)})
	}
	gone.hangUp()
	for i := range writes {
		a := back.call(t, "POST", "items", map[string]any{"n": i}, map[string]any{"key": strings.Repeat("k", i+1)})
		if a.fault != "null" {
			t.Fatal(a.fault)
		}
	}
	if page := back.call(t, "GET", "items", map[string]any{"limit": 1}); !strings.Contains(page.meta, `"total":50,`) {
		t.Errorf("%d writes, each sent twice, made %s", writes, page.meta)
	}
}

func TestBadKeyOption(t *testing.T) {
	s, _ := open(t, nil)
	c := dial(s, "writer", 1<<30)
	for name, key := range map[string]any{
		"empty": "", "null": nil, "a number": 1, "an object": map[string]any{}, "too long": strings.Repeat("k", collections.MaxKey+1), "with a control character": "a\tb",
	} {
		for verb, args := range map[string][]any{
			"POST": {"items", map[string]any{}}, "PUT": {"items", map[string]any{"id": 1}}, "PATCH": {"items", map[string]any{"id": 1}}, "DELETE": {"items", 1},
		} {
			a := c.call(t, verb, append(args, map[string]any{"key": key})...)
			if !strings.Contains(a.fault, `"BAD_REQUEST"`) || !strings.Contains(a.fault, "key") || !strings.Contains(a.fault, "UUID") {
				t.Errorf("%s with a key that is %s: %s", verb, name, a.fault)
			}
		}
	}
	for _, verb := range []string{"GET", "SUBSCRIBE"} {
		if a := c.call(t, verb, "items", 1, map[string]any{"key": "key"}); !strings.Contains(a.fault, `knows no option`) {
			t.Errorf("%s with a key: %s", verb, a.fault)
		}
	}
}
