package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"ackbase/server/engine"
)

func TestConnectErrors(t *testing.T) {
	io, url := serve(t, nil)
	answers := map[string]struct {
		err  error
		want string
	}{
		"/plain":   {errors.New(`a "plain" one`), `{"message":"a \"plain\" one"}`},
		"/data":    {&ConnectError{"no", map[string]any{"code": 7, "list": []int{1}}}, `{"message":"no","data":{"code":7,"list":[1]}}`},
		"/wrapped": {fmt.Errorf("wrapped: %w", &ConnectError{"inner", 1}), `{"message":"inner","data":1}`},
		"/bad":     {&ConnectError{"bad", func() {}}, `{"message":"bad"}`}, // encoding/json does not take it
	}
	var calls []string
	for name, a := range answers {
		io.Of(name).Use(func(*Socket) error { calls = append(calls, "first"); return nil })
		io.Of(name).Use(func(s *Socket) error {
			s.Join("room")
			if err := s.Emit("early"); err != ErrClosed {
				t.Errorf("Emit in middleware: %v", err)
			}
			return a.err
		})
		io.Of(name).Use(func(*Socket) error { t.Error("middleware ran after one had refused"); return nil })
		io.Of(name).OnConnect(func(*Socket) { t.Error("a refused socket has connected") })
	}
	for name, a := range answers {
		c := dial(t, url)
		for range 2 { // a refused client may ask again
			c.send("40" + name + ",")
			c.expect("44" + name + "," + a.want)
		}
		if io.Of(name).Len() != 0 {
			t.Errorf("%s has %d sockets", name, io.Of(name).Len())
		}
	}
	if len(calls) != 2*len(answers) {
		t.Errorf("the first middleware ran %d times", len(calls))
	}
}

func TestHandshake(t *testing.T) {
	io, address := serve(t, nil)
	seen := make(chan Handshake, 1)
	io.Of("/h").Use(func(s *Socket) error {
		if s.Connected() || s.Namespace().Name() != "/h" || s.Transport() != engine.Polling {
			t.Errorf("connected %t, %s, %s", s.Connected(), s.Namespace().Name(), s.Transport())
		}
		s.Set("user", "u1")
		seen <- s.Handshake()
		return nil
	})
	io.Of("/h").On("who", func(e *Event) { _ = e.Ack(e.Socket().Get("user"), e.Socket().Get("none"), e.NeedsAck()) })
	c := dialPolling(t, address)
	c.connect("/h", `{"token":"t"}`)
	h := receive(t, "the handshake", seen)
	where, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	if string(h.Auth) != `{"token":"t"}` || h.Query.Get("EIO") != "4" || h.Host != where.Host || h.Secure ||
		h.Address == "" || h.Header.Get("User-Agent") == "" || time.Since(h.Time) > patience || h.URL.Path != "/socket.io/" {
		t.Errorf("%+v", h)
	}
	c.send(`42/h,1["who"]`)
	c.expect(`43/h,1["u1",null,true]`)
}

func TestOfFunc(t *testing.T) {
	io, address := serve(t, nil)
	family := io.OfFunc(func(name string, auth json.RawMessage) bool {
		return strings.HasPrefix(name, "/tenant-") && string(auth) == `{"key":1}`
	})
	family.Use(func(s *Socket) error { s.Join("family"); return nil })
	family.On("hi", func(e *Event) { _ = e.Socket().Namespace().To("family").Emit("said", e.Socket().Namespace().Name()) })
	a, b := dial(t, address), dial(t, address)
	a.connect("/tenant-1", `{"key":1}`)
	b.connect("/tenant-2", `{"key":1}`)
	b.connect("/", "")
	if family.Len() != 2 {
		t.Errorf("the family has %d sockets", family.Len())
	}
	a.send(`42/tenant-1,["hi"]`)
	a.expect(`42/tenant-1,["said","/tenant-1"]`)
	a.send("40/tenant-3,")
	a.expect(`44/tenant-3,{"message":"Invalid namespace"}`)
	family.Disconnect(false)
	a.expect("41/tenant-1,")
	b.expect("41/tenant-2,") // and nothing of the other tenant's before it
	await(t, "the end of the namespaces", func() bool { return len(io.children(family)) == 0 })
}

// Shutdown waits for middleware, whose context ends.
func TestShutdownDuringMiddleware(t *testing.T) {
	io, address := serve(t, nil)
	entered, left := make(chan bool), make(chan bool, 1)
	io.Of("/").Use(func(s *Socket) error {
		entered <- true
		<-s.Context().Done()
		left <- true
		return nil // too late
	})
	io.Of("/").OnConnect(func(*Socket) { t.Error("a socket has connected during the shutdown") })
	c := dial(t, address)
	c.send("40", `42["held"]`)
	receive(t, "the middleware", entered)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := io.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	select {
	case <-left:
	default:
		t.Error("Shutdown came back before the middleware")
	}
	if last := c.expectClosed(); last == "41" {
		t.Error("a DISCONNECT packet keeps stock clients from connecting again")
	}
}

// Middleware that does not look at its context makes Shutdown end with ctx's error.
func TestShutdownGivesUp(t *testing.T) {
	io, address := serve(t, nil)
	entered, gate := make(chan bool), make(chan bool)
	io.Of("/").Use(func(*Socket) error {
		entered <- true
		<-gate
		return nil
	})
	dial(t, address).send("40")
	receive(t, "the middleware", entered)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := io.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	close(gate)
}
