package crud_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ackbase/collections"
	"ackbase/collections/bolt"
	"ackbase/crud"
)

func (w wire) Publish(name string, payload []byte) crud.Frame { return w.Event(name, payload) }

func patterns(t testing.TB, texts ...string) (list []crud.RoomPattern) {
	t.Helper()
	for _, text := range texts {
		p, err := crud.ParseRoomPattern(text)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	return list
}

func TestPublish(t *testing.T) {
	s, _ := open(t, &crud.Options{Publish: patterns(t, "chat", "chat/*")})
	whole, item, filtered, both, nobody := dial(s, "whole", 100), dial(s, "item", 100), dial(s, "filtered", 100), dial(s, "both", 100), dial(s, "nobody", 100)
	for _, c := range []*client{whole, item, filtered, both, nobody} {
		defer c.hangUp()
	}
	whole.call(t, "SUBSCRIBE", "chat")
	item.call(t, "SUBSCRIBE", "chat", 1, map[string]any{"patch": true})
	filtered.call(t, "SUBSCRIBE", "chat", nil, map[string]any{"filters": map[string]any{"n": 1}})
	both.call(t, "SUBSCRIBE", "chat")
	both.call(t, "SUBSCRIBE", "chat", 1)

	if a := nobody.call(t, "PUBLISH", "chat", "typing", map[string]any{"who": "me"}); a.result != "2" || a.fault != "null" || a.meta != "{}" {
		t.Errorf("to the collection: %+v, want 2 sockets", a)
	}
	if a := nobody.call(t, "PUBLISH", "chat/1", "read", "at once"); a.result != "2" {
		t.Errorf("to the item: %+v, want 2 sockets", a)
	}
	if a := nobody.call(t, "PUBLISH", "chat/2", "read", nil); a.result != "0" {
		t.Errorf("to an item that nobody is subscribed to: %+v", a)
	}
	// The sender is a member like all others.
	item.ask(1, "PUBLISH", "chat/1", "read", []int{1})
	want := map[*client][]string{
		whole: {`typing {"who":"me"}`},
		item:  {`read "at once"`, `read [1]`, `answer 2`},
		both:  {`typing {"who":"me"}`, `read "at once"`, `read [1]`},
	}
	for c, list := range want {
		for _, text := range list {
			got := ""
			switch v := c.next().(type) {
			case event:
				got = v.name + " " + v.payload
			case answer:
				got = "answer " + v.result
			}
			if got != text {
				t.Errorf("%s heard %q, want %q", c.id, got, text)
			}
		}
	}
	// What was not meant for a client has not come before a change.
	nobody.call(t, "PUT", "chat", map[string]any{"id": 1, "n": 1})
	for _, c := range []*client{whole, item, filtered} {
		c.expect(t, "ADDED")
	}
	if n := s.Stats().Published; n != 6 {
		t.Errorf("%d published events are counted, want 6", n)
	}
}

// TestPublishRefused holds that no event is sent that must not be, and what the client is told.
func TestPublishRefused(t *testing.T) {
	s, _ := open(t, &crud.Options{Publish: patterns(t, "chat/lobby-*")})
	none, _ := open(t, nil)
	deep := strings.Repeat("[", 65) + strings.Repeat("]", 65)
	for name, c := range map[string]struct {
		service *crud.Service
		args    []any
		code    string
		says    string
	}{
		"off":                  {none, []any{"chat", "e", 1}, "FORBIDDEN", "--publish 'chat'"},
		"off for items":        {none, []any{"chat/1", "e", 1}, "FORBIDDEN", "--publish 'chat/*'"},
		"another room":         {s, []any{"chat/other", "e", 1}, "FORBIDDEN", "--publish 'chat/*'"},
		"the collection":       {s, []any{"chat", "e", 1}, "FORBIDDEN", "--publish 'chat'"},
		"nothing":              {s, nil, "BAD_REQUEST", "PUBLISH, room, event, payload"},
		"no payload":           {s, []any{"chat/lobby-1", "e"}, "BAD_REQUEST", "payload"},
		"too many":             {s, []any{"chat/lobby-1", "e", 1, 2}, "BAD_REQUEST", "too many"},
		"a number for a room":  {s, []any{1, "e", 1}, "BAD_REQUEST", "room"},
		"a bad room":           {s, []any{"1chat", "e", 1}, "BAD_REQUEST", "1chat"},
		"a room of a filter":   {s, []any{`chat?{"n":1}`, "e", 1}, "BAD_REQUEST", "chat"},
		"an item without name": {s, []any{"chat/", "e", 1}, "BAD_REQUEST", ""},
		"an event without one": {s, []any{"chat/lobby-1", "", 1}, "BAD_REQUEST", "event"},
		"a number for a name":  {s, []any{"chat/lobby-1", 5, 1}, "BAD_REQUEST", "event"},
		"a long name":          {s, []any{"chat/lobby-1", strings.Repeat("e", 257), 1}, "BAD_REQUEST", "256"},
		"ADDED":                {s, []any{"chat/lobby-1", "ADDED", 1}, "BAD_REQUEST", "ADDED"},
		"BOOKMARK":             {s, []any{"chat/lobby-1", "BOOKMARK", 1}, "BAD_REQUEST", "reserved"},
		"a verb":               {s, []any{"chat/lobby-1", "POST", 1}, "BAD_REQUEST", "reserved"},
		"disconnect":           {s, []any{"chat/lobby-1", "disconnect", 1}, "BAD_REQUEST", "reserved"},
		"members twice":        {s, []any{"chat/lobby-1", "e", json.RawMessage(`{"a":1,"a":2}`)}, "BAD_REQUEST", "a"},
		"too deep":             {s, []any{"chat/lobby-1", "e", json.RawMessage(deep)}, "BAD_REQUEST", "64"},
		"too large":            {s, []any{"chat/lobby-1", "e", strings.Repeat("x", 1<<20)}, "TOO_LARGE", "1048576"},
	} {
		t.Run(name, func(t *testing.T) {
			member, c2 := dial(c.service, "member", 10), dial(c.service, "c", 10)
			defer member.hangUp()
			defer c2.hangUp()
			for _, room := range [][]any{{"chat"}, {"chat", "lobby-1"}, {"chat", "other"}} {
				member.call(t, "SUBSCRIBE", room...)
			}
			a := c2.call(t, "PUBLISH", c.args...)
			if !strings.Contains(a.fault, fmt.Sprintf(`"code":%q`, c.code)) || !strings.Contains(a.fault, c.says) || a.result != "null" {
				t.Errorf("%+v, want %s that says %q", a, c.code, c.says)
			}
			if a := member.call(t, "UNSUBSCRIBE", "chat"); a.result != "true" { // nothing came before
				t.Errorf("%+v", a)
			}
		})
	}
}

func TestRoomPatterns(t *testing.T) {
	for pattern, rooms := range map[string]struct{ in, out []string }{
		"chat":          {[]string{"chat"}, []string{"chats", "cha", "chat/1"}},
		"chat/*":        {[]string{"chat/1", "chat/a b", "chat/*"}, []string{"chat", "chats/1"}},
		"*":             {[]string{"chat", "x"}, []string{"chat/1"}},
		"*/*":           {[]string{"chat/1"}, []string{"chat"}},
		"c*t":           {[]string{"ct", "chat", "cart"}, []string{"chats", "c"}},
		"chat/a*b*c":    {[]string{"chat/abc", "chat/a-b-b-c"}, []string{"chat/ac", "chat/acb", "chat/abcd"}},
		"chat/lobby-*":  {[]string{"chat/lobby-", "chat/lobby-1"}, []string{"chat/lobby", "chat/1"}},
		"room-*/seat-1": {[]string{"room-7/seat-1"}, []string{"room-7/seat-2", "room/seat-1"}},
	} {
		s, _ := open(t, &crud.Options{Publish: patterns(t, pattern)})
		c := dial(s, "c", 10)
		for _, room := range rooms.in {
			if a := c.call(t, "PUBLISH", room, "e", 1); a.result != "0" {
				t.Errorf("%s is to allow %s: %+v", pattern, room, a)
			}
		}
		for _, room := range rooms.out {
			if a := c.call(t, "PUBLISH", room, "e", 1); !strings.Contains(a.fault, "FORBIDDEN") {
				t.Errorf("%s is not to allow %s: %+v", pattern, room, a)
			}
		}
		c.hangUp()
	}
	for _, pattern := range []string{"", "/1", "chat/", "chat/1/2", "1chat", "chat room", "chat?x", strings.Repeat("c", 65)} {
		if _, err := crud.ParseRoomPattern(pattern); err == nil {
			t.Errorf("%q is a pattern", pattern)
		}
	}
}

// TestReplayWhilePruned holds that a replay which the pruner passes ends with the connection, after
// all that came before the gap, and never goes on behind it.
func TestReplayWhilePruned(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data.db")
	const kept, writes = 1000, 1000
	start := func() (*bolt.Store, *crud.Service) {
		store, err := bolt.Open(path, &bolt.Options{Collections: map[string]collections.Collection{"items": {Keep: collections.Keep{Changes: kept}}}})
		if err != nil {
			t.Fatal(err)
		}
		return store, crud.New(collections.New(store, nil), &crud.Options{RingBytes: 1})
	}
	store, s := start()
	stop := func() {
		s.Close()
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
	from := collections.Position{Epoch: store.Head().Epoch}.Cursor()
	put := func(c *client, from, to int) {
		for n := from; n < to; n++ {
			c.ask(0, "PUT", "items", map[string]any{"id": 1 + n%10, "n": n})
			if n%7 == 0 {
				c.ask(0, "PUT", "other", map[string]any{"id": 1, "n": n})
				c.next()
			}
			if a := c.next().(answer); a.fault != "null" {
				t.Fatal(a.fault)
			}
		}
	}
	writer := dial(s, "writer", 1<<20)
	put(writer, 0, writes)
	writer.hangUp()
	stop() // and with it what the memory has of the log
	store, s = start()
	defer func() { stop() }()

	slow, other := dial(s, "slow", 4), dial(s, "other", 4)
	defer slow.hangUp()
	defer other.hangUp()
	for name, c := range map[string]*client{"items": slow, "other": other} {
		c.ask(0, "SUBSCRIBE", name, map[string]any{"since": from})
		if a := c.next().(answer); a.fault != "null" {
			t.Fatal(a.fault)
		}
	}
	writer = dial(s, "writer again", 1<<20)
	defer writer.hangUp()
	put(writer, writes, writes+400)
	for deadline := time.Now().Add(20 * time.Second); store.Stats().Pruned < 400; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("nothing was pruned")
		}
	}

	n := 0
	for {
		v := slow.next()
		if v == nil {
			break // cut off
		}
		if want := fmt.Sprintf(`"n":%d}`, n); !strings.Contains(v.(event).payload, want) {
			t.Fatalf("as change %d came %s", n, v.(event).payload)
		}
		n++
	}
	if n >= 400 {
		t.Errorf("the replay was cut off after %d changes: this test needs a slower client", n)
	}
	again := dial(s, "again", 100)
	defer again.hangUp()
	if a := again.call(t, "SUBSCRIBE", "items", map[string]any{"since": from}); !strings.Contains(a.fault, `"GONE"`) {
		t.Errorf("coming back with the same cursor: %+v, want GONE", a)
	}
	// The changes of the other collection are all there, those behind the BOOKMARK as live ones.
	bookmarks := 0
	for n := 0; n < writes+400 || bookmarks == 0; {
		switch e := other.next().(event); {
		case e.name == "BOOKMARK":
			bookmarks++
		case e.name == []string{"MODIFIED", "ADDED"}[b2i(n == 0)] && strings.Contains(e.payload, fmt.Sprintf(`"n":%d}`, n)):
			n += 7
		default:
			t.Fatalf("as change %d of the other collection came %+v", n, e)
		}
	}
	if bookmarks != 1 {
		t.Errorf("%d bookmarks came", bookmarks)
	}
}
