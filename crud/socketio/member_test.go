package socketio

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ackbase/collections"
	"ackbase/server/client"
)

// asked is a request that is not answered yet.
type asked struct {
	verb, collection, id string
	filter               *collections.Filter
	since, snapshot      bool
	patch                bool
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
	s, err := c.mix.connect(ctx, c.polling)
	if err != nil {
		t.Errorf("%s: %v", c.name, err)
		return false
	}
	defer s.Drop()
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
	c.resume()
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
	c.mix.writers.Wait()
	if err := c.finish(c.mix.store.Head().Seq); err != nil {
		t.Errorf("%s: %v", c.name, err)
	}
	return false
}

// resume asks for what was held on the connection before, in some order.
func (c *member) resume() {
	c.state.Lock()
	var held []*told
	for _, room := range slices.Sorted(maps.Keys(c.rooms)) {
		held = append(held, c.rooms[room])
		c.endStream(c.rooms[room])
	}
	c.state.Unlock()
	c.rng.Shuffle(len(held), func(i, j int) { held[i], held[j] = held[j], held[i] })
	for _, s := range held {
		options := map[string]any{"since": s.cursor, "patch": s.patch}
		if s.filter != nil {
			options["filters"] = json.RawMessage(s.filter.Canonical())
		}
		c.send(&asked{verb: "SUBSCRIBE", collection: s.collection, id: s.id, filter: s.filter, since: true, patch: s.patch}, options)
	}
}

// finish waits until all that is subscribed to has been told up to the end of the log.
func (c *member) finish(head uint64) error {
	c.state.Lock()
	for len(c.pending) > 0 && c.broken == nil {
		c.answered.Wait()
	}
	err := c.broken
	c.state.Unlock()
	if err != nil {
		return err
	}
	var behind []string
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); {
		c.state.Lock()
		held := slices.Collect(maps.Values(c.rooms))
		c.state.Unlock()
		behind = nil
		for _, s := range held {
			// SUBSCRIBE to what is held changes nothing and tells how far it has come.
			var options map[string]any
			if s.filter != nil {
				options = map[string]any{"filters": json.RawMessage(s.filter.Canonical())}
			}
			n := c.send(&asked{verb: "SUBSCRIBE", collection: s.collection, id: s.id, filter: s.filter, patch: s.patch}, options)
			if err := c.await(n); err != nil {
				return err
			}
			c.state.Lock()
			if m := s.marks; s.replaying || len(m) == 0 || m[len(m)-1].upTo < head {
				behind = append(behind, s.room)
			}
			c.state.Unlock()
		}
		if len(behind) == 0 {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return fmt.Errorf("the end of the log never came to %q (polling: %v)", behind, c.polling)
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
func (c *member) await(n int) error {
	c.state.Lock()
	defer c.state.Unlock()
	for !c.done[n] && c.broken == nil {
		c.answered.Wait()
	}
	return c.broken
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
		if string(args[1]) != "null" {
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
