package engine

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// The cases of this file are those of the protocol's official test suite, with
// its server's settings.
func official() *Options {
	return &Options{PingInterval: 300 * time.Millisecond, PingTimeout: 200 * time.Millisecond, MaxPayload: 1e6}
}

func TestHandshakePolling(t *testing.T) {
	b := start(t, official(), nil)
	status, text := b.get("EIO=4&transport=polling")
	want(t, "status", status, 200)
	o := parseOpen(t, text)
	want(t, "length of sid", len(o.SID), 20)
	want(t, "upgrades", strings.Join(o.Upgrades, ","), "websocket")
	want(t, "pingInterval", o.PingInterval, 300)
	want(t, "pingTimeout", o.PingTimeout, 200)
	want(t, "maxPayload", o.MaxPayload, 1000000)
}

func TestHandshakeWebSocket(t *testing.T) {
	b := start(t, official(), nil)
	s := b.dial("EIO=4&transport=websocket")
	o := parseOpen(t, s.text())
	want(t, "upgrades", strings.Join(o.Upgrades, ","), "")
	want(t, "upgrades is an array", o.Upgrades != nil, true)
	want(t, "pingInterval", o.PingInterval, 300)
	want(t, "maxPayload", o.MaxPayload, 1000000)
	_, h := b.next()
	s.send(ws.OpClose, "")
	s.wantClose(0)
	h.wantClosed(t, ReasonTransportClose)
}

func TestRefusedRequests(t *testing.T) {
	b := start(t, official(), nil)
	for _, c := range []struct {
		method, query string
		code          int
		message       string
	}{
		{"GET", "transport=polling", 5, "Unsupported protocol version"},
		{"GET", "EIO=abc&transport=polling", 5, "Unsupported protocol version"},
		{"GET", "EIO=3&transport=polling", 5, "Unsupported protocol version"},
		{"GET", "EIO=4", 0, "Transport unknown"},
		{"GET", "", 0, "Transport unknown"},
		{"GET", "EIO=4&transport=abc", 0, "Transport unknown"},
		{"GET", "EIO=4&transport=webtransport", 0, "Transport unknown"},
		{"POST", "EIO=4&transport=polling", 2, "Bad handshake method"},
		{"PUT", "EIO=4&transport=polling", 2, "Bad handshake method"},
		{"DELETE", "EIO=4&transport=websocket", 2, "Bad handshake method"},
		{"GET", "EIO=4&transport=websocket", 3, "Bad request"},
		{"GET", "EIO=4&transport=polling&sid=nobody", 1, "Session ID unknown"},
		{"POST", "EIO=4&transport=polling&sid=nobody", 1, "Session ID unknown"},
		{"GET", "EIO=4&transport=polling&sid=__proto__", 1, "Session ID unknown"},
	} {
		status, body := b.request(c.method, c.query, "")
		want(t, c.method+" "+c.query+": status", status, 400)
		want(t, c.method+" "+c.query, body, `{"code":`+strconv.Itoa(c.code)+`,"message":"`+c.message+`"}`)
	}
	sid := b.poll()
	status, body := b.request("PUT", sid, "")
	want(t, "PUT with a session", status, 400)
	want(t, "PUT with a session", body, `{"code":2,"message":"Bad handshake method"}`)
	status, _ = b.get(strings.Replace(sid, "polling", "websocket", 1))
	want(t, "the wrong transport", status, 400)
}

