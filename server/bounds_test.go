package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"ackbase/server/engine"
)

// fill sends to a client that does not read until it is not writable, and then some
// more, so that the buffers of the operating system are surely full.
func fill(t *testing.T, s *Socket) {
	t.Helper()
	p, err := Prepare("fill", json.RawMessage(`"`+strings.Repeat("x", 10<<10)+`"`))
	if err != nil {
		t.Fatal(err)
	}
	for stuck := 0; stuck < 3; {
		for s.Writable() {
			if err := s.Send(p); err != nil {
				t.Fatal(err)
			}
		}
		before := s.Buffered()
		time.Sleep(10 * time.Millisecond) // it drains as long as the system takes something
		if stuck++; s.Buffered() != before {
			stuck = 0
		}
	}
}

// slow connects a client that reads nothing more, over either transport.
func slow(t *testing.T, io *Server, url string, open func(testing.TB, string) *client) (*client, *Socket) {
	c := open(t, url)
	s := io.Of("/").Socket(c.connect("/", ""))
	if s == nil {
		t.Fatal("the socket has gone already")
	}
	return c, s
}

func TestVolatileAndDrain(t *testing.T) {
	io, url := serve(t, &Options{HighWater: 256 << 10, MaxBuffered: 8 << 20, StallTimeout: patience})
	for name, open := range map[string]func(testing.TB, string) *client{"websocket": dial, "polling": dialPolling} {
		t.Run(name, func(t *testing.T) {
			c, s := slow(t, io, url, open)
			drained := make(chan bool, 100)
			s.OnDrain(func() { panic("in OnDrain") })
			s.OnDrain(func() { drained <- s.Writable() })
			if sent, err := s.EmitVolatile("volatile", 1); !sent || err != nil {
				t.Errorf("sent %t, %v to a client that is ready", sent, err)
			}
			fill(t, s)
			for len(drained) > 0 {
				<-drained
			}
			if s.Writable() {
				t.Fatal("writable, though nothing was read")
			}
			if sent, err := s.EmitVolatile("volatile", 2); sent || err != nil {
				t.Errorf("sent %t, %v to a client that is not ready", sent, err)
			}
			if err := io.Of("/").Volatile().Emit("volatile", 3); err != nil {
				t.Error(err)
			}
			_ = s.Emit("end")
			volatile := 0
			for got := ""; got != `42["end"]`; {
				got = c.read()
				if strings.HasPrefix(got, `42["volatile"`) {
					volatile++
				}
			}
			if volatile != 1 {
				t.Errorf("%d volatile events came, want the first alone", volatile)
			}
			if !receive(t, "OnDrain", drained) || !s.Writable() {
				t.Error("not writable in OnDrain")
			}
		})
	}
}

// A client that does not read is cut off, and only that one.
func TestSlowClients(t *testing.T) {
	io, url := serve(t, &Options{HighWater: 64 << 10, MaxBuffered: 1 << 20, StallTimeout: 300 * time.Millisecond})
	gone := make(chan string, 1)
	io.Of("/").On("ok", func(e *Event) { _ = e.Ack() })
	healthy := dial(t, url)
	healthy.connect("/", "")
	for name, open := range map[string]func(testing.TB, string) *client{"websocket": dial, "polling": dialPolling} {
		t.Run(name+" stalls", func(t *testing.T) {
			_, s := slow(t, io, url, open)
			s.OnDisconnect(func(reason string) { gone <- reason })
			fill(t, s)
			if got := receive(t, "the end of the stalled client", gone); got != engine.ReasonStalled {
				t.Errorf("closed for %q", got)
			}
			if err := s.Emit("late"); err == nil || s.Writable() {
				t.Errorf("%v, writable %t", err, s.Writable())
			}
		})
		t.Run(name+" gets too much", func(t *testing.T) {
			_, s := slow(t, io, url, open)
			s.OnDisconnect(func(reason string) { gone <- reason })
			fill(t, s)
			var err error
			for range 10_000 {
				if err = s.Emit("more", strings.Repeat("x", 30<<10)); err != nil {
					break
				}
			}
			if !errors.Is(err, engine.ErrTooSlow) && !errors.Is(err, ErrClosed) && !errors.Is(err, engine.ErrClosed) {
				t.Errorf("the last error is %v", err)
			}
			if got := receive(t, "the end of the slow client", gone); got != engine.ReasonTooSlow && got != engine.ReasonStalled {
				t.Errorf("closed for %q", got)
			}
		})
	}
	healthy.send(`420["ok"]`)
	healthy.expect("430[]")
}

func TestMaxNamespaces(t *testing.T) {
	io, url := serve(t, &Options{MaxNamespaces: 3})
	io.OfFunc(func(name string, _ json.RawMessage) bool { return name != "/no" })
	c := dial(t, url)
	c.connect("/", "")
	c.connect("/1", "")
	c.connect("/2", "")
	c.send("40/3,")
	c.expect(`44/3,{"message":"Too many namespaces on one connection"}`)
	c.send("41/2,")
	c.connect("/3", "")
	c.send("40/" + strings.Repeat("n", maxNamespaceName) + ",")
	c.expect("44/" + strings.Repeat("n", maxNamespaceName) + `,{"message":"Invalid namespace"}`)
}

