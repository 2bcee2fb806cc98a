package server

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// known recovers one pid.
type known struct {
	pid   string
	had   Earlier
	since func(*Earlier) // what has become of it when it is recovered; nil for nothing
	asked chan string
	moved chan string
}

func (k *known) Find(s *Socket, pid string, offset *string) (Earlier, bool) {
	k.asked <- "find " + pid
	return k.had, pid == k.pid
}

func (k *known) Recover(s *Socket, pid string, offset *string) (Earlier, bool) {
	text := "none"
	if offset != nil {
		text = *offset
	}
	k.asked <- pid + " " + text + " " + s.PID()
	e := k.had
	if k.since != nil {
		k.since(&e)
	}
	return e, pid == k.pid && e.ID != ""
}

func (k *known) Moved(s *Socket) { k.moved <- strings.Join(s.LastRooms(), " ") }

// connectedAs reads CONNECT's answer.
func (c *client) connectedAs(namespace string) (sid, pid string) {
	c.Helper()
	head := "40"
	if namespace != "/" {
		head += namespace + ","
	}
	got := c.next()
	var answer struct{ SID, PID string }
	if err := json.Unmarshal([]byte(strings.TrimPrefix(got, head)), &answer); err != nil {
		c.Fatalf("%q: %v", got, err)
	}
	return answer.SID, answer.PID
}

func TestRecovery(t *testing.T) {
	io, url := serve(t, nil)
	r := &known{had: Earlier{ID: "the id that it had"}, asked: make(chan string, 10)}
	sockets := make(chan *Socket, 10)
	for _, name := range []string{"/", "/guarded"} {
		io.Of(name).Recover(r)
		io.Of(name).OnConnect(func(s *Socket) { sockets <- s })
	}
	refuse := errors.New("not now")
	seen := make(chan string, 10)
	io.Of("/guarded").Use(func(s *Socket) error {
		seen <- s.ID()
		return refuse
	})

	c := dial(t, url)
	c.send("40")
	sid, pid := c.connectedAs("/")
	if s := receive(t, "the socket", sockets); s.PID() != pid || s.Recovered() || len(pid) != 36 {
		t.Errorf("pid %q, recovered %t", pid, s.Recovered())
	}
	r.pid = pid

	t.Run("a socket that is not known begins anew", func(t *testing.T) {
		c := dial(t, url)
		c.send(`40{"pid":"another","offset":"x"}`)
		otherSID, otherPID := c.connectedAs("/")
		if got := receive(t, "the question", r.asked); got != "another x another" {
			t.Error(got)
		}
		if s := receive(t, "the socket", sockets); s.Recovered() || s.PID() != otherPID || otherPID == "another" || otherSID == r.had.ID || otherPID == pid {
			t.Errorf("%s %s", otherSID, otherPID)
		}
	})
	t.Run("one that is known has the same id and pid, in place of the one before", func(t *testing.T) {
		const before = 1 // the first one, which Recover would have closed
		await(t, "the end of the one that began anew", func() bool { return io.Of("/").Len() == before })
		c := dial(t, url)
		c.send(`40{"pid":"` + pid + `"}`)
		if s, p := c.connectedAs("/"); s != r.had.ID || p != pid {
			t.Errorf("%s %s", s, p)
		}
		if got := receive(t, "the question", r.asked); got != pid+" none "+pid {
			t.Error(got)
		}
		s := receive(t, "the socket", sockets)
		if !s.Recovered() || io.Of("/").Socket(r.had.ID) != s || io.Of("/").Len() != before+1 {
			t.Error("it is not the socket of its id")
		}
		again := dial(t, url)
		again.send(`40{"pid":"` + pid + `","offset":"-"}`)
		again.connectedAs("/")
		if got := receive(t, "the question", r.asked); got != pid+" none "+pid {
			t.Error(got)
		}
		second := receive(t, "the socket", sockets)
		s.Cut("taken over")
		await(t, "the end of the first", func() bool { return io.Of("/").Len() == before+1 })
		if io.Of("/").Socket(r.had.ID) != second {
			t.Error("the end of the one before took the socket of the same id with it")
		}
	})
	t.Run("the middleware is asked in any case", func(t *testing.T) {
		c := dial(t, url)
		c.send(`40/guarded,{"pid":"` + pid + `"}`)
		c.expect(`44/guarded,{"message":"not now"}`)
		if got := receive(t, "the question", r.asked); got != "find "+pid || len(r.asked) > 0 {
			t.Errorf("%s, and there are %d more, though the middleware refused it", got, len(r.asked))
		}
		if id := receive(t, "what the middleware saw", seen); id != r.had.ID {
			t.Errorf("the middleware saw the id %q", id)
		}
	})
	t.Run("a namespace without it has no pid", func(t *testing.T) {
		io.Of("/plain")
		c := dial(t, url)
		c.send(`40/plain,{"pid":"` + pid + `"}`)
		if _, p := c.connectedAs("/plain"); p != "" {
			t.Error(p)
		}
	})
	_ = sid
}

