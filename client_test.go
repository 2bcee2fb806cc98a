package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// client is a Socket.IO client in plain packets, over one WebSocket, for one goroutine.
type client struct {
	conn net.Conn
	next int // the id of the next request
}

// patience bounds every wait of these tests. It is what a hanging server costs, no pace.
const patience = 30 * time.Second

// connect opens a WebSocket to the server at a URL like http://127.0.0.1:3000
// and joins the main namespace.
func connect(tb testing.TB, url string) *client {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), patience)
	defer cancel()
	conn, buffered, _, err := ws.Dial(ctx, "ws"+strings.TrimPrefix(url, "http")+"/socket.io/?EIO=4&transport=websocket")
	if err != nil {
		tb.Fatalf("connecting to %s: %v", url, err)
	}
	tb.Cleanup(func() { conn.Close() })
	c := &client{conn: conn}
	if buffered != nil { // frames that came with the handshake's answer
		c.conn = buffer{conn, buffered}
	}
	for _, packet := range []string{"0", "40"} {
		if packet == "40" {
			if err := wsutil.WriteClientText(c.conn, []byte("40")); err != nil {
				tb.Fatal(err)
			}
		}
		if got, err := c.read(); err != nil || !strings.HasPrefix(got, packet) {
			tb.Fatalf("the server sent %q (%v), want a packet that begins with %s", got, err, packet)
		}
	}
	return c
}

// buffer is a connection whose first bytes have been read already.
type buffer struct {
	net.Conn
	r interface{ Read([]byte) (int, error) }
}

func (b buffer) Read(p []byte) (int, error) { return b.r.Read(p) }

// read returns the next message and answers pings.
func (c *client) read() (string, error) {
	for {
		if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
			return "", err
		}
		message, err := wsutil.ReadServerText(c.conn)
		if err != nil || string(message) != "2" {
			return string(message), err
		}
		if err := wsutil.WriteClientText(c.conn, []byte("3")); err != nil {
			return "", err
		}
	}
}

// answer is what a verb acknowledged.
type answer struct {
	result json.RawMessage
	fault  *struct {
		Code    string
		Status  int
		Message string
		Details json.RawMessage
	}
	meta json.RawMessage
}

// send sends a request and returns its id. The arguments are marshalled.
func (c *client) send(verb string, args ...any) (int, error) {
	request, err := json.Marshal(append([]any{verb}, args...))
	if err != nil {
		return 0, err
	}
	id := c.next
	c.next++
	if err := c.conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return 0, err
	}
	return id, wsutil.WriteClientText(c.conn, fmt.Appendf(nil, "42%d%s", id, request))
}

// receive waits for the answer to a request. Events before it are dropped.
func (c *client) receive(id int) (answer, error) {
	prefix := fmt.Sprintf("43%d[", id)
	for {
		message, err := c.read()
		if err != nil {
			return answer{}, err
		}
		if !strings.HasPrefix(message, prefix) {
			continue
		}
		var values []json.RawMessage
		if err := json.Unmarshal([]byte(message[len(prefix)-1:]), &values); err != nil {
			return answer{}, err
		}
		if len(values) < 2 {
			return answer{}, fmt.Errorf("acknowledged %s, want a result and an error", message)
		}
		a := answer{result: values[0]}
		if !bytes.Equal(values[1], []byte("null")) {
			if err := json.Unmarshal(values[1], &a.fault); err != nil {
				return answer{}, err
			}
		}
		if len(values) > 2 {
			a.meta = values[2]
		}
		return a, nil
	}
}

// call sends a request and waits for its answer.
func (c *client) call(verb string, args ...any) (answer, error) {
	id, err := c.send(verb, args...)
	if err != nil {
		return answer{}, err
	}
	return c.receive(id)
}

// must is call for what has to work.
func (c *client) must(tb testing.TB, verb string, args ...any) answer {
	tb.Helper()
	a, err := c.call(verb, args...)
	if err != nil {
		tb.Fatalf("%s %v: %v", verb, args, err)
	}
	if a.fault != nil {
		tb.Fatalf("%s %v: %s: %s", verb, args, a.fault.Code, a.fault.Message)
	}
	return a
}
