package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// dial3 opens a session of protocol 3 over WebSocket. Its binary messages begin with "b:\x04".
func dial3(t testing.TB, url string) *client {
	t.Helper()
	return dialQuery(t, url, "EIO=3")
}

// The main namespace is connected without being asked for, in the same poll as OPEN; others are
// asked for with a query, which is the auth. The ids are what such a client takes them for.
func TestProtocol3Connects(t *testing.T) {
	io3, url := serve(t, &Options{AllowEIO3: true})
	hear := func(s *Socket) { _ = s.Emit("hello", s.Handshake().Auth, s.Handshake().Query.Get("q")) }
	io3.Of("/").OnConnect(hear)
	io3.OfPattern(regexp.MustCompile("^/dyn-")).OnConnect(hear)

	res, err := http.Get(url + "/socket.io/?EIO=3&transport=polling&q=1")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	open, rest, _ := strings.Cut(string(body), "}")
	if rest != `2:4018:42["hello",{},"1"]` {
		t.Errorf("after OPEN came %q", rest)
	}
	_, sid, _ := strings.Cut(open, `"sid":"`)
	sid, _, _ = strings.Cut(sid, `"`)
	if io3.Of("/").Socket(sid) == nil {
		t.Error("the id of the main namespace's socket is not the session's")
	}

	c := dialQuery(t, url, "EIO=3&q=x")
	c.expect("40", `42["hello",{},"x"]`)
	for _, query := range []struct{ query, auth string }{
		{"", `{}`}, {"?", `{}`}, {"?token=a+b%26&n=1&n=2", `{"n":"2","token":"a b\u0026"}`}, {"?a;b=1;2&c&=d", `{"":"d","a;b":"1;2","c":""}`}, {"?a=%ff&b=%zz&c=%00\"", `{"a":"\ufffd","c":"\u0000\""}`},
	} {
		name := "/dyn-" + fmt.Sprint(len(query.query))
		c.send("40" + name + query.query + ",")
		c.expect("40"+name+",", "42"+name+`,["hello",`+query.auth+`,"x"]`)
		sockets := io3.Of(name).FetchSockets()
		if len(sockets) != 1 || !strings.HasPrefix(sockets[0].ID(), name+"#") {
			t.Errorf("%s has %d sockets", name, len(sockets))
		}
		c.send("41" + name + ",")
		await(t, "the socket's end", func() bool { return io3.Of(name).Len() == 0 })
	}
}

func TestProtocol3Refusals(t *testing.T) {
	io, url := serve(t, &Options{AllowEIO3: true, MaxNamespaces: 2})
	for name, err := range map[string]error{
		"/plain": errors.New(`a "plain" one`), "/data": &ConnectError{"no", map[string]any{"code": 7}}, "/bad": &ConnectError{"bad", func() {}},
	} {
		io.Of(name).Use(func(*Socket) error { return err })
	}
	c := dial3(t, url)
	c.expect("40")
	for ask, want := range map[string]string{
		"/plain?x=1":                            `/plain,"a \"plain\" one"`,
		"/data":                                 `/data,{"code":7}`,
		"/bad":                                  `/bad,"bad"`,
		"/none":                                 `/none,"Invalid namespace"`,
		"/none?" + strings.Repeat("a&", 10_000): `/none,"The auth of this connection is too large"`,
	} {
		c.send("40" + ask + ",")
		c.expect("44" + want)
	}
	io.Of("/a")
	io.Of("/b")
	c.send("40/a,")
	c.expect("40/a,")
	c.send("40/b,")
	c.expect(`44/b,"Too many namespaces on one connection"`)
	c.send("40/a?again,") // it is in there
	c.expectClosed()

	// The main namespace can be refused too; the connection stays for the others.
	io.Of("/").Use(func(s *Socket) error { return &ConnectError{Message: "who are you"} })
	c = dial3(t, url)
	c.expect(`44"who are you"`)
	c.send("40/a,")
	c.expect("40/a,")
}

func TestProtocol3Events(t *testing.T) {
	io, url := serve(t, &Options{AllowEIO3: true})
	ns := io.Of("/")
	ns.On("echo", func(e *Event) {
		_ = e.Socket().EmitRaw("back", e.Args, e.Attachments)
		_ = e.AckBinary(e.Args, e.Attachments)
	})
	four := dial(t, url)
	four.connect("/", "")
	three := dial3(t, url)
	three.expect("40")
	three.send(`420["echo",1,"ü"]`)
	three.expect(`42["back",1,"ü"]`, `430[1,"ü"]`)
	three.send(`451-["echo",{"_placeholder":true,"num":0}]`, "b:\x04\xff\x00")
	three.expect(`451-["back",{"_placeholder":true,"num":0}]`, "b:\x04\xff\x00")

	// A broadcast reaches clients of both protocols, and so do their answers.
	replies := make(chan string, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		list, err := ns.EmitWithAck(ctx, "ask", []byte("?"))
		text := fmt.Sprint(len(list), err)
		for _, reply := range list {
			var data []byte
			text += fmt.Sprint(" ", reply.Decode(0, &data), string(data))
		}
		replies <- text
	}()
	four.expect(`451-0["ask",{"_placeholder":true,"num":0}]`, "b:?")
	three.expect(`451-0["ask",{"_placeholder":true,"num":0}]`, "b:\x04?")
	three.send(`461-0[{"_placeholder":true,"num":0}]`, "b:\x04!")
	four.send(`461-0[{"_placeholder":true,"num":0}]`, "b:!")
	if got := receive(t, "the answers", replies); got != "2 <nil> <nil>! <nil>!" {
		t.Error(got)
	}
	for _, s := range ns.FetchSockets() {
		s.Disconnect(false)
	}
	four.expect("41")
	three.expect("41")
	three.send(`42["echo"]`) // it is in no namespace
	three.expectClosed()
}

// What a client of protocol 3 may not do closes its session.
func TestProtocol3Hostile(t *testing.T) {
	io, url := serve(t, &Options{AllowEIO3: true})
	io.Of("/").On("echo", func(e *Event) { _ = e.Ack(json.RawMessage(`"echo"`)) })
	for _, send := range [][]string{
		{"40"}, {`40?token=1`}, {`40{"token":1`}, {"42"}, {"44"}, {"450-[]"}, {"b:stray"}, {"b:\x04stray"}, {`451-["x"]`, `42["y"]`}, {"3"}, {`42["connect"]`}, {"42/none,[1]"},
	} {
		c := dial3(t, url)
		c.expect("40")
		c.send(send...)
		if send[0] == "42" {
			c.send(`421["echo"]`)
			c.expect(`431["echo"]`)
			continue // as in protocol 4, nobody hears of it
		}
		c.expectClosed()
	}
}
