package soak

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ackbase/collections"
	"ackbase/collections/bolt"
	"ackbase/crud"
	"ackbase/crud/socketio"
	"ackbase/server"
)

// ownWays need what only the server of TestChurn has.
var ownWays = []way{
	{"many namespaces, and RST", func(v visitor) error {
		return v.visit(func(s *session) error {
			err := s.Send(fmt.Sprintf("40/family-%d,", v.n), "40/slow,", `42/slow,["held"]`, fmt.Sprintf(`42/family-%d,["own"]`, v.n%7))
			s.WS.Reset()
			return err
		})
	}},
	{"family's namespace left by 41", func(v visitor) error {
		return v.visit(func(s *session) error {
			name := fmt.Sprintf("/family-%d,", v.n%7)
			if err := s.Send("40" + name); err != nil {
				return err
			}
			if err := s.ReadUntil("40" + name); err != nil {
				return err
			}
			return s.Send("41"+name, "1")
		})
	}},
	{"middleware refuses", func(v visitor) error {
		return v.visit(func(s *session) error {
			if err := s.Send("40/refused,"); err != nil {
				return err
			}
			return s.ReadUntil("44/refused,")
		})
	}},
	{"cut by the server", func(v visitor) error {
		return v.visit(func(s *session) error {
			if err := s.Send(`42["cut"]`, put(v.n)); err != nil {
				return err
			}
			return s.ReadToEnd(true)
		})
	}},
	{"disconnected by the server", func(v visitor) error {
		return v.visitPolling(func(s *session) error {
			if err := s.Send(`42["leave"]`); err != nil {
				return err
			}
			return s.ReadUntil("41")
		})
	}},
}

var ownWaits = []way{
	{"no CONNECT", func(v visitor) error {
		v.URL += impatient
		return noConnect(v)
	}},
	{"too slow", func(v visitor) error {
		return v.visit(func(s *session) error {
			if err := s.Send(`42["flood"]`); err != nil {
				return err
			}
			return awaitEnd(s.WS)
		})
	}},
}

// TestChurn lets many connections come, act and go in every way, while events flow. While the server still
// runs, nothing of them is left.
func TestChurn(t *testing.T) {
	server := serveChurn(t)
	server.fill(t)
	churn(t, server.url, 200) // pools, caches and the ring have their size after it
	before := server.settled(t)
	ignore := goleak.IgnoreCurrent()

	began := time.Now()
	churn(t, server.url, *connections)
	took := time.Since(began).Round(time.Millisecond)

	after := server.settled(t)
	if err := goleak.Find(ignore); err != nil {
		t.Error(err)
	}
	t.Logf("%d connections took %v; closed, since the beginning: %v", *connections, took, server.io.Stats().Closed)
	t.Logf("before: %+v", before)
	t.Logf("after:  %+v", after)
	if after.Descriptors > before.Descriptors {
		t.Errorf("%d descriptors were open before, %d are after", before.Descriptors, after.Descriptors)
	}
	if grown := after.Heap - before.Heap; grown > maxGrowth {
		t.Errorf("the heap in use has grown by %d bytes, want at most %d", grown, maxGrowth)
	}
}

// maxGrowth is how much the heap in use may differ from one measurement to the next: arrays and maps that
// everybody shares grow in steps.
const maxGrowth = 200 << 10

// churn lets n clients go, the ways taking turns. A few are at work at a time, beside all those that wait.
func churn(t *testing.T, url string, n int) {
	all := slices.Concat(ways, ownWays, waits, ownWaits)
	patient := len(ways) + len(ownWays) // from there on they wait
	var clients sync.WaitGroup
	working, waiting := make(chan struct{}, 20), make(chan struct{}, 300)
	for i := range n {
		way, places := all[i%len(all)], working
		if i%len(all) >= patient {
			places = waiting
		}
		places <- struct{}{}
		clients.Go(func() {
			defer func() { <-places }()
			if err := way.walk(newVisitor(t.Context(), url, i/len(all))); err != nil {
				t.Errorf("connection %d, %s: %v", i, way.name, err)
			}
		})
	}
	clients.Wait()
}

// churnTimeout is that of everything: short, so that those who wait for it soon go, and long enough for a busy machine.
const churnTimeout = 2 * time.Second

// impatient is the path of a second server, for those who join nothing.
const impatient = "/impatient"

// churnServer is a server with the verbs, and with namespaces and events of its own.
type churnServer struct {
	db    *collections.DB
	verbs *crud.Service
	io    *server.Server
	url   string

	namespaces int // that are always there
}

