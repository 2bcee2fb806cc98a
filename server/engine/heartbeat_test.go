package engine

import (
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
)

func TestPingTimeoutPolling(t *testing.T) {
	inBubble(t, &Options{StallTimeout: time.Hour}, nil, func(t *testing.T, b *bench) {
		from := time.Now()
		s, h := b.openDirect()
		h.wantClosedBy(t, ReasonPingTimeout, from, 45*time.Second, 45*time.Second)
		want(t, "status after it", b.direct(http.MethodGet, s, "").Code, 400)
	})
}

// A poll that comes at the very moment when the session is over finds none, even
// where the timer has not fired yet.
func TestPollAtTheTimeout(t *testing.T) {
	inBubble(t, &Options{StallTimeout: time.Hour}, nil, func(t *testing.T, b *bench) {
		s, h := b.openDirect()
		time.Sleep(45 * time.Second)
		want(t, "status", b.direct(http.MethodGet, s, "").Code, 400)
		h.wantClosed(t, ReasonPingTimeout)
	})
}

func TestPingTimeoutWebSocket(t *testing.T) {
	inBubble(t, nil, nil, func(t *testing.T, b *bench) {
		from := time.Now()
		_, h, c := b.pipe()
		c.wantFrame(ws.OpText, "2")
		want(t, "time of the ping", time.Since(from), 25*time.Second)
		h.wantClosedBy(t, ReasonPingTimeout, from, 45*time.Second, 45*time.Second)
	})
}

// Sessions that were opened soon after each other are pinged together, and none of them late.
func TestPingsLeaveTogether(t *testing.T) {
	inBubble(t, nil, nil, func(t *testing.T, b *bench) {
		const apart, interval = 7 * time.Millisecond, 25 * time.Second
		from := time.Now()
		var clients []*socket
		for range 30 {
			_, _, c := b.pipe()
			clients = append(clients, c)
			time.Sleep(apart)
		}
		for round := range 3 {
			for i, c := range clients {
				c.wantFrame(ws.OpText, "2")
				want(t, "time of the ping", time.Since(from), time.Duration(round+1)*interval)
				if i == len(clients)-1 {
					time.Sleep(time.Second)
					for _, c := range clients {
						c.send(ws.OpText, "3")
					}
				}
			}
		}
	})
}

// Anything from the client is a sign of life, but does not stand for the pong for
// ever: the wait starts again from it.
func TestTrafficIsLife(t *testing.T) {
	inBubble(t, nil, nil, func(t *testing.T, b *bench) {
		from := time.Now()
		_, h, c := b.pipe()
		c.wantFrame(ws.OpText, "2")
		time.Sleep(15 * time.Second)
		c.send(ws.OpText, "4x")
		c.wantFrame(ws.OpText, "4x")
		h.wantClosedBy(t, ReasonPingTimeout, from, 60*time.Second, 60*time.Second)
	})
}

func TestPongs(t *testing.T) {
	inBubble(t, nil, nil, func(t *testing.T, b *bench) {
		from := time.Now()
		_, h, c := b.pipe()
		// A pong that nobody asked for only moves the next ping.
		time.Sleep(10 * time.Second)
		c.send(ws.OpText, "3")
		for i := range 200 {
			c.wantFrame(ws.OpText, "2")
			want(t, "time of the ping", time.Since(from), time.Duration(10+25*(i+1))*time.Second)
			time.Sleep(5 * time.Second)
			c.send(ws.OpText, "3")
		}
		// After a late pong the next ping does not come at once.
		c.wantFrame(ws.OpText, "2")
		time.Sleep(18 * time.Second)
		late := time.Now()
		c.send(ws.OpText, "3")
		c.wantFrame(ws.OpText, "2")
		want(t, "time from a late pong to the next ping", time.Since(late), 12500*time.Millisecond)
		synctest.Wait()
		want(t, "closed", len(h.closed), 0)
	})
}

// Bytes of a frame that never ends are no sign of life.
func TestTrickledFrame(t *testing.T) {
	inBubble(t, nil, nil, func(t *testing.T, b *bench) {
		from := time.Now()
		_, h, c := b.pipe()
		go func() {
			for {
				if op, _ := c.frame(); op == 0xff {
					return
				}
			}
		}()
		frame := clientFrame(true, ws.OpText, "4this frame is sent one byte each second")
		for i := range frame {
			if _, err := c.Write(frame[i : i+1]); err != nil {
				break
			}
			time.Sleep(1200 * time.Millisecond)
		}
		h.wantClosedBy(t, ReasonPingTimeout, from, 45*time.Second, 60*time.Second)
	})
}

// A closed polling session that nobody polls any more is given up.
func TestClosedSessionIsGivenUp(t *testing.T) {
	inBubble(t, nil, nil, func(t *testing.T, b *bench) {
		s, h := b.openDirect()
		s.Close("")
		h.wantClosed(t, ReasonForcedClose)
		want(t, "sessions", b.Len(), 1)
		time.Sleep(closeTimeout)
		synctest.Wait()
		want(t, "sessions", b.Len(), 0)
	})
}

// A client that keeps its side open after the close frame is cut off.
func TestLingeringClient(t *testing.T) {
	inBubble(t, nil, nil, func(t *testing.T, b *bench) {
		s, h, c := b.pipe()
		_ = s.SendText([]byte("farewell"))
		s.Close("enough")
		c.wantFrame(ws.OpText, "4farewell")
		op, _ := c.frame()
		want(t, "frame", op, ws.OpClose)
		h.wantClosed(t, "enough")
		from := time.Now()
		op, _ = c.frame()
		want(t, "frame", op, ws.OpCode(0xff))
		want(t, "time until the end", time.Since(from), lingerTimeout)
	})
}

func TestUpgradeTimeout(t *testing.T) {
	inBubble(t, &Options{PingInterval: time.Hour}, nil, func(t *testing.T, b *bench) {
		s, h := b.openDirect()
		client, server := newPipe()
		defer client.Close()
		s.startProbe(newReader(s, server, nil))
		c := &socket{t, client, nil}
		from := time.Now()
		c.send(ws.OpText, "2probe")
		frame := make([]byte, 8)
		if _, err := client.Read(frame); err != nil || string(frame[2:]) != "3probe" {
			t.Fatalf("got %q, %v", frame, err)
		}
		n, err := client.Read(frame)
		if err != nil || n != 2 || frame[0] != 0x88 {
			t.Errorf("got %x, %v; want a close frame", frame[:n], err)
		}
		want(t, "time until the probe is closed", time.Since(from), 10*time.Second)
		synctest.Wait()
		want(t, "closed", len(h.closed), 0)
		want(t, "probe", s.probe == nil, true)
	})
}
