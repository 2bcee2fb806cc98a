package zishang_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// What a client sends as soon as it may is not lost, and a pong before there is a
// session does not end the process.
func TestFirstFrames(t *testing.T) {
	_, url := serve(t)
	for range 300 {
		c := upgrade(t, url)
		c.send("3", "40")
		for _, want := range []string{"0", "40"} {
			if got := c.read(); !strings.HasPrefix(got, want+"{") {
				t.Fatalf("got %q, want %s", got, want)
			}
		}
		c.conn.Close()
	}
}

func TestPollingBodies(t *testing.T) {
	_, url := serve(t)
	text := func(bytes int) string { // a packet of so many bytes
		const begin, end = `420["PUT","items",1,{"t":"`, `"}]`
		return begin + strings.Repeat("x", bytes-len(begin)-len(end)) + end
	}
	p := poll(t, url)
	p.send(text(1<<16-1), text(1<<16-1))
	if got := p.receive(); !strings.HasPrefix(got[0], `430[{"id":1,"t":"xxx`) {
		t.Errorf("got %.100q", got)
	}
	for name, body := range map[string]io.Reader{
		"a packet of 64 KB":                      strings.NewReader(text(1 << 16)),
		"more than MaxHttpBufferSize":            bytes.NewReader(make([]byte, 2<<20+1)),
		"the same without telling it beforehand": struct{ io.Reader }{bytes.NewReader(make([]byte, 2<<20+1))},
	} {
		res, err := p.http.Post(p.url, "text/plain;charset=UTF-8", body)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("%s: %s", name, res.Status)
		}
	}
}

// A request whose session closes is answered, whoever of the two came first.
func TestRequestsOfAClosingSession(t *testing.T) {
	_, url := serve(t)
	var sessions sync.WaitGroup
	for range 4 {
		sessions.Go(func() {
			for range 100 {
				p := poll(t, url)
				var closing sync.WaitGroup
				closing.Go(func() { p.status(http.MethodPost, "text/plain;charset=UTF-8", "1") })
				p.status(http.MethodGet, "", "")
				closing.Wait()
			}
		})
	}
	sessions.Wait()

	p := poll(t, url)
	if got := p.status(http.MethodPost, "application/octet-stream", "\x04"); got != http.StatusBadRequest {
		t.Errorf("a body of protocol 3: status %d", got)
	}
}

// Polls that their client gives up while they are answered.
func TestAbortedPolls(t *testing.T) {
	io, url := serve(t)
	stays := join(t, url, "/")
	clients := make([]*polling, 50) // before the first event, which the library may send ahead of CONNECT's answer
	for i := range clients {
		clients[i] = poll(t, url)
	}
	var polls sync.WaitGroup
	for _, p := range clients {
		ctx, abort := context.WithCancel(t.Context())
		polls.Go(func() {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url, http.NoBody)
			if err != nil {
				t.Error(err)
				return
			}
			if res, err := p.http.Do(req); err == nil {
				res.Body.Close()
			}
		})
		polls.Go(func() { _ = io.Sockets().Emit("news", strings.Repeat("x", 20_000)) })
		abort()
	}
	polls.Wait()
	for range 50 {
		if got := stays.read(); !strings.HasPrefix(got, `42["news",`) {
			t.Fatalf("got %.100q", got)
		}
	}
	if got := stays.ok("/", `["GET","items"]`); got != "[]" {
		t.Error(got)
	}
}
