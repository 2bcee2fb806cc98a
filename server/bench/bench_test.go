package bench_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ackbase/collections"
	"ackbase/collections/bolt"
	"ackbase/crud"
	"ackbase/crud/socketio"
	"ackbase/server"
	"ackbase/server/bench"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve runs the verbs on a real server. on, which may be nil, may replace them.
// At the test's end no connection may be left.
func serve(t *testing.T, o *server.Options, on func(ns *server.Namespace)) string {
	t.Helper()
	if on == nil {
		return serveAll(t, o, nil)
	}
	return serveAll(t, o, func(sockets *server.Server) { on(sockets.Of("/")) })
}

// serveAll is serve for more than the main namespace.
func serveAll(t *testing.T, o *server.Options, on func(*server.Server)) string {
	t.Helper()
	store, err := bolt.Open(filepath.Join(t.TempDir(), "bench.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if o == nil {
		o = &server.Options{}
	}
	o.Logger = slog.New(slog.DiscardHandler)
	verbs := crud.New(collections.New(store, nil), &crud.Options{Logger: o.Logger})
	sockets := server.New(o)
	if on != nil {
		on(sockets)
	} else {
		socketio.Bind(sockets.Of("/"), verbs)
	}
	web := httptest.NewServer(sockets)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := sockets.Shutdown(ctx); err != nil {
			t.Errorf("sockets are left: %v", err)
		}
		verbs.Close()
		web.Close()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return web.URL
}

// measure runs a short form of a command.
func measure(t *testing.T, c bench.Command) *bench.Result {
	t.Helper()
	if c.Seconds == 0 {
		c.Seconds = 0.3
	}
	c.Warmup, c.PID = 50*time.Millisecond, os.Getpid()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var progress bytes.Buffer
	r, err := c.Measure(ctx, &progress)
	if err != nil {
		t.Fatalf("%v\n%s", err, &progress)
	}
	if r.Errors != 0 {
		t.Errorf("%d errors: %s", r.Errors, r.Error)
	}
	if r.Seconds < c.Seconds {
		t.Errorf("the window was %v s, want %v", r.Seconds, c.Seconds)
	}
	if r.Server == nil || r.Server.Memory <= 0 || r.Server.CPUs < 0 || r.Server.CPUs > 1000 {
		t.Errorf("the server's costs are %+v", r.Server)
	}
	return r
}

func wantLatency(t *testing.T, r *bench.Result) {
	t.Helper()
	l := r.Latency
	if l == nil || l.P50 <= 0 || l.P99 < l.P50 || l.P999 < l.P99 || l.Max < l.P999 {
		t.Errorf("the latencies are %+v", l)
	}
}

func TestRequests(t *testing.T) {
	url := serve(t, nil, nil)
	for _, c := range []bench.Command{
		{Kind: bench.Get, Connections: 3, Depth: 8, Items: 20},
		{Kind: bench.Get, Connections: 1, Depth: 1, Items: 20},
		{Kind: bench.Post, Connections: 3, Depth: 8, Size: 1000},
		{Kind: bench.Polling, Connections: 3, Depth: 4, Items: 20},
	} {
		t.Run(c.Kind, func(t *testing.T) {
			c.URL = url
			r := measure(t, c)
			if r.Count == 0 {
				t.Fatal("nothing was answered")
			}
			wantLatency(t, r)
		})
	}
}

// TestCountsAreRight compares what the generator counts with what the server saw.
func TestCountsAreRight(t *testing.T) {
	for _, kind := range []string{bench.Get, bench.Polling} {
		t.Run(kind, func(t *testing.T) {
			gets := make(chan struct{}, 1_000_000)
			url := serve(t, nil, func(ns *server.Namespace) {
				ns.On("GET", func(e *server.Event) {
					gets <- struct{}{}
					if err := e.AckRaw([]byte(`{"id":1}`), []byte("null")); err != nil {
						t.Log(err)
					}
				})
			})
			r := measure(t, bench.Command{Kind: kind, URL: url, Connections: 4, Depth: 3, Rate: 400, Seconds: 0.5})
			if wanted := int64(200); r.Count < wanted/2 || r.Count > wanted*3/2 {
				t.Errorf("at 400 a second %d were counted in half a second", r.Count)
			}
			// The server saw the window's calls, those of the warm-up, those that were under way at the end, and the one that asks for the last item.
			if seen := int64(len(gets)); seen < r.Count || seen > r.Count+150 {
				t.Errorf("counted %d, the server saw %d", r.Count, seen)
			}
		})
	}
}

func TestFanout(t *testing.T) {
	r := measure(t, bench.Command{Kind: bench.Fanout, URL: serve(t, nil, nil), Connections: 20, Rate: 100, Seconds: 0.5})
	if r.Written < 20 || r.Delivered != 20*r.Written || r.Count > r.Delivered || r.Count < 20*20 {
		t.Errorf("%d written, %d delivered, %d of them in the window", r.Written, r.Delivered, r.Count)
	}
	wantLatency(t, r)
}

// TestFanoutFaults holds that events that are lost, doubled or out of order are errors, and counted.
func TestFanoutFaults(t *testing.T) {
	for _, tt := range []struct {
		name string
		// emit tells the subscribers of the n-th write, from 0.
		emit          func(ns *server.Namespace, n int, item json.RawMessage)
		error         string
		lost, doubled bool
	}{
		{name: "nothing arrives", emit: func(*server.Namespace, int, json.RawMessage) {}, error: "did not arrive"},
		{name: "every other is lost", error: "did not arrive", lost: true, emit: func(ns *server.Namespace, n int, item json.RawMessage) {
			if n%2 == 0 {
				_ = ns.Emit("ADDED", item)
			}
		}},
		{name: "every other comes twice", error: "more than once", doubled: true, emit: func(ns *server.Namespace, n int, item json.RawMessage) {
			for range 1 + n%2 {
				_ = ns.Emit("ADDED", item)
			}
		}},
		{name: "two by two in the wrong order", error: "of a later write", emit: func() func(*server.Namespace, int, json.RawMessage) {
			var held json.RawMessage
			return func(ns *server.Namespace, n int, item json.RawMessage) {
				if n%2 == 0 {
					held = bytes.Clone(item)
					return
				}
				_ = ns.Emit("ADDED", item)
				_ = ns.Emit("ADDED", held)
			}
		}()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			url := serve(t, nil, func(ns *server.Namespace) {
				ns.On("SUBSCRIBE", func(e *server.Event) { _ = e.AckRaw([]byte("{}"), []byte("null")) })
				n := 0
				ns.On("POST", func(e *server.Event) {
					tt.emit(ns, n, e.Args[1])
					n++
					_ = e.AckRaw([]byte("{}"), []byte("null"))
				})
			})
			c := bench.Command{Kind: bench.Fanout, URL: url, Connections: 2, Rate: 50, Seconds: 0.2, Warmup: time.Millisecond, Timeout: 50 * time.Millisecond}
			r, err := c.Measure(t.Context(), io.Discard)
			if err != nil { // nothing was delivered at all
				if tt.name != "nothing arrives" || !strings.Contains(err.Error(), tt.error) {
					t.Error(err)
				}
				return
			}
			if r.Errors == 0 || !strings.Contains(r.Error, tt.error) || (r.Doubled > 0) != tt.doubled || tt.lost && (r.Lost < r.Written-3 || r.Lost > r.Written+1) {
				t.Errorf("%d errors, the first %q; %+v", r.Errors, r.Error, r)
			}
		})
	}
}

