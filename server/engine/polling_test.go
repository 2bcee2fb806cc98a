package engine

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"ackbase/server/hostile"
	"ackbase/server/packet"
)

func TestAbortedPoll(t *testing.T) {
	b := start(t, nil, nil)
	sid := b.poll()
	s, h := b.next()
	conn := b.tcp()
	fmt.Fprintf(conn, "GET /engine.io/?%s HTTP/1.1\r\nHost: x\r\n\r\n", sid)
	b.awaitPoll(s)
	conn.Close()
	h.wantClosed(t, ReasonTransportError)
	status, _ := b.get(sid)
	want(t, "status after it", status, 400)
}

// A client that closes the connection of each poll once it has the answer is no
// client that gave up.
func TestConnectionForEachPoll(t *testing.T) {
	b := start(t, nil, nil)
	sid := b.poll()
	s, _ := b.next()
	for i := range 50 {
		_ = s.SendText(fmt.Appendf(nil, "%d", i))
		conn := b.tcp()
		fmt.Fprintf(conn, "GET /engine.io/?%s HTTP/1.1\r\nHost: x\r\n\r\n", sid)
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(res.Body)
		conn.Close()
		want(t, "poll", string(text), fmt.Sprintf("4%d", i))
	}
}

// A request that a browser sends once more by itself, since the connection broke, ends the session: what the first
// response held is lost, and what the first POST brought has been handled.
func TestResentRequests(t *testing.T) {
	b := start(t, nil, nil)
	sid := b.poll()
	s, h := b.next()
	for i := range 3 {
		_ = s.SendText([]byte("event"))
		status, text := b.get(fmt.Sprintf("%s&t=get%d", sid, i))
		want(t, "status of a poll", status, 200)
		want(t, "a poll", text, "4event")
	}
	_ = s.SendText([]byte("event"))
	status, text := b.get(sid + "&t=get2")
	want(t, "status of a poll that was resent", status, 400)
	if strings.Contains(text, "event") {
		t.Errorf("a poll that was resent got %q, though what the first one got is lost", text)
	}
	h.wantClosed(t, ReasonTransportError)

	sid = b.poll()
	_, h = b.next()
	for _, stamp := range []string{"", "", "&t=1", "&t=2", ""} { // some clients have none
		status, _ = b.post(sid+stamp, "4event")
		want(t, "status of a POST", status, 200)
	}
	status, _ = b.post(sid+"&t=2", "4event")
	want(t, "status of a POST that was resent", status, 400)
	h.wantClosed(t, ReasonTransportError)
}

func TestPollHeaders(t *testing.T) {
	b := start(t, nil, nil)
	res, err := http.Get(b.url("EIO=4&transport=polling"))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	want(t, "Content-Type", res.Header.Get("Content-Type"), "text/plain; charset=UTF-8")
	want(t, "Cache-Control", res.Header.Get("Cache-Control"), "no-store")
	want(t, "Transfer-Encoding", len(res.TransferEncoding), 0)
}

// Large payloads in every size around the response's buffer, and many small ones.
func TestPollPayloads(t *testing.T) {
	b := start(t, &Options{HighWater: 8 << 20, MaxBuffered: 16 << 20}, nil)
	sid := b.poll()
	s, _ := b.next()
	var wanted [][]byte
	add := func(data []byte, binary bool) {
		if binary {
			_ = s.Send(NewBinary(data))
			wanted = append(wanted, append([]byte("b"), base64.StdEncoding.EncodeToString(data)...))
			return
		}
		_ = s.SendText(data)
		wanted = append(wanted, append([]byte("4"), data...))
	}
	for _, n := range []int{0, 1, 2, 3, 4, 125, 126, 9215, 9216, 9217, 12000, 16383, 16384, 16385, 18432, 65536, 300000} {
		for _, binary := range []bool{false, true} {
			add(bytes.Repeat([]byte("ab7"), n/3+1)[:n], binary)
			wantPoll(t, b, sid, &wanted)
			add(nil, binary)
			add(bytes.Repeat([]byte("x"), n), !binary)
			add([]byte("y"), binary)
			wantPoll(t, b, sid, &wanted)
		}
	}
	for i := range 30000 {
		add(nil, i%2 == 0)
	}
	wantPoll(t, b, sid, &wanted)
	b.await(s, "that nothing waits any more", func() bool { return s.queued == 0 })
}

func wantPoll(t *testing.T, b *bench, sid string, wanted *[][]byte) {
	t.Helper()
	_, text := b.get(sid)
	if text != string(bytes.Join(*wanted, []byte{packet.PayloadSeparator})) {
		t.Fatalf("a payload of %d packets came as %d bytes, %.80q", len(*wanted), len(text), text)
	}
	*wanted = nil
}