func TestBinaryBounds(t *testing.T) {
	io, url := serve(t, &Options{MaxAttachments: 3, MaxBinary: 1000, MaxPayload: 900})
	sizes := make(chan int, 10)
	io.Of("/").On("b", func(e *Event) {
		for _, a := range e.Attachments {
			sizes <- len(a)
		}
		_ = e.Ack()
	})
	head := func(n int) string {
		var args bytes.Buffer
		for i := range n {
			fmt.Fprintf(&args, `,{"_placeholder":true,"num":%d}`, i)
		}
		return fmt.Sprintf(`45%d-7["b"%s]`, n, args.String())
	}
	half := "b:" + strings.Repeat("x", 500)
	for name, open := range map[string]func(testing.TB, string) *client{"websocket": dial, "polling": dialPolling} {
		t.Run(name, func(t *testing.T) {
			c := open(t, url)
			c.connect("/", "")
			for range 2 { // each packet has the bound for itself
				c.send(head(3))
				for _, part := range []string{half, "b:", half} {
					c.send(part)
				}
				c.expect("437[]")
				for _, want := range []int{500, 0, 500} {
					if got := receive(t, "an attachment", sizes); got != want {
						t.Errorf("an attachment of %d bytes, want %d", got, want)
					}
				}
			}
			for _, packets := range [][]string{{head(4)}, {head(3), half, half, "b:x"}} {
				c := open(t, url)
				c.connect("/", "")
				gone := make(chan string, 1)
				for _, s := range io.Of("/").FetchSockets() {
					s.OnDisconnect(func(reason string) { gone <- reason })
				}
				for _, p := range packets {
					c.send(p)
				}
				if got := receive(t, "the end of a packet that is too large", gone); got != engine.ReasonParseError {
					t.Errorf("closed for %q", got)
				}
				c.expectClosed()
				io.Of("/").Disconnect(true)
			}
			if len(sizes) != 0 {
				t.Error("a packet over the bound was handled")
			}
		})
	}
	if o := (&Options{MaxPayload: 32 << 20}).withDefaults(); o.MaxBinary != 32<<20 {
		t.Errorf("MaxBinary is %d where MaxPayload is more than its default", o.MaxBinary)
	}
	if o := (*Options)(nil).withDefaults(); o.MaxBinary < 10<<20 {
		t.Errorf("the default of MaxBinary, %d, has no room for ten attachments of a megabyte", o.MaxBinary)
	}
}

func TestMaxWaitingAuth(t *testing.T) {
	io, url := serve(t, &Options{MaxWaiting: 1000})
	io.OfFunc(func(string, json.RawMessage) bool { return true })
	auth := `{"a":"` + strings.Repeat("x", 400) + `"}`
	c := dial(t, url)
	c.connect("/1", auth)
	c.connect("/2", auth)
	c.send("40/3," + auth)
	c.expect(`44/3,{"message":"The auth of this connection is too large"}`)
	c.send("41/1,")
	c.connect("/3", auth)
}

func TestConnectTimeout(t *testing.T) {
	io, url := serve(t, &Options{ConnectTimeout: 150 * time.Millisecond})
	io.Of("/no").Use(func(*Socket) error { return errors.New("no") })
	joined := dial(t, url)
	joined.connect("/", "")
	joined.send("41") // may stay, as with the official server
	for name, open := range map[string]func(testing.TB, string) *client{"websocket": dial, "polling": dialPolling} {
		t.Run(name, func(t *testing.T) {
			open(t, url).expectClosed()
			c := open(t, url)
			c.send("40/no,")
			c.expect(`44/no,{"message":"no"}`)
			c.expectClosed() // refused is not joined
		})
	}
	joined.connect("/", "")
}

// An event that is acknowledged later keeps its arguments for its handler only, not the
// memory into which they came together with all that the client sent before.
func TestUnacknowledgedEventsKeepNoBuffers(t *testing.T) {
	io, url := serve(t, nil)
	events := make(chan *Event, 100)
	io.Of("/").On("later", func(e *Event) {
		if len(e.Args) != 1 || string(e.Args[0]) != "1" {
			t.Errorf("the arguments are %s", e.Args)
		}
		events <- e
	})
	c := dial(t, url)
	c.connect("/", "")
	junk := ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame([]byte(`42["junk","` + strings.Repeat("x", 1<<20) + `"]`))))
	event := ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame([]byte(`427["later",1]`))))
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := heap()
	const n = 30
	var kept []*Event
	for range n {
		if _, err := c.conn.Write(append(junk[:len(junk):len(junk)], event...)); err != nil {
			t.Fatal(err)
		}
		kept = append(kept, receive(t, "an event", events))
	}
	if after := heap(); after > before+10<<20 {
		t.Errorf("%d KB of heap before, %d KB with %d small events that wait for their acknowledgement", before>>10, after>>10, n)
	}
	for _, e := range kept {
		if err := e.Ack("done"); err != nil {
			t.Error(err)
		}
		c.expect(`437["done"]`)
	}
}
