package engine

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

func probing(sid string) string { return strings.Replace(sid, "polling", "websocket", 1) }

// A poll that waits when the probe comes is freed at once, a later one soon.
func TestProbeFreesPolls(t *testing.T) {
	b := start(t, nil, nil)
	sid := b.poll()
	session, _ := b.next()
	poll := make(chan string, 1)
	go func() {
		_, text := b.get(sid)
		poll <- text
	}()
	b.awaitPoll(session)
	s := b.dial(probing(sid))
	s.send(ws.OpText, "2probe")
	s.wantFrame(ws.OpText, "3probe")
	want(t, "the waiting poll", <-poll, "6")
	_, text := b.get(sid)
	want(t, "a poll while probing", text, "6")
	// What is sent while probing goes to the poll that is there.
	go func() {
		text := "6" // polls end soon
		for text == "6" {
			_, text = b.get(sid)
		}
		poll <- text
	}()
	b.awaitPoll(session)
	_ = session.SendText([]byte("to the poll"))
	want(t, "a poll while probing", <-poll, "4to the poll")
	s.send(ws.OpText, "2probe")
	s.wantFrame(ws.OpText, "3probe")
	s.send(ws.OpPing, "x")
	s.wantFrame(ws.OpPong, "x")
}

// Whatever ends a probe, the session goes on polling and can upgrade later.
func TestFailedUpgrades(t *testing.T) {
	b := start(t, &Options{UpgradeTimeout: 200 * time.Millisecond, MaxPayload: 1000}, nil)
	sid := b.poll()
	session, h := b.next()
	for name, in := range map[string][]byte{
		"a message":                clientFrame(true, ws.OpText, "4hello"),
		"a binary message":         clientFrame(true, ws.OpBinary, "hello"),
		"an invalid packet":        clientFrame(true, ws.OpText, "x"),
		"an empty packet":          clientFrame(true, ws.OpText, ""),
		"another ping":             clientFrame(true, ws.OpText, "2"),
		"close":                    clientFrame(true, ws.OpText, "1"),
		"a close frame":            clientFrame(true, ws.OpClose, ""),
		"an unmasked frame":        {0x81, 1, '5'},
		"a frame that is too big":  {0x81, 0xfe, 0x10, 0, 1, 2, 3, 4},
		"nothing":                  nil,
		"a probe and nothing more": clientFrame(true, ws.OpText, "2probe"),
		"half of the upgrade":      clientFrame(true, ws.OpText, "5")[:4],
	} {
		t.Run(name, func(t *testing.T) {
			s := b.dial(probing(sid))
			s.raw(in)
			s.wantEnd()
			b.await(session, "the end of the probe", func() bool { return session.probe == nil })
			status, _ := b.post(sid, "4"+name)
			want(t, "status of a POST after it", status, 200)
			_, text := b.get(sid)
			want(t, "the poll after it", text, "4"+name)
		})
	}
	want(t, "messages", len(h.got()), 12)
	s := b.dial(probing(sid))
	s.send(ws.OpText, "2probe")
	s.wantFrame(ws.OpText, "3probe")
	// A second probe beside the first is refused and does no harm.
	second := b.dial(probing(sid))
	second.wantClose(0)
	s.send(ws.OpText, "5")
	s.send(ws.OpText, "4hello")
	s.wantFrame(ws.OpText, "4hello")
}

// A poll that still waits when the upgrade comes is ended, and gets nothing that
// belongs to the WebSocket.
func TestUpgradeWithWaitingPoll(t *testing.T) {
	b := start(t, nil, nil)
	sid := b.poll()
	session, _ := b.next()
	poll := make(chan int, 1)
	go func() {
		status, _ := b.get(sid)
		poll <- status
	}()
	b.awaitPoll(session)
	s := b.dial(probing(sid))
	s.send(ws.OpText, "5") // without a probe, as the official server allows
	want(t, "status of the poll", <-poll, 400)
	s.send(ws.OpText, "4x")
	s.wantFrame(ws.OpText, "4x")
}

// What waited on polling goes out on the WebSocket, binary as binary.
func TestUpgradeTakesWhatWaits(t *testing.T) {
	b := start(t, nil, nil)
	sid := b.poll()
	session, _ := b.next()
	_ = session.SendText([]byte("one"))
	_ = session.Send(NewBinary([]byte{0, 255}), NewText([]byte(strings.Repeat("x", 5000))))
	s := b.dial(probing(sid))
	s.send(ws.OpText, "2probe")
	s.wantFrame(ws.OpText, "3probe")
	s.send(ws.OpText, "5")
	s.wantFrame(ws.OpText, "4one")
	s.wantFrame(ws.OpBinary, "\x00\xff")
	s.wantFrame(ws.OpText, "4"+strings.Repeat("x", 5000))
}