// TestIdle holds the count of heartbeats, of connections held, and of the server's goroutines: one each.
func TestIdle(t *testing.T) {
	sockets := server.New(&server.Options{PingInterval: 300 * time.Millisecond, Logger: slog.New(slog.DiscardHandler)})
	sockets.Of("/")
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", sockets)
	mux.HandleFunc("/metrics", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "# TYPE go_goroutines gauge\ngo_goroutines %d\n", serving(t))
	})
	web := httptest.NewServer(mux)
	defer web.Close()
	r := measure(t, bench.Command{Kind: bench.Idle, URL: web.URL, Connections: 40, Seconds: 0.5})
	if r.Seconds < 0.6 || r.Count < 40 || r.Held != 40 || r.Latency != nil {
		t.Errorf("%d heartbeats of 40 connections in %v s, %d held, latency %v", r.Count, r.Seconds, r.Held, r.Latency)
	}
	if r.Goroutines == nil || *r.Goroutines != 1 {
		t.Errorf("goroutines for each connection: %v", r.Goroutines)
	}
	if err := sockets.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// serving counts the goroutines that run code of the server's engine.
func serving(t *testing.T) (n int) {
	stacks := make([]byte, 8<<20)
	for stack := range bytes.SplitSeq(stacks[:runtime.Stack(stacks, true)], []byte("\n\n")) {
		if bytes.Contains(stack, []byte("ackbase/server/engine.")) {
			n++
		}
	}
	return n
}

