package socketio

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
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
		&server.Options{HighWater: 4 << 10, MaxBuffered: 64 << 20, StallTimeout: 30 * time.Second})
	working, end := context.WithTimeout(t.Context(), *mixedFor)
	defer end()
	m := &mix{url: url, store: store}
	var all sync.WaitGroup
	for n := range 3 {
		rng := rand.New(rand.NewPCG(seed, uint64(n)))
		m.writers.Go(func() { m.write(t, working, rng) })
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
		for _, s := range append(c.over, slices.Collect(maps.Values(c.rooms))...) {
			if err := s.check(log); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			events += len(s.events)
		}
	}
	t.Logf("%d changes, %d events, %d breaks, %d upgrades", len(log), events, m.breaks.Load(), m.upgrades.Load())
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
	store            collections.Store
	writers          sync.WaitGroup
	breaks, upgrades atomic.Int64
}

// connect connects a socket over a WebSocket or polling.
func (m *mix) connect(ctx context.Context, polling bool) (s *client.Session, err error) {
	server := client.Server{Context: ctx, URL: m.url}
	if polling {
		s, err = server.OpenPolling()
	} else {
		s, err = server.Open()
	}
	if err == nil {
		_, err = s.Connect("")
	}
	return s, err
}

// write writes until the work ends.
func (m *mix) write(t *testing.T, working context.Context, rng *rand.Rand) {
	s, err := m.connect(t.Context(), false)
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
