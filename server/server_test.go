package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// echoes binds the events that the official suite expects.
func echoes(ns *Namespace) {
	ns.OnConnect(func(s *Socket) { _ = s.Emit("auth", s.Handshake().Auth) })
	ns.On("message", func(e *Event) { _ = e.Socket().EmitRaw("message-back", e.Args, e.Attachments) })
	ns.On("message-with-ack", func(e *Event) { _ = e.AckBinary(e.Args, e.Attachments) })
}

func TestOfficialSuite(t *testing.T) {
	io, url := serve(t, &Options{ConnectTimeout: 100 * time.Millisecond})
	echoes(io.Of("/"))
	echoes(io.Of("/custom"))

	c := dial(t, url)
	c.connect("/", `{"token":"123"}`)
	c.expect(`42["auth",{"token":"123"}]`)
	c.connect("/custom", "")
	c.expect(`42/custom,["auth",{}]`)
	c.send("40/random")
	c.expect(`44/random,{"message":"Invalid namespace"}`)
	c.send(`42["message",1,"2",{"3":[true]}]`, `42456["message-with-ack",1,"2",{"3":[false]}]`)
	c.expect(`42["message-back",1,"2",{"3":[true]}]`, `43456[1,"2",{"3":[false]}]`)
	c.send(`452-["message",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`)
	c.send("b:\x01\x02\x03")
	c.send("b:\x04\x05\x06")
	c.expect(`452-["message-back",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`, "b:\x01\x02\x03", "b:\x04\x05\x06")
	c.send(`452-789["message-with-ack",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`)
	c.send("b:a")
	c.send("b:")
	c.expect(`462-789[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`, "b:a", "b:")
	c.send("41/custom,", `42["message","main"]`)
	c.expect(`42["message-back","main"]`)
	c.send("42", "420", "42/", `431[]`, `43[]`, `42["message"]`) // the first ones come to nothing
	c.expect(`42["message-back"]`)

	dial(t, url).expectClosed() // no CONNECT in time
}

func TestInvalidPacketsClose(t *testing.T) {
	io, url := serve(t, nil)
	echoes(io.Of("/"))
	for _, packets := range [][]string{
		{"4abc"}, {"47"}, {"42{}"}, {"42[]"}, {`42abc["x"]`}, {`42["connect"]`}, {`42["disconnecting"]`}, {`42[null]`}, {`42["a"`}, {"40"},
		{"40[]"}, {"41{}"}, {"44"}, {"450-"}, {"451-", "42[\"a\"]"}, {`4511-["a"]`}, {`42/none,["a"]`}, {"41/none,"}, {"43/none,1[]"}, {`431{}`},
		{"42" + strings.Repeat("[", 1001) + strings.Repeat("]", 1001)}, {`4299999999999999999["a"]`}, {`451-/none,["a"]`},
	} {
		c := dial(t, url)
		c.connect("/", "")
		c.expect(`42["auth",{}]`)
		c.send(packets...)
		t.Log(packets)
		c.expectClosed()
	}
	for _, arg := range []string{`{"_placeholder":true,"num":1}`, `{"_placeholder":true}`} {
		c := dial(t, url)
		c.connect("/", "")
		c.send(`451-["message",` + arg + `]`)
		c.send("b:x")
		c.expectClosed()
	}
	c := dial(t, url)
	c.connect("/", "")
	c.send("b:stray")
	c.expectClosed()
	c = dial(t, url)
	c.send(`42["message"]`) // before CONNECT
	c.expectClosed()
}

func TestMiddleware(t *testing.T) {
	io, url := serve(t, &Options{MaxWaiting: 4096})
	gate, entered := make(chan struct{}), make(chan struct{}, 10)
	ns := io.Of("/slow")
	ns.Use(func(s *Socket) error {
		var auth struct{ No bool }
		if err := json.Unmarshal(s.Handshake().Auth, &auth); err != nil || auth.No {
			return &ConnectError{Message: "no", Data: map[string]int{"code": 7}}
		}
		entered <- struct{}{}
		select {
		case <-gate:
			return nil
		case <-s.Context().Done():
			return errors.New("gone")
		}
	})
	ns.On("n", func(e *Event) { _ = e.Ack(e.Args[0]) })

	c := dial(t, url)
	c.send(`40/slow,{"no":true}`)
	c.expect(`44/slow,{"message":"no","data":{"code":7}}`)
	c.send("40/slow,")
	<-entered
	for i := range 10 {
		c.send(fmt.Sprintf(`42/slow,%d["n",%d]`, i, i))
	}
	c.connect("/", "") // other namespaces do not wait
	close(gate)
	if got := c.read(); !strings.HasPrefix(got, `40/slow,{"sid"`) {
		t.Fatal(got)
	}
	for i := range 10 {
		c.expect(fmt.Sprintf(`43/slow,%d[%d]`, i, i))
	}

	gate = make(chan struct{}) // for whoever asks next; nobody does at this moment
	c = dial(t, url)
	c.send("40/slow,")
	<-entered
	for range 20 { // more than may wait: the context ends, the middleware returns
		c.send(`42/slow,["n",0]`)
	}
	c.expectClosed()
}