// TestIdleLosses holds that connections that the server closes are told, and not counted as held.
func TestIdleLosses(t *testing.T) {
	var n atomic.Int64
	url := serve(t, &server.Options{PingInterval: 200 * time.Millisecond}, func(ns *server.Namespace) {
		ns.OnConnect(func(s *server.Socket) {
			if n.Add(1)%4 == 0 {
				time.AfterFunc(150*time.Millisecond, func() { s.Cut("the test wants it") })
			}
		})
	})
	c := bench.Command{Kind: bench.Idle, URL: url, Connections: 8, Seconds: 0.4, Warmup: time.Millisecond}
	r, err := c.Measure(t.Context(), io.Discard)
	if err != nil || r.Held != 6 || r.Errors != 2 || !strings.Contains(r.Error, "broke") {
		t.Errorf("%+v, %v", r, err)
	}
}

// TestHeartbeats holds that a busy connection, over either transport, survives them.
func TestHeartbeats(t *testing.T) {
	url := serve(t, &server.Options{PingInterval: 50 * time.Millisecond, PingTimeout: 400 * time.Millisecond}, nil)
	for _, kind := range []string{bench.Get, bench.Polling} {
		measure(t, bench.Command{Kind: kind, URL: url, Connections: 2, Depth: 2, Items: 5, Rate: 10, Seconds: 0.7})
	}
}

func TestErrorsAreCounted(t *testing.T) {
	for _, kind := range []string{bench.Get, bench.Polling} {
		n := 0
		url := serve(t, nil, func(ns *server.Namespace) {
			ns.On("GET", func(e *server.Event) {
				if n++; n > 1 && n%2 == 0 { // the first asks whether the items are there
					_ = e.AckRaw([]byte("null"), []byte(`{"code":"NOT_FOUND","status":404,"message":"There is none."}`))
					return
				}
				_ = e.AckRaw([]byte("{}"), []byte("null"))
			})
		})
		c := bench.Command{Kind: kind, URL: url, Connections: 1, Depth: 1, Seconds: 0.2, Warmup: time.Millisecond}
		r, err := c.Measure(t.Context(), io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		if r.Errors == 0 || r.Count == 0 || !strings.Contains(r.Error, "NOT_FOUND") {
			t.Errorf("%s: %d errors, %d counted, the first error %q", kind, r.Errors, r.Count, r.Error)
		}
	}
}

// TestSilence holds that a server that stops answering ends the run in time, with
// the calls counted as errors.
func TestSilence(t *testing.T) {
	for _, kind := range []string{bench.Post, bench.Polling} {
		url := serve(t, nil, func(ns *server.Namespace) {
			n := 0
			answer := func(e *server.Event) {
				if n++; n <= 10 {
					_ = e.AckRaw([]byte("{}"), []byte("null"))
				}
			}
			ns.On("POST", answer)
			ns.On("GET", answer)
		})
		c := bench.Command{Kind: kind, URL: url, Connections: 1, Depth: 1, Seconds: 0.1, Warmup: time.Nanosecond, Timeout: 50 * time.Millisecond}
		start := time.Now()
		r, err := c.Measure(t.Context(), io.Discard)
		if err == nil && r.Errors != 1 || err != nil && !strings.Contains(err.Error(), "not answered") {
			t.Errorf("%s: %+v, %v", kind, r, err)
		}
		if passed := time.Since(start); passed > 5*time.Second {
			t.Errorf("%s: the run took %v", kind, passed)
		}
	}
}

// TestBrokenConnections holds that a server that closes connections is told so.
func TestBrokenConnections(t *testing.T) {
	for _, kind := range []string{bench.Post, bench.Polling} {
		url := serve(t, nil, func(ns *server.Namespace) {
			ns.On("POST", func(e *server.Event) { e.Socket().Cut("the test wants it") })
			var n atomic.Int64 // the sockets are served at the same time
			ns.On("GET", func(e *server.Event) {
				if n.Add(1) == 1 {
					_ = e.AckRaw([]byte("{}"), []byte("null"))
					return
				}
				e.Socket().Cut("the test wants it")
			})
		})
		c := bench.Command{Kind: kind, URL: url, Connections: 2, Depth: 2, Seconds: 0.2, Warmup: time.Millisecond, Timeout: 100 * time.Millisecond}
		if r, err := c.Measure(t.Context(), io.Discard); err == nil || !strings.Contains(err.Error(), "broke") {
			t.Errorf("%s: %+v, %v", kind, r, err)
		}
	}
}

func TestStops(t *testing.T) {
	url := serve(t, nil, nil)
	for _, kind := range []string{bench.Get, bench.Polling, bench.Idle, bench.Fanout} {
		ctx, cancel := context.WithCancel(t.Context())
		c := bench.Command{Kind: kind, URL: url, Connections: 4, Items: 5, Seconds: 60}
		// The first progress line says that the run is under way.
		_, err := c.Measure(ctx, writerFunc(func(line []byte) (int, error) { cancel(); return len(line), nil }))
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", kind, err)
		}
		cancel()
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestOutput(t *testing.T) {
	url := serve(t, nil, nil)
	c := bench.Command{Kind: bench.Get, URL: url, Connections: 2, Items: 5, Seconds: 1.2, Warmup: time.Millisecond, JSON: true}
	var out, progress bytes.Buffer
	if err := c.Run(t.Context(), &out, &progress); err != nil {
		t.Fatal(err)
	}
	var r bench.Result
	decoder := json.NewDecoder(&out)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&r); err != nil || r.Count == 0 || r.Latency == nil || r.Kind != bench.Get {
		t.Errorf("%+v, %v", r, err)
	}
	if !strings.Contains(progress.String(), "/s, p99 ") {
		t.Errorf("the progress is %q", &progress)
	}

	c.JSON, c.Quiet, c.PID, c.Seconds = false, true, os.Getpid(), 0.1
	out.Reset()
	progress.Reset()
	if err := c.Run(t.Context(), &out, &progress); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"get " + url + ": 2 connections, depth 16", "answers", "p99.9", "of CPU each", "a connection", "generator"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, &out)
		}
	}
	if progress.Len() > 0 {
		t.Errorf("--quiet printed %q", &progress)
	}
}

