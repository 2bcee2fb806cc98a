package crud_test

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ackbase/collections"
	"ackbase/collections/bolt"
	"ackbase/crud"
)

// must is call for what has to succeed.
func (c *client) must(t testing.TB, verb string, args ...any) answer {
	t.Helper()
	a := c.call(t, verb, args...)
	if a.fault != "null" {
		t.Fatalf("%s %v: %s", verb, args, a.fault)
	}
	return a
}

// lose cuts the connection and comes back; nil where the session is not recovered.
func (c *client) lose(s *crud.Service, offset *string) *client {
	c.hangUp()
	return c.comeBack(s, offset)
}

// offsetOf takes the next event, which must carry an offset, and returns that.
func (c *client) offsetOf(t testing.TB) *string {
	t.Helper()
	e, ok := c.next().(event)
	if !ok || e.offset == "" {
		t.Fatalf("got %+v, want an event with an offset", e)
	}
	return &e.offset
}

func put(t testing.TB, c *client, collection string, n int) answer {
	t.Helper()
	return c.must(t, "PUT", collection, map[string]any{"id": 1, "n": n})
}

// TestRecoveredOrNot holds what a client comes back to, and what it does not.
func TestRecoveredOrNot(t *testing.T) {
	s, db := open(t, nil)
	writer := dial(s, "writer", 1<<20)
	defer writer.hangUp()
	put(t, writer, "items", 0)
	first := db.Head()

	gone := func(change func(*collections.Position)) func(*string) *string {
		return func(o *string) *string {
			p := position(t, *o)
			change(&p)
			text := p.Cursor()
			return &text
		}
	}
	text := func(text string) func(*string) *string { return func(*string) *string { return &text } }
	same := func(o *string) *string { return o }
	for _, test := range []struct {
		name   string
		before func(c *client)
		offset func(*string) *string
		want   bool
	}{
		{name: "as it was", offset: same, want: true},
		{name: "without an offset", offset: func(*string) *string { return nil }, want: true},
		{name: "with one of an earlier session", offset: text(first.Cursor()), want: true},
		{name: "left by itself", before: func(c *client) { c.session.Leave() }, offset: same},
		{name: "without a subscription", before: func(c *client) { c.must(t, "UNSUBSCRIBE", "items") }, offset: same},
		{name: "with another's pid", before: func(c *client) { c.identity.PID += "x" }, offset: same},
		{name: "in another scope", before: func(c *client) { c.identity.Scope = "/other" }, offset: same},
		{name: "as another subject", before: func(c *client) { c.identity.Subject = "mallory" }, offset: same},
		{name: "malformed", offset: text("x")},
		{name: "empty", offset: text("")},
		{name: "with a malformed number", offset: func(o *string) *string { x := *o + ".0"; return &x }},
		{name: "of another epoch", offset: gone(func(p *collections.Position) { p.Epoch++ })},
		{name: "beyond the head", offset: gone(func(p *collections.Position) { p.Seq += 1000 })},
		{name: "with another tag", offset: gone(func(p *collections.Position) { p.Tag++ })},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := dialRecoverable(s, "pid "+test.name, 1<<20)
			c.must(t, "SUBSCRIBE", "items")
			put(t, writer, "items", int(time.Now().UnixNano()))
			offset := c.offsetOf(t)
			if test.before != nil {
				test.before(c)
			}
			again := c.lose(s, test.offset(offset))
			if got := again != nil; got != test.want {
				t.Fatalf("recovered: %t", got)
			}
			if again == nil {
				return
			}
			defer again.hangUp()
			if again.id != c.id {
				t.Errorf("its id was %q and is %q", c.id, again.id)
			}
			put(t, writer, "items", -1)
			if test.offset(offset) != offset {
				again.offsetOf(t) // which it had, but did not say
			}
			again.expect(t, "MODIFIED", `"n":-1`)
		})
	}
}

