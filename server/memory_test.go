package server

import (
	"context"
	"math"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// Clients that together make the server hold more than it may are cut off, and nobody else.
func TestLimitMemory(t *testing.T) {
	io, url := serve(t, nil)
	gone := make(chan string, 100)
	io.Of("/").OnConnect(func(s *Socket) { s.OnDisconnect(func(reason string) { gone <- reason }) })
	io.Of("/").On("ok", func(e *Event) { _ = e.Ack() })
	healthy := dial(t, url)
	healthy.connect("/", "")

	runtime.GC()
	const clients, part = 40, 1 << 20
	limit := heap("/gc/heap/live:bytes") + clients*part/2
	ctx, cancel := context.WithCancel(t.Context())
	var limited sync.WaitGroup
	limited.Go(func() { io.LimitMemory(ctx, limit) })
	defer func() {
		cancel()
		limited.Wait()
	}()
	frame := ws.MaskFrame(ws.NewFrame(ws.OpText, false, []byte("42"+strings.Repeat(" ", part))))
	for range clients {
		c := dial(t, url)
		c.connect("/", "")
		_ = ws.WriteFrame(c.conn, frame) // the first part of a message; it may be cut off meanwhile
	}
	if got := receive(t, "the end of one that holds much", gone); got != "server overloaded" {
		t.Errorf("closed for %q", got)
	}
	await(t, "that little is in use", func() bool {
		runtime.GC()
		return heap("/gc/heap/live:bytes") < limit
	})
	healthy.send(`420["ok"]`)
	healthy.expect("430[]")
	if n := io.Of("/").Len(); n < 2 || n > clients {
		t.Errorf("%d sockets are left, want those that fit", n)
	}
}

// The more is left, the later is looked again.
func TestNextLook(t *testing.T) {
	for room, want := range map[int]time.Duration{
		-1 << 30: 50 * time.Millisecond,
		0:        50 * time.Millisecond,
		1 << 30:  250 * time.Millisecond,
	} {
		if got := nextLook(room); got != want {
			t.Errorf("%d bytes left: the next look is in %v, want %v", room, got, want)
		}
	}
	if got := nextLook(math.MaxInt); got > time.Second {
		t.Errorf("with all memory left, the next look is in %v", got)
	}
}
