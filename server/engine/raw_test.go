package engine

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

const upgradeHeaders = "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==\r\n"

// tcp opens a bare connection to the server.
func (b *bench) tcp() net.Conn {
	b.Helper()
	conn, err := net.Dial("tcp", b.http.Listener.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn
}

// handshake sends a request with the given headers and returns the head and body
// of the answer.
func (b *bench) handshake(query, headers string) (head, body string) {
	b.Helper()
	conn := b.tcp()
	defer conn.Close()
	fmt.Fprintf(conn, "GET /engine.io/?%s HTTP/1.1\r\nHost: %s\r\n%s\r\n", query, conn.RemoteAddr(), headers)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		b.Errorf("%s: %v", query, err)
		return "", ""
	}
	defer res.Body.Close()
	var dump strings.Builder
	fmt.Fprintf(&dump, "%s %s\r\n", res.Proto, res.Status)
	_ = res.Header.Write(&dump)
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.Errorf("%s: %v", query, err)
	}
	return dump.String(), string(text)
}

// await waits until a condition on the session holds, told under its lock.
func (b *bench) await(s *Session, what string, holds func() bool) {
	b.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(100 * time.Microsecond) {
		s.mu.Lock()
		ok := holds()
		s.mu.Unlock()
		if ok {
			return
		}
	}
	b.Fatalf("never came: %s", what)
}

// awaitPoll waits until a poll of the session waits at the server.
func (b *bench) awaitPoll(s *Session) {
	b.Helper()
	b.await(s, "a waiting poll", func() bool { return s.poll != nil })
}

// newRequest is a request without a connection.
func newRequest(query string) *http.Request {
	r, err := http.NewRequest(http.MethodGet, "http://localhost/engine.io/?"+query, nil)
	if err != nil {
		panic(err)
	}
	return r
}

// noDeadline lets a connection wait without end.
var noDeadline time.Time

// newPipe is a connection within the process.
func newPipe() (client, server net.Conn) { return net.Pipe() }
