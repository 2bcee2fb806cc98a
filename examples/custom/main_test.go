package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 20 * time.Second

// start runs the program with flags of its own beside --listen, and stops it at the end of the test.
func start(t *testing.T, flags ...string) (url string) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := run(ctx, append([]string{"--listen", "127.0.0.1:0"}, flags...), in)
		in.CloseWithError(io.EOF)
		ended <- err
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(strings.TrimPrefix(line, "listening on "))
}

// socket is a WebSocket to the program.
type socket struct {
	testing.TB
	net.Conn
	in io.Reader
}

// dial opens a WebSocket on a path and reads the OPEN packet.
func dial(t testing.TB, url, path string) (s *socket, open string) {
	t.Helper()
	conn, early, _, err := ws.Dial(context.Background(), strings.Replace(url, "http", "ws", 1)+path+"?EIO=4&transport=websocket")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	s = &socket{t, conn, conn}
	if early != nil {
		s.in = early // it goes on with conn
	}
	return s, s.read()
}

// send sends messages; binary ones begin with "b:".
func (s *socket) send(messages ...string) {
	s.Helper()
	for _, m := range messages {
		op := ws.OpText
		data, binary := strings.CutPrefix(m, "b:")
		if binary {
			op = ws.OpBinary
		}
		if err := wsutil.WriteClientMessage(s, op, []byte(data)); err != nil {
			s.Fatal(err)
		}
	}
}

// next gives the next message; binary ones begin with "b:".
func (s *socket) next() (string, error) {
	data, op, err := wsutil.ReadServerData(struct {
		io.Reader
		io.Writer
	}{s.in, s.Conn})
	if op == ws.OpBinary {
		return "b:" + string(data), err
	}
	return string(data), err
}

func (s *socket) read() string {
	s.Helper()
	m, err := s.next()
	if err != nil {
		s.Fatal(err)
	}
	return m
}

func (s *socket) expect(want ...string) {
	s.Helper()
	for _, w := range want {
		if got := s.read(); got != w {
			s.Fatalf("got %q, want %q", got, w)
		}
	}
}

// join connects to a namespace with auth and reads CONNECT and the auth event.
func (s *socket) join(namespace, auth string) {
	s.Helper()
	head := ""
	if namespace != "/" {
		head = namespace + ","
	}
	s.send("40" + head + auth)
	if got := s.read(); !strings.HasPrefix(got, "40"+head+`{"sid":"`) {
		s.Fatalf("got %q, want CONNECT", got)
	}
	if auth == "" {
		auth = "{}"
	}
	s.expect("42" + head + `["auth",` + auth + "]")
}

func TestEvents(t *testing.T) {
	url := start(t)
	for _, namespace := range []string{"/", "/custom", "/members"} {
		t.Run(namespace, func(t *testing.T) {
			head := ""
			if namespace != "/" {
				head = namespace + ","
			}
			s, _ := dial(t, url, "/socket.io/")
			if namespace == "/members" {
				s.send("40/members,")
				s.expect(`44/members,{"message":"the token is wrong","data":{"code":"UNAUTHENTICATED"}}`)
			} else {
				s.join(namespace, "")
			}
			s, _ = dial(t, url, "/socket.io/")
			s.join(namespace, `{"token":"open sesame"}`)
			s.send("42" + head + `["message",1,"2",{"3":[true]}]`)
			s.expect("42" + head + `["message-back",1,"2",{"3":[true]}]`)
			s.send("42"+head+`456["message-with-ack",1,"2",{"3":[false]}]`, "42"+head+`["message-with-ack",1]`, "42"+head+`["unknown"]`)
			s.expect("43" + head + `456[1,"2",{"3":[false]}]`)
			two := `{"_placeholder":true,"num":0},{"x":{"_placeholder":true,"num":1}}`
			s.send("452-"+head+`["message",`+two+"]", "b:\x01\x02", "b:")
			s.expect("452-"+head+`["message-back",`+two+"]", "b:\x01\x02", "b:")
			s.send("452-"+head+`789["message-with-ack",`+two+"]", "b:\x03", "b:\x04")
			s.expect("462-"+head+`789[`+two+"]", "b:\x03", "b:\x04")
		})
	}
	s, _ := dial(t, url, "/socket.io/")
	s.send("40/random")
	s.expect(`44/random,{"message":"Invalid namespace"}`)
}

