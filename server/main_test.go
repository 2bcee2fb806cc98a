package server

import (
	"context"
	"log/slog"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

// serve starts a server whose Shutdown must leave nothing behind.
func serve(t testing.TB, o *Options) (*Server, string) {
	t.Helper()
	var options Options
	if o != nil {
		options = *o
	}
	options.Logger = slog.New(slog.DiscardHandler)
	io := New(&options)
	web := httptest.NewServer(io)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := io.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		web.Close()
		for _, ns := range io.namespaces {
			if ns.Len() != 0 || len(ns.rooms) != 0 || len(ns.sockets) != 0 {
				t.Errorf("%s is left with %d sockets and %d rooms", ns.name, ns.Len(), len(ns.rooms))
			}
		}
	})
	return io, web.URL
}

// client is a bare WebSocket client.
type client struct {
	testing.TB
	conn net.Conn
}

func dial(t testing.TB, url string) *client {
	t.Helper()
	conn, reader, _, err := ws.Dial(context.Background(), "ws"+strings.TrimPrefix(url, "http")+"/socket.io/?EIO=4&transport=websocket")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	c := &client{t, conn}
	if reader != nil && reader.Buffered() > 0 {
		c.conn = &buffered{conn, reader}
	}
	if open := c.read(); !strings.HasPrefix(open, "0") {
		t.Fatalf("got %q, want OPEN", open)
	}
	return c
}

// buffered reads first what came together with the handshake.
type buffered struct {
	net.Conn
	reader interface{ Read([]byte) (int, error) }
}

func (b *buffered) Read(p []byte) (int, error) { return b.reader.Read(p) }

func (c *client) send(texts ...string) {
	c.Helper()
	for _, text := range texts {
		if err := wsutil.WriteClientText(c.conn, []byte(text)); err != nil {
			c.Fatal(err)
		}
	}
}

func (c *client) sendBinary(data string) {
	c.Helper()
	if err := wsutil.WriteClientBinary(c.conn, []byte(data)); err != nil {
		c.Fatal(err)
	}
}

// read gives the next message, pings answered; a binary one begins with "b:".
func (c *client) read() string {
	c.Helper()
	for {
		data, op, err := wsutil.ReadServerData(c.conn)
		if err != nil {
			c.Fatalf("reading: %v", err)
		}
		switch {
		case op == ws.OpBinary:
			return "b:" + string(data)
		case string(data) == "2":
			c.send("3")
		default:
			return string(data)
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

func (c *client) expectClosed() {
	c.Helper()
	for {
		if _, _, err := wsutil.ReadServerData(c.conn); err != nil {
			if ne, ok := err.(net.Error); ok && ne.Timeout() {
				c.Fatal("the connection is still open")
			}
			return
		}
	}
}
