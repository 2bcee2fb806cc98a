package server

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"go.uber.org/goleak"

	"ackbase/server/engine"
)

// TestChurn lets 1,000 connections come and go in every way. While the server still runs, no
// goroutine, session, socket, room, namespace, timer or half a packet of theirs is left.
func TestChurn(t *testing.T) {
	io := New(&Options{
		PingInterval: time.Second, PingTimeout: time.Second, UpgradeTimeout: 5 * time.Second,
		Logger: slog.New(slog.DiscardHandler),
	})
	var mu sync.Mutex
	var conns []*conn
	io.engine = engine.New(io.options.engine(), func(s *engine.Session) engine.Handler {
		c := io.accept(s).(*conn)
		mu.Lock()
		defer mu.Unlock()
		conns = append(conns, c)
		return c
	})
	join := func(s *Socket) {
		s.Join("room", s.ID()+"/own")
		s.On("own", func(*Event) {})
		go func() { _, _ = s.EmitWithAck(s.Context(), "never answered") }()
	}
	io.Of("/").OnConnect(join)
	io.Of("/slow").Use(func(s *Socket) error { <-s.Context().Done(); return nil })
	family := io.OfFunc(func(name string, _ json.RawMessage) bool { return strings.HasPrefix(name, "/family-") })
	family.OnConnect(join)
	url := listen(t, io)
	before := goleak.IgnoreCurrent()

	var clients sync.WaitGroup
	limit := make(chan struct{}, 50)
	for i := range 1000 {
		limit <- struct{}{}
		clients.Go(func() {
			defer func() { <-limit }()
			ways[i%len(ways)](t, url, i)
		})
	}
	clients.Wait()
	await(t, "the end of all sessions", func() bool { return io.engine.Len() == 0 })
	if err := goleak.Find(before); err != nil {
		t.Error(err)
	}
	io.mu.RLock()
	for name, ns := range io.namespaces {
		if ns.Len() != 0 || len(ns.rooms) != 0 || len(ns.sockets) != 0 || ns.family || ns.parent != nil {
			t.Errorf("%s is left with %d sockets and %d rooms", name, ns.Len(), len(ns.rooms))
		}
	}
	io.mu.RUnlock()
	mu.Lock()
	defer mu.Unlock()
	if len(conns) < 800 {
		t.Errorf("only %d sessions were accepted", len(conns))
	}
	for _, c := range conns {
		if c.connectTimer.Stop() || c.main != nil || len(c.others) != 0 || c.partial != nil || c.kept != 0 {
			t.Fatalf("a connection is left with its timer, a socket or half a packet: %+v", c)
		}
	}
}

// ways are the ways in which a client can go.
var ways = []func(t *testing.T, url string, i int){
	func(t *testing.T, url string, _ int) { // an Engine.IO close packet
		c := dial(t, url)
		c.connect("/", "")
		c.send("1")
		c.expectClosed()
	},
	func(t *testing.T, url string, _ int) { // the same over polling
		c := dialPolling(t, url)
		defer c.http.CloseIdleConnections()
		c.connect("/", "")
		c.send("1")
	},
	func(t *testing.T, url string, i int) { // a dropped connection, with many namespaces
		c := dial(t, url)
		c.connect("/", "")
		name := fmt.Sprintf("/family-%d", i)
		c.send("40"+name+",", "40/slow,", `42/slow,["held"]`)
		c.conn.Close()
	},
	func(t *testing.T, url string, _ int) { // a reset one, in the middle of a binary packet
		c := dial(t, url)
		c.send("40", `452-["x",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`, "b:1")
		if tcp, ok := c.conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0)
		}
		c.conn.Close()
	},
	func(t *testing.T, url string, _ int) { // DISCONNECT, and then no pong
		c := dial(t, url)
		c.connect("/", "")
		c.send("41")
		for {
			if _, _, err := wsutil.ReadServerData(c.conn); err != nil {
				return
			}
		}
	},
	func(t *testing.T, url string, _ int) { // polling, and then no poll
		c := dialPolling(t, url)
		defer c.http.CloseIdleConnections()
		c.connect("/", "")
	},
	func(t *testing.T, url string, _ int) { // half an upgrade
		c := dialPolling(t, url)
		defer c.http.CloseIdleConnections()
		c.connect("/", "")
		probe := &client{TB: t, url: url}
		probe.open("&sid=" + c.poll[strings.LastIndex(c.poll, "=")+1:])
		probe.send("2probe")
		probe.conn.Close()
	},
	func(t *testing.T, url string, i int) { // an upgrade, and a drop
		c := dialPolling(t, url)
		defer c.http.CloseIdleConnections()
		c.connect(fmt.Sprintf("/family-%d", i%7), "")
		c.upgrade(func() {}, func() {})
		c.conn.Close()
	},
	func(t *testing.T, url string, _ int) { // 40 and the close frame in one segment
		c := dial(t, url)
		frames := ws.MustCompileFrame(ws.MaskFrame(ws.NewTextFrame([]byte("40"))))
		frames = append(frames, ws.MustCompileFrame(ws.MaskFrame(ws.NewCloseFrame(nil)))...)
		if _, err := c.conn.Write(frames); err != nil {
			t.Error(err)
		}
		c.expectClosed()
	},
	func(t *testing.T, url string, _ int) { // 40 and the close packet in one polling body
		c := dialPolling(t, url)
		defer c.http.CloseIdleConnections()
		c.send("40", "1")
	},
	func(t *testing.T, url string, _ int) { // what is no packet
		c := dial(t, url)
		c.connect("/", "")
		c.send("4x")
		c.expectClosed()
	},
	func(t *testing.T, url string, _ int) { // a poll that its client gives up
		c := dialPolling(t, url)
		c.connect("/", "")
		conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Error(err)
			return
		}
		request, err := http.NewRequest(http.MethodGet, c.poll, nil)
		if err != nil {
			t.Error(err)
			return
		}
		if err := request.Write(conn); err != nil {
			t.Error(err)
		}
		conn.Close()
		c.http.CloseIdleConnections()
	},
}