func TestBodyLimit(t *testing.T) {
	b := start(t, &Options{MaxPayload: 1000}, nil)
	sid := b.poll()
	status, _ := b.post(sid, "4"+strings.Repeat("x", 999))
	want(t, "status at the limit", status, 200)
	_, h := b.next()
	status, _ = b.post(sid, "4"+strings.Repeat("x", 1000))
	want(t, "status over the limit", status, 413)
	h.wantClosed(t, ReasonTransportError)

	// Chunked, without end.
	sid = b.poll()
	_, h = b.next()
	conn := b.tcp()
	fmt.Fprintf(conn, "POST /engine.io/?%s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", sid)
	endless := conn
	go func() {
		for range 1000 {
			if _, err := endless.Write([]byte("64\r\n" + strings.Repeat("y", 100) + "\r\n")); err != nil {
				return
			}
		}
	}()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "status of a body without end", res.StatusCode, 413)
	h.wantClosed(t, ReasonTransportError)

	// A length that is promised and never comes costs no memory for it.
	sid = b.poll()
	s, h := b.next()
	conn = b.tcp()
	fmt.Fprintf(conn, "POST /engine.io/?%s HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n4", sid)
	b.await(s, "the POST", func() bool { return s.posting })
	conn.Close()
	h.wantClosed(t, ReasonTransportError)
}

func TestSlowBody(t *testing.T) {
	b := start(t, &Options{PingInterval: 100 * time.Millisecond, PingTimeout: 100 * time.Millisecond}, nil)
	sid := b.poll()
	s, h := b.next()
	conn := b.tcp()
	fmt.Fprintf(conn, "POST /engine.io/?%s HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n4", sid)
	b.await(s, "the POST", func() bool { return s.posting })
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "status", res.StatusCode, 400)
	select {
	case reason := <-h.closed:
		if reason != ReasonPingTimeout && reason != ReasonTransportError {
			t.Errorf("closed with %q", reason)
		}
	case <-time.After(patience):
		t.Error("the session goes on")
	}
}

func TestConcurrentPosts(t *testing.T) {
	b := start(t, nil, nil)
	sid := b.poll()
	s, h := b.next()
	conn := b.tcp()
	fmt.Fprintf(conn, "POST /engine.io/?%s HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n4", sid)
	b.await(s, "the first POST", func() bool { return s.posting })
	status, _ := b.post(sid, "4x")
	want(t, "status of the second", status, 400)
	h.wantClosed(t, ReasonTransportError)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	want(t, "status of the first", res.StatusCode, 400)
}

func TestOctetStream(t *testing.T) {
	b := start(t, nil, nil)
	sid := b.poll()
	_, h := b.next()
	res, err := http.Post(b.url(sid), "application/octet-stream", strings.NewReader("4x"))
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	want(t, "status", res.StatusCode, 400)
	h.wantClosed(t, ReasonTransportError)
}

// Close by the program: what waits and the end reach the client with the poll
// that is there, or with the next.
func TestForcedClosePolling(t *testing.T) {
	b := start(t, nil, nil)
	sid := b.poll()
	s, h := b.next()
	poll := make(chan string, 1)
	go func() {
		_, text := b.get(sid)
		poll <- text
	}()
	b.awaitPoll(s)
	s.Close("")
	want(t, "the waiting poll", <-poll, "1")
	h.wantClosed(t, ReasonForcedClose)

	sid = b.poll()
	s, h = b.next()
	_ = s.SendText([]byte("farewell"))
	s.Close("server says no")
	h.wantClosed(t, "server says no")
	if err := s.SendText([]byte("late")); err != ErrClosed {
		t.Errorf("SendText on a closed session: %v", err)
	}
	status, text := b.post(sid, "4late")
	want(t, "a POST before the last poll", text, "ok")
	want(t, "its status", status, 200)
	_, text = b.get(sid)
	want(t, "the last poll", text, "4farewell\x1e1")
	status, _ = b.get(sid)
	want(t, "status after it", status, 400)
	want(t, "messages", len(h.got()), 0)
	select {
	case <-s.Context().Done():
	default:
		t.Error("the context of a closed session goes on")
	}
}

// Answers to a POST come in one payload, after BatchEnd.
func TestBatchPolling(t *testing.T) {
	b := start(t, nil, func(s *Session, h *recorder) {
		h.batchEnd = func(s *Session) { _ = s.SendText([]byte("end")) }
	})
	sid := b.poll()
	s, _ := b.next()
	poll := make(chan string, 1)
	go func() {
		_, text := b.get(sid)
		poll <- text
	}()
	b.awaitPoll(s)
	b.post(sid, "4a\x1e4b\x1ebAQ==")
	want(t, "the poll", <-poll, "4a\x1e4b\x1ebAQ==\x1e4end")
}

