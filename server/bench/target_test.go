package bench_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"ackbase/server"
	"ackbase/server/bench"
)

// TestReaches holds that path, query, namespace and auth arrive as given, over both transports.
func TestReaches(t *testing.T) {
	for _, kind := range []string{bench.Get, bench.Post, bench.Fanout, bench.Polling} {
		t.Run(kind, func(t *testing.T) {
			url := serveAll(t, &server.Options{Path: "/shop/live/"}, func(sockets *server.Server) {
				chat := sockets.Of("/chat")
				chat.Use(func(s *server.Socket) error {
					if got := string(s.Handshake().Auth) + s.Handshake().Query.Get("tenant"); got != `{"token":"t"}a b` {
						return errors.New(got)
					}
					return nil
				})
				for _, verb := range []string{"GET", "POST", "SUBSCRIBE"} {
					chat.On(verb, func(e *server.Event) {
						if e.Name == "POST" {
							_ = chat.Emit("ADDED", e.Args[1])
						}
						_ = e.AckRaw([]byte(`{}`), []byte("null"))
					})
				}
			})
			r := measure(t, bench.Command{
				Kind: kind, URL: url + "/shop/live/?tenant=a+b", Namespace: "/chat", Auth: `{"token":"t"}`,
				Connections: 2, Depth: 2, Rate: 50, Seconds: 0.1,
			})
			if r.Count == 0 {
				t.Errorf("%+v", r)
			}
		})
	}
}

// TestRefusals holds what is said where there is no server to measure.
func TestRefusals(t *testing.T) {
	refusing := serve(t, nil, func(ns *server.Namespace) {
		ns.Use(func(*server.Socket) error { return errors.New("The token is missing.") })
	})
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + closed.Addr().String()
	closed.Close()
	for _, kind := range []string{bench.Idle, bench.Polling} {
		for want, c := range map[string]bench.Command{
			"nothing listens on":         {URL: nobody},
			"200: there is no Socket.IO": {URL: speaks(t, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")},
			"no Socket.IO connection to": {URL: speaks(t, "-ERR unknown command 'GET'\r\n")},
			"The token is missing.":      {URL: refusing},
			"Invalid namespace":          {URL: serve(t, nil, nil), Namespace: "/none"},
			"--namespace":                {URL: refusing, Namespace: "chat"},
			"--auth":                     {URL: refusing, Auth: `"token"`},
		} {
			c.Kind, c.Connections, c.Seconds, c.Warmup = kind, 1, 0.1, time.Millisecond
			if r, err := c.Measure(t.Context(), io.Discard); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %+v, %v; want an error with %q", kind, r, err, want)
			}
		}
	}
}

// speaks is a server that says the same to everybody.
func speaks(t *testing.T, text string) (url string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 1000))
			_, _ = io.WriteString(c, text)
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return "http://" + l.Addr().String()
}
