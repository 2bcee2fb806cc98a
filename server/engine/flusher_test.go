package engine

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/gobwas/ws"
)

// What was queued leaves with the next Flush at the latest, before what is sent
// later, and with the answers of a batch.
func TestQueue(t *testing.T) {
	shared := NewText([]byte("shared"))
	b := start(t, nil, func(_ *Session, h *recorder) {
		h.message = func(s *Session, data []byte, _ bool) {
			_ = s.SendText(data)
			_ = s.Queue(shared)
		}
	})
	c := b.connect()
	s, _ := b.next()
	for range 3 {
		_ = s.Queue(shared)
		_ = s.Queue(shared)
		b.Flush()
		c.wantFrame(ws.OpText, "4shared")
		c.wantFrame(ws.OpText, "4shared")
	}
	_ = s.Queue(shared)
	_ = s.SendText([]byte("text"))
	c.wantFrame(ws.OpText, "4shared")
	c.wantFrame(ws.OpText, "4text")
	_ = s.Queue(shared)
	_ = s.Send(NewBinary([]byte("binary")))
	c.wantFrame(ws.OpText, "4shared")
	c.wantFrame(ws.OpBinary, "binary")
	c.send(ws.OpText, "4answer")
	c.wantFrame(ws.OpText, "4answer")
	c.wantFrame(ws.OpText, "4shared")

	_ = s.Queue(shared)
	s.Close("")
	c.wantFrame(ws.OpText, "4shared")
	c.wantClose(ws.StatusNormalClosure)
	b.Flush()
	want(t, "of a closed session", s.Queue(shared), ErrClosed)

	sid := b.poll()
	s, _ = b.next()
	_ = s.Queue(shared)
	status, text := b.get(sid)
	want(t, "status", status, 200)
	want(t, "the poll", text, "4shared")
}

// However messages were sent, every client gets all of them in order, with what the
// reader answers in between. One that does not read for a while holds nobody up.
func TestOrderOfWriters(t *testing.T) {
	const clients, messages = 6, 1500
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	b := start(t, &Options{MaxBuffered: 256 << 20, HighWater: 128 << 20}, nil)
	sockets, sessions := make([]*socket, clients), make([]*Session, clients)
	for i := range clients {
		sockets[i] = b.connect()
		sessions[i], _ = b.next()
	}
	_ = sockets[0].Conn.(*net.TCPConn).SetReadBuffer(512 << 10)
	padding := []byte(strings.Repeat(".", 200<<10))
	var reading sync.WaitGroup
	read := func(c *socket) {
		for n, echoes := 0, 0; n < messages || echoes < messages/100; {
			op, payload := c.frame()
			if op == ws.OpText {
				payload = payload[1:]
			}
			if string(payload) == "echo" {
				echoes++
				continue
			}
			number, _, _ := bytes.Cut(payload, []byte(" "))
			if string(number) != fmt.Sprint(n) {
				t.Errorf("instead of message %d came frame %x %.40q", n, op, payload)
				return
			}
			if n++; n%100 == 0 {
				c.send(ws.OpText, "4echo")
			}
		}
	}
	for _, c := range sockets[1:] {
		reading.Go(func() { read(c) })
	}
	for n := range messages {
		size := rnd.IntN(300)
		switch rnd.IntN(50) {
		case 0, 1, 2:
			size = rnd.IntN(len(padding))
		case 3, 4, 5:
			size = rnd.IntN(4000)
		}
		data := fmt.Appendf(nil, "%d %s", n, padding[:size])
		text, binary := NewText(data), NewBinary(data)
		for _, s := range sessions {
			var err error
			switch rnd.IntN(8) {
			case 0:
				err = s.SendText(data)
			case 1:
				err = s.Send(binary)
			default:
				err = s.Queue(text)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if rnd.IntN(3) == 0 {
			b.Flush()
		}
	}
	b.Flush()
	reading.Wait()
	if sessions[0].Buffered() == 0 {
		t.Error("the client that does not read was to have some waiting")
	}
	read(sockets[0])
}
