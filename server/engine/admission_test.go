package engine

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"ackbase/server/admission"
)

// fromAddress is the header of a proxy on this machine, for a client elsewhere.
func fromAddress(address string) string { return "X-Forwarded-For: " + address + "\r\n" }

// bounded are options under which the proxy on this machine is believed.
func bounded(o admission.Options) *Options {
	o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	return &Options{Admission: admission.New(&o)}
}

// A handshake over a bound is answered so that a client knows why and comes again; those
// who are in go on, and a place that was left is free for the next.
func TestHandshakesOverABound(t *testing.T) {
	const polling, socket = "EIO=4&transport=polling", "EIO=4&transport=websocket"
	const other = "203.0.113.99"
	for name, c := range map[string]struct {
		options    admission.Options
		then       string // the address of the one too many; the first ones are of 203.0.113.7
		status     int
		retryAfter int
		message    string
		freed      bool // a place that is left is free
	}{
		"in all":          {admission.Options{MaxSessions: 2}, other, 503, 5, "Too many connections, try again later", true},
		"of one address":  {admission.Options{MaxSessionsPerAddress: 2}, "203.0.113.7", 429, 5, "Too many connections from this address", true},
		"a second":        {admission.Options{HandshakeRate: 1}, other, 503, 1, "Too many new connections, try again later", false},
		"a second of one": {admission.Options{HandshakeRatePerAddress: 1}, "203.0.113.7", 429, 1, "Too many new connections from this address", false},
	} {
		t.Run(name, func(t *testing.T) {
			b := start(t, bounded(c.options), nil)
			inside := 2
			if !c.freed {
				inside = 10 // ten seconds' worth at once
			}
			var sessions []*Session
			for range inside {
				head, body := b.handshake(polling, fromAddress("203.0.113.7"))
				if !strings.Contains(head, "200 OK") {
					t.Fatalf("a handshake at the bound got %s%s", head, body)
				}
				s, _ := b.next()
				sessions = append(sessions, s)
			}
			want(t, "the client's address", sessions[0].Request().Client.String(), "203.0.113.7")

			head, body := b.handshake(polling, fromAddress(c.then))
			for _, part := range []string{
				fmt.Sprintf("HTTP/1.1 %d ", c.status), fmt.Sprintf("Retry-After: %d\r\n", c.retryAfter), "Content-Type: application/json\r\n",
			} {
				if !strings.Contains(head, part) {
					t.Errorf("polling: the head lacks %q:\n%s", part, head)
				}
			}
			want(t, "the body", body, fmt.Sprintf(`{"code":6,"message":"%s"}`, c.message))
			head, body = b.handshake(socket, upgradeHeaders+fromAddress(c.then))
			for _, part := range []string{
				fmt.Sprintf("HTTP/1.1 %d ", c.status), fmt.Sprintf("Retry-After: %d\r\n", c.retryAfter),
			} {
				if !strings.Contains(head, part) {
					t.Errorf("WebSocket: the head lacks %q:\n%s", part, head)
				}
			}
			want(t, "the body", body, c.message)

			// Who is inside goes on: over polling, and up to a WebSocket.
			_ = sessions[0].SendText([]byte("still here"))
			status, text := b.get(polling + "&sid=" + sessions[0].ID())
			want(t, "an answer to who is inside", fmt.Sprint(status, text), "2004still here")
			up := b.dial(socket + "&sid=" + sessions[0].ID())
			up.send(ws.OpText, "2probe")
			up.wantFrame(ws.OpText, "3probe")
			up.send(ws.OpText, "5")
			_ = sessions[0].SendText([]byte("up"))
			up.wantFrame(ws.OpText, "4up")

			if c.freed {
				for i, transport := range []string{polling, socket} {
					sessions[i].Close("")
					if transport == polling {
						up.Conn.Close()
					} else {
						_, _ = b.get(polling + "&sid=" + sessions[i].ID()) // takes the end
					}
					b.awaitLen(1)
					headers, status := fromAddress(c.then), "200 OK"
					if transport == socket {
						headers, status = headers+upgradeHeaders, "101 "
					}
					if head, body := b.handshake(transport, headers); !strings.Contains(head, status) {
						t.Errorf("after one has left, the next over %s got %s%s", transport, head, body)
					}
					_, _ = b.next()
				}
			}
			var refused uint64
			for _, n := range b.Stats().Refused {
				refused += n
			}
			want(t, "refusals counted", refused, uint64(2))
		})
	}
}