func TestBadCommands(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	for want, c := range map[string]bench.Command{
		"there is no load":      {Kind: "put", URL: plain.URL},
		"is no URL":             {Kind: bench.Get, URL: "localhost:3000"},
		"plain TCP only":        {Kind: bench.Get, URL: "https://localhost"},
		"must be http or ws":    {Kind: bench.Get, URL: "ftp://localhost"},
		"--connections":         {Kind: bench.Get, URL: plain.URL, Connections: -1},
		"--depth":               {Kind: bench.Get, URL: plain.URL, Depth: 1 << 20},
		"--seconds":             {Kind: bench.Get, URL: plain.URL, Seconds: -1},
		"--rate":                {Kind: bench.Get, URL: plain.URL, Rate: -1},
		"--key":                 {Kind: bench.Post, URL: plain.URL, Key: "none at all"},
		"process 999999999":     {Kind: bench.Post, URL: plain.URL, PID: 999999999},
		"404: there is no":      {Kind: bench.Idle, URL: plain.URL},
		"--timeout":             {Kind: bench.Fanout, URL: plain.URL, Timeout: -1},
		"--warmup":              {Kind: bench.Fanout, URL: plain.URL, Warmup: -1},
		"--items: -3 is out of": {Kind: bench.Get, URL: plain.URL, Items: -3},
	} {
		if r, err := c.Measure(t.Context(), io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: got %+v, %v; want an error with %q", c, r, err, want)
		}
	}
}

// TestLateIsNotLost holds that a run waits for as long as something still comes: here
// far longer than --timeout after the window.
func TestLateIsNotLost(t *testing.T) {
	url := serve(t, nil, func(ns *server.Namespace) {
		ns.On("SUBSCRIBE", func(e *server.Event) { _ = e.AckRaw([]byte("{}"), []byte("null")) })
		items := make(chan json.RawMessage, 1000)
		ns.On("POST", func(e *server.Event) {
			items <- bytes.Clone(e.Args[1])
			_ = e.AckRaw([]byte("{}"), []byte("null"))
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				select {
				case item := <-items:
					time.Sleep(50 * time.Millisecond) // slower than they are written
					_ = ns.Emit("ADDED", item)
				case <-ctx.Done():
					return
				}
			}
		}()
		t.Cleanup(func() { cancel(); <-done })
	})
	c := bench.Command{Kind: bench.Fanout, URL: url, Connections: 2, Rate: 200, Seconds: 0.15, Warmup: time.Millisecond, Timeout: 700 * time.Millisecond}
	r, err := c.Measure(t.Context(), io.Discard)
	if err != nil || r.Errors != 0 || r.Lost != 0 || r.Delivered != 2*r.Written || r.Latency.Max < 0 {
		t.Errorf("%+v, %v", r, err)
	}
}