// TestFiltersOfEverything holds that filters which match everything are subscriptions of their own, whose end
// takes nothing from that to the collection, and that they come back.
func TestFiltersOfEverything(t *testing.T) {
	s, _ := open(t, nil)
	writer := dial(s, "writer", 1<<20)
	defer writer.hangUp()
	c := dialRecoverable(s, "pid", 1<<20)
	c.must(t, "SUBSCRIBE", "items", map[string]any{"filters": map[string]any{}})
	rooms := []string{"items"}
	all := []any{map[string]any{}}
	filters := []any{
		map[string]any{"$and": all}, map[string]any{"$or": all}, map[string]any{"$not": map[string]any{"$not": map[string]any{}}},
	}
	for i, name := range []string{`items?{"$and":[{}]}`, `items?{"$or":[{}]}`, `items?{"$not":{"$not":{}}}`} {
		if a := c.must(t, "SUBSCRIBE", "items", map[string]any{"filters": filters[i]}); !strings.Contains(a.meta, strings.ReplaceAll(name, `"`, `\"`)) {
			t.Fatalf("the room of %s is %s", name, a.meta)
		}
		rooms = append(rooms, name)
	}
	heard := func(c *client, n int, want []string) *string {
		t.Helper()
		put(t, writer, "items", n)
		var offset string
		got := map[string]bool{}
		for range want {
			e := c.next().(event)
			var of change
			if err := json.Unmarshal([]byte(e.payload), &of); err != nil || of.Cause != "" {
				t.Fatalf("%s (%v)", e.payload, err)
			}
			got[of.Room], offset = true, e.offset
		}
		for _, room := range want {
			if !got[room] {
				t.Errorf("nothing of change %d in the room %s: %v", n, room, got)
			}
		}
		return &offset
	}
	heard(c, 1, rooms)
	c = c.lose(s, heard(c, 2, rooms))
	if c == nil {
		t.Fatal("not recovered")
	}
	defer func() { c.hangUp() }()
	heard(c, 3, rooms)
	for i := range filters {
		if a := c.must(t, "UNSUBSCRIBE", "items", map[string]any{"filters": filters[i]}); a.result != "true" {
			t.Errorf("UNSUBSCRIBE from %s: %s", rooms[1+i], a.result)
		}
	}
	c = c.lose(s, heard(c, 4, rooms[:1]))
	if c == nil {
		t.Fatal("not recovered")
	}
	heard(c, 5, rooms[:1])
	c.must(t, "GET", "items", 1) // and nothing else came
}

