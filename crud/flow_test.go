package crud_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ackbase/collections"
	"ackbase/collections/bolt"
	"ackbase/crud"
)

// gated is a store whose updates wait until the test lets them pass, each for its connection.
type gated struct {
	collections.Store
	came chan string // the connection of each update
	pass map[string]chan struct{}
}

func (g *gated) Update(ctx context.Context, w collections.Writer, fn func(collections.Tx) error, done func(error)) {
	g.came <- w.Conn
	go func() {
		<-g.pass[w.Conn]
		g.Store.Update(ctx, w, fn, done)
	}()
}

// openGated runs a service over such a store for connections of some names, each of which posts from
// a goroutine of its own.
func openGated(t *testing.T, o *crud.Options, names ...string) (*gated, map[string]*client) {
	t.Helper()
	store, err := bolt.Open(filepath.Join(t.TempDir(), "test.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	g := &gated{Store: store, came: make(chan string, 100), pass: map[string]chan struct{}{}}
	s := crud.New(collections.New(g, nil), o)
	clients := map[string]*client{}
	for _, name := range names {
		clients[name] = dial(s, name, 1<<30)
		g.pass[name] = make(chan struct{}, 100)
	}
	t.Cleanup(func() {
		for _, c := range clients {
			close(g.pass[c.id])
		}
		s.Close()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return g, clients
}

// posts sends items of about so many bytes; the channel is closed when none of them waits any more.
func (c *client) posts(n, size int) <-chan struct{} {
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		for i := range n {
			c.ask(i, "POST", "items", map[string]string{"text": strings.Repeat("x", size)})
		}
	}()
	return sent
}

// wantUpdates waits for updates of connections, in this order.
func (g *gated) wantUpdates(t *testing.T, names ...string) {
	t.Helper()
	for _, want := range names {
		select {
		case got := <-g.came:
			if got != want {
				t.Fatalf("an update of %s came, want one of %s", got, want)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("no update of %s comes", want)
		}
	}
}

// TestMaxPending: requests over the bound of their socket wait, however many there are, and hold up no other's.
func TestMaxPending(t *testing.T) {
	for name, c := range map[string]struct {
		options crud.Options
		posts   int
		size    int
		most    int // under way at the same time
	}{
		"requests":         {crud.Options{MaxPending: 3}, 6, 10, 3},
		"bytes":            {crud.Options{MaxPendingBytes: 1000}, 5, 400, 2},
		"one that is over": {crud.Options{MaxPendingBytes: 1000}, 3, 5000, 1},
	} {
		t.Run(name, func(t *testing.T) {
			g, clients := openGated(t, &c.options, "busy", "other")
			sent := clients["busy"].posts(c.posts, c.size)
			for range c.most {
				g.wantUpdates(t, "busy")
			}
			for range 5 {
				clients["other"].ask(0, "POST", "items", map[string]int{"n": 1})
				g.wantUpdates(t, "other")
				g.pass["other"] <- struct{}{}
				clients["other"].next()
			}
			for range c.posts - c.most { // one goes, the next comes
				g.pass["busy"] <- struct{}{}
				g.wantUpdates(t, "busy")
			}
			<-sent
			for range c.most {
				g.pass["busy"] <- struct{}{}
			}
			for range c.posts {
				if a, ok := clients["busy"].next().(answer); !ok || a.fault != "null" {
					t.Errorf("answered %+v", a)
				}
			}
		})
	}
}

// TestMaxPendingTotal: the writes of all sockets have a bound together; who reads is not held up by it.
func TestMaxPendingTotal(t *testing.T) {
	g, clients := openGated(t, &crud.Options{MaxPendingTotal: 1000}, "a", "b", "c")
	first := clients["a"].posts(1, 600)
	g.wantUpdates(t, "a")
	<-first
	second := clients["b"].posts(3, 600)
	for range 5 {
		if got := clients["c"].call(t, "GET", "items", 1); !strings.Contains(got.fault, "NOT_FOUND") {
			t.Errorf("a GET was answered %+v", got)
		}
	}
	if len(g.came) > 0 {
		t.Error("1,200 bytes are under way, with a bound of 1,000")
	}
	g.pass["a"] <- struct{}{}
	g.wantUpdates(t, "b")
	for range 2 {
		g.pass["b"] <- struct{}{}
		g.wantUpdates(t, "b")
	}
	<-second
	g.pass["b"] <- struct{}{}
	for range 3 {
		clients["b"].next()
	}
}
