package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// The library leaves a timer of some closed connections to run out, 45 s at the most.
		goleak.IgnoreTopFunction("github.com/zishang520/engine.io/v2/utils.SetTimeout.func1"))
}

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
	return strings.TrimSpace(strings.TrimPrefix(line, "zishang listening on "))
}

// client is a WebSocket to the program.
type client struct {
	testing.TB
	net.Conn
	in io.Reader
}

// join connects to a namespace and reads CONNECT and the auth event.
func join(t testing.TB, url, head, auth string) *client {
	t.Helper()
	conn, early, _, err := ws.Dial(context.Background(), strings.Replace(url, "http", "ws", 1)+"/socket.io/?EIO=4&transport=websocket")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	s := &client{t, conn, conn}
	if early != nil {
		s.in = early // it goes on with conn
	}
	s.expect(`0{"`)
	s.send("40" + head + auth)
	s.expect("40"+head+`{"sid":"`, "42"+head+`["auth",{`)
	return s
}

func (s *client) send(message string) {
	s.Helper()
	if err := wsutil.WriteClientText(s, []byte(message)); err != nil {
		s.Fatal(err)
	}
}

// expect reads messages, which must begin so.
func (s *client) expect(want ...string) {
	s.Helper()
	for _, w := range want {
		got, _, err := wsutil.ReadServerData(struct {
			io.Reader
			io.Writer
		}{s.in, s.Conn})
		if err != nil || !strings.HasPrefix(string(got), w) {
			s.Fatalf("got %q %v, want %s…", got, err, w)
		}
	}
}

// The program's own events and the verbs, for the same sockets.
func TestEventsAndVerbs(t *testing.T) {
	url := start(t)
	s := join(t, url, "", "")
	for request, answer := range map[string]string{
		`42["message",1,{"2":[true]}]`:           `42["message-back",1,{"2":[true]}]`,
		`427["message-with-ack",1,{"2":[true]}]`: `437[1,{"2":[true]}]`,
		`428["GET","items"]`:                     `438[[],null,{`,
		`429["GET"]`:                             `439[null,{"code":"BAD_REQUEST"`,
	} {
		s.send(request)
		s.expect(answer)
	}
	s = join(t, url, "/members,", `{"token":"open sesame"}`)
	s.send(`42/members,7["message-with-ack","in"]`)
	s.expect(`43/members,7["in"]`)
}

func TestFlagErrors(t *testing.T) {
	for _, args := range [][]string{{"--listen", "nowhere"}, {"--data", t.TempDir()}, {"--unknown"}} {
		if err := run(t.Context(), args, io.Discard); err == nil {
			t.Errorf("%q was taken", args)
		}
	}
	var help strings.Builder
	if err := run(t.Context(), []string{"--help"}, &help); err != nil || !strings.Contains(help.String(), "--data") {
		t.Errorf("--help: %v, %s", err, help.String())
	}
}