// The HTTP server's own timeouts do not end a poll that waits.
func TestServerTimeouts(t *testing.T) {
	httpTimeout = 50 * time.Millisecond
	defer func() { httpTimeout = 0 }()
	b := start(t, nil, nil)
	sid := b.poll()
	s, _ := b.next()
	poll := make(chan string, 1)
	go func() {
		_, text := b.get(sid)
		poll <- text
	}()
	b.awaitPoll(s)
	time.Sleep(150 * time.Millisecond) // three times what would end it
	_ = s.SendText([]byte("late"))
	want(t, "the poll", <-poll, "4late")
}

// The same of a POST that waits for its client to take the answers.
func TestHTTPTimeoutsAreNotForPosts(t *testing.T) {
	httpTimeout = 50 * time.Millisecond
	defer func() { httpTimeout = 0 }()
	b := start(t, &Options{HighWater: 1000}, nil)
	sid := b.poll()
	s, h := b.next()
	large := "4" + strings.Repeat("x", 900)
	posted := make(chan int, 1)
	go func() {
		status, _ := b.post(sid, large+"\x1e"+large+"\x1e"+large)
		posted <- status
	}()
	b.await(s, "answers that fill what may wait", func() bool { return s.full.Load() })
	time.Sleep(150 * time.Millisecond) // three times what would end it
	for got := 0; got < 3; {
		_, text := b.get(sid)
		got += strings.Count(text, large)
	}
	want(t, "the status of the POST", <-posted, 200)
	want(t, "messages", len(h.got()), 3)
}

// FuzzPost posts any body to a session. The server must answer, the handler must get
// the messages that stand in the body and its contract must hold, and nothing may be
// left of the session.
func FuzzPost(f *testing.F) {
	for _, seed := range []string{"4hello\x1ebAQIDBA==", "1", "4a\x1e1\x1e4b", "3", "2probe", "6\x1e5\x1e0", "b\x1eb", "\x1e\x1e", "4\xff", "bAQ"} {
		f.Add([]byte(seed))
	}
	for _, seed := range hostile.Bodies() {
		f.Add([]byte(seed))
	}
	const maxPayload = 4000
	b := prepare(f, &Options{MaxPayload: maxPayload}, nil)
	f.Fuzz(func(t *testing.T, body []byte) {
		b.TB = t // one at a time in each process
		s, h := b.openDirect()
		code := b.direct(http.MethodPost, s, string(body)).Code
		s.Close("")
		b.direct(http.MethodGet, s, "")
		reason := <-h.closed
		messages, want := plainPayload(string(body), maxPayload)
		if code != want {
			t.Fatalf("%q: status %d, want %d", body, code, want)
		}
		if code == 200 && reason != ReasonForcedClose && reason != ReasonTransportClose {
			t.Fatalf("status 200, but closed with %q", reason)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.fault != "" {
			t.Fatal(h.fault)
		}
		if !slices.Equal(h.messages, messages) {
			t.Fatalf("%q: the handler got %q, want %q", body, h.messages, messages)
		}
		b.mu.Lock()
		delete(b.handlers, s)
		b.mu.Unlock()
	})
}

// plainPayload reads a polling body in the plain way and gives the messages in it, as a
// recorder writes them down, and the status that it must be answered with.
func plainPayload(body string, maxPayload int) (messages []string, status int) {
	if len(body) > maxPayload {
		return nil, 413
	}
	if !utf8.ValidString(body) {
		return nil, 400
	}
	for _, packet := range strings.Split(body, "\x1e") {
		if encoded, binary := strings.CutPrefix(packet, "b"); binary {
			data, ok := plainBase64(encoded)
			if !ok {
				return messages, 400
			}
			messages = append(messages, "true:"+data)
			continue
		}
		if packet == "" || packet[0] < '0' || packet[0] > '6' || packet[0] == '2' {
			return messages, 400
		}
		switch packet[0] {
		case '1':
			return messages, 200
		case '4':
			messages = append(messages, "false:"+packet[1:])
		}
	}
	return messages, 200
}

// plainBase64 decodes base64 with or without its padding, and without line ends.
func plainBase64(text string) (data string, ok bool) {
	encoding := base64.StdEncoding
	if len(text)%4 != 0 {
		encoding = base64.RawStdEncoding
	}
	raw, err := encoding.DecodeString(text)
	return string(raw), err == nil && !strings.ContainsAny(text, "\r\n")
}