// A client that upgrades polls no more, and sends UPGRADE only when its POST has been answered: so the POST must not
// wait until what it asked for has been polled.
func TestUpgradeWhileAPostFillsWhatMayWait(t *testing.T) {
	var packets []string
	for i := range 20 {
		packets = append(packets, fmt.Sprintf("4%d%s", i, strings.Repeat("x", 500)))
	}
	body := strings.Join(packets, "\x1e")
	for name, first := range map[string]bool{"the probe first": true, "the POST first": false} {
		t.Run(name, func(t *testing.T) {
			b := start(t, &Options{HighWater: 1000}, nil)
			sid := b.poll()
			session, _ := b.next()
			posted := make(chan int, 1)
			post := func() {
				status, _ := b.post(sid, body)
				posted <- status
			}
			if !first {
				go post()
				b.await(session, "answers that fill what may wait", func() bool { return session.full.Load() })
			}
			s := b.dial(probing(sid))
			s.send(ws.OpText, "2probe")
			s.wantFrame(ws.OpText, "3probe")
			if first {
				go post()
			}
			want(t, "the status of the POST", <-posted, 200)
			s.send(ws.OpText, "5")
			for _, packet := range packets {
				s.wantFrame(ws.OpText, packet)
			}
		})
	}
}

// 3,000 messages each way, while the session upgrades as a stock client does it:
// every one arrives once and in order, and binary ones stay with their text.
func TestOrderDuringUpgrade(t *testing.T) {
	const count = 3000
	for range 3 {
		b := start(t, nil, func(s *Session, h *recorder) { h.message = nil })
		sid := b.poll()
		session, h := b.next()
		const early = count - 1000 // how many may be sent before the probe
		probed := make(chan struct{})
		var sending sync.WaitGroup
		sending.Go(func() {
			for i := range count {
				if i == early {
					<-probed
				}
				text := NewText(fmt.Appendf(nil, "%d", i))
				if err := session.Send(text, NewBinary(fmt.Appendf(nil, "%d", i))); err != nil {
					t.Error(err)
					return
				}
				if i%50 == 0 {
					time.Sleep(50 * time.Microsecond)
				}
			}
		})
		var received []string
		take := func(payload string) (noop bool) {
			for _, p := range strings.Split(payload, "\x1e") {
				if p == "6" {
					noop = true
					continue
				}
				received = append(received, p)
			}
			return noop
		}
		sent := 0
		post := func() {
			var body []string
			for range 20 {
				body = append(body, fmt.Sprintf("4%d", sent))
				sent++
			}
			status, _ := b.post(sid, strings.Join(body, "\x1e"))
			want(t, "status", status, 200)
		}
		for range 10 {
			post()
			if len(received) < 2*early {
				_, text := b.get(sid)
				take(text)
			}
		}
		s := b.dial(probing(sid))
		s.send(ws.OpText, "2probe")
		s.wantFrame(ws.OpText, "3probe")
		close(probed)
		var posting sync.WaitGroup
		posting.Go(post)
		_, text := b.get(sid)
		take(text)
		posting.Wait()
		s.send(ws.OpText, "5")
		go func() {
			for i := sent; i < count; i++ {
				s.send(ws.OpText, fmt.Sprintf("4%d", i))
			}
		}()
		for len(received) < 2*count {
			op, payload := s.frame()
			switch op {
			case ws.OpText:
				received = append(received, string(payload))
			case ws.OpBinary:
				received = append(received, "b"+string(payload))
			default:
				t.Fatalf("frame %x %q after %d", op, payload, len(received))
			}
		}
		sending.Wait()
		for i := range count {
			if received[2*i] != fmt.Sprintf("4%d", i) || !strings.HasPrefix(received[2*i+1], "b") {
				t.Fatalf("place %d holds %q, %q", i, received[2*i], received[2*i+1])
			}
		}
		b.await(session, "all messages of the client", func() bool { return len(h.got()) == count })
		for i, m := range h.got() {
			if m != fmt.Sprintf("false:%d", i) {
				t.Fatalf("message %d is %q", i, m)
			}
		}
		s.Conn.Close()
		h.wantClosed(t, ReasonTransportClose)
	}
}