// TestRecoveredByAnotherProcess holds that all that is needed is on disk.
func TestRecoveredByAnotherProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	run := func(o *crud.Options, fn func(s *crud.Service)) {
		t.Helper()
		store, err := bolt.Open(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		db := collections.New(store, nil)
		s := crud.New(db, o)
		fn(s)
		s.Close()
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
	targets := [][]any{
		{"items"}, {"items", 7}, {"others", "a?b"}, {"others", map[string]any{"filters": map[string]any{"n": map[string]any{"$gte": 1}, "a/b": map[string]any{"$exists": false}}, "patch": true}},
	}
	var c *client
	run(nil, func(s *crud.Service) {
		c = dialRecoverable(s, "pid", 1<<20)
		for _, target := range targets {
			c.must(t, "SUBSCRIBE", target...)
		}
	}) // the connection is still there when the process ends
	run(nil, func(s *crud.Service) {
		writer := dial(s, "writer", 1<<20)
		writer.must(t, "PUT", "items", map[string]any{"id": 7})
		writer.must(t, "PUT", "others", map[string]any{"id": "a?b", "n": 0})
		writer.must(t, "PUT", "others", map[string]any{"id": "a?b", "n": 1})
		writer.must(t, "PUT", "others", map[string]any{"id": "a?b", "n": 2})
		c = c.comeBack(s, nil)
		if c == nil {
			t.Fatal("it was not recovered")
		}
		c.expect(t, "ADDED", `"room":"items"`)
		c.expect(t, "ADDED", `"room":"others/a?b"`)
		for n, want := range []string{"ADDED", "MODIFIED"} {
			c.expect(t, "MODIFIED", `"room":"others/a?b"`)
			change := c.expect(t, want, `"room":"others?{`)
			if (change.Patch != nil) != (n == 1) {
				t.Errorf("%s with the patch %s, where patches were asked for", want, change.Patch)
			}
		}
		for _, target := range targets {
			c.must(t, "SUBSCRIBE", target...)
		}
		writer.hangUp()
		c.hangUp()
	})
	run(&crud.Options{RecoverFor: -1}, func(s *crud.Service) {
		if again := c.comeBack(s, nil); again != nil || s.Recovers() {
			t.Error("it was recovered, though nobody is")
		}
	})
}

// TestTheLastOfSeveralCarriesTheOffset holds where the offset is among the events of one change to one socket.
func TestTheLastOfSeveralCarriesTheOffset(t *testing.T) {
	for name, prepare := range map[string]func(*crud.Service){"": func(*crud.Service) {}, "filters apart": crud.SetFiltersApart} {
		t.Run(name, func(t *testing.T) {
			s, _ := open(t, nil)
			prepare(s)
			c, other, plain := dialRecoverable(s, "pid", 1<<20), dialRecoverable(s, "other", 1<<20), dial(s, "plain", 1<<20)
			for _, c := range []*client{c, other, plain} {
				defer c.hangUp()
			}
			filter := func(n int) map[string]any {
				return map[string]any{"filters": map[string]any{"n": map[string]any{"$gte": n}}}
			}
			for _, c := range []*client{c, plain} {
				c.must(t, "SUBSCRIBE", "items", filter(2))
				c.must(t, "SUBSCRIBE", "items", 1)
				c.must(t, "SUBSCRIBE", "items", filter(3))
			}
			other.must(t, "SUBSCRIBE", "items", filter(2))
			writer := dial(s, "writer", 1<<20)
			defer writer.hangUp()
			for n := 1; n <= 4; n++ {
				put(t, writer, "items", n)
			}
			for n := 1; n <= 4; n++ {
				for i := range min(n, 3) {
					e, ok := c.next().(event)
					if want := i == min(n, 3)-1; !ok || (e.offset != "") != want || !strings.Contains(e.payload, e.offset) {
						t.Errorf("n is %d, event %d: %+v", n, i, e)
					}
					if e := plain.next().(event); e.offset != "" {
						t.Errorf("a client that cannot come back got %+v", e)
					}
				}
				if n >= 2 {
					other.offsetOf(t)
				}
			}
		})
	}
}

// TestSubscribeBeginsBehindWhatWasAcknowledged holds that a write which was answered before SUBSCRIBE is not told, and one
// after its answer is.
func TestSubscribeBeginsBehindWhatWasAcknowledged(t *testing.T) {
	s, _ := open(t, nil)
	writer := dial(s, "writer", 1<<20)
	defer writer.hangUp()
	for name, dial := range map[string]func(*crud.Service, string, int) *client{"with recovery": dialRecoverable, "without": dial} {
		t.Run(name, func(t *testing.T) {
			for n := range 200 {
				room := fmt.Sprintf("c%d-%s", n, name[4:])
				room = strings.ReplaceAll(room, " ", "")
				written := put(t, writer, room, 1)
				c := dial(s, room, 1<<20)
				a := c.must(t, "SUBSCRIBE", room)
				if !strings.Contains(written.meta, cursor(t, a).Cursor()) {
					t.Fatalf("SUBSCRIBE answered %s after %s", a.result, written.meta)
				}
				put(t, writer, room, 2)
				c.expect(t, "MODIFIED", `"n":2`)
				c.hangUp()
			}
		})
	}
}

// TestTakenOverAtOnce: a client that comes back before its connection is known to be dead, several times at once: one
// of them has the session in the end, and no event is lost.
func TestTakenOverAtOnce(t *testing.T) {
	s, _ := open(t, nil)
	writer := dial(s, "writer", 1<<20)
	defer writer.hangUp()
	c := dialRecoverable(s, "pid", 1<<20)
	c.must(t, "SUBSCRIBE", "items")
	put(t, writer, "items", 0)
	offset := c.offsetOf(t)
	for round := range 20 {
		put(t, writer, "items", 2*round+1)
		const at = 4
		back := make(chan *client, at)
		for range at {
			go func() { back <- c.comeBack(s, offset) }()
		}
		var open []*client
		for range at {
			if again := <-back; again != nil && again.ctx.Err() == nil {
				open = append(open, again)
			}
		}
		var last *client
		for _, again := range open {
			if again.ctx.Err() == nil {
				last = again
			}
		}
		if last == nil || c.ctx.Err() == nil {
			t.Fatalf("of %d that came back, none has the session; the first is open: %t", at, c.ctx.Err() == nil)
		}
		put(t, writer, "items", 2*round+2)
		last.expect(t, "MODIFIED", fmt.Sprintf(`"n":%d`, 2*round+1))
		e := last.next().(event)
		if !strings.Contains(e.payload, fmt.Sprintf(`"n":%d`, 2*round+2)) {
			t.Fatalf("got %+v", e)
		}
		c, offset = last, &e.offset
	}
	c.hangUp()
}

// TestTakenOverBeforeItsFirstSubscription: where the first SUBSCRIBE of a connection that is given up arrives while its
// client comes back already, the two do not share the session.
func TestTakenOverBeforeItsFirstSubscription(t *testing.T) {
	store, err := bolt.Open(filepath.Join(t.TempDir(), "test.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	f := &interrupted{Store: store}
	s := crud.New(collections.New(f, nil), nil)
	defer func() {
		s.Close()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	c := dialRecoverable(s, "pid", 1<<20)
	defer c.hangUp()
	before := func() {
		c.ask(0, "SUBSCRIBE", "items")
		if a, ok := c.next().(answer); !ok {
			t.Errorf("got %v, want an answer", a)
		}
	}
	f.before.Store(&before)
	again := c.comeBack(s, nil)
	if again != nil {
		defer again.hangUp()
	}
	if f.before.Load() != nil {
		t.Fatal("nothing was read of the session")
	}
	if again != nil && c.ctx.Err() == nil {
		t.Error("both connections have the session")
	}
}

// interrupted is a store before whose next update something happens.
type interrupted struct {
	collections.Store
	before atomic.Pointer[func()]
}

func (i *interrupted) Update(ctx context.Context, w collections.Writer, fn func(collections.Tx) error, done func(error)) {
	if before := i.before.Swap(nil); before != nil {
		(*before)()
	}
	i.Store.Update(ctx, w, fn, done)
}

// TestInDoubt: what was asked for and not answered is as if it had been answered, or not asked.
func TestInDoubt(t *testing.T) {
	s, _ := open(t, nil)
	writer := dial(s, "writer", 1<<20)
	defer writer.hangUp()
	for n := range 50 {
		c := dialRecoverable(s, fmt.Sprint("pid", n), 1<<20)
		held := fmt.Sprint("a", n)
		c.must(t, "SUBSCRIBE", held)
		for i := range n {
			c.ask(i, "SUBSCRIBE", fmt.Sprint("b", i))
		}
		again := c.lose(s, nil)
		if again == nil {
			t.Fatal("it was not recovered")
		}
		for i := range n {
			again.must(t, "SUBSCRIBE", fmt.Sprint("b", i))
		}
		put(t, writer, held, 1)
		again.expect(t, "ADDED", `"room":"`+held+`"`)
		again.hangUp()
	}
}

// TestARecordLastsWhileConnected: it is written again, and gone some time after the connection.
func TestARecordLastsWhileConnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const window = time.Hour
		s, _ := open(t, &crud.Options{RecoverFor: window})
		for away, want := range map[time.Duration]bool{window: true, 2 * window: false} {
			c := dialRecoverable(s, fmt.Sprint("away for ", away), 1<<20)
			c.must(t, "SUBSCRIBE", "items")
			time.Sleep(10 * window)
			c.hangUp()
			time.Sleep(away)
			again := c.comeBack(s, nil)
			if got := again != nil; got != want {
				t.Errorf("recovered after %v: %t", away, got)
			}
			if again != nil {
				again.hangUp()
			}
		}
	})
}

// TestSessionsAreBounded: the oldest are forgotten, and a session that was is not recovered by half.
func TestSessionsAreBounded(t *testing.T) {
	s, _ := open(t, &crud.Options{MaxRecoverable: 1})
	first, second := dialRecoverable(s, "first", 1<<20), dialRecoverable(s, "second", 1<<20)
	first.must(t, "SUBSCRIBE", "a")
	second.must(t, "SUBSCRIBE", "a")
	first.must(t, "SUBSCRIBE", "b")
	if again := first.lose(s, nil); again != nil {
		t.Error("a session was recovered whose first subscription had been forgotten")
	}
	again := second.lose(s, nil)
	if again == nil {
		t.Fatal("the newer one was not recovered")
	}
	again.hangUp()

	large := dialRecoverable(s, "large", 1<<20)
	filter := func(n int) map[string]any {
		texts := make([]string, 5)
		for i := range texts {
			texts[i] = strings.Repeat("x", 4000) + fmt.Sprint(i)
		}
		return map[string]any{"filters": map[string]any{"x": map[string]any{"$nin": texts}, "n": n}}
	}
	for n := range 5 {
		large.must(t, "SUBSCRIBE", "a", filter(n))
	}
	large.must(t, "UNSUBSCRIBE", "a", filter(0))
	writer := dial(s, "writer", 1<<20)
	defer writer.hangUp()
	writer.must(t, "PUT", "a", map[string]any{"id": 1, "n": 3})
	large.expect(t, "ADDED")
	if again := large.lose(s, nil); again != nil {
		t.Error("a session was recovered whose record would have been too large")
	}
}

// TestAReplayThatWasGivenUp: nobody knows which of the events that came meanwhile have been received, until one
// carries an offset again.
func TestAReplayThatWasGivenUp(t *testing.T) {
	s, db := open(t, nil)
	writer := dial(s, "writer", 1<<20)
	defer writer.hangUp()
	from := db.Head().Cursor()
	for n := range 10 {
		put(t, writer, "missed", n)
	}
	for _, later := range []bool{false, true} {
		c := dialRecoverable(s, fmt.Sprint("pid", later), 3) // so that the replay waits for it
		c.must(t, "SUBSCRIBE", "items")
		c.ask(0, "SUBSCRIBE", "missed", map[string]any{"since": from})
		if a, ok := c.next().(answer); !ok || a.fault != "null" {
			t.Fatal(a)
		}
		c.ask(1, "UNSUBSCRIBE", "missed")
		for { // the events before it
			if a, ok := c.next().(answer); ok {
				if a.result != "true" {
					t.Fatal(a)
				}
				break
			}
		}
		var offset *string
		if later {
			put(t, writer, "items", 1)
			offset = c.offsetOf(t)
		}
		again := c.lose(s, offset)
		if (again != nil) != later {
			t.Errorf("recovered: %t, and an event with an offset had come: %t", again != nil, later)
		}
		if again != nil {
			again.hangUp()
		}
	}
}

// TestRecoverWaitsForNobodyWhoHasGone: neither a client that goes away while it is recovered leaves anything
// behind, nor does the service's end.
func TestRecoverWaitsForNobodyWhoHasGone(t *testing.T) {
	s, _ := open(t, nil)
	c := dialRecoverable(s, "pid", 1<<20)
	c.must(t, "SUBSCRIBE", "items")
	c.hangUp()
	never := newClient("", 1)
	never.wire = offsetWire{}
	session, _, err := s.Recover(never, c.identity, nil)
	if err != nil {
		t.Fatal(err)
	}
	session.Close() // it never started
	ended, end := context.WithCancel(context.Background())
	end()
	gone := newClient("", 1)
	gone.wire, gone.ctx = offsetWire{}, ended
	if _, _, err := s.Recover(gone, c.identity, nil); err == nil {
		t.Error("a client was recovered that had gone")
	}
	again := c.comeBack(s, nil)
	if again == nil {
		t.Fatal("it was not recovered")
	}
	s.Close()
	if c.comeBack(s, nil) != nil {
		t.Error("it was recovered by a service that has closed")
	}
	again.hangUp()
}

// TestRecoveredAsLongAsTheLogReachesBack: who missed changes that are not kept any more begins anew, others do not.
func TestRecoveredAsLongAsTheLogReachesBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	run := func(fn func(s *crud.Service, store *bolt.Store)) {
		t.Helper()
		store, err := bolt.Open(path, &bolt.Options{Collections: map[string]collections.Collection{"items": {Keep: collections.Keep{Changes: 10}}}})
		if err != nil {
			t.Fatal(err)
		}
		s := crud.New(collections.New(store, nil), nil)
		fn(s, store)
		s.Close()
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
	clients := map[string]*client{}
	run(func(s *crud.Service, _ *bolt.Store) {
		for name, rooms := range map[string][]string{"items": {"items"}, "others": {"others"}, "both": {"others", "items"}} {
			c := dialRecoverable(s, name, 1<<20)
			for _, room := range rooms {
				c.must(t, "SUBSCRIBE", room)
			}
			c.hangUp()
			clients[name] = c
		}
	})
	run(func(s *crud.Service, store *bolt.Store) { // what the memory has of the log goes with it
		writer := dial(s, "writer", 1<<20)
		defer writer.hangUp()
		put(t, writer, "others", 1)
		for n := 0; store.Stats().Pruned < 20; n++ {
			put(t, writer, "items", n)
		}
	})
	run(func(s *crud.Service, _ *bolt.Store) {
		for name, want := range map[string]bool{"items": false, "others": true, "both": false} {
			again := clients[name].comeBack(s, nil)
			if got := again != nil; got != want {
				t.Errorf("%s: recovered %t: %v", name, got, clients[name].refused)
			}
			if again != nil {
				again.expect(t, "ADDED", `"room":"others"`)
				again.hangUp()
			}
		}
	})
}

// failing is a store in which some updates fail, as those that share their commit with writes for which there is no space.
type failing struct {
	collections.Store
	next atomic.Int32 // how many of the next ones fail
}

func (f *failing) Update(ctx context.Context, w collections.Writer, fn func(collections.Tx) error, done func(error)) {
	if f.next.Add(-1) >= 0 {
		done(collections.Errorf(collections.ErrUnavailable, "no space is left"))
		return
	}
	f.Store.Update(ctx, w, fn, done)
}

// Who comes back on a full disk is recovered: nothing needs to be written for that.
func TestRecoveredOnAFullDisk(t *testing.T) {
	store, err := bolt.Open(filepath.Join(t.TempDir(), "test.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	f := &failing{Store: store}
	s := crud.New(collections.New(f, nil), nil)
	defer func() {
		s.Close()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()
	writer := dial(s, "writer", 1<<20)
	defer writer.hangUp()
	c := dialRecoverable(s, "pid", 1<<20)
	c.must(t, "SUBSCRIBE", "items")
	put(t, writer, "items", 1)
	offset := c.offsetOf(t)
	c.hangUp()
	f.next.Store(3)
	if c = c.comeBack(s, offset); c == nil {
		t.Fatal("the session was not recovered")
	}
	defer c.hangUp()
	put(t, writer, "items", 2)
	c.offsetOf(t)
}

// Who comes back while the server shuts down does not begin anew: the next process may know it.
func TestRecoverWhileTheServiceEnds(t *testing.T) {
	store, err := bolt.Open(filepath.Join(t.TempDir(), "test.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	f := &interrupted{Store: store}
	s := crud.New(collections.New(f, nil), nil)
	writer := dial(s, "writer", 1<<20)
	c := dialRecoverable(s, "pid", 1<<20)
	c.must(t, "SUBSCRIBE", "items")
	put(t, writer, "items", 1)
	offset := c.offsetOf(t)
	put(t, writer, "items", 2) // so that the log must be looked at
	closed := make(chan struct{})
	before := func() {
		go func() {
			defer close(closed)
			s.Close()
		}()
		<-crud.Closing(s)
	}
	f.before.Store(&before)
	if again := c.comeBack(s, offset); again != nil {
		again.hangUp()
	} else if !crud.Temporary(c.refused) {
		t.Errorf("it begins anew: %v", c.refused)
	}
	c.hangUp()
	writer.hangUp()
	<-closed
	if err := store.Close(); err != nil {
		t.Error(err)
	}
}
