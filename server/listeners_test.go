package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
)

func TestListeners(t *testing.T) {
	io, url := serve(t, nil)
	ns := io.Of("/")
	heard := make(chan string, 100)
	tell := func(what string) func(*Event) {
		return func(e *Event) { heard <- what + " " + e.Name }
	}
	offAny := ns.OnAny(tell("any"))
	offNamed := ns.On("a", tell("namespace"))
	var offs []func()
	ns.OnConnect(func(s *Socket) {
		s.Once("a", tell("once"))
		offs = append(offs, s.On("a", tell("socket")), s.OnAny(tell("socket's any")))
		offs = append(offs, s.Once("never", tell("never")))
	})
	ns.On("end", func(e *Event) { _ = e.Ack() })
	c := dial(t, url)
	c.connect("/", "")
	expect := func(want ...string) {
		t.Helper()
		c.send(`420["end"]`)
		c.expect("430[]")
		for _, w := range append(want, "any end", "socket's any end") {
			if got := receive(t, w, heard); got != w {
				t.Fatalf("heard %q, want %q", got, w)
			}
		}
	}
	c.send(`42["a"]`)
	expect("any a", "socket's any a", "namespace a", "once a", "socket a")
	c.send(`42["\u0061"]`) // the same name
	expect("any a", "socket's any a", "namespace a", "socket a")
	offNamed()
	offNamed() // twice is once
	c.send(`42["a"]`, `42["b"]`, `42[7]`)
	expect("any a", "socket's any a", "socket a", "any b", "socket's any b", "any 7", "socket's any 7")
	offs[0]()
	offs[2]()
	c.send(`42["a"]`, `42["never"]`)
	expect("any a", "socket's any a", "any never", "socket's any never")
	offAny()
	offs[1]()
	c.send(`42["a"]`, `420["end"]`)
	c.expect("430[]")
	if len(heard) != 0 {
		t.Errorf("heard %q after all listeners were taken away", <-heard)
	}
}

func TestOnAnyOutgoing(t *testing.T) {
	io, url := serve(t, nil)
	ns := io.Of("/")
	heard := make(chan string, 10)
	listening := make(chan func(), 1)
	ns.OnConnect(func(s *Socket) {
		listening <- s.OnAnyOutgoing(func(name string, args []json.RawMessage) { heard <- fmt.Sprintf("%s %s", name, args) })
	})
	c := dial(t, url)
	s := ns.Socket(c.connect("/", ""))
	off := receive(t, "OnConnect", listening)
	_ = s.Emit("one", 1, []byte("x"))
	_ = ns.Emit("two", "b")
	c.expect(`451-["one",1,{"_placeholder":true,"num":0}]`, "b:x", `42["two","b"]`)
	off()
	_ = s.Emit("three")
	c.expect(`42["three"]`)
	for _, want := range []string{`one [1 {"_placeholder":true,"num":0}]`, `two ["b"]`} {
		if got := receive(t, want, heard); got != want {
			t.Errorf("heard %q, want %q", got, want)
		}
	}
	if len(heard) != 0 {
		t.Errorf("heard %q after off", <-heard)
	}
}

func TestSocketMiddleware(t *testing.T) {
	io, url := serve(t, nil)
	refused := make(chan string, 10)
	no := errors.New("no")
	io.Of("/").OnConnect(func(s *Socket) {
		s.Use(func(e *Event) error {
			switch e.Name {
			case "drop":
				return no
			case "answer":
				_ = e.Ack("refused")
				return no
			case "panic":
				panic("in middleware")
			}
			return nil
		})
		s.Use(func(e *Event) error { e.Args = append(e.Args, json.RawMessage(`"seen"`)); return nil })
		s.OnError(func(e *Event, err error) {
			if !errors.Is(err, no) {
				t.Error(err)
			}
			refused <- e.Name
		})
	})
	handler := func(e *Event) { _ = e.AckBinary(e.Args, nil) }
	for _, name := range []string{"drop", "answer", "panic", "ok"} {
		io.Of("/").On(name, handler)
	}
	c := dial(t, url)
	c.connect("/", "")
	c.send(`421["drop"]`, `422["answer"]`, `423["panic"]`, `424["ok",1]`)
	c.expect(`432["refused"]`, `434[1,"seen"]`)
	for _, want := range []string{"drop", "answer"} {
		if got := receive(t, "the error", refused); got != want {
			t.Errorf("OnError heard of %q, want %q", got, want)
		}
	}
	if len(refused) != 0 {
		t.Errorf("OnError heard of %q too", <-refused)
	}
}

// A panic costs one event, whoever panics.
func TestPanics(t *testing.T) {
	io, url := serve(t, nil)
	ns := io.Of("/")
	ns.On("panic", func(*Event) { panic("in a handler") })
	ns.On("ok", func(e *Event) { _ = e.Ack() })
	gone := make(chan bool, 1)
	ns.OnConnect(func(s *Socket) {
		s.OnDisconnect(func(string) { panic("in OnDisconnect") })
		s.OnDisconnect(func(string) { gone <- true })
		s.OnAnyOutgoing(func(string, []json.RawMessage) { panic("in OnAnyOutgoing") })
		panic("in OnConnect")
	})
	io.Of("/use").Use(func(*Socket) error { panic("in middleware") })
	io.OfFunc(func(string, json.RawMessage) bool { panic("in OfFunc") })
	c := dial(t, url)
	s := ns.Socket(c.connect("/", ""))
	c.send(`421["panic"]`, `422["ok"]`)
	c.expect("432[]")
	c.send("40/use,")
	c.expect(`44/use,{"message":"Internal server error"}`)
	c.send("40/none,")
	c.expect(`44/none,{"message":"Invalid namespace"}`)
	if err := s.Emit("out"); err != nil {
		t.Error(err)
	}
	c.expect(`42["out"]`)
	c.send("41")
	receive(t, "the second OnDisconnect", gone)
}
