package crud_test

import (
	"encoding/json"
	"strings"
	"testing"

	"ackbase/crud"
)

type entry struct {
	Type, Rev, Prev, Cursor, Time string
	Item                          map[string]any
}

// historyPage is one page of an item's history, and its next.
func (c *client) historyPage(t *testing.T, collection string, id any, options map[string]any) (entries []entry, next *string) {
	t.Helper()
	a := c.call(t, "HISTORY", collection, id, options)
	var meta struct{ Next *string }
	if a.fault != "null" {
		t.Fatal(a.fault)
	}
	if err := json.Unmarshal([]byte(a.result), &entries); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(a.meta), &meta); err != nil {
		t.Fatal(err)
	}
	return entries, meta.Next
}

// TestHistoryFitsAnAnswer: where an answer would be too large, the page is shorter and tells of more; a
// change that is too large by itself is an error, and does not hide those behind it.
func TestHistoryFitsAnAnswer(t *testing.T) {
	s, _ := open(t, &crud.Options{MaxAnswer: 1500})
	c := dial(s, "reader", 1<<30)
	defer c.hangUp()
	c.call(t, "POST", "items", map[string]any{"id": 1})
	for n := range 9 {
		size := 100
		if n == 4 {
			size = 1000 // twice in its entry: in the patch and in the item
		}
		c.call(t, "PUT", "items", 1, map[string]any{"n": n, "text": strings.Repeat("x", size)})
	}
	var seen []float64
	options := map[string]any{"limit": 1000}
	for {
		entries, next := c.historyPage(t, "items", 1, options)
		for _, e := range entries {
			n, _ := e.Item["n"].(float64)
			seen = append(seen, n)
		}
		if len(entries) == 0 || next == nil || *next != entries[len(entries)-1].Cursor {
			t.Fatalf("after %v, before the change that is too large, the page has %d changes and next is %v", seen, len(entries), next)
		}
		if options["after"] = *next; len(seen) == 5 {
			break
		}
	}
	var fault struct {
		Code    string
		Details struct{ Cursor string }
	}
	a := c.call(t, "HISTORY", "items", 1, options)
	if err := json.Unmarshal([]byte(a.fault), &fault); err != nil || fault.Code != "TOO_LARGE" {
		t.Fatalf("a change over the bound: %s, %v", a.fault, err)
	}
	options["after"] = fault.Details.Cursor
	if entries, _ := c.historyPage(t, "items", 1, options); len(entries) == 0 || entries[0].Item["n"] != 5.0 {
		t.Errorf("behind it come %v", entries)
	}
}

// TestReadsOfThePastSeeWhatWasAnswered: a write that was answered is in the history that is asked for next.
func TestReadsOfThePastSeeWhatWasAnswered(t *testing.T) {
	s, _ := open(t, nil)
	c := dial(s, "c", 1<<30)
	defer c.hangUp()
	for n := range 50 {
		a := c.call(t, "PUT", "items", 1, map[string]any{"n": n})
		var meta struct{ Rev, Cursor string }
		if err := json.Unmarshal([]byte(a.meta), &meta); err != nil {
			t.Fatal(err)
		}
		entries, _ := c.historyPage(t, "items", 1, nil)
		if last := entries[len(entries)-1]; len(entries) != n+1 || last.Rev != meta.Rev || last.Cursor != meta.Cursor {
			t.Fatalf("after %d writes the history has %d changes and ends with %+v; the last write was %+v", n+1, len(entries), last, meta)
		}
		if then := c.call(t, "GET", "items", 1, map[string]any{"at": meta.Cursor}); then.result != a.result {
			t.Fatalf("at the cursor of its write, %s, the item was %s", a.result, then.result)
		}
	}
}
