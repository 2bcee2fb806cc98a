package socketio_test

import (
	"context"
	"errors"
	"flag"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ackbase/collections"
	"ackbase/collections/bolt"
	"ackbase/crud"
	"ackbase/crud/socketio"
	"ackbase/server"
	"ackbase/server/hostile"
)

// TestMain lets many hostile cases run at the same time: they wait more than they compute.
func TestMain(m *testing.M) {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		if err := flag.Set("test.parallel", "12"); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(m)
}

// patience is what a server that hangs costs.
const patience = 30 * time.Second

// newest is about what the store keeps in memory of the newest changes.
const newest = 16 << 20

// TestHostile plays the corpus against the verbs and a program's own namespaces, beside
// clients who must notice nothing. Afterwards, while the servers still run, what the cases
// took must have come back.
func TestHostile(t *testing.T) {
	cases, err := hostile.Cases()
	if err != nil {
		t.Fatal(err)
	}
	unhurried := serve(t, server.Options{})
	hurried := serve(t, server.Options{
		PingInterval: 2 * time.Second, PingTimeout: 3 * time.Second, ConnectTimeout: 4 * time.Second,
		UpgradeTimeout: 2 * time.Second, StallTimeout: 3 * time.Second,
	})
	leave, err := hostile.Bystand(unhurried, &hostile.Options{Patience: patience})
	if err != nil {
		t.Fatal(err)
	}
	before := take(t)

	t.Run("case", func(t *testing.T) {
		for _, c := range cases {
			t.Run(c.Name, func(t *testing.T) {
				t.Parallel()
				url := unhurried
				if strings.HasPrefix(c.Name, "timeouts/") {
					url = hurried
				}
				if err := c.Play(t.Context(), url, &hostile.Options{Patience: patience}); err != nil {
					t.Error(err)
				}
			})
		}
	})

	var after usage
	await(t, "the end of all that the cases opened", func() bool {
		after = take(t)
		return after.goroutines <= before.goroutines+2 && after.descriptors <= before.descriptors+2
	})
	if after.heap > before.heap+newest+4<<20 {
		t.Errorf("%d KB of heap before, %d KB after", before.heap>>10, after.heap>>10)
	}
	if err := leave(); err != nil {
		t.Error(err)
	}
}

// usage is what a process has in use.
type usage struct {
	goroutines, descriptors int
	heap                    uint64
}

func take(t *testing.T) usage {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	runtime.GC() // twice, since a pool keeps what it has until the second
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return usage{runtime.NumGoroutine(), len(files), m.HeapAlloc}
}

func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never came: %s", what)
		}
	}
}

// serve runs a program with the verbs on the main namespace and, for the cases in
// namespaces.txt, some of its own.
func serve(t *testing.T, o server.Options) (url string) {
	store, err := bolt.Open(filepath.Join(t.TempDir(), "hostile.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	o.Logger = slog.New(complaints{slog.DiscardHandler, t})
	o.AllowEIO3 = true
	verbs := crud.New(collections.New(store, nil), &crud.Options{RingBytes: 1 << 20, Logger: o.Logger, Bookmark: time.Hour})
	io := server.New(&o)
	socketio.Bind(io.Of("/"), verbs)
	io.Of("/slow").Use(func(s *server.Socket) error {
		<-s.Context().Done()
		return s.Context().Err()
	})
	io.Of("/late").Use(func(*server.Socket) error {
		time.Sleep(100 * time.Millisecond)
		return nil
	})
	io.Of("/refused").Use(func(*server.Socket) error {
		return &server.ConnectError{Message: "not you", Data: map[string]string{"code": "E_NO"}}
	})
	io.Of("/asks").OnConnect(func(s *server.Socket) {
		go func() {
			ctx, cancel := context.WithTimeout(s.Context(), 300*time.Millisecond)
			defer cancel()
			_, _ = s.EmitWithAck(ctx, "question") // however it ends, it ends
		}()
	})
	for _, ns := range []*server.Namespace{io.Of("/late"), io.Of("/asks"), io.OfPattern(regexp.MustCompile(`^/room-\d+$`))} {
		ns.On("echo", func(e *server.Event) { _ = e.AckBinary(e.Args, e.Attachments) })
		ns.On("shout", func(e *server.Event) { _ = e.Socket().Broadcast().EmitRaw("shout", e.Args, e.Attachments) })
	}
	web := httptest.NewUnstartedServer(io)
	web.Config.ReadHeaderTimeout = 2 * time.Second
	web.Config.MaxHeaderBytes = 64 << 10
	web.Config.ErrorLog = slog.NewLogLogger(o.Logger.Handler(), slog.LevelDebug)
	web.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := io.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		web.Close()
		verbs.Close()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return web.URL
}

// complaints fails the test for whatever is logged as a warning or an error, such as a
// handler's panic, but for clients that were cut off.
type complaints struct {
	slog.Handler
	t *testing.T
}

func (complaints) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

func (c complaints) Handle(_ context.Context, r slog.Record) error {
	if r.Message == "engine: session closed" {
		return nil // a slow client was cut off
	}
	r.Attrs(func(a slog.Attr) bool { r.Message += " " + a.String(); return true })
	c.t.Errorf("logged: %.2000s", r.Message)
	return nil
}