// What ends in a text ends in an offset, or the client would take that text for one.
func TestOffsets(t *testing.T) {
	io, url := serve(t, nil)
	io.Of("/").Recover(&known{asked: make(chan string, 10)})
	sockets := make(chan *Socket, 10)
	io.Of("/").OnConnect(func(s *Socket) { sockets <- s })
	c, other := dial(t, url), dial(t, url)
	c.send("40")
	c.connectedAs("/")
	s := receive(t, "the socket", sockets)
	other.send("40")
	other.connectedAs("/")
	receive(t, "the other", sockets)

	check := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	check("Emit", s.Emit("a", "text"))
	c.expect(`42["a","text","-"]`)
	p, err := PrepareAt("o1", "b", json.RawMessage(`{"n":1}`))
	check("PrepareAt", err)
	check("Send", s.Send(p))
	c.expect(`42["b",{"n":1},"o1"]`)
	check("Emit", s.Emit("a", "text"))
	c.expect(`42["a","text","o1"]`)
	check("Emit without an argument", s.Emit("a"))
	c.expect(`42["a","o1"]`)
	check("Emit of an object", s.Emit("a", "text", map[string]string{"k": "v"}))
	c.expect(`42["a","text",{"k":"v"}]`)
	check("EmitRaw", s.EmitRaw("a", []json.RawMessage{json.RawMessage("\"text\" \n")}, nil))
	c.expect("42[\"a\",\"text\" \n,\"o1\"]")
	check("Emit of binary", s.Emit("a", []byte("x"), "text"))
	c.expect(`451-["a",{"_placeholder":true,"num":0},"text","o1"]`)
	c.expect("b:x")
	// Each gets its own, of one broadcast.
	for range 2 {
		check("broadcast", io.Of("/").Emit("c", "text"))
		c.expect(`42["c","text","o1"]`)
		other.expect(`42["c","text","-"]`)
	}
	plain, err := Prepare("d", json.RawMessage(`[1]`))
	check("Prepare", err)
	check("Queue", s.Queue(plain))
	io.Flush()
	c.expect(`42["d",[1]]`)
	// An event that asks for an acknowledgement ends in a function for its client.
	done := make(chan error, 1)
	go func() {
		_, err := s.EmitWithAck(t.Context(), "e", "text")
		done <- err
	}()
	got := c.next()
	if !strings.HasPrefix(got, "42") || !strings.HasSuffix(got, `["e","text"]`) {
		t.Errorf("got %q", got)
	}
	c.send("43" + strings.TrimSuffix(got[2:], `["e","text"]`) + "[]")
	check("EmitWithAck", receive(t, "the acknowledgement", done))
}

// A socket has its rooms in the middleware, which may take it out of some, and what the Recovery has found before
// that counts only as far as it is so afterwards.
func TestRecoveredRooms(t *testing.T) {
	io, url := serve(t, nil)
	ns := io.Of("/")
	r := &known{pid: "p", had: Earlier{"the id", []string{"a", "b", "c"}}, asked: make(chan string, 10), moved: make(chan string, 10)}
	ns.Recover(r)
	rooms := make(chan string, 10)
	told := func(s *Socket) { rooms <- strings.Join(s.LastRooms(), " ") }
	sockets := make(chan *Socket, 10)
	ns.OnConnect(func(s *Socket) {
		told(s)
		sockets <- s
	})
	expect := func(what, want string, from chan string) {
		t.Helper()
		if got := receive(t, what, from); got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	comeBack := func() *client {
		c := dial(t, url)
		c.send(`40{"pid":"p"}`)
		return c
	}

	comeBack().connectedAs("/")
	expect("the question", "p none p", r.asked)
	expect("the rooms", "a b c", rooms)
	s := receive(t, "the socket", sockets)
	s.Join("a", "b")
	s.Leave("x")
	s.Join("b", "d")
	expect("the rooms", "a b c d", r.moved)
	s.Leave("a", "x")
	expect("the rooms", "b c d", r.moved)
	s.Cut("")
	await(t, "its end", func() bool { return s.Rooms() == nil })
	if got := strings.Join(s.LastRooms(), " "); got != "b c d" {
		t.Errorf("at last it was in %q", got)
	}

	ns.Use(func(s *Socket) error {
		told(s)
		if !s.Recovered() || s.ID() != "the id" || len(r.asked) != 1 {
			t.Error("the middleware is asked before the socket is found, or after it is recovered")
		}
		s.Leave("c")
		return nil
	})
	r.since = func(e *Earlier) { e.Rooms = []string{"b", "c", "e"} } // of the connection before
	comeBack().connectedAs("/")
	expect("the question", "find p", r.asked)
	expect("the question", "p none p", r.asked)
	expect("the rooms in the middleware", "a b c", rooms)
	expect("the rooms then", "a b", r.moved)
	expect("the rooms", "b e", rooms)
	receive(t, "the socket", sockets)

	r.since = func(e *Earlier) { e.ID = "" }
	comeBack().expectClosed()
	if len(sockets) > 0 {
		t.Error("a socket connected that was found, and then not recovered")
	}
}
