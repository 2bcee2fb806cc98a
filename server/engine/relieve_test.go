package engine

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"ackbase/server/admission"
)

// connectFrom opens a session over WebSocket for a client behind the proxy on this machine.
func (b *bench) connectFrom(address string) (*Session, *recorder, *socket) {
	b.Helper()
	dialer := ws.Dialer{Header: ws.HandshakeHeaderHTTP(http.Header{"X-Forwarded-For": {address}})}
	conn, in, _, err := dialer.Dial(context.Background(), "ws"+strings.TrimPrefix(b.url("EIO=4&transport=websocket"), "http"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	if in == nil {
		in = bufio.NewReader(conn)
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	c := &socket{b.TB, conn, in}
	parseOpen(b, c.text())
	s, h := b.next()
	return s, h, c
}

// What is held for clients, in whatever way, is known, and who holds most goes first: by address, then by session.
func TestRelieve(t *testing.T) {
	b := start(t, bounded(admission.Options{}), nil)
	part := strings.Repeat("x", 300<<10)
	frame := string(clientFrame(true, ws.OpText, part))[:200<<10]
	ways := []struct {
		name  string
		begin func(s *Session, c *socket)
		end   func(s *Session, c *socket)
	}{
		{"half a frame", func(s *Session, c *socket) { c.raw([]byte(frame)) },
			func(s *Session, c *socket) {
				c.raw(clientFrame(true, ws.OpText, part)[200<<10:])
			}},
		{"half a message",
			func(s *Session, c *socket) {
				c.raw(clientFrame(false, ws.OpText, "4"+part))
				for range 2 { // the second is read after what the first part came in was let go
					c.send(ws.OpPing, "")
					c.wantFrame(ws.OpPong, "")
				}
			},
			func(s *Session, c *socket) { c.raw(clientFrame(true, ws.OpContinuation, part)); c.text() }},
		{"parts that the handler keeps", func(s *Session, c *socket) { s.Keep(300 << 10) },
			func(s *Session, c *socket) { s.Keep(0) }},
	}
	for _, way := range ways[1:] { // what is held is let go again
		s, _, c := b.connectFrom("203.0.113.1")
		way.begin(s, c)
		b.await(s, way.name, func() bool { return s.unfinished() >= 150<<10 })
		if got := b.Stats().Incoming; got < 150<<10 {
			t.Errorf("%s: %d bytes are told of", way.name, got)
		}
		way.end(s, c)
		b.await(s, "the end of "+way.name, func() bool { return s.unfinished() == 0 })
	}

	type holding struct {
		s *Session
		h *recorder
	}
	var heavy []holding // three sessions of one address that hold a little each
	for _, way := range ways {
		s, h, c := b.connectFrom("203.0.113.7")
		way.begin(s, c)
		b.await(s, way.name, func() bool { return s.unfinished() >= 150<<10 })
		heavy = append(heavy, holding{s, h})
	}
	idle, _, idleClient := b.connectFrom("203.0.113.7")
	total, most := 0, 0
	for _, h := range heavy {
		total += h.s.unfinished()
		most = max(most, h.s.unfinished())
	}
	single, _, _ := b.connectFrom("203.0.113.8")
	single.Hold(most + 1) // one session of another, for which the program holds more than each of them
	want(t, "cut off", b.Relieve(total), 3)
	for _, h := range heavy {
		h.h.wantClosed(t, ReasonOverload)
	}
	want(t, "cut off", b.Relieve(1), 1)
	b.awaitLen(3) // of the first part, and idle
	want(t, "cut off where nobody holds much", b.Relieve(1<<30), 0)
	_ = idle.SendText([]byte("unharmed"))
	idleClient.wantFrame(ws.OpText, "4unharmed")
	want(t, "closed for it", fmt.Sprint(b.Stats().Closed[ReasonOverload]), "4")
}

// The body of a POST counts until it is handled.
func TestUnfinishedPost(t *testing.T) {
	b := start(t, nil, nil)
	query := b.poll()
	s, h := b.next()
	conn := b.tcp()
	body := strings.Repeat("x", 500<<10)
	fmt.Fprintf(conn, "POST /engine.io/?%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n4%s", query, len(body)+1, body[:400<<10])
	b.await(s, "a body that has not come as a whole", func() bool { return s.unfinished() >= 400<<10 })
	fmt.Fprint(conn, body[400<<10:])
	b.await(s, "its end", func() bool { return s.unfinished() == 0 })
	status, text := b.get(query)
	want(t, "the answer", fmt.Sprint(status, len(text)), fmt.Sprint(200, len(body)+1))
	want(t, "messages", len(h.got()), 1)
}