func TestPatternNamespacesGo(t *testing.T) {
	io, url := serve(t, nil)
	family := io.OfPattern(regexp.MustCompile(`^/dyn-\d+$`))
	family.On("hi", func(e *Event) { _ = family.Emit("all", e.Socket().Namespace().Name()) })
	c := dial(t, url)
	c.connect("/dyn-1", "")
	c.connect("/dyn-2", "")
	c.send(`42/dyn-2,["hi"]`)
	got := map[string]bool{c.read(): true, c.read(): true}
	if !got[`42/dyn-1,["all","/dyn-2"]`] || !got[`42/dyn-2,["all","/dyn-2"]`] {
		t.Error(got)
	}
	c.send("40/dyn-x,")
	c.expect(`44/dyn-x,{"message":"Invalid namespace"}`)
	c.send("41/dyn-1,", "41/dyn-2,", "40/dyn-x,")
	c.expect(`44/dyn-x,{"message":"Invalid namespace"}`)
	if n := len(io.children(family)); n != 0 {
		t.Errorf("%d namespaces are left", n)
	}
}

func TestRoomsAndAcks(t *testing.T) {
	io, url := serve(t, nil)
	main := io.Of("/")
	a, b := dial(t, url), dial(t, url)
	ida, idb := a.connect("/", ""), b.connect("/", "")
	main.Socket(ida).Join("x", "y")
	main.Socket(idb).Join("y")
	if err := main.To("x", "y").Except(idb).Emit("one", Binary("b"), map[string]any{"n": Binary("c")}); err != nil {
		t.Fatal(err)
	}
	a.expect(`452-["one",{"_placeholder":true,"num":0},{"n":{"_placeholder":true,"num":1}}]`, "b:b", "b:c")
	if err := main.Socket(ida).To("y").Emit("two"); err != nil {
		t.Fatal(err)
	}
	b.expect(`42["two"]`)
	if err := main.Emit("connect"); err == nil {
		t.Error("a reserved name was sent")
	}

	var wg sync.WaitGroup
	wg.Go(func() {
		replies, err := main.Timeout(patience).EmitWithAck(context.Background(), "q")
		if err != nil || len(replies) != 2 {
			t.Errorf("%d replies, %v", len(replies), err)
		}
	})
	a.expect(`420["q"]`)
	b.expect(`420["q"]`)
	a.send(`430["a"]`, `430["twice"]`)
	b.send(`430["b"]`)
	wg.Wait()
	wg.Go(func() {
		r, err := main.Socket(ida).EmitWithAck(context.Background(), "q")
		var data []byte
		if err != nil || r.Decode(0, &data) != nil || string(data) != "bin" {
			t.Errorf("%v, %v", r, err)
		}
	})
	a.expect(`421["q"]`)
	a.send(`461-1[{"_placeholder":true,"num":0}]`)
	a.send("b:bin")
	wg.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	if _, err := main.Socket(idb).EmitWithAck(ctx, "q"); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	s := main.Socket(idb)
	gone := make(chan string, 1)
	s.OnDisconnect(func(reason string) { gone <- reason })
	wg.Go(func() {
		if _, err := s.EmitWithAck(context.Background(), "last"); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	})
	b.expect(`422["q"]`, `423["last"]`)
	b.send("41")
	if r := <-gone; r != "client namespace disconnect" {
		t.Error(r)
	}
	wg.Wait()
	<-s.Context().Done()
	if s.Emit("x") != ErrClosed || len(s.acks) != 0 {
		t.Error("the socket has not closed")
	}
}

func TestOrderAndPanics(t *testing.T) {
	io, url := serve(t, nil)
	io.Of("/").On("n", func(e *Event) {
		if e.Attachments != nil {
			_ = e.AckBinary(e.Args, e.Attachments)
			panic("one event only")
		}
		_ = e.AckRaw(e.Args[0])
	})
	c := dial(t, url)
	c.connect("/", "")
	const n = 2000
	go func() {
		for i := range n {
			if i%10 == 9 {
				c.send(fmt.Sprintf(`451-%d["n",{"_placeholder":true,"num":0}]`, i))
				c.send(fmt.Sprint("b:", i))
			} else {
				c.send(fmt.Sprintf(`42%d["n",%d]`, i, i))
			}
		}
	}()
	for i := range n {
		if i%10 == 9 {
			c.expect(fmt.Sprintf(`461-%d[{"_placeholder":true,"num":0}]`, i), fmt.Sprintf("b:%d", i))
		} else {
			c.expect(fmt.Sprintf(`43%d[%d]`, i, i))
		}
	}
}

// A handler that waits for the socket's end hears of the connection's at once, though
// whatever else follows that end waits for the handler.
func TestContextEndsWhileAHandlerRuns(t *testing.T) {
	io, url := serve(t, nil)
	for name, open := range map[string]func(testing.TB, string) *client{"websocket": dial, "polling": dialPolling} {
		t.Run(name, func(t *testing.T) {
			waiting, reasons := make(chan *Socket, 1), make(chan string, 1)
			off := io.Of("/").On("wait", func(e *Event) {
				e.Socket().OnDisconnect(func(reason string) { reasons <- reason })
				waiting <- e.Socket()
				<-e.Socket().Context().Done()
			})
			defer off()
			c := open(t, url)
			c.connect("/", "")
			var sent sync.WaitGroup
			sent.Go(func() { c.send(`42["wait"]`) }) // over polling it returns with the handler
			receive(t, "the handler", waiting).Cut("enough")
			if got := receive(t, "OnDisconnect", reasons); got != "enough" {
				t.Errorf("closed for %q", got)
			}
			sent.Wait()
		})
	}
}