func TestRefusedHandshakes(t *testing.T) {
	b := start(t, official(), nil)
	for _, c := range []struct{ query, headers, message string }{
		{"transport=websocket", upgradeHeaders, "Unsupported protocol version"},
		{"EIO=abc&transport=websocket", upgradeHeaders, "Unsupported protocol version"},
		{"EIO=4", upgradeHeaders, "Transport unknown"},
		{"EIO=4&transport=abc", upgradeHeaders, "Transport unknown"},
		{"EIO=4&transport=polling", upgradeHeaders, "Bad request"},
		{"EIO=4&transport=websocket&sid=nobody", upgradeHeaders, "Session ID unknown"},
		{"EIO=4&transport=websocket", "Connection: Upgrade\r\nUpgrade: h2c\r\n", "the Upgrade header of a WebSocket handshake must be websocket"},
		{"EIO=4&transport=websocket", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n", "the Sec-WebSocket-Key header must be 16 bytes in base64"},
		{"EIO=4&transport=websocket", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 8\r\nSec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==\r\n", "the Sec-WebSocket-Version header must be 13"},
		{"EIO=4&transport=websocket", upgradeHeaders + "Origin: https://evil.example\r\n", "Forbidden"},
	} {
		head, body := b.handshake(c.query, c.headers)
		if !strings.HasPrefix(head, "HTTP/1.1 400 Bad Request") || !strings.Contains(head, "Content-Type: text/plain") {
			t.Errorf("%s: got %q", c.query, head)
		}
		want(t, c.query, body, c.message)
	}
}

// What accept sends follows OPEN, and accept may close the session.
func TestAccept(t *testing.T) {
	b := start(t, nil, func(s *Session, h *recorder) {
		_ = s.SendText([]byte("welcome"))
		if s.Request().URL.Query().Get("go") != "" {
			s.Close("not you")
		}
	})
	_, text := b.get("EIO=4&transport=polling")
	open, rest, _ := strings.Cut(text, "\x1e")
	parseOpen(t, open)
	want(t, "after OPEN", rest, "4welcome")
	s := b.connect()
	s.wantFrame(ws.OpText, "4welcome")
	b.next()
	b.next()

	_, text = b.get("EIO=4&transport=polling&go=1")
	_, rest, _ = strings.Cut(text, "\x1e")
	want(t, "after OPEN", rest, "4welcome\x1e1")
	_, h := b.next()
	h.wantClosed(t, "not you")
	s = b.dial("EIO=4&transport=websocket&go=1")
	parseOpen(t, s.text())
	s.wantFrame(ws.OpText, "4welcome")
	s.wantClose(ws.StatusNormalClosure)
	_, h = b.next()
	h.wantClosed(t, "not you")
}

// A session without a handler ignores everything; one whose accept panics is
// closed, and the server goes on.
func TestAcceptWithoutHandler(t *testing.T) {
	b := start(t, nil, nil)
	accept := b.Server.accept
	b.Server.accept = func(s *Session) Handler {
		switch query := s.Request().URL.Query(); {
		case query.Has("panic"):
			panic("in accept")
		case query.Has("nothing"):
			return nil
		}
		return accept(s)
	}
	_, text := b.get("EIO=4&transport=polling&nothing=1")
	sid := "EIO=4&transport=polling&sid=" + parseOpen(t, text).SID
	status, _ := b.post(sid, "4x\x1e1")
	want(t, "status", status, 200)
	status, _ = b.get("EIO=4&transport=polling&panic=1")
	want(t, "status where accept panics", status, 400)
	b.dial("EIO=4&transport=websocket&panic=1").wantEnd()
	b.connect()
}

func TestMessagesPolling(t *testing.T) {
	b := start(t, official(), nil)
	for _, body := range []string{"4hello", "4test1\x1e4test2\x1e4test3", "4hello\x1ebAQIDBA==", "4", "4äöü€😀"} {
		sid := b.poll()
		status, text := b.post(sid, body)
		want(t, "status of POST", status, 200)
		want(t, "answer to POST", text, "ok")
		status, text = b.get(sid)
		want(t, "status of GET", status, 200)
		want(t, "payload", text, body)
	}
}

func TestInvalidPacketPolling(t *testing.T) {
	b := start(t, official(), nil)
	for _, body := range []string{"abc", "", "4ok\x1e", "4a\x1e9", "b!", "4\xff"} {
		sid := b.poll()
		_, h := b.next()
		status, _ := b.post(sid, body)
		want(t, "status of POST", status, 400)
		h.wantClosed(t, ReasonParseError)
		status, _ = b.get(sid)
		want(t, "status of the GET after it", status, 400)
	}
}

func TestDuplicatePoll(t *testing.T) {
	b := start(t, official(), nil)
	sid := b.poll()
	s, h := b.next()
	first := make(chan string, 1)
	go func() {
		_, text := b.get(sid)
		first <- text
	}()
	b.awaitPoll(s)
	status, _ := b.get(sid + "&t=burst")
	want(t, "status of the second poll", status, 400)
	want(t, "the first poll", <-first, "1")
	h.wantClosed(t, ReasonTransportError)
	status, _ = b.get(sid)
	want(t, "status after it", status, 400)
}

func TestMessagesWebSocket(t *testing.T) {
	b := start(t, official(), nil)
	s := b.connect()
	s.send(ws.OpText, "4hello")
	s.wantFrame(ws.OpText, "4hello")
	s.send(ws.OpBinary, "\x01\x02\x03\x04")
	s.wantFrame(ws.OpBinary, "\x01\x02\x03\x04")
	s.send(ws.OpText, "bAQIDBA==") // of a client with forceBase64
	s.wantFrame(ws.OpBinary, "\x01\x02\x03\x04")
}

func TestInvalidPacketWebSocket(t *testing.T) {
	b := start(t, official(), nil)
	for text, reason := range map[string]string{
		"abc": ReasonParseError, "b!": ReasonParseError, "": ReasonParseError, "7": ReasonParseError,
		"2": ReasonTransportError, "2probe": ReasonTransportError, "1": ReasonTransportClose,
	} {
		s := b.connect()
		_, h := b.next()
		s.send(ws.OpText, text)
		s.wantClose(ws.StatusNormalClosure)
		h.wantClosed(t, reason)
	}
}

func TestHeartbeatPolling(t *testing.T) {
	b := start(t, official(), nil)
	sid := b.poll()
	for range 3 {
		_, text := b.get(sid)
		want(t, "poll", text, "2")
		status, _ := b.post(sid, "3")
		want(t, "status of the pong", status, 200)
	}
}

func TestHeartbeatWebSocket(t *testing.T) {
	b := start(t, official(), nil)
	s := b.connect()
	_, h := b.next()
	for range 3 {
		s.wantFrame(ws.OpText, "2")
		s.send(ws.OpText, "3")
	}
	s.wantFrame(ws.OpText, "2")
	s.wantEnd()
	h.wantClosed(t, ReasonPingTimeout)
}

func TestClosePolling(t *testing.T) {
	b := start(t, official(), nil)
	sid := b.poll()
	s, h := b.next()
	poll := make(chan string, 1)
	go func() {
		_, text := b.get(sid)
		poll <- text
	}()
	b.awaitPoll(s)
	status, text := b.post(sid, "1\x1e4late")
	want(t, "status of the close", status, 200)
	want(t, "answer to the close", text, "ok")
	want(t, "the poll", <-poll, "6")
	h.wantClosed(t, ReasonTransportClose)
	want(t, "messages after the close", len(h.got()), 0)
	status, _ = b.get(sid)
	want(t, "status after it", status, 400)
}

// The poll that was sent with the close may come after it.
func TestCloseOvertakesPoll(t *testing.T) {
	b := start(t, nil, nil)
	sid := b.poll()
	_, h := b.next()
	b.post(sid, "1")
	h.wantClosed(t, ReasonTransportClose)
	status, text := b.get(sid)
	want(t, "status of the poll", status, 200)
	want(t, "the poll", text, "6")
	status, _ = b.get(sid)
	want(t, "status of the next", status, 400)
}

func TestUpgrade(t *testing.T) {
	b := start(t, official(), nil)
	sid := b.poll()
	session, _ := b.next()
	upgrade := strings.Replace(sid, "polling", "websocket", 1)
	s := b.dial(upgrade)
	s.send(ws.OpText, "2probe")
	s.wantFrame(ws.OpText, "3probe")
	want(t, "transport while probing", session.Transport(), Polling)
	status, text := b.get(sid)
	want(t, "status of the poll", status, 200)
	want(t, "the poll", text, "6")
	s.send(ws.OpText, "5")
	s.send(ws.OpText, "4hello")
	s.wantFrame(ws.OpText, "4hello")
	want(t, "transport", session.Transport(), WebSocket)

	status, _ = b.get(sid)
	want(t, "status of a poll after the upgrade", status, 400)
	status, _ = b.post(sid, "4x")
	want(t, "status of a POST after the upgrade", status, 400)
	second := b.dial(upgrade)
	second.wantClose(0)
	s.send(ws.OpText, "4still there")
	s.wantFrame(ws.OpText, "4still there")
}
