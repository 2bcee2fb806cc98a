package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"
)

// crowd connects clients that are in the room "all" and in a room of their own number.
func crowd(t *testing.T, io *Server, url string, n int) (clients []*client, sockets []*Socket) {
	for i := range n {
		open := dial
		if i%2 == 1 {
			open = dialPolling
		}
		c := open(t, url)
		s := io.Of("/").Socket(c.connect("/", ""))
		s.Join("all", fmt.Sprint(i))
		clients, sockets = append(clients, c), append(sockets, s)
	}
	return clients, sockets
}

func TestBroadcastTargets(t *testing.T) {
	io, url := serve(t, nil)
	ns := io.Of("/")
	clients, sockets := crowd(t, io, url, 4)
	id := func(i int) string { return sockets[i].ID() }
	for name, c := range map[string]struct {
		to   *Broadcast
		want []int
	}{
		"everybody":               {ns.Local(), []int{0, 1, 2, 3}},
		"a room":                  {ns.To("1"), []int{1}},
		"rooms and ids, once":     {ns.To("1", "all", id(1), id(2)), []int{0, 1, 2, 3}},
		"an id twice":             {ns.In(id(2), id(2)), []int{2}},
		"a room and nobody's":     {ns.To("none").To("3"), []int{3}},
		"nobody's room":           {ns.To("none"), nil},
		"but a room":              {ns.Except("0"), []int{1, 2, 3}},
		"but an id and a room":    {ns.To("all").Except(id(0)).Except("3"), []int{1, 2}},
		"but all":                 {ns.Except("all"), nil},
		"from a socket":           {sockets[1].Broadcast(), []int{0, 2, 3}},
		"from a socket, a room":   {sockets[1].To("all").Except("2"), []int{0, 3}},
		"from a socket, except":   {sockets[1].Except("2").Local(), []int{0, 3}},
		"from a socket to itself": {sockets[1].In("1"), nil},
		"volatile":                {ns.Volatile(), []int{0, 1, 2, 3}},
	} {
		var got []int
		for _, s := range c.to.FetchSockets() {
			got = append(got, slices.Index(sockets, s))
		}
		slices.Sort(got)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: FetchSockets gives %v, want %v", name, got, c.want)
		}
		if err := c.to.Emit("to", name); err != nil {
			t.Error(err)
		}
		for _, i := range c.want {
			clients[i].expect(fmt.Sprintf(`42["to",%q]`, name))
		}
	}
	ns.To("0", "1").Join("more")
	ns.Except("0").Leave("more")
	if err := ns.To("more").Emit("more"); err != nil {
		t.Error(err)
	}
	clients[0].expect(`42["more"]`)
	if rooms := sockets[1].Rooms(); rooms[0] != id(1) || len(rooms) != 3 || slices.Contains(rooms, "more") {
		t.Errorf("rooms %q", rooms)
	}
	_ = ns.Emit("end") // nothing else had come
	for _, c := range clients {
		c.expect(`42["end"]`)
	}
}

func TestBroadcastAcks(t *testing.T) {
	io, url := serve(t, nil)
	ns := io.Of("/")
	clients, sockets := crowd(t, io, url, 3)
	type result struct {
		replies []*Reply
		err     error
	}
	ask := func(to *Broadcast) chan result {
		results := make(chan result, 1)
		go func() {
			replies, err := to.EmitWithAck(context.Background(), "q", 1)
			results <- result{replies, err}
		}()
		return results
	}
	// All but one answer; the time ends the wait.
	answer := ask(ns.Timeout(300 * time.Millisecond))
	for _, c := range clients {
		c.expect(`420["q",1]`)
	}
	clients[0].send(`430["zero"]`)
	clients[1].send(`461-0[{"_placeholder":true,"num":0}]`, "b:one")
	got := receive(t, "the end of the time", answer)
	if !errors.Is(got.err, ErrMissingAcks) || !errors.Is(got.err, context.DeadlineExceeded) || len(got.replies) != 2 {
		t.Fatalf("%d replies, %v", len(got.replies), got.err)
	}
	for _, r := range got.replies {
		var text string
		var data []byte
		switch r.Socket {
		case sockets[0]:
			if err := r.Decode(0, &text); err != nil || text != "zero" {
				t.Errorf("%q, %v", text, err)
			}
		case sockets[1]:
			if err := r.Decode(0, &data); err != nil || string(data) != "one" {
				t.Errorf("%q, %v", data, err)
			}
		}
	}
	clients[2].send(`430["late"]`) // harms nobody

	// One leaves: no need to wait any longer.
	answer = ask(ns.Timeout(patience))
	for i, c := range clients {
		c.expect(`421["q",1]`)
		if i < 2 {
			c.send("431[]")
		}
	}
	clients[2].send("41")
	got = receive(t, "the answers", answer)
	if !errors.Is(got.err, ErrMissingAcks) || errors.Is(got.err, context.DeadlineExceeded) || len(got.replies) != 2 {
		t.Errorf("%d replies, %v", len(got.replies), got.err)
	}
	if replies, err := ns.To("none").EmitWithAck(context.Background(), "q"); err != nil || replies != nil {
		t.Errorf("nobody: %v, %v", replies, err)
	}
	for _, s := range sockets {
		s.mu.Lock()
		if len(s.acks) != 0 {
			t.Errorf("%d acknowledgements are still waited for", len(s.acks))
		}
		s.mu.Unlock()
	}
}

func TestDisconnect(t *testing.T) {
	io, url := serve(t, nil)
	gone, hearing := make(chan string, 10), make(chan *Socket, 10)
	for _, name := range []string{"/", "/other"} {
		io.Of(name).OnConnect(func(s *Socket) {
			s.OnDisconnect(func(reason string) { gone <- name + " " + reason })
			hearing <- s
		})
	}
	join := func(c *client, name string) *Socket {
		t.Helper()
		c.connect(name, "")
		return receive(t, "OnConnect", hearing)
	}
	expect := func(wants ...string) {
		t.Helper()
		for range wants {
			if got := receive(t, wants[0], gone); !slices.Contains(wants, got) {
				t.Errorf("got %q, want one of %q", got, wants)
			}
		}
	}
	for name, open := range map[string]func(testing.TB, string) *client{"websocket": dial, "polling": dialPolling} {
		t.Run(name, func(t *testing.T) {
			c := open(t, url)
			s := join(c, "/")
			join(c, "/other")
			s.Disconnect(false)
			c.expect("41")
			expect("/ server namespace disconnect")
			s.Disconnect(false) // nothing more
			s = join(c, "/")
			s.Disconnect(true)
			got := []string{c.read(), c.read()}
			slices.Sort(got)
			if !slices.Equal(got, []string{"41", "41/other,"}) {
				t.Errorf("got %q, want a DISCONNECT for each socket", got)
			}
			c.expectClosed()
			expect("/ server namespace disconnect", "/other server namespace disconnect")

			c = open(t, url)
			join(c, "/").Cut("too slow for me")
			if last := c.expectClosed(); last == "41" {
				t.Error("a cut connection got a DISCONNECT packet")
			}
			expect("/ too slow for me")
			c = open(t, url)
			join(c, "/")
			io.Of("/").Disconnect(true)
			c.expect("41")
			c.expectClosed()
			expect("/ server namespace disconnect")
		})
	}
}
