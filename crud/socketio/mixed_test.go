package socketio

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ackbase/collections"
	"ackbase/crud"
	"ackbase/server"
	"ackbase/server/client"
)

var (
	mixedFor  = flag.Duration("mixed", time.Second, "how long TestMixed lets its clients do whatever they like")
	mixedSeed = flag.Uint64("mixed-seed", 0, "the seed of TestMixed; 0: another each time")
)

// TestMixed has clients of every transport subscribe and unsubscribe in every way, as they like, while
// others write; they are slow, pipeline their requests, upgrade in the middle, lose their connections and resume.
// What each subscription is told must be the log, from its start on, once and in order.
func TestMixed(t *testing.T) {
	seed := *mixedSeed
	if seed == 0 {
		seed = rand.Uint64() % 1e9
	}
	t.Logf("-mixed-seed %d", seed)
	store := openStore(t)
	url := serveVerbs(t, store, &crud.Options{RingBytes: 8 << 10, Publish: patterns(t, "*", "*/*"), Bookmark: time.Hour, MaxPendingBytes: 4 << 10},
		&server.Options{HighWater: 4 << 10, MaxBuffered: 64 << 20})
	working, end := context.WithTimeout(t.Context(), *mixedFor)
	defer end()
	m := &mix{url: url}
	var all sync.WaitGroup
	for n := range 3 {
		rng := rand.New(rand.NewPCG(seed, uint64(n)))
		all.Go(func() { m.write(t, working, rng) })
	}
	var members []*member
	for n := range 18 {
		c := &member{mix: m, name: fmt.Sprint("client ", n), polling: n%3 > 0, upgrades: n%3 == 2, rng: rand.New(rand.NewPCG(seed, uint64(100+n))), rooms: map[string]*told{}}
		members = append(members, c)
		all.Go(func() { c.run(t, working) })
	}
	all.Wait()
	log := readAll(t, store)
	events := 0
	for _, c := range members {
		for _, s := range append(c.over, slices.Collect(valuesOf(c.rooms))...) {
			if err := s.check(log); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			events += len(s.events)
		}
	}
	t.Logf("%d changes, %d events, %d breaks, %d upgrades", len(log), events, m.breaks.Load(), m.upgrades.Load())
}

func valuesOf[V any](m map[string]V) func(func(V) bool) {
	return func(yield func(V) bool) {
		for _, v := range m {
			if !yield(v) {
				return
			}
		}
	}
}