// The verbs are there beside the program's own events, for the same sockets.
func TestVerbs(t *testing.T) {
	s, _ := dial(t, start(t), "/socket.io/")
	s.join("/", "")
	s.send(`421["SUBSCRIBE","items"]`)
	if got := s.read(); !strings.HasPrefix(got, `431[{"cursor":`) {
		t.Fatalf("got %q", got)
	}
	s.send(`422["POST","items",{"name":"a"}]`)
	for _, want := range []string{`432[{`, `42["ADDED",{`} {
		got := s.read()
		for strings.HasPrefix(got, `42["BOOKMARK"`) {
			got = s.read()
		}
		if !strings.HasPrefix(got, want) || !strings.Contains(got, `"name":"a"`) {
			t.Errorf("got %q, want %s…", got, want)
		}
	}
	s.send(`42["message","x"]`)
	// Who subscribed gets the place in the log behind an event that ends in a text: a stock client takes any for it.
	if got := s.read(); !offsetAfter.MatchString(got) {
		t.Errorf("got %q, want the event and an offset", got)
	}
}

var offsetAfter = regexp.MustCompile(`^42\["message-back","x","[0-9a-f]{24}-[0-9a-z]+"\]$`)

func TestEngineEcho(t *testing.T) {
	s, open := dial(t, start(t), "/engine.io/")
	if !strings.HasPrefix(open, `0{"sid":"`) {
		t.Fatalf("got %q, want OPEN", open)
	}
	s.send("4hello", "b:\x01\x02\x03", "4", "b:", "40")
	s.expect("4hello", "b:\x01\x02\x03", "4", "b:", "40")
}

func TestFlags(t *testing.T) {
	url := start(t, "--ping-interval", "150ms", "--ping-timeout", "100ms", "--connect-timeout", "200ms", "--max-payload", "1000")
	transport := &http.Transport{DisableKeepAlives: true}
	for _, path := range []string{"/socket.io/", "/engine.io/"} {
		res, err := (&http.Client{Transport: transport, Timeout: patience}).Get(url + path + "?EIO=4&transport=polling")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if want := `"pingInterval":150,"pingTimeout":100,"maxPayload":1000}`; err != nil ||
			res.StatusCode != http.StatusOK || !strings.HasSuffix(string(body), want) {
			t.Errorf("%s: %d %s %v", path, res.StatusCode, body, err)
		}
	}
	wantClosed := func(s *socket, what string, pong bool) {
		t.Helper()
		for {
			m, err := s.next()
			if ne, ok := err.(net.Error); ok && ne.Timeout() {
				t.Fatal("still open: " + what)
			}
			if err != nil {
				return
			}
			if pong && m == "2" {
				_ = wsutil.WriteClientText(s, []byte("3"))
			}
		}
	}
	s, _ := dial(t, url, "/socket.io/")
	wantClosed(s, "a connection that joins no namespace", true)
	s, _ = dial(t, url, "/engine.io/")
	wantClosed(s, "a client that does not answer pings", false)
	s, _ = dial(t, url, "/engine.io/")
	s.send("4" + strings.Repeat("x", 999))
	for got := s.read(); got != "4"+strings.Repeat("x", 999); got = s.read() {
		if got != "2" {
			t.Fatalf("got %q", got)
		}
		s.send("3")
	}
	s.send("4" + strings.Repeat("x", 1000))
	wantClosed(s, "a message over --max-payload", true)
}

func TestFlagErrors(t *testing.T) {
	for _, args := range [][]string{
		{"--ping-interval", "soon"}, {"--max-payload", "many"}, {"--listen", "nowhere"}, {"--data", t.TempDir()}, {"--unknown"},
	} {
		if err := run(t.Context(), args, io.Discard); err == nil {
			t.Errorf("%q was taken", args)
		}
	}
	var help strings.Builder
	if err := run(t.Context(), []string{"--help"}, &help); err != nil || !strings.Contains(help.String(), "--ping-interval") {
		t.Errorf("--help: %v, %s", err, help.String())
	}
}
