package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestRun starts the program, opens a session on each of its two paths and stops it.
func TestRun(t *testing.T) {
	ctx, stop := context.WithCancel(context.Background())
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, []string{"--listen", "127.0.0.1:0", "--max-payload", "1000000"}, in) }()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	url := strings.TrimSpace(strings.TrimPrefix(line, "listening on "))
	transport := &http.Transport{DisableKeepAlives: true}
	for _, path := range []string{"/socket.io/", "/engine.io/"} {
		res, err := (&http.Client{Transport: transport}).Get(url + path + "?EIO=4&transport=polling")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != http.StatusOK || !strings.Contains(string(body), `"maxPayload":1000000`) {
			t.Errorf("%s: %d %s %v", path, res.StatusCode, body, err)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestRunRefusesFlags(t *testing.T) {
	if err := run(t.Context(), []string{"--ping-interval", "soon"}, io.Discard); err == nil {
		t.Error("a duration that is none was taken")
	}
}
