package rest_test

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	"ackbase/collections"
	"ackbase/collections/bolt"
	"ackbase/crud"
	"ackbase/crud/rest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestStreamsEnd lets streams come and go in every way, and holds that Close ends the rest and
// that no goroutine of any of them stays.
func TestStreamsEnd(t *testing.T) {
	store, err := bolt.Open(filepath.Join(t.TempDir(), "test.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	service := crud.New(collections.New(store, nil), nil)
	handler := rest.New(service, nil)
	mux := http.NewServeMux()
	mux.Handle(rest.Prefix, handler)
	mux.Handle(rest.WebSocketPrefix, handler)
	httpServer := httptest.NewServer(mux)
	defer func() {
		service.Close()
		handler.Close()
		httpServer.Close()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}()

	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var events sync.WaitGroup
	for range 5 {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, httpServer.URL+rest.Prefix+"items?watch", nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		events.Go(func() {
			defer answer.Body.Close()
			lines := bufio.NewScanner(answer.Body)
			for lines.Scan() && !strings.HasPrefix(lines.Text(), "event: ADDED") {
			}
		})
	}
	var sockets []*websocket.Conn
	for range 15 {
		ws, _, err := websocket.Dial(ctx, httpServer.URL+rest.WebSocketPrefix+"items", nil)
		if err != nil {
			t.Fatal(err)
		}
		sockets = append(sockets, ws)
	}
	posted, err := client.Post(httpServer.URL+rest.Prefix+"items", "application/json", strings.NewReader(`{"n":1}`))
	if err != nil || posted.StatusCode != http.StatusCreated {
		t.Fatal(posted, err)
	}
	posted.Body.Close()
	for i, ws := range sockets {
		if _, message, err := ws.Read(ctx); err != nil || !strings.Contains(string(message), `"n":1`) {
			t.Fatalf("%s, %v", message, err)
		}
		switch i % 3 {
		case 0:
			ws.Close(websocket.StatusNormalClosure, "")
		case 1:
			ws.CloseNow()
		}
	}
	events.Wait() // each has heard of it, and goes
	var ends sync.WaitGroup
	for i, ws := range sockets {
		if i%3 == 2 {
			ends.Go(func() {
				if _, _, err := ws.Read(ctx); websocket.CloseStatus(err) != websocket.StatusGoingAway {
					t.Errorf("the end came as %v, want the close code %d", err, websocket.StatusGoingAway)
				}
			})
		}
	}
	handler.Close()
	ends.Wait()
	refused, err := client.Get(httpServer.URL + rest.Prefix + "items?watch")
	if err != nil || refused.StatusCode != http.StatusServiceUnavailable {
		t.Fatalf("a stream after Close: %v, %v", refused, err)
	}
	refused.Body.Close()
}
