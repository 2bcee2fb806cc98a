package zishang_test

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

const patience = time.Minute // what a hanging server costs, no pace

// client is a bare client over a WebSocket. One goroutine may send while another reads.
type client struct {
	testing.TB
	conn net.Conn
	in   io.Reader
}

// upgrade opens a WebSocket and reads nothing.
func upgrade(t testing.TB, url string) *client {
	t.Helper()
	conn, early, _, err := ws.Dial(context.Background(), strings.Replace(url, "http", "ws", 1)+"/socket.io/?EIO=4&transport=websocket")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if early != nil {
		return &client{t, conn, early} // which goes on with conn
	}
	return &client{t, conn, conn}
}

// dial opens a connection and reads OPEN.
func dial(t testing.TB, url string) *client {
	t.Helper()
	c := upgrade(t, url)
	if open := c.read(); !strings.HasPrefix(open, "0") {
		t.Fatalf("got %q, want OPEN", open)
	}
	return c
}

// join connects to a namespace.
func join(t testing.TB, url, namespace string) *client {
	t.Helper()
	c := dial(t, url)
	c.send("40" + head(namespace))
	if got := c.read(); !strings.HasPrefix(got, "40"+head(namespace)+`{"sid":"`) {
		t.Fatalf("got %q, want CONNECT", got)
	}
	return c
}

// head is what stands before the id of a packet to a namespace.
func head(namespace string) string {
	if namespace == "/" {
		return ""
	}
	return namespace + ","
}

// send sends messages; binary ones begin with "b:".
func (c *client) send(messages ...string) {
	c.Helper()
	for _, m := range messages {
		op := ws.OpText
		data, binary := strings.CutPrefix(m, "b:")
		if binary {
			op = ws.OpBinary
		}
		if err := wsutil.WriteClientMessage(c.conn, op, []byte(data)); err != nil {
			c.Fatal(err)
		}
	}
}

// next gives the next message.
func (c *client) next() (string, error) {
	data, _, err := wsutil.ReadServerData(struct {
		io.Reader
		io.Writer
	}{c.in, c.conn})
	return string(data), err
}

func (c *client) read() string {
	c.Helper()
	m, err := c.next()
	if err != nil {
		c.Fatal(err)
	}
	return m
}

// ask sends a request to a namespace and gives its answer, which must be the next message.
func (c *client) ask(namespace, args string) (values []json.RawMessage) {
	c.Helper()
	c.send("42" + head(namespace) + "7" + args)
	return c.answer(namespace)
}

func (c *client) answer(namespace string) (values []json.RawMessage) {
	c.Helper()
	got := c.read()
	rest, ok := strings.CutPrefix(got, "43"+head(namespace)+"7")
	if !ok || json.Unmarshal([]byte(rest), &values) != nil {
		c.Fatalf("got %.200q, want an answer", got)
	}
	return values
}

// ok is ask for what has to succeed: it gives the result.
func (c *client) ok(namespace, args string) string {
	c.Helper()
	values := c.ask(namespace, args)
	if len(values) != 3 || string(values[1]) != "null" {
		c.Fatalf("%.200s: %s", args, values)
	}
	return string(values[0])
}

// refused is ask for what has to fail: it gives the error's code.
func (c *client) refused(namespace, args string) string {
	c.Helper()
	return code(c, c.ask(namespace, args))
}

func code(t testing.TB, values []json.RawMessage) string {
	t.Helper()
	var fault struct{ Code string }
	if len(values) != 2 || string(values[0]) != "null" || json.Unmarshal(values[1], &fault) != nil {
		t.Fatalf("got %s, want an error", values)
	}
	return fault.Code
}

// closed reads until the server closes the connection.
func (c *client) closed() {
	c.Helper()
	for {
		_, err := c.next()
		if ne, ok := err.(net.Error); ok && ne.Timeout() {
			c.Fatal("the connection is still open")
		}
		if err != nil {
			return
		}
	}
}

// polling is a bare client over HTTP long-polling.
type polling struct {
	testing.TB
	http http.Client
	url  string
}

func poll(t testing.TB, url string) *polling {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	p := &polling{t, http.Client{Transport: transport, Timeout: patience}, url + "/socket.io/?EIO=4&transport=polling"}
	var open struct{ Sid string }
	if err := json.Unmarshal([]byte(p.receive()[0][1:]), &open); err != nil {
		t.Fatal(err)
	}
	p.url += "&sid=" + open.Sid
	p.send("40")
	if got := p.receive()[0]; !strings.HasPrefix(got, "40") {
		t.Fatalf("got %q, want CONNECT", got)
	}
	return p
}

// send sends packets in one body.
func (p *polling) send(packets ...string) {
	p.Helper()
	res, err := p.http.Post(p.url, "text/plain;charset=UTF-8", strings.NewReader(strings.Join(packets, "\x1e")))
	if err != nil {
		p.Fatal(err)
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err != nil || string(body) != "ok" {
		p.Fatalf("the server said %d %s %v", res.StatusCode, body, err)
	}
}

// receive gives the packets of one poll.
func (p *polling) receive() []string {
	p.Helper()
	res, err := p.http.Get(p.url)
	if err != nil {
		p.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		p.Fatal(err)
	}
	return strings.Split(string(body), "\x1e")
}

// status sends a request and gives the status of its answer.
func (p *polling) status(method, contentType, body string) int {
	p.Helper()
	req, err := http.NewRequestWithContext(p.Context(), method, p.url, strings.NewReader(body))
	if err != nil {
		p.Error(err)
		return 0
	}
	req.Header.Set("Content-Type", contentType)
	res, err := p.http.Do(req)
	if err != nil {
		p.Error(err)
		return 0
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
}