// A handshake that comes to nothing keeps no place.
func TestBrokenHandshakesKeepNoPlace(t *testing.T) {
	b := start(t, bounded(admission.Options{MaxSessions: 1}), nil)
	for range 3 {
		if head, _ := b.handshake("EIO=4&transport=websocket", "Connection: upgrade\r\nUpgrade: websocket\r\n"); !strings.Contains(head, " 400 ") {
			t.Errorf("a handshake without a key got %s", head)
		}
		if head, _ := b.handshake("EIO=4&transport=polling", "Origin: https://evil.example\r\n"); !strings.Contains(head, " 403 ") {
			t.Errorf("a handshake of a strange page got %s", head)
		}
		if head, _ := b.handshake("EIO=3&transport=polling", ""); !strings.Contains(head, " 400 ") {
			t.Errorf("a handshake of protocol 3 got %s", head)
		}
	}
	b.connect()
	s := b.Stats()
	for reason, n := range map[string]uint64{"bad_request": 3, "forbidden": 3, "unsupported_version": 3, "sessions": 0} {
		want(t, "refused for "+reason, s.Refused[reason], n)
	}
	want(t, "opened", s.Opened, uint64(1))
	want(t, "open over WebSocket", s.WebSocket, 1)
}

func TestMaxPackets(t *testing.T) {
	b := start(t, &Options{MaxPackets: 3}, nil)
	query := b.poll()
	_, h := b.next()
	status, _ := b.post(query, "4a\x1e4b\x1e4c")
	want(t, "a body at the bound", status, http.StatusOK)
	want(t, "messages", len(h.got()), 3)
	other := b.connect()
	_, _ = b.next()
	status, _ = b.post(query, "4a\x1e4b\x1e4c\x1e4d")
	want(t, "a body over it", status, http.StatusRequestEntityTooLarge)
	want(t, "messages", len(h.got()), 6)
	h.wantClosed(t, ReasonTransportError)
	for range 4 { // a WebSocket has no such bound
		other.send(ws.OpText, "4x")
	}
	for range 4 {
		other.wantFrame(ws.OpText, "4x")
	}
}

// A client that is cut off for being too slow is told of in the log and counted.
func TestCutOffIsLoggedAndCounted(t *testing.T) {
	var log bytes.Buffer
	o := &Options{HighWater: 1000, MaxBuffered: 4000, Logger: slog.New(slog.NewTextHandler(&log, nil))}
	inBubble(t, o, nil, func(t *testing.T, b *bench) {
		s, h, _ := b.pipe()
		want(t, "open over WebSocket", b.Stats().WebSocket, 1)
		for s.SendText(bytes.Repeat([]byte("x"), 500)) == nil {
			want(t, "bytes waiting", b.Stats().Waiting, s.Buffered())
		}
		h.wantClosed(t, ReasonTooSlow)
		b.awaitLen(0)
		for _, part := range []string{"level=WARN", `reason="too slow"`, "session=" + s.ID()[:6] + " ", "transport=websocket", "remote=", "waiting=3"} {
			if !strings.Contains(log.String(), part) {
				t.Errorf("the log lacks %q:\n%s", part, &log)
			}
		}
		if strings.Contains(log.String(), s.ID()) {
			t.Error("the log has the whole session id, with which anyone can be this client")
		}
		want(t, "closed for being too slow", b.Stats().Closed[ReasonTooSlow], uint64(1))
		want(t, "bytes waiting", b.Stats().Waiting, 0)
		log.Reset()

		s, h = b.openDirect()
		s.Close("of the program")
		h.wantClosed(t, "of the program")
		want(t, "lines for a session that closes as it should", log.String(), "")
		want(t, "closed by the program", b.Stats().Closed["of the program"], uint64(1))
		_ = b.direct(http.MethodGet, s, "")
	})
}

// A program may give any reason: the counts do not grow without end by that.
func TestReasonsAreBounded(t *testing.T) {
	var s stats
	for i := range 1000 {
		s.closed(fmt.Sprint("reason ", i))
	}
	if n := len(s.reasons); n > maxReasons+1 || s.reasons["other"] < 900 {
		t.Errorf("%d reasons, %d others", n, s.reasons["other"])
	}
}

// awaitLen waits until so many sessions are left.
func (b *bench) awaitLen(n int) {
	b.Helper()
	for end := time.Now().Add(patience); b.Len() != n; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			b.Fatalf("%d sessions are left, want %d", b.Len(), n)
		}
	}
}