func serveChurn(t *testing.T) *churnServer {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	store, err := bolt.Open(filepath.Join(t.TempDir(), "churn.db"), &bolt.Options{Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	db := collections.New(store, nil)
	s := &churnServer{
		db:    db,
		verbs: crud.New(db, &crud.Options{RingBytes: 64 << 10, Logger: log}),
		io: server.New(&server.Options{
			PingInterval: churnTimeout, PingTimeout: churnTimeout,
			UpgradeTimeout: churnTimeout, StallTimeout: churnTimeout,
			ConnectTimeout: time.Hour, // so that one which still runs is seen: it holds its connection
			Logger:         log,
		}),
	}
	main := s.io.Of("/")
	socketio.Bind(main, s.verbs)
	join := func(socket *server.Socket) {
		socket.Join("room", socket.ID()+"/own")
		socket.On("own", func(*server.Event) {})
		go func() { _, _ = socket.EmitWithAck(socket.Context(), "never answered") }()
	}
	main.OnConnect(join)
	large, err := server.Prepare("large", json.RawMessage(`"`+strings.Repeat("x", 512<<10)+`"`))
	if err != nil {
		t.Fatal(err)
	}
	main.On("flood", func(e *server.Event) {
		for e.Socket().Send(large) == nil {
		}
	})
	main.On("cut", func(e *server.Event) { e.Socket().Cut("the test wants it") })
	main.On("leave", func(e *server.Event) { e.Socket().Disconnect(true) })
	s.io.Of("/slow").Use(func(socket *server.Socket) error { <-socket.Context().Done(); return nil })
	s.io.Of("/refused").Use(func(*server.Socket) error { return errors.New("nobody may") })
	family := s.io.OfFunc(func(name string, _ json.RawMessage) bool { return strings.HasPrefix(name, "/family-") })
	family.OnConnect(join)

	s.namespaces = s.io.Stats().Namespaces

	second := server.New(&server.Options{Path: impatient + "/socket.io/", ConnectTimeout: churnTimeout, Logger: log})
	mux := http.NewServeMux()
	mux.Handle("/", s.io)
	mux.Handle(impatient+"/", second)
	web := httptest.NewServer(mux)
	s.url = web.URL
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := errors.Join(s.io.Shutdown(ctx), second.Shutdown(ctx)); err != nil {
			t.Error(err)
		}
		s.verbs.Close()
		web.Close()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// fill writes until what the store keeps of recent changes in memory has its full size.
func (s *churnServer) fill(t *testing.T) {
	t.Helper()
	var pending sync.WaitGroup
	for n := range 10_000 {
		pending.Add(1)
		item := fmt.Appendf(nil, `{"id":%d,"n":%d,"text":"%0100d"}`, 1+n%churnItems, -n, n)
		s.db.Put(t.Context(), "churn", collections.ID{}, item, collections.Write{}, func(_ collections.Result, err error) {
			defer pending.Done()
			if err != nil {
				t.Error(err)
			}
		})
	}
	pending.Wait()
}

// usage is what the process uses while nobody is connected.
type usage struct {
	Heap        int64 // bytes in use after a collection
	Goroutines  int
	Descriptors int
}

// settled waits until the server has nothing of any connection, and measures.
func (s *churnServer) settled(t *testing.T) (u usage) {
	t.Helper()
	await(t, "the end of all that belongs to connections", func() error {
		sockets, verbs := s.io.Stats(), s.verbs.Stats()
		left := [...]int{
			sockets.Polling + sockets.WebSocket, sockets.Sockets, sockets.Namespaces - s.namespaces, sockets.Rooms, sockets.Waiting,
			verbs.Subscriptions, verbs.Rooms, verbs.Behind,
		}
		if left != [len(left)]int{} {
			return fmt.Errorf("sessions, sockets, namespaces, their rooms, bytes, subscriptions, their rooms, and sessions behind: %v", left)
		}
		return nil
	})
	for range 3 { // the first two empty the pools
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil && runtime.GOOS == "linux" {
		t.Error(err)
	}
	return usage{int64(m.HeapAlloc), runtime.NumGoroutine(), len(entries)}
}

// await waits for a condition that has no event of its own: until it is nil.
func await(t *testing.T, what string, condition func() error) {
	t.Helper()
	err := condition()
	for end := time.Now().Add(patience); err != nil; err = condition() {
		if time.Now().After(end) {
			t.Fatalf("never came: %s: %v", what, err)
		}
		time.Sleep(time.Millisecond)
	}
}
