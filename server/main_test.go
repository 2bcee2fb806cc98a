package server

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

// serve starts a server whose Shutdown must leave nothing behind.
func serve(t testing.TB, o *Options) (*Server, string) {
	t.Helper()
	var options Options
	if o != nil {
		options = *o
	}
	options.Logger = slog.New(slog.DiscardHandler)
	io := New(&options)
	return io, listen(t, io)
}

// listen serves io on a real socket until the test ends. Nothing may be left then.
func listen(t testing.TB, io *Server) (url string) {
	t.Helper()
	web := httptest.NewServer(io)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := io.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		web.Close()
		for _, ns := range io.namespaces {
			if ns.Len() != 0 || len(ns.rooms) != 0 || len(ns.sockets) != 0 {
				t.Errorf("%s is left with %d sockets and %d rooms", ns.name, ns.Len(), len(ns.rooms))
			}
		}
	})
	return web.URL
}

// await waits for a condition that has no event of its own.
func await(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(200 * time.Microsecond) {
		if time.Now().After(end) {
			t.Fatalf("never came: %s", what)
		}
	}
}

// receive waits for a value on a channel.
func receive[T any](t testing.TB, what string, from <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-from:
	case <-time.After(patience):
		t.Fatalf("never came: %s", what)
	}
	return v
}
