package engine

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"

	"ackbase/server/admission"
)

// pipe opens a session whose WebSocket is a pipe within the process, which holds
// nothing: what the client does not read stays with the server. The server writes
// to it in pieces of readBufferSize.
func (b *bench) pipe() (*Session, *recorder, *socket) {
	b.Helper()
	return b.pipeOf("EIO=4&transport=websocket")
}

func (b *bench) pipeOf(query string) (*Session, *recorder, *socket) {
	b.Helper()
	r := newRequest(query)
	s := newSession(b.Server, r, r.URL.Query(), admission.Place{})
	client, server := newPipe()
	b.pipes = append(b.pipes, client)
	s.conn = server
	b.open(s, b.openTail)
	_, h := b.next()
	go newReader(s, server, nil).run()
	c := &socket{b.TB, client, bufio.NewReader(client)}
	parseOpen(b, c.text())
	return s, h, c
}

// inBubble runs a test with a clock that jumps to the next event.
func inBubble(t *testing.T, o *Options, setup func(s *Session, h *recorder), test func(t *testing.T, b *bench)) {
	synctest.Test(t, func(t *testing.T) {
		b := prepare(t, o, setup)
		test(t, b)
		for _, client := range b.pipes {
			client.Close()
		}
		b.stop()
	})
}

func TestTooSlow(t *testing.T) {
	o := &Options{HighWater: 1000, MaxBuffered: 4000}
	inBubble(t, o, nil, func(t *testing.T, b *bench) {
		s, h, _ := b.pipe()
		text := []byte(strings.Repeat("x", 500))
		sent := 0
		for s.SendText(text) == nil {
			sent++
			want(t, "Writable", s.Writable(), s.Buffered() <= 1000)
		}
		want(t, "messages that were taken", sent, 7)
		want(t, "Send after it", s.Send(NewText(text)), ErrClosed)
		h.wantClosed(t, ReasonTooSlow)
		want(t, "Writable", s.Writable(), false)
	})
}

// A large answer passes the bound, one at a time, and does not count for what
// follows it.
func TestLargeAnswer(t *testing.T) {
	o := &Options{HighWater: 1000, MaxBuffered: 4000}
	inBubble(t, o, nil, func(t *testing.T, b *bench) {
		s, h, c := b.pipe()
		large := strings.Repeat("L", 300_000)
		small := strings.Repeat("s", 900)
		for _, text := range []string{small, small, large, small, small} {
			if err := s.SendText([]byte(text)); err != nil {
				t.Fatal(err)
			}
		}
		want(t, "a second large one", s.Send(NewText([]byte(large))), ErrTooSlow)
		h.wantClosed(t, ReasonTooSlow)
		c.Conn.Close()

		s, _, c = b.pipe()
		for _, text := range []string{small, large, small} {
			if err := s.Send(NewText([]byte(text))); err != nil {
				t.Fatal(err)
			}
		}
		for _, text := range []string{small, large, small} {
			c.wantFrame(ws.OpText, "4"+text)
		}
		synctest.Wait()
		want(t, "Buffered", s.Buffered(), 0)
		want(t, "bytes of large answers", s.large, 0)
	})
}

// Many small messages in one Send share buffers, also where together they are a
// large answer.
func TestManySmallMessages(t *testing.T) {
	inBubble(t, &Options{HighWater: 1000}, nil, func(t *testing.T, b *bench) {
		s, _ := b.openDirect()
		small := make([]*Message, 10_000)
		for i := range small {
			small[i] = NewText([]byte("x"))
		}
		if err := s.Send(small...); err != nil {
			t.Fatal(err)
		}
		want(t, "bytes of large answers", s.large, 40_000)
		if n := len(s.out.chunks); n > 4 {
			t.Errorf("40 KB take %d chunks", n)
		}
		text := b.direct(http.MethodGet, s, "").Body.String()
		want(t, "messages", strings.Count(text, "4x"), 10_000)
		want(t, "bytes of large answers", s.large, 0)
	})
}

func TestStalledWebSocket(t *testing.T) {
	inBubble(t, nil, nil, func(t *testing.T, b *bench) {
		s, h, _ := b.pipe()
		from := time.Now()
		_ = s.SendText([]byte("x"))
		h.wantClosedBy(t, ReasonStalled, from, 10*time.Second, 12500*time.Millisecond)
	})
}

