package crud_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"ackbase/collections"
	"ackbase/crud"
)

// expect takes the next that was sent and holds its name and what its payload contains.
func (c *client) expect(t *testing.T, name string, contains ...string) change {
	t.Helper()
	e, ok := c.next().(event)
	if !ok || e.name != name {
		t.Fatalf("got %v, want %s", e, name)
	}
	for _, part := range contains {
		if !strings.Contains(e.payload, part) {
			t.Fatalf("%s does not contain %s", e.payload, part)
		}
	}
	var got change
	if err := json.Unmarshal([]byte(e.payload), &got); err != nil {
		t.Fatal(err)
	}
	return got
}

// TestSinceRefused holds that no cursor starts a stream at a silently wrong place.
func TestSinceRefused(t *testing.T) {
	s, db := open(t, nil)
	c := dial(s, "c", 100)
	defer c.hangUp()
	for n := range 3 {
		c.call(t, "POST", "items", map[string]any{"n": n})
	}
	head := db.Head()
	other, beyond, tag := head, head, head
	other.Epoch++
	beyond.Seq += 1000
	tag.Tag++
	for name, test := range map[string]struct {
		options any
		code    string
	}{
		"of another database": {map[string]any{"since": other.Cursor()}, "GONE"},
		"beyond the head":     {map[string]any{"since": beyond.Cursor()}, "GONE"},
		"with another tag":    {map[string]any{"since": tag.Cursor()}, "GONE"},
		"malformed":           {map[string]any{"since": "x" + head.Cursor()}, "BAD_REQUEST"},
		"no text":             {map[string]any{"since": 3}, "BAD_REQUEST"},
		"null":                {map[string]any{"since": nil}, "BAD_REQUEST"},
		"with a snapshot":     {map[string]any{"since": head.Cursor(), "snapshot": true}, "BAD_REQUEST"},
	} {
		t.Run(name, func(t *testing.T) {
			if a := c.call(t, "SUBSCRIBE", "items", test.options); !strings.Contains(a.fault, `"`+test.code+`"`) {
				t.Errorf("%+v, want %s", a, test.code)
			}
		})
	}
	if a := c.call(t, "UNSUBSCRIBE", "items"); a.result != "false" {
		t.Errorf("a refused SUBSCRIBE left a subscription: %+v", a)
	}
}

// TestSinceOfAnAnswer holds that the cursor of an answer can be resumed from at once, though
// the change may still be on its way to those who listen.
func TestSinceOfAnAnswer(t *testing.T) {
	s, db := open(t, nil)
	c := dial(s, "c", 1<<20)
	defer c.hangUp()
	for n := range 200 {
		c.ask(0, "POST", "items", map[string]any{"n": n})
		a := c.next().(answer)
		var meta struct{ Cursor string }
		if err := json.Unmarshal([]byte(a.meta), &meta); err != nil {
			t.Fatal(err)
		}
		room := fmt.Sprint("c", n)
		c.ask(1, "SUBSCRIBE", room, map[string]any{"since": meta.Cursor})
		if a := c.next().(answer); a.fault != "null" {
			t.Fatalf("%+v", a)
		}
		if mark := c.expect(t, "BOOKMARK"); position(t, mark.Cursor).Seq < position(t, meta.Cursor).Seq {
			t.Fatalf("the bookmark %s is before the cursor %s", mark.Cursor, meta.Cursor)
		}
		c.call(t, "UNSUBSCRIBE", room)
	}
	if head := db.Head(); head.Seq != 200 {
		t.Fatal(head)
	}
}

// TestReplayLeavesOthersAlone holds that the replay of a client that takes nothing waits in the
// log, not in memory, and in nobody's way.
func TestReplayLeavesOthersAlone(t *testing.T) {
	s, db := open(t, &crud.Options{RingBytes: 1})
	writer := dial(s, "writer", 1<<20)
	defer writer.hangUp()
	from := collections.Position{Epoch: db.Head().Epoch}.Cursor()
	const writes = 1000
	for n := range writes {
		writer.call(t, "PUT", "items", map[string]any{"id": 1 + n%10, "n": n})
	}
	slow, live := dial(s, "slow", 4), dial(s, "live", 1<<20)
	defer slow.hangUp()
	defer live.hangUp()
	live.call(t, "SUBSCRIBE", "items", map[string]any{"snapshot": true})
	slow.ask(0, "SUBSCRIBE", "items", map[string]any{"since": from})

	writer.call(t, "PUT", "items", map[string]any{"id": 1, "n": "now"})
	live.expect(t, "MODIFIED", `"now"`)

	if a, ok := slow.next().(answer); !ok || a.fault != "null" {
		t.Fatalf("the answer comes first: %+v", a)
	}
	for n := range writes {
		slow.expect(t, []string{"MODIFIED", "ADDED"}[b2i(n < 10)], fmt.Sprintf(`"n":%d`, n))
	}
	slow.expect(t, "MODIFIED", `"now"`)
	slow.expect(t, "BOOKMARK", `"room":"items"`, db.Head().Cursor())
	if slow.over > 1 {
		t.Errorf("%d events were sent to a full connection", slow.over)
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestReplayHeld holds that asking again for a subscription which is being replayed neither
// ends nor skips the replay.
func TestReplayHeld(t *testing.T) {
	s, db := open(t, nil)
	c := dial(s, "c", 2)
	defer c.hangUp()
	from := collections.Position{Epoch: db.Head().Epoch}.Cursor()
	live := dial(s, "live", 100)
	defer live.hangUp()
	live.call(t, "SUBSCRIBE", "items")
	for n := range 20 {
		c.call(t, "POST", "items", map[string]any{"n": n})
		live.expect(t, "ADDED", fmt.Sprintf(`"n":%d`, n)) // so that none of them is live for the other
	}
	c.ask(0, "SUBSCRIBE", "items", map[string]any{"since": from})
	c.ask(1, "SUBSCRIBE", "items")
	answers, events := 0, 0
	for {
		switch v := c.next().(type) {
		case answer:
			answers++
			if at := cursor(t, v).Seq; at > uint64(events)+2 {
				t.Errorf("after %d events the cursor of the answer is %d", events, at)
			}
		case event:
			if v.name == "BOOKMARK" {
				if answers != 2 || events != 20 {
					t.Errorf("%d answers and %d events before the BOOKMARK, want 2 and 20", answers, events)
				}
				return
			}
			events++
		}
	}
}

// TestQuietSubscriptions holds that the cursor of a subscription moves on without events of its own.
func TestQuietSubscriptions(t *testing.T) {
	s, db := open(t, &crud.Options{Bookmark: 20 * time.Millisecond})
	c := dial(s, "c", 100)
	defer c.hangUp()
	c.call(t, "SUBSCRIBE", "quiet", 1)
	writer := dial(s, "writer", 100)
	defer writer.hangUp()
	writer.call(t, "POST", "items", map[string]any{"n": 1})
	got := c.expect(t, "BOOKMARK", `"collection":"quiet"`, `"room":"quiet/1"`)
	if _, err := db.Changes(context.Background(), collections.Position{Epoch: db.Head().Epoch}, 1); err != nil {
		t.Fatal(err)
	}
	if got.Cursor != db.Head().Cursor() {
		t.Errorf("the bookmark is at %s, want %s", got.Cursor, db.Head().Cursor())
	}
	// Where nothing was written, there is nothing to tell.
	writer.call(t, "POST", "items", map[string]any{"n": 2})
	if next := c.expect(t, "BOOKMARK"); next.Cursor == got.Cursor {
		t.Error("the same bookmark came twice")
	}
}
