package client_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"ackbase/server/client"
)

// TestLeaveOfALostGoodbye holds that a client over polling has gone when it has left, also where its goodbye
// is lost while its polls and pongs come through: it must not live on as a client that nobody asks for anything.
func TestLeaveOfALostGoodbye(t *testing.T) {
	polled := make(chan struct{}, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch {
		case string(body) == "1":
			panic(http.ErrAbortHandler) // the connection breaks
		case r.Method == http.MethodPost:
			_, _ = io.WriteString(w, "ok")
		case r.URL.Query().Get("sid") == "":
			_, _ = io.WriteString(w, `0{"sid":"x"}`)
		default:
			select {
			case polled <- struct{}{}:
			default:
			}
			time.Sleep(time.Millisecond)
			_, _ = io.WriteString(w, "2")
		}
	}))
	defer server.Close()
	ctx, end := context.WithCancel(t.Context())
	defer end()
	session, err := client.Server{Context: ctx, URL: server.URL}.OpenPolling()
	if err != nil {
		t.Fatal(err)
	}
	c := client.Start(session, nil)
	<-polled
	left := make(chan struct{})
	go func() {
		defer close(left)
		c.Leave()
	}()
	select {
	case <-left:
	case <-time.After(10 * time.Second):
		t.Error("a client that has left goes on polling")
		end()
		<-left
	}
}