// The same over real sockets, whose buffers swallow a part first: that is not taken for progress.
func TestStalledSockets(t *testing.T) {
	const stall = 800 * time.Millisecond
	large := NewText(bytes.Repeat([]byte("x"), 16<<20))
	b := start(t, &Options{StallTimeout: stall}, nil)
	client := b.connect()
	s, h := b.next()
	from := time.Now()
	if err := s.Send(large); err != nil {
		t.Fatal(err)
	}
	h.wantClosed(t, ReasonStalled)
	if took := time.Since(from); took < stall || took > 3*stall {
		t.Errorf("a client that took nothing was closed after %v: want %v to %v", took, stall, 3*stall)
	}
	// The system must not keep for it what it has taken already.
	if n, err := io.Copy(io.Discard, client.in); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("after %d more bytes the connection ended with %v, want a reset", n, err)
	}

	sid := b.poll()
	s, h = b.next()
	if err := s.Send(large); err != nil {
		t.Fatal(err)
	}
	conn := b.tcp()
	fmt.Fprintf(conn, "GET /engine.io/?%s HTTP/1.1\r\nHost: x\r\n\r\n", sid)
	h.wantClosed(t, ReasonStalled)
}

func TestStalledPolling(t *testing.T) {
	inBubble(t, nil, nil, func(t *testing.T, b *bench) {
		s, h := b.openDirect()
		from := time.Now()
		_ = s.SendText([]byte("x"))
		h.wantClosedBy(t, ReasonStalled, from, 10*time.Second, 10*time.Second)
	})
}

// A client that takes something now and then is slow, not stalled, and is not
// taken for dead while the ping it would answer has not reached it.
func TestSlowClientLives(t *testing.T) {
	inBubble(t, &Options{MaxBuffered: 4 << 20, HighWater: 1 << 20}, nil, func(t *testing.T, b *bench) {
		s, h, c := b.pipe()
		large := bytes.Repeat([]byte("x"), 4<<20)
		if err := s.Send(NewText(large)); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		piece := make([]byte, 32<<10)
		for got := 0; got < len(large); {
			time.Sleep(time.Second)
			n, err := c.in.Read(piece)
			if err != nil {
				t.Fatalf("after %v and %d bytes: %v", time.Since(start), got, err)
			}
			got += n
		}
		if time.Since(start) < 2*time.Minute {
			t.Errorf("it took %v, which proves nothing", time.Since(start))
		}
		// What is left is the rest of the frame, and the ping.
		for {
			b, err := c.in.ReadByte()
			if err != nil {
				t.Fatal(err)
			}
			if b == '2' {
				break
			}
		}
		c.send(ws.OpText, "3")
		synctest.Wait()
		want(t, "closed", len(h.closed), 0)
	})
}

// Over HighWater the frames that have come already are not handled until what
// waits has drained, and no ping timeout strikes meanwhile.
func TestReaderPauses(t *testing.T) {
	var drained atomic.Int32
	setup := func(s *Session, h *recorder) {
		h.message = func(s *Session, data []byte, binary bool) {
			_ = s.SendText(bytes.Repeat(data, 600))
		}
		h.drained = func(*Session) { drained.Add(1) }
	}
	o := &Options{HighWater: 1000, MaxBuffered: 4000, PingInterval: time.Second, PingTimeout: time.Second, StallTimeout: time.Minute}
	inBubble(t, o, setup, func(t *testing.T, b *bench) {
		s, h, c := b.pipe()
		c.raw(bytes.Repeat(clientFrame(true, ws.OpText, "4x"), 20))
		synctest.Wait()
		if n := len(h.got()); n > 3 {
			t.Errorf("%d messages were handled before anything was read", n)
		}
		want(t, "Writable", s.Writable(), false)
		time.Sleep(30 * time.Second) // far over the ping timeout
		want(t, "closed", len(h.closed), 0)
		answers := 0
		for answers < 20 {
			switch text := c.text(); text {
			case "2":
				go c.send(ws.OpText, "3")
			default:
				want(t, "answer", text, "4"+strings.Repeat("x", 600))
				answers++
			}
		}
		synctest.Wait()
		want(t, "messages", len(h.got()), 20)
		if drained.Load() == 0 {
			t.Error("Drained was not called")
		}
		want(t, "Writable", s.Writable(), true)
	})
}

