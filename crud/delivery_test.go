package crud_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"ackbase/collections"
	"ackbase/collections/bolt"
	"ackbase/crud"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// wire is the plainest Wire: a frame is the event's name and payload as texts.
type wire struct{}

type event struct {
	name    string
	payload string
	offset  string
}

func (wire) Event(name string, payload []byte) crud.Frame {
	return event{name: name, payload: string(payload)}
}

// offsetWire is the Wire of those who come back.
type offsetWire struct{ wire }

func (offsetWire) EventAt(name string, payload []byte, offset string) crud.Frame {
	return event{name, string(payload), offset}
}

// client is a connection whose network the test holds in its hand: what the
// service sends waits in a buffer of a few events until the test reads it.
type client struct {
	id       string
	identity crud.Identity
	wire     crud.Wire
	ctx      context.Context
	cancel   context.CancelFunc
	session  *crud.Session
	refused  error // why it did not come back

	mu      sync.Mutex
	changed *sync.Cond
	waiting []any // event or answer, in the order they were sent
	room    int   // how many may wait before the connection is full
	full    bool
	beyond  int // how many were sent since it was full
	over    int // the most of those ever
}

type answer struct {
	request             int
	result, fault, meta string
}

func dial(s *crud.Service, id string, room int) *client {
	c := newClient(id, room)
	c.session = s.Open(c)
	return c
}

func newClient(id string, room int) *client {
	c := &client{id: id, wire: wire{}, room: room}
	c.changed = sync.NewCond(&c.mu)
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// dialRecoverable is dial for a client that may come back.
func dialRecoverable(s *crud.Service, pid string, room int) *client {
	c := newClient("socket of "+pid, room)
	c.wire, c.identity = offsetWire{}, crud.Identity{PID: pid, Scope: "/"}
	c.session = s.OpenRecoverable(c, c.identity)
	return c
}

// comeBack is another connection of the client; nil where its session is not recovered.
func (c *client) comeBack(s *crud.Service, offset *string) *client {
	again := newClient("", c.room)
	again.wire, again.identity = c.wire, c.identity
	session, earlier, err := s.Recover(again, c.identity, offset)
	if err != nil {
		again.cancel()
		c.mu.Lock()
		defer c.mu.Unlock()
		c.refused = err
		return nil
	}
	again.mu.Lock()
	again.id, again.session = earlier.ID, session
	again.mu.Unlock()
	session.Start()
	return again
}

func (c *client) ID() string               { return c.id }
func (c *client) Context() context.Context { return c.ctx }
func (c *client) Wire() crud.Wire          { return c.wire }
func (c *client) Close(string)             { c.hangUp() }

func (c *client) hangUp() {
	c.cancel()
	c.mu.Lock()
	session := c.session
	c.changed.Broadcast()
	c.mu.Unlock()
	if session != nil { // else it is still being recovered
		session.Close()
	}
}

func (c *client) Send(f crud.Frame) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.full {
		c.beyond++
		c.over = max(c.over, c.beyond)
	}
	c.put(f)
	return nil
}

func (c *client) put(v any) {
	c.waiting = append(c.waiting, v)
	if len(c.waiting) >= c.room {
		c.full = true
	}
	c.changed.Broadcast()
}

func (c *client) Writable() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.full
}

// next takes what was sent first, waiting for it; nil when the client has hung up.
func (c *client) next() any {
	c.mu.Lock()
	for len(c.waiting) == 0 {
		if c.ctx.Err() != nil {
			c.mu.Unlock()
			return nil
		}
		c.changed.Wait()
	}
	v := c.waiting[0]
	c.waiting = c.waiting[1:]
	drained := c.full && len(c.waiting) <= c.room/2
	if drained {
		c.full, c.beyond = false, 0
	}
	c.mu.Unlock()
	if drained {
		c.session.Drained()
	}
	return v
}

type reply struct {
	client  *client
	request int
}

func (r reply) Answer(result, fault, meta []byte) {
	r.client.mu.Lock()
	defer r.client.mu.Unlock()
	r.client.put(answer{r.request, string(result), string(fault), string(meta)})
}

// ask sends a request; its answer comes by next.
func (c *client) ask(request int, verb string, args ...any) {
	raw := make([]json.RawMessage, len(args))
	for i, a := range args {
		b, err := json.Marshal(a)
		if err != nil {
			panic(err)
		}
		raw[i] = b
	}
	c.session.Do(verb, raw, false, reply{c, request})
}

// call asks and waits for the answer, on a client that gets no events meanwhile.
func (c *client) call(t testing.TB, verb string, args ...any) answer {
	t.Helper()
	c.ask(-1, verb, args...)
	for {
		switch v := c.next().(type) {
		case answer:
			return v
		case event:
			t.Fatalf("an event came where only the answer of %s was due: %v", verb, v)
		case nil:
			t.Fatal("the client has hung up")
		}
	}
}

