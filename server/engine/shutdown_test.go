package engine

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

func TestShutdown(t *testing.T) {
	b := start(t, nil, nil)
	s := b.connect()
	session, webSocket := b.next()
	sid := b.poll()
	pollSession, polling := b.next()
	poll := make(chan string, 1)
	go func() {
		_, text := b.get(sid)
		poll <- text
	}()
	b.awaitPoll(pollSession)
	b.poll() // between two polls
	_, idle := b.next()
	probe := b.dial(probing(b.poll()))
	probe.send(ws.OpText, "2probe")
	probe.wantFrame(ws.OpText, "3probe")

	_ = session.SendText([]byte("last words"))
	done := make(chan error, 1)
	go func() { done <- b.Shutdown(context.Background()) }()
	s.wantFrame(ws.OpText, "4last words")
	s.wantClose(ws.StatusGoingAway)
	want(t, "the waiting poll", <-poll, "1")
	for _, h := range []*recorder{webSocket, polling, idle} {
		h.wantClosed(t, ReasonShutdown)
	}
	probe.Conn.Close()
	select {
	case err := <-done:
		want(t, "Shutdown", err, nil)
	case <-time.After(patience):
		t.Fatal("Shutdown does not return")
	}
	want(t, "sessions", b.Len(), 0)
	status, _ := b.get("EIO=4&transport=polling")
	want(t, "status of a handshake after it", status, 400)
	late := b.dial("EIO=4&transport=websocket")
	late.wantEnd()
}

// A client that takes nothing does not hold the server.
func TestShutdownCutsOff(t *testing.T) {
	b := prepare(t, nil, nil)
	b.pipe()
	s, _, c := b.pipe()
	defer c.Conn.Close()
	_ = s.SendText([]byte("nobody reads this"))
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := b.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Shutdown: %v", err)
	}
	want(t, "sessions", b.Len(), 0)
	for _, client := range b.pipes {
		client.Close()
	}
	b.stop()
}

func TestTLS(t *testing.T) {
	b := prepare(t, nil, nil)
	b.http = httptest.NewTLSServer(b.Server)
	defer b.http.Close()
	pool := b.http.Client().Transport.(interface{ CloseIdleConnections() })
	defer pool.CloseIdleConnections()
	conn, err := tls.Dial("tcp", b.http.Listener.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(conn, "GET /engine.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n%s\r\n", upgradeHeaders)
	in := bufio.NewReader(conn)
	for line := "-"; strings.TrimSpace(line) != ""; {
		if line, err = in.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	s := &socket{t, conn, in}
	parseOpen(t, s.text())
	session, h := b.next()
	want(t, "Secure", session.Request().Secure, true)
	for _, n := range []int{5, 3000, 300_000, 5} {
		text := "4" + strings.Repeat("x", n)
		go s.send(ws.OpText, text)
		s.wantFrame(ws.OpText, text)
	}
	session.Close("enough")
	s.wantClose(ws.StatusNormalClosure)
	h.wantClosed(t, "enough")
	b.stop()
}

// Connections that come and go in every way at once leave nothing behind; start's
// cleanup checks it, and goleak.
func TestChurn(t *testing.T) {
	b := start(t, &Options{UpgradeTimeout: 50 * time.Millisecond, PingInterval: 150 * time.Millisecond, PingTimeout: 150 * time.Millisecond}, nil)
	var clients sync.WaitGroup
	limit := make(chan struct{}, 20)
	for i := range 400 {
		limit <- struct{}{}
		clients.Go(func() {
			defer func() { <-limit }()
			switch i % 8 {
			case 0: // closes
				s := b.connect()
				s.send(ws.OpText, "4x")
				s.send(ws.OpClose, "\x03\xe8")
				s.wantEnd()
			case 1: // drops
				s := b.dial("EIO=4&transport=websocket")
				s.Conn.Close()
			case 2: // resets
				s := b.connect()
				_ = s.Conn.(*net.TCPConn).SetLinger(0)
				s.Conn.Close()
			case 3: // polls, talks and goes
				sid := b.poll()
				b.request("POST", sid, "4x\x1e1")
			case 4: // half an upgrade
				s, err := b.tryDial(probing(b.poll()))
				if err != nil {
					return // its session was over before, on a busy machine
				}
				_, _ = s.Write(clientFrame(true, ws.OpText, "2probe"))
				s.Conn.Close()
			case 5: // an upgrade, then nothing
				s, err := b.tryDial(probing(b.poll()))
				if err != nil {
					return
				}
				_, _ = s.Write(clientFrame(true, ws.OpText, "5"))
				s.wantEnd()
			case 6: // a handshake cut off
				conn := b.tcp()
				fmt.Fprintf(conn, "GET /engine.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n%s\r\n", upgradeHeaders)
				conn.Close()
			case 7: // never answers a ping
				s := b.connect()
				s.wantEnd()
			}
		})
	}
	clients.Wait()
	b.mu.Lock()
	handlers := make([]*recorder, 0, len(b.handlers))
	for _, h := range b.handlers {
		handlers = append(handlers, h)
	}
	b.mu.Unlock()
	for _, h := range handlers {
		select {
		case <-h.closed:
		case <-time.After(patience):
			t.Fatal("a session goes on without its client")
		}
	}
	for end := time.Now().Add(patience); b.Len() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d sessions are left", b.Len())
		}
	}
}