// The same over polling: the POST waits for polls to take the answers.
func TestPostPauses(t *testing.T) {
	setup := func(s *Session, h *recorder) {
		h.message = func(s *Session, data []byte, binary bool) {
			_ = s.SendText(bytes.Repeat(data, 600))
		}
	}
	inBubble(t, &Options{HighWater: 1000, MaxBuffered: 4000}, setup, func(t *testing.T, b *bench) {
		s, h := b.openDirect()
		posted := make(chan int, 1)
		go func() {
			posted <- b.direct(http.MethodPost, s, strings.TrimSuffix(strings.Repeat("4x\x1e", 20), "\x1e")).Code
		}()
		synctest.Wait()
		want(t, "messages before a poll", len(h.got()), 2)
		answers := 0
		for answers < 20 {
			answers += strings.Count(b.direct(http.MethodGet, s, "").Body.String(), "4x")
		}
		want(t, "status", <-posted, 200)
		want(t, "messages", len(h.got()), 20)
	})
}

// A reader that is held up by writing its answers leaves the pong unread; that is
// no ping timeout as long as the answers move.
func TestPongBehindAnswers(t *testing.T) {
	setup := func(s *Session, h *recorder) {
		h.message = func(s *Session, data []byte, binary bool) {
			_ = s.SendText(bytes.Repeat(data, 200_000))
		}
	}
	inBubble(t, nil, setup, func(t *testing.T, b *bench) {
		_, h, c := b.pipe()
		c.wantFrame(ws.OpText, "2")
		synctest.Wait() // who wrote the ping is gone, so the reader itself writes
		c.send(ws.OpText, "4x")
		go c.send(ws.OpText, "3")
		piece := make([]byte, 4<<10)
		for got := 0; got < 200_000; { // in 98 s
			time.Sleep(2 * time.Second)
			n, err := c.in.Read(piece)
			if err != nil {
				t.Fatalf("after %d bytes: %v", got, err)
			}
			got += n
		}
		synctest.Wait()
		want(t, "closed", len(h.closed), 0)
	})
}

// What many goroutines send at once is not mixed up: each binary message follows
// its text.
func TestSendTogether(t *testing.T) {
	b := start(t, &Options{MaxBuffered: 64 << 20, HighWater: 32 << 20}, nil)
	c := b.connect()
	s, _ := b.next()
	const senders, each = 8, 300
	for sender := range senders {
		go func() {
			name := []byte{byte('a' + sender)}
			for i := range each {
				size := i * i % 3000
				text, data := NewText(name, bytes.Repeat([]byte("."), size)), NewBinary(append([]byte{name[0]}, make([]byte, size)...))
				if err := s.Send(text, data); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	for range senders * each {
		text := c.text()
		op, data := c.frame()
		if op != ws.OpBinary || data[0] != text[1] || len(data) != len(text)-1 {
			t.Fatalf("after %.10q (%d bytes) came %x of %d bytes", text, len(text), op, len(data))
		}
	}
}

// openDirect opens a polling session without a socket.
func (b *bench) openDirect() (*Session, *recorder) {
	b.Helper()
	w := httptest.NewRecorder()
	b.ServeHTTP(w, newRequest("EIO=4&transport=polling"))
	want(b, "status", w.Code, 200)
	return b.next()
}

// direct makes a request of a polling session without a socket.
func (b *bench) direct(method string, s *Session, body string) *httptest.ResponseRecorder {
	b.Helper()
	r := httptest.NewRequestWithContext(context.Background(), method, "/engine.io/?EIO=4&transport=polling&sid="+s.ID(), strings.NewReader(body))
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r)
	return w
}

// wantClosedBy waits for Closed, which must come within the given times.
func (h *recorder) wantClosedBy(t testing.TB, reason string, from time.Time, least, most time.Duration) {
	t.Helper()
	got := <-h.closed
	want(t, "reason", got, reason)
	if took := time.Since(from); took < least || took > most {
		t.Errorf("closed after %v, want %v to %v", took, least, most)
	}
}
