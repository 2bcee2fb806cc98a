package server

import (
	"context"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
)

// client is a bare client: over a WebSocket where it has a conn, else over polling. One
// goroutine may send while another reads.
type client struct {
	testing.TB
	conn net.Conn
	url  string   // of the server
	poll string   // the URL of polling requests
	came []string // packets of a poll that are still to be read
	http *http.Client
}

// dial opens a session over WebSocket.
func dial(t testing.TB, url string) *client {
	t.Helper()
	return dialQuery(t, url, "EIO=4")
}

// dialQuery is dial with a query of one's own.
func dialQuery(t testing.TB, url, query string) *client {
	t.Helper()
	c := &client{TB: t, url: url}
	c.open(query)
	if open := c.next(); !strings.HasPrefix(open, "0") {
		t.Fatalf("got %q, want OPEN", open)
	}
	return c
}

// open opens a WebSocket.
func (c *client) open(query string) {
	c.Helper()
	conn, reader, _, err := ws.Dial(context.Background(),
		"ws"+strings.TrimPrefix(c.url, "http")+"/socket.io/?transport=websocket&"+query)
	if err != nil {
		c.Fatal(err)
	}
	c.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	c.conn = conn
	if reader != nil && reader.Buffered() > 0 {
		c.conn = &buffered{conn, reader}
	}
}

// dialPolling opens a session over polling.
func dialPolling(t testing.TB, url string) *client {
	t.Helper()
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	c := &client{TB: t, url: url, http: &http.Client{Transport: transport, Timeout: patience}}
	c.poll = url + "/socket.io/?EIO=4&transport=polling"
	open := c.next()
	_, rest, found := strings.Cut(open, `"sid":"`)
	sid, _, closed := strings.Cut(rest, `"`)
	if !found || !closed {
		t.Fatalf("got %q, want OPEN", open)
	}
	c.poll += "&sid=" + sid
	return c
}

// upgrade gives a polling session a WebSocket as a stock client does. pause is called when
// the probe was answered, to stop sending and reading, and resume after the upgrade.
func (c *client) upgrade(pause, resume func()) {
	c.Helper()
	probe := &client{TB: c.TB, url: c.url}
	probe.open("EIO=4&sid=" + c.poll[strings.LastIndex(c.poll, "=")+1:])
	probe.send("2probe")
	if got := probe.next(); got != "3probe" {
		c.Fatalf("got %q, want 3probe", got)
	}
	pause()
	defer resume()
	probe.send("5")
	c.conn = probe.conn
}

// buffered reads first what came together with the handshake.
type buffered struct {
	net.Conn
	reader interface{ Read([]byte) (int, error) }
}

func (b *buffered) Read(p []byte) (int, error) { return b.reader.Read(p) }

// send sends packets, over polling in one body. Binary ones begin with "b:".
func (c *client) send(packets ...string) {
	c.Helper()
	if c.conn == nil {
		for i, packet := range packets {
			if data, binary := strings.CutPrefix(packet, "b:"); binary {
				packets[i] = "b" + base64.StdEncoding.EncodeToString([]byte(data))
			}
		}
		if status, answer := c.post(strings.Join(packets, "\x1e")); status != http.StatusOK {
			c.Errorf("a POST got %d %s", status, answer)
		}
		return
	}
	for _, packet := range packets {
		op := ws.OpText
		data, binary := strings.CutPrefix(packet, "b:")
		if binary {
			op = ws.OpBinary
		}
		if err := wsutil.WriteClientMessage(c.conn, op, []byte(data)); err != nil {
			c.Error(err)
		}
	}
}

// post sends a polling body.
func (c *client) post(body string) (status int, answer string) {
	c.Helper()
	res, err := c.http.Post(c.poll, "text/plain", strings.NewReader(body))
	if err != nil {
		c.Error(err)
		return 0, ""
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		c.Error(err)
	}
	return res.StatusCode, string(text)
}

// next gives the next packet, whatever it is; a binary one begins with "b:". It is "" where
// a poll was refused.
func (c *client) next() string {
	c.Helper()
	if len(c.came) == 0 && c.conn != nil {
		data, op, err := wsutil.ReadServerData(c.conn)
		if err != nil {
			c.Fatalf("reading: %v", err)
		}
		if op == ws.OpBinary {
			return "b:" + string(data)
		}
		return string(data)
	}
	if len(c.came) == 0 {
		res, err := c.http.Get(c.poll)
		if err != nil {
			c.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			c.Fatal(err)
		}
		if res.StatusCode != http.StatusOK {
			return ""
		}
		c.came = strings.Split(string(body), "\x1e")
	}
	packet := c.came[0]
	c.came = c.came[1:]
	if encoded, binary := strings.CutPrefix(packet, "b"); binary {
		data, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil {
			c.Fatal(err)
		}
		return "b:" + string(data)
	}
	return packet
}

// read is next without NOOP and with pings answered.
func (c *client) read() string {
	c.Helper()
	for {
		switch packet := c.next(); packet {
		case "2":
			c.send("3")
		case "6":
		default:
			return packet
		}
	}
}

func (c *client) expect(want ...string) {
	c.Helper()
	for _, w := range want {
		if got := c.read(); got != w {
			c.Fatalf("got %q, want %q", got, w)
		}
	}
}

// connect joins a namespace and gives the socket's id.
func (c *client) connect(namespace, auth string) string {
	c.Helper()
	head := "40"
	if namespace != "/" {
		head += namespace + ","
	}
	c.send(head + auth)
	got := c.read()
	if !strings.HasPrefix(got, head+`{"sid":"`) {
		c.Fatalf("got %q, want CONNECT", got)
	}
	return strings.TrimSuffix(strings.TrimPrefix(got, head+`{"sid":"`), `"}`)
}

// expectClosed reads until the connection has ended. last is the last packet.
func (c *client) expectClosed() (last string) {
	c.Helper()
	if c.conn == nil {
		for packet := c.next(); packet != ""; packet = c.next() {
			last = packet
		}
		return last
	}
	for {
		data, _, err := wsutil.ReadServerData(c.conn)
		if err != nil {
			if ne, ok := err.(net.Error); ok && ne.Timeout() {
				c.Fatal("the connection is still open")
			}
			return last
		}
		last = string(data)
	}
}
