package server

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// known recovers one pid.
type known struct {
	pid, id string
	asked   chan string
}

func (k *known) Recover(s *Socket, pid string, offset *string) (string, bool) {
	text := "none"
	if offset != nil {
		text = *offset
	}
	k.asked <- pid + " " + text + " " + s.PID()
	return k.id, pid == k.pid
}

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
	r := &known{id: "the id that it had", asked: make(chan string, 10)}
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
		if s := receive(t, "the socket", sockets); s.Recovered() || s.PID() != otherPID || otherPID == "another" || otherSID == r.id || otherPID == pid {
			t.Errorf("%s %s", otherSID, otherPID)
		}
	})
	t.Run("one that is known has the same id and pid, in place of the one before", func(t *testing.T) {
		const before = 1 // the first one, which Recover would have closed
		await(t, "the end of the one that began anew", func() bool { return io.Of("/").Len() == before })
		c := dial(t, url)
		c.send(`40{"pid":"` + pid + `"}`)
		if s, p := c.connectedAs("/"); s != r.id || p != pid {
			t.Errorf("%s %s", s, p)
		}
		if got := receive(t, "the question", r.asked); got != pid+" none "+pid {
			t.Error(got)
		}
		s := receive(t, "the socket", sockets)
		if !s.Recovered() || io.Of("/").Socket(r.id) != s || io.Of("/").Len() != before+1 {
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
		if io.Of("/").Socket(r.id) != second {
			t.Error("the end of the one before took the socket of the same id with it")
		}
	})
	t.Run("the middleware is asked in any case", func(t *testing.T) {
		c := dial(t, url)
		c.send(`40/guarded,{"pid":"` + pid + `"}`)
		c.expect(`44/guarded,{"message":"not now"}`)
		receive(t, "the question", r.asked)
		if id := receive(t, "what the middleware saw", seen); id != r.id {
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