func patterns(t *testing.T, texts ...string) (list []crud.RoomPattern) {
	for _, text := range texts {
		p, err := crud.ParseRoomPattern(text)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	return list
}

// readAll is the log.
func readAll(t *testing.T, store collections.Store) (log []*collections.Change) {
	at := collections.Position{Epoch: store.Head().Epoch}
	for at.Seq < store.Head().Seq {
		changes, err := store.Changes(t.Context(), at, 1000)
		if err != nil {
			t.Fatal(err)
		}
		log = append(log, changes...)
		at = log[len(log)-1].Position
	}
	return log
}

type mix struct {
	url              string
	breaks, upgrades atomic.Int64
	once             sync.Once
	head             uint64
}

// write writes until the work ends.
func (m *mix) write(t *testing.T, working context.Context, rng *rand.Rand) {
	s, err := client.Server{Context: t.Context(), URL: m.url}.Open()
	if err == nil {
		_, err = s.Connect("")
	}
	if err != nil {
		t.Error(err)
		return
	}
	c := client.Start(s, nil)
	defer c.Leave()
	for working.Err() == nil {
		collection, id := []string{"a", "b"}[rng.IntN(2)], 1+rng.IntN(12)
		item := map[string]any{"id": id, "k": rng.IntN(4), "n": rng.IntN(1000), "text": strings.Repeat("x", rng.IntN(400))}
		switch rng.IntN(6) {
		case 0:
			_, err = c.Call("DELETE", collection, id)
		case 1:
			_, err = c.Call("PATCH", collection, []any{map[string]any{"op": "add", "path": "/30", "value": map[string]any{"k": rng.IntN(4)}}, map[string]any{"op": "add", "path": "/31", "value": map[string]any{"k": rng.IntN(4)}}})
		default:
			_, err = c.Call("PUT", collection, item)
		}
		if err != nil {
			t.Error(err)
			return
		}
		if rng.IntN(20) == 0 {
			time.Sleep(time.Duration(rng.IntN(10)) * time.Millisecond)
		}
	}
}

// told is what one subscription was told.
type told struct {
	room       string
	collection string
	id         string
	filter     *collections.Filter
	patch      bool
	start      uint64
	replaying  bool
	told       bool // a BOOKMARK may come
	last       uint64
	cursor     string // where to resume
	events     []seen
	marks      []mark
	items      []json.RawMessage // of the snapshot; nil for none
	ended      bool
}

type seen struct {
	seq     uint64
	event   json.RawMessage // nil where the collection's subscription has told it
	covered bool
}

// mark says that when so many events had come, all was told up to a place.
type mark struct {
	events int
	upTo   uint64
}

type heard struct {
	Type, Room, Collection, Cause, Cursor, Rev, Prev string
	ID                                               json.RawMessage
	Item, Patch                                      json.RawMessage
}

// check compares what was told with the log.
func (s *told) check(log []*collections.Change) error {
	if s.items != nil {
		state := map[string]json.RawMessage{}
		for _, c := range log {
			if c.Position.Seq > s.start {
				break
			}
			if c.Collection == s.collection && (s.id == "" || s.id == c.ID.Text()) {
				if delete(state, c.ID.Text()); c.After != nil && s.filter.Match(c.After) {
					state[c.ID.Text()] = c.After
				}
			}
		}
		if len(state) != len(s.items) {
			return fmt.Errorf("%s: a snapshot at %d has %d items, not %d", s.room, s.start, len(s.items), len(state))
		}
		for _, item := range s.items {
			var v struct{ ID json.RawMessage }
			if err := json.Unmarshal(item, &v); err != nil || !bytes.Equal(state[string(v.ID)], item) {
				return fmt.Errorf("%s: a snapshot at %d has %s, not %s", s.room, s.start, item, state[string(v.ID)])
			}
		}
	}
	at := 0
	for _, c := range log {
		if c.Position.Seq <= s.start || c.Collection != s.collection || s.id != "" && s.id != c.ID.Text() {
			continue
		}
		kind, cause := c.Type.String(), ""
		if s.filter != nil {
			before, after := c.Before != nil && s.filter.Match(c.Before), c.After != nil && s.filter.Match(c.After)
			switch {
			case !before && !after:
				continue
			case before && !after && c.Type != collections.Deleted:
				kind, cause = "DELETED", "filter"
			case !before && after && c.Type != collections.Added:
				kind, cause = "ADDED", "filter"
			}
		}
		for _, m := range s.marks {
			if m.events == at && m.upTo >= c.Position.Seq {
				return fmt.Errorf("%s from %d: when it was said that all was told up to %d, the change %d had not been told (%d events)", s.room, s.start, m.upTo, c.Position.Seq, at)
			}
		}
		if at == len(s.events) {
			if s.ended {
				return nil
			}
			return fmt.Errorf("%s from %d: nothing came after %d, and %d is due", s.room, s.start, s.last, c.Position.Seq)
		}
		e := s.events[at]
		if e.seq != c.Position.Seq {
			return fmt.Errorf("%s from %d: event %d is about %d, want %d", s.room, s.start, at, e.seq, c.Position.Seq)
		}
		at++
		if e.event == nil {
			continue
		}
		var h heard
		if err := json.Unmarshal(e.event, &h); err != nil {
			return err
		}
		item := c.After
		if kind == "DELETED" {
			item = c.Before
		}
		prev := ""
		if !c.Prev.IsZero() {
			prev = c.Prev.String()
		}
		patch := json.RawMessage(nil)
		if s.patch && kind == "MODIFIED" {
			item, patch = nil, c.Diff
		}
		if h.Type != kind || h.Cause != cause || h.Rev != c.Rev().String() || h.Prev != prev || string(h.ID) != c.ID.Text() || !bytes.Equal(h.Item, item) || !bytes.Equal(h.Patch, patch) {
			return fmt.Errorf("%s: the change %d was told as %s", s.room, c.Position.Seq, e.event)
		}
	}
	for _, m := range s.marks {
		if m.events < len(s.events) && s.events[m.events].seq <= m.upTo {
			return fmt.Errorf("%s from %d: all was said to be told up to %d, and then came %d", s.room, s.start, m.upTo, s.events[m.events].seq)
		}
	}
	if at < len(s.events) {
		return fmt.Errorf("%s from %d: %d events, %d due", s.room, s.start, len(s.events), at)
	}
	return nil
}

// asked is a request that is not answered yet.
type asked struct {
	verb, collection, id string
	filter               *collections.Filter
	since, snapshot      bool
	patch                bool
	room                 string
}

func (a *asked) name() string {
	switch {
	case a.filter != nil:
		return a.collection + "?" + a.filter.Canonical()
	case a.id != "":
		return a.collection + "/" + a.id
	}
	return a.collection
}

// member is a client.
type member struct {
	mix               *mix
	name              string
	polling, upgrades bool
	rng               *rand.Rand

	mu      sync.Mutex // held while sending, so that nothing is under way during an upgrade
	pending map[int]*asked
	next    int
	session *client.Session

	upgrade  atomic.Bool
	state    sync.Mutex
	answered *sync.Cond
	rooms    map[string]*told
	over     []*told
	live     uint64 // the newest live event of the connection
	done     map[int]bool
	broken   error
}

func (c *member) run(t *testing.T, working context.Context) {
	c.answered = sync.NewCond(&c.state)
	for again := true; again && !t.Failed(); {
		again = c.connection(t, working)
	}
}

// connection is one connection of the client; true where it broke.
func (c *member) connection(t *testing.T, working context.Context) bool {
	ctx, cut := context.WithCancel(t.Context())
	defer cut()
	srv := client.Server{Context: ctx, URL: c.mix.url}
	open := srv.Open
	if c.polling {
		open = srv.OpenPolling
	}
	s, err := open()
	if err == nil {
		defer s.Drop()
		_, err = s.Connect("")
	}
	if err != nil {
		t.Errorf("%s: %v", c.name, err)
		return false
	}
	c.session, c.pending, c.done, c.live, c.broken = s, map[int]*asked{}, map[int]bool{}, 0, nil
	c.upgrade.Store(false)
	reader := make(chan struct{})
	pace := c.rng.Uint64()
	go func() {
		defer close(reader)
		c.read(rand.New(rand.NewPCG(pace, 1)))
	}()
	defer func() { <-reader }()
	defer cut()
	// What was held is resumed, in some order.
	c.state.Lock()
	var resume []*told
	for _, room := range slices.Sorted(keysOf(c.rooms)) {
		resume = append(resume, c.rooms[room])
	}
	for _, s := range resume {
		s.ended = true
		c.over = append(c.over, s)
		delete(c.rooms, s.room)
	}
	c.state.Unlock()
	c.rng.Shuffle(len(resume), func(i, j int) { resume[i], resume[j] = resume[j], resume[i] })
	for _, s := range resume {
		options := map[string]any{"since": s.cursor, "patch": s.patch}
		a := &asked{verb: "SUBSCRIBE", collection: s.collection, id: s.id, filter: s.filter, since: true, patch: s.patch}
		if s.filter != nil {
			options["filters"] = json.RawMessage(s.filter.Canonical())
		}
		c.send(a, options)
	}
	for working.Err() == nil {
		c.act()
		if c.rng.IntN(3) == 0 {
			time.Sleep(time.Duration(c.rng.IntN(20)) * time.Millisecond)
		}
		switch {
		case c.polling && c.upgrades && c.rng.IntN(15) == 0:
			c.upgrade.Store(true)
		case c.rng.IntN(100) == 0:
			c.mix.breaks.Add(1)
			return true
		}
		c.state.Lock()
		broken := c.broken
		c.state.Unlock()
		if broken != nil {
			t.Errorf("%s: the connection ended: %v", c.name, broken)
			return false
		}
	}
	// To the end: what is held must come to where the log stands.
	head := ""
	for end := time.Now().Add(30 * time.Second); ; {
		n := c.send(&asked{verb: "GET", collection: "a"}, nil)
		if !c.await(n) {
			t.Errorf("%s: the connection ended: %v", c.name, c.broken)
			return false
		}
		c.state.Lock()
		due := 0
		stands := []string{}
		for room, s := range c.rooms {
			if s.replaying {
				due++
				stands = append(stands, room)
			}
		}
		c.state.Unlock()
		if due == 0 {
			break
		}
		if time.Now().After(end) {
			t.Errorf("%s: a replay does not end: %q (polling %v)", c.name, stands, c.polling)
			return false
		}
		time.Sleep(20 * time.Millisecond)
	}
	_ = head
	for end := time.Now().Add(30 * time.Second); ; {
		c.state.Lock()
		var list []*told
		for _, s := range c.rooms {
			list = append(list, s)
		}
		c.state.Unlock()
		lowest := ""
		behind := 0
		for _, s := range list {
			a := &asked{verb: "SUBSCRIBE", collection: s.collection, id: s.id, filter: s.filter, patch: s.patch}
			var options map[string]any
			if s.filter != nil {
				options = map[string]any{"filters": json.RawMessage(s.filter.Canonical())}
			}
			if n := c.send(a, options); !c.await(n) {
				t.Errorf("%s: the connection ended: %v", c.name, c.broken)
				return false
			}
			c.state.Lock()
			if m := s.marks; len(m) == 0 || m[len(m)-1].upTo < c.mix.headSeq(t) {
				behind++
				lowest = s.room
			}
			c.state.Unlock()
		}
		if behind == 0 {
			return false
		}
		if time.Now().After(end) {
			t.Errorf("%s: %s does not come to the end of the log", c.name, lowest)
			return false
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// headSeq is the end of the log, once nobody writes.
func (m *mix) headSeq(t *testing.T) uint64 {
	m.once.Do(func() {
		s, err := client.Server{Context: t.Context(), URL: m.url}.Open()
		if err == nil {
			_, err = s.Connect("")
		}
		if err != nil {
			t.Error(err)
			return
		}
		c := client.Start(s, nil)
		defer c.Leave()
		time.Sleep(200 * time.Millisecond) // the writers' last
		a, err := c.Call("GET", "a")
		var meta struct{ Cursor string }
		if err = errors.Join(err, json.Unmarshal(a.Meta, &meta)); err != nil {
			t.Error(err)
		}
		p, _ := collections.ParseCursor(meta.Cursor)
		m.head = p.Seq
	})
	return m.head
}

func keysOf[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

var spellings = []string{`{"k":1}`, `{ "k" : 1.0 }`, `{"k":{"$gte":2}}`, `{"k":{"$in":[0,3]},"n":{"$lt":700}}`, `{"n":{"$lt":7e2},"k":{"$in":[0,3]}}`}

// act does something.
func (c *member) act() {
	a := &asked{collection: []string{"a", "b"}[c.rng.IntN(2)]}
	options := map[string]any{}
	switch c.rng.IntN(3) {
	case 0:
		a.id = strconv.Itoa(1 + c.rng.IntN(3))
	case 1:
		text := spellings[c.rng.IntN(len(spellings))]
		a.filter, _ = collections.ParseFilter(json.RawMessage(text))
		options["filters"] = json.RawMessage(text)
	}
	switch c.rng.IntN(12) {
	case 0:
		a.verb = "PUBLISH"
	case 1:
		a.verb = "GET"
	case 2, 3, 4:
		a.verb = "UNSUBSCRIBE"
	default:
		a.verb = "SUBSCRIBE"
		a.patch = c.rng.IntN(3) == 0
		if a.patch {
			options["patch"] = true
		}
		switch c.rng.IntN(4) {
		case 0:
			a.snapshot, options["snapshot"] = true, true
		case 1:
			c.state.Lock()
			// Somewhere behind, by another subscription's cursor too.
			for _, s := range c.rooms {
				options["since"], a.since = s.cursor, true
				if c.rng.IntN(2) == 0 {
					break
				}
			}
			c.state.Unlock()
		}
	}
	c.send(a, options)
}

// send sends a request and gives its number.
func (c *member) send(a *asked, options map[string]any) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	args := []any{a.verb, a.collection}
	if a.id != "" {
		args = append(args, json.RawMessage(a.id))
	}
	switch {
	case a.verb == "PUBLISH":
		args = []any{"PUBLISH", strings.Split(a.name(), "?")[0], "note", strings.Repeat("y", c.rng.IntN(300))}
	case a.verb == "GET":
		args = []any{"GET", a.collection}
	case len(options) > 0:
		args = append(args, options)
	}
	raw, err := json.Marshal(args)
	if err != nil {
		panic(err)
	}
	c.state.Lock()
	n := c.next
	c.next++
	c.pending[n] = a
	c.state.Unlock()
	if err := c.session.Send("42" + strconv.Itoa(n) + string(raw)); err != nil {
		c.fail(fmt.Errorf("sending: %w", err))
	}
	return n
}

func (c *member) fail(err error) {
	c.state.Lock()
	defer c.state.Unlock()
	if c.broken == nil {
		c.broken = err
	}
	c.answered.Broadcast()
}

// await waits for an answer.
func (c *member) await(n int) bool {
	c.state.Lock()
	defer c.state.Unlock()
	for !c.done[n] && c.broken == nil {
		c.answered.Wait()
	}
	return c.broken == nil
}

// read reads until the connection ends.
func (c *member) read(rng *rand.Rand) {
	for {
		if c.upgrade.Load() && c.session.WS == nil {
			c.mu.Lock()
			err := c.session.Upgrade()
			c.mu.Unlock()
			if err != nil {
				c.fail(fmt.Errorf("upgrading: %w", err))
				return
			}
			c.mix.upgrades.Add(1)
		}
		packet, err := c.session.Read()
		if err == nil {
			err = c.take(packet)
		}
		if err != nil {
			c.fail(err)
			return
		}
		if rng.IntN(50) == 0 {
			time.Sleep(time.Duration(rng.IntN(20)) * time.Millisecond)
		}
	}
}

func (c *member) take(packet []byte) error {
	c.state.Lock()
	defer c.state.Unlock()
	at := bytes.IndexByte(packet, '[')
	var args []json.RawMessage
	if at < 2 || json.Unmarshal(packet[at:], &args) != nil || len(args) == 0 {
		return fmt.Errorf("the server sent %.80q", packet)
	}
	if packet[1] == '2' {
		return c.event(strings.Trim(string(args[0]), `"`), args[1])
	}
	n, err := strconv.Atoi(string(packet[2:at]))
	a := c.pending[n]
	if err != nil || a == nil {
		return fmt.Errorf("the server sent %.80q, which answers nothing", packet)
	}
	delete(c.pending, n)
	c.done[n] = true
	c.answered.Broadcast()
	if a.verb == "GET" || a.verb == "PUBLISH" {
		if string(args[1]) != "null" && !(a.verb == "PUBLISH") {
			return fmt.Errorf("%s was answered %s", a.verb, args[1])
		}
		return nil
	}
	if string(args[1]) != "null" {
		return fmt.Errorf("%+v was answered %s", a, args[1])
	}
	room := a.name()
	held := c.rooms[room]
	if a.verb == "UNSUBSCRIBE" {
		if string(args[0]) != strconv.FormatBool(held != nil) {
			return fmt.Errorf("UNSUBSCRIBE from %s was answered %s; held: %v", room, args[0], held != nil)
		}
		c.endStream(held)
		return nil
	}
	var result struct {
		Cursor string
		Items  []json.RawMessage
	}
	var meta struct{ Room string }
	if err := errors.Join(json.Unmarshal(args[0], &result), json.Unmarshal(args[2], &meta)); err != nil {
		return err
	}
	p, err := collections.ParseCursor(result.Cursor)
	if err != nil || meta.Room != room {
		return fmt.Errorf("SUBSCRIBE to %s was answered %s", room, packet[at:])
	}
	if held != nil && !a.since && !a.snapshot {
		held.marks = append(held.marks, mark{len(held.events), p.Seq})
		return nil
	}
	c.endStream(held)
	if a.snapshot && result.Items == nil {
		return fmt.Errorf("a snapshot of %s has no items: %s", room, args[0])
	}
	c.rooms[room] = &told{
		room: room, collection: a.collection, id: a.id, filter: a.filter, patch: a.patch,
		start: p.Seq, last: p.Seq, cursor: result.Cursor, replaying: a.since, items: result.Items, told: a.snapshot && held != nil,
	}
	return nil
}

func (c *member) endStream(s *told) {
	if s != nil {
		s.ended = true
		c.over = append(c.over, s)
		delete(c.rooms, s.room)
	}
}

// event takes an event.
func (c *member) event(name string, payload json.RawMessage) error {
	if name == "note" {
		return nil
	}
	var h heard
	if err := json.Unmarshal(payload, &h); err != nil {
		return err
	}
	p, err := collections.ParseCursor(h.Cursor)
	if err != nil {
		return err
	}
	s := c.rooms[h.Room]
	if s == nil {
		return fmt.Errorf("an event of %s, to which nothing is subscribed: %s", h.Room, payload)
	}
	if name == "BOOKMARK" {
		if !s.replaying && s.told {
			s.told = false // after the snapshot of what was held
			s.marks = append(s.marks, mark{len(s.events), p.Seq})
			return nil
		}
		if !s.replaying {
			return fmt.Errorf("a BOOKMARK of %s, which is not replayed", h.Room)
		}
		s.replaying = false
		s.cursor, s.last = h.Cursor, p.Seq
		s.marks = append(s.marks, mark{len(s.events), p.Seq})
		return nil
	}
	if p.Seq <= s.last {
		return fmt.Errorf("%s: the event %d comes after %d", h.Room, p.Seq, s.last)
	}
	if !s.replaying {
		if p.Seq < c.live {
			return fmt.Errorf("%s: the live event %d comes after %d", h.Room, p.Seq, c.live)
		}
		c.live = p.Seq
	}
	s.events = append(s.events, seen{seq: p.Seq, event: payload})
	s.last, s.cursor = p.Seq, h.Cursor
	if s.id != "" || s.filter != nil || s.replaying {
		return nil
	}
	if item := c.rooms[h.Room+"/"+string(h.ID)]; item != nil && !item.replaying && p.Seq > item.last && p.Seq > item.start {
		item.events = append(item.events, seen{seq: p.Seq})
		item.last, item.cursor = p.Seq, h.Cursor
	}
	return nil
}
