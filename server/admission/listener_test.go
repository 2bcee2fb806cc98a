package admission

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"
)

const patience = 20 * time.Second

// elsewhere is a listener whose connections seem to come from the address that is set.
type elsewhere struct {
	net.Listener
	address atomic.Value // a netip.Addr
}

type elsewhereConn struct {
	net.Conn
	remote net.Addr
}

func (c elsewhereConn) RemoteAddr() net.Addr { return c.remote }

func (l *elsewhere) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	port := uint16(conn.RemoteAddr().(*net.TCPAddr).Port)
	return elsewhereConn{conn, net.TCPAddrFromAddrPort(netip.AddrPortFrom(l.address.Load().(netip.Addr), port))}, nil
}

// gate is a bounded HTTP server.
type gate struct {
	*testing.T
	limits   *Limits
	listener *elsewhere
}

func open(t *testing.T, o *Options) *gate {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{t, New(o), &elsewhere{Listener: inner}}
	srv := &http.Server{ConnState: g.limits.ConnState, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/hijack" {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			t.Cleanup(func() { conn.Close() })
			_, _ = io.WriteString(conn, "HTTP/1.1 101 \r\n\r\n")
			return
		}
		fmt.Fprint(w, r.RemoteAddr)
	})}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = srv.Serve(g.limits.Listener(g.listener, slog.New(slog.DiscardHandler)))
	}()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := srv.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		<-ended
		g.await("that no connection counts any more", func() bool { return g.limits.conns == 0 })
	})
	return g
}

// await waits for something that the server sees a little later.
func (g *gate) await(what string, holds func() bool) {
	g.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		g.limits.mu.Lock()
		ok := holds()
		g.limits.mu.Unlock()
		if ok {
			return
		}
		if time.Now().After(end) {
			g.Fatalf("never came: %s", what)
		}
	}
}

// dial connects from an address. served tells whether a request is answered.
func (g *gate) dial(address, path string) (conn net.Conn, served bool) {
	g.Helper()
	g.listener.address.Store(netip.MustParseAddr(address))
	conn, err := net.Dial("tcp", g.listener.Addr().String())
	if err != nil {
		g.Fatal(err)
	}
	g.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
			g.Fatal("neither answered nor closed")
		}
		return conn, false
	}
	response.Body.Close()
	return conn, true
}

// want dials and compares.
func (g *gate) want(served bool, address, path string) net.Conn {
	g.Helper()
	conn, got := g.dial(address, path)
	if got != served {
		g.Errorf("a connection from %s was served: %t, want %t", address, got, served)
	}
	return conn
}

func TestConnectionsOfOneAddress(t *testing.T) {
	g := open(t, &Options{MaxSessionsPerAddress: 2, TrustedProxies: proxies})
	var conns []net.Conn
	for range 4 { // two for each session
		conns = append(conns, g.want(true, "203.0.113.7", "/"))
	}
	for range 3 {
		g.want(false, "203.0.113.7", "/")
	}
	g.want(true, "203.0.113.8", "/") // others go on unharmed
	for range 10 {
		g.want(true, "127.0.0.1", "/")
		g.want(true, "10.0.0.1", "/")
	}
	conns[0].Close()
	g.await("the end of a connection", func() bool { return g.limits.addresses[netip.MustParseAddr("203.0.113.7")].conns == 3 })
	g.want(true, "203.0.113.7", "/hijack") // a WebSocket counts as a session, not here
	g.want(true, "203.0.113.7", "/")
	g.want(false, "203.0.113.7", "/")
	if got := g.limits.Refused()["connections_of_address"]; got != 4 {
		t.Errorf("%d refusals were counted, want 4", got)
	}
}

// Connections that never say anything count too.
func TestConnectionsInAll(t *testing.T) {
	g := open(t, &Options{MaxSessions: 3})
	g.listener.address.Store(netip.MustParseAddr("203.0.113.7"))
	var silent []net.Conn
	for range 5 {
		conn, err := net.Dial("tcp", g.listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		silent = append(silent, conn)
	}
	g.await("five silent connections", func() bool { return g.limits.conns == 5 })
	g.want(true, "203.0.113.8", "/")
	g.want(false, "203.0.113.9", "/")
	g.want(false, "127.0.0.1", "/")
	silent[0].Close()
	g.await("the end of a silent connection", func() bool { return g.limits.conns == 5 })
	g.want(true, "203.0.113.9", "/")
	if got := g.limits.Refused()["connections"]; got != 2 {
		t.Errorf("%d refusals were counted, want 2", got)
	}
}

// Sessions are connections as well: together they stay within what the system lets a process have open.
func TestConnectionsTogetherWithSessions(t *testing.T) {
	g := open(t, &Options{MaxSessions: 10, MaxConns: 4})
	r := &http.Request{RemoteAddr: "203.0.113.7:1", Header: http.Header{}}
	place, refusal := g.limits.Enter(r)
	if _, second := g.limits.Enter(r); refusal != Admitted || second != Admitted {
		t.Fatal(refusal, second)
	}
	g.want(true, "203.0.113.8", "/")
	g.want(true, "203.0.113.8", "/")
	g.want(false, "203.0.113.9", "/")
	place.Leave()
	g.want(true, "203.0.113.9", "/")
	g.want(false, "203.0.113.9", "/")
	if got := g.limits.Refused()["connections"]; got != 2 {
		t.Errorf("%d refusals were counted, want 2", got)
	}
}