func open(t testing.TB, o *crud.Options) (*crud.Service, *collections.DB) {
	t.Helper()
	store, err := bolt.Open(filepath.Join(t.TempDir(), "test.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	db := collections.New(store, nil)
	s := crud.New(db, o)
	t.Cleanup(func() {
		s.Close()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, db
}

type change struct {
	Type, Room, Collection, Rev, Prev, Cursor, Cause string
	Item, Patch                                      json.RawMessage
}

// TestLostConnections is TestDeliveryIsTheLog with readers whose connections are lost at random points, and who come
// back: what they are told over all connections of a session is the log.
func TestLostConnections(t *testing.T) {
	t.Run("from the ring", func(t *testing.T) { deliveryIsTheLog(t, 0, true, nil) })
	t.Run("from the store, filters apart", func(t *testing.T) { deliveryIsTheLog(t, 1, true, crud.SetFiltersApart) })
}

// TestDeliveryIsTheLog lets clients of every speed subscribe and unsubscribe while writers
// write, and then compares what each was sent, subscription by subscription, with the log.
func TestDeliveryIsTheLog(t *testing.T) {
	for name, ringBytes := range map[string]int{"from the ring": 0, "from the store": 1} {
		t.Run(name, func(t *testing.T) { deliveryIsTheLog(t, ringBytes, false, nil) })
		t.Run(name+", filters apart", func(t *testing.T) { deliveryIsTheLog(t, ringBytes, false, crud.SetFiltersApart) })
	}
}

func deliveryIsTheLog(t *testing.T, ringBytes int, breaks bool, prepare func(*crud.Service)) {
	const writers, writes, items = 4, 300, 20
	s, db := open(t, &crud.Options{RingBytes: ringBytes})
	if prepare != nil {
		prepare(s)
	}

	var head atomic.Uint64 // of the log, when all has been written
	var writing, reading sync.WaitGroup
	readers := make([]*reader, 12)
	for i := range readers {
		r := &reader{t: t, service: s, head: &head, rnd: rand.New(rand.NewPCG(1, uint64(i))), questions: math.MaxInt}
		if readers[i] = r; breaks {
			r.questions = 60 // each is a commit
			r.pid = fmt.Sprint("reader", i)
			r.client = dialRecoverable(s, r.pid, 1+i*3)
		} else {
			r.client = dial(s, fmt.Sprint("reader", i), 1+i*3)
		}
		reading.Go(r.read)
	}
	for w := range writers {
		c := dial(s, fmt.Sprint("writer", w), 1<<30)
		defer c.hangUp()
		writing.Add(1)
		go func() {
			defer writing.Done()
			rnd := rand.New(rand.NewPCG(2, uint64(w)))
			for n := range writes {
				id := 1 + rnd.IntN(items)
				if rnd.IntN(4) == 0 {
					c.call(t, "DELETE", "items", id)
				} else {
					c.call(t, "PUT", "items", map[string]any{"id": id, "n": n, "w": w, "colour": []string{"red", "blue"}[rnd.IntN(2)]})
				}
			}
		}()
	}
	writing.Wait()
	// A view has what was acknowledged, also where the head is still to be announced.
	if err := db.View(context.Background(), func(v collections.Reader) error {
		head.Store(v.Position().Seq)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, r := range readers {
		r.finish()
	}
	reading.Wait()

	var all []*collections.Change
	read := collections.Position{Epoch: db.Head().Epoch}
	for read.Seq < head.Load() {
		changes, err := db.Changes(context.Background(), read, 1000)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, changes...)
		read = changes[len(changes)-1].Position
	}
	events, replays, recovered := 0, 0, 0
	for i, r := range readers {
		r.countOver()
		for _, stream := range append(r.broken, r.stream) {
			e, n := checkStream(t, fmt.Sprint("reader ", i), stream, all)
			events, replays = events+e, replays+n
		}
		if r.over > 3 {
			t.Errorf("reader %d: %d events were sent although the connection was full; one change makes at most 3", i, r.over)
		}
		recovered += r.recovered
		r.client.hangUp()
	}
	if events < len(all) || replays < len(readers) || breaks && recovered < len(readers) {
		t.Fatalf("only %d events, %d replays and %d recoveries for %d changes: the test shows nothing", events, replays, recovered, len(all))
	}
}

// last is the request that ends a reader's stream, theEnd what tells it to ask.
const (
	last   = 1 << 30
	theEnd = "the end"
)

// ends are the subscriptions that must have come to the head of the log at the end.
var ends = [][]any{{"nothing"}, {"items"}, {"items", 3}, {"items", map[string]any{"filters": map[string]any{"colour": "red"}}}}

// targets are what the readers subscribe to, by the room's name.
var targets = map[string]func(snapshot bool) []any{
	"items":   func(s bool) []any { return []any{"items", map[string]any{"snapshot": s}} },
	"items/3": func(s bool) []any { return []any{"items", 3, map[string]any{"snapshot": s}} },
	`items?{"colour":"red"}`: func(s bool) []any {
		return []any{"items", map[string]any{"filters": map[string]any{"colour": "red"}, "snapshot": s}}
	},
}

// question is what a reader asked.
type question struct {
	verb, room      string
	since, snapshot bool
}

// stream is one reader's side of what happened, over all connections of a session.
type stream struct {
	asked  []question // by the number of the request
	sent   []any      // answers and events, in the order in which they came
	broken bool       // the session was not recovered: more may have been due
}

func subscribeAtRandom(c *client, s *stream, rnd *rand.Rand) question {
	q := question{verb: "SUBSCRIBE", room: []string{"items", "items/3", `items?{"colour":"red"}`}[rnd.IntN(3)]}
	args := targets[q.room](rnd.IntN(2) == 0)
	options := args[len(args)-1].(map[string]any)
	switch rnd.IntN(3) {
	case 0:
		delete(options, "snapshot")
		q.verb = "UNSUBSCRIBE"
	case 1:
		if e, ok := s.sent[rnd.IntN(len(s.sent))].(event); ok {
			delete(options, "snapshot")
			var c change
			if err := json.Unmarshal([]byte(e.payload), &c); err != nil {
				panic(err)
			}
			options["since"], q.since = c.Cursor, true
		}
	}
	q.snapshot = options["snapshot"] == true
	c.ask(len(s.asked), q.verb, args...)
	return q
}

// held is a subscription as its client knows it.
type held struct {
	start uint64 // the cursor of the answer
	taken bool   // what came last for it is the snapshot that took the place of events
	told  uint64 // everything due up to here has come
	blind bool   // it cannot be known from outside which change is due next
	past  bool   // what comes is the replay
}

// checkStream holds what one client was sent against the log: all its events
// in the order of the log, and for each subscription everything due after its
// cursor, once. It returns how many events there were, and how many replays ended.
func checkStream(t *testing.T, who string, s stream, all []*collections.Change) (events, replays int) {
	t.Helper()
	log := map[string]*collections.Change{}
	for _, c := range all {
		log[c.Position.Cursor()] = c
	}
	rooms := map[string]*held{}
	due := func(room string, c *collections.Change) bool {
		switch room {
		case "items":
			return true
		case "items/3":
			whole := rooms["items"]
			return c.ID.Text() == "3" && (rooms[room].past || whole == nil || c.Position.Seq <= whole.start)
		default:
			return red(c.Before) || red(c.After)
		}
	}
	// complete fails where something due to a room before a change has not come.
	complete := func(room string, before uint64) {
		h := rooms[room]
		if h == nil || h.blind {
			return
		}
		for _, c := range all {
			if c.Position.Seq > h.told && c.Position.Seq < before && due(room, c) {
				t.Fatalf("%s: room %s was not told of change %d (%v %v) before %d", who, room, c.Position.Seq, c.Type, c.ID.Text(), before)
			}
		}
	}
	latest := uint64(0)
	for _, v := range s.sent {
		switch v := v.(type) {
		case answer:
			if v.fault != "null" {
				t.Fatalf("%s: %+v", who, v)
			}
			q := s.asked[v.request]
			if q.verb == "UNSUBSCRIBE" {
				if (v.result == "true") != (rooms[q.room] != nil) {
					t.Fatalf("%s: UNSUBSCRIBE from %s answered %s", who, q.room, v.result)
				}
				delete(rooms, q.room)
				if h := rooms["items/3"]; h != nil && q.room == "items" && !h.past {
					h.blind = true
				}
				continue
			}
			p := cursor(t, v)
			if p.Seq < latest && rooms[q.room] == nil && !q.since {
				t.Fatalf("%s: the cursor of %s is %d, but change %d has been sent", who, q.room, p.Seq, latest)
			}
			h := rooms[q.room]
			if q.since {
				rooms[q.room] = &held{start: math.MaxUint64, told: p.Seq, past: true}
				if q.room == "items" && rooms["items/3"] != nil && !rooms["items/3"].past {
					rooms["items/3"].blind = true
				}
			} else if h == nil {
				rooms[q.room] = &held{start: p.Seq, told: p.Seq}
			} else if strings.Contains(v.result, `"items":`) {
				*h = held{start: p.Seq, told: p.Seq, taken: true}
				if q.room == "items" && rooms["items/3"] != nil && !rooms["items/3"].past {
					rooms["items/3"].blind = true
				}
			}
		case event:
			events++
			var c change
			if err := json.Unmarshal([]byte(v.payload), &c); err != nil {
				t.Fatalf("%v: %s", err, v.payload)
			}
			source := log[c.Cursor]
			if v.name == "BOOKMARK" {
				h, p := rooms[c.Room], position(t, c.Cursor)
				if h != nil && h.taken && v.offset != "" && p.Seq == h.start {
					h.taken = false
					continue
				}
				replays++
				if h == nil || !h.past || c.Collection != "items" || p.Seq < latest {
					t.Fatalf("%s: a BOOKMARK at %d, after change %d, for a room that is %+v: %s", who, p.Seq, latest, h, v.payload)
				}
				complete(c.Room, p.Seq+1)
				*h = held{start: p.Seq, told: p.Seq}
				continue
			}
			if source == nil {
				t.Fatalf("%s: an event of no change: %s", who, v.payload)
			}
			seq := source.Position.Seq
			h := rooms[c.Room]
			switch {
			case h == nil:
				t.Fatalf("%s: room %s was told of change %d, but is not subscribed to", who, c.Room, seq)
			case !h.past && seq < latest:
				t.Fatalf("%s: change %d came after change %d", who, seq, latest)
			case seq <= h.told:
				t.Fatalf("%s: room %s was told of change %d, but had been told up to %d", who, c.Room, seq, h.told)
			case !due(c.Room, source):
				t.Fatalf("%s: room %s was told of change %d, which is not its own", who, c.Room, seq)
			}
			complete(c.Room, seq)
			h.told, h.blind = seq, false
			if !h.past {
				latest = seq
			}
			checkEvent(t, v, c, source)
		}
	}
	for room := range rooms {
		if !s.broken {
			complete(room, all[len(all)-1].Position.Seq+1)
		}
	}
	return events, replays
}

// cursor is that of an answer to SUBSCRIBE.
func cursor(t *testing.T, a answer) collections.Position {
	var result struct{ Cursor string }
	if err := json.Unmarshal([]byte(a.result), &result); err != nil {
		t.Errorf("%v: %+v", err, a)
	}
	return position(t, result.Cursor)
}

func position(t *testing.T, cursor string) collections.Position {
	p, err := collections.ParseCursor(cursor)
	if err != nil {
		t.Error(err)
	}
	return p
}

// checkEvent holds the content of an event against its change.
func checkEvent(t *testing.T, v event, c change, source *collections.Change) {
	t.Helper()
	want, cause := source.Type.String(), ""
	item := source.After
	if strings.Contains(c.Room, "?") {
		switch {
		case !red(source.Before) && source.Before != nil:
			want, cause = "ADDED", "filter"
		case !red(source.After) && source.After != nil:
			want, cause = "DELETED", "filter"
		}
	}
	if want == "DELETED" {
		item = source.Before
	}
	if v.name != want || c.Type != want || c.Cause != cause {
		t.Fatalf("change %d is %v, the event in %s is %s %q", source.Position.Seq, source.Type, c.Room, v.name, c.Cause)
	}
	if !collections.EqualJSON(c.Item, item) || c.Rev != source.Rev().String() || c.Prev != source.Prev.String() {
		t.Fatalf("the event %s is not what change %d did", v.payload, source.Position.Seq)
	}
}

// red tells whether an item passes the filter of the test.
func red(item []byte) bool {
	var v struct{ Colour string }
	return json.Unmarshal(item, &v) == nil && v.Colour == "red"
}

// TestPagesComeOneAfterTheOther: who asks for several pages at once gets the next
// only when there is room for it, and all of them in the end.
func TestPagesComeOneAfterTheOther(t *testing.T) {
	const pages = 8
	s, _ := open(t, nil)
	c := dial(s, "reader", 1)
	for i := range pages {
		c.ask(i, "GET", "items", map[string]any{"limit": 1 + i})
	}
	seen := map[int]bool{}
	for range pages {
		a := nextAnswer(c)
		if a.fault != "null" || seen[a.request] {
			t.Fatalf("want one answer for each page: %+v", a)
		}
		seen[a.request] = true
		c.mu.Lock()
		waiting := len(c.waiting)
		c.mu.Unlock()
		if waiting > 1 {
			t.Fatalf("%d answers wait where one fills the connection", waiting)
		}
	}
	// Those that still wait when the connection ends, or the service does, wait no more: TestMain sees what stays.
	for _, end := range []func(){c.hangUp, s.Close} {
		c := dial(s, "leaver", 1)
		for i := range pages {
			c.ask(i, "GET", "items")
		}
		end()
		c.hangUp()
	}
	c.hangUp()
}
