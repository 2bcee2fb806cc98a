package rest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"ackbase/collections"
	"ackbase/collections/bolt"
	"ackbase/crud"
	"ackbase/crud/rest"
)

// counts is a form: what happened, and to which count.
type counts struct{}

func (counts) Message(kind string, item []byte) []byte {
	var v struct{ ID, N int }
	if err := json.Unmarshal(item, &v); err != nil {
		return []byte(err.Error())
	}
	return fmt.Appendf(nil, "%s %d: %d", kind, v.ID, v.N)
}

// feeds are the paths of a program's own, over a server of this test.
func feeds(t *testing.T) (url string) {
	t.Helper()
	store, err := bolt.Open(filepath.Join(t.TempDir(), "test.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	service := crud.New(collections.New(store, nil), nil)
	handler := rest.New(service, nil)
	mux := http.NewServeMux()
	mux.Handle(rest.Prefix, handler)
	mux.HandleFunc("/machine/{id}", func(w http.ResponseWriter, r *http.Request) {
		handler.ServeFeed(w, r, rest.Feed{Collection: "items", ID: r.PathValue("id")})
	})
	mux.HandleFunc("/few", func(w http.ResponseWriter, r *http.Request) {
		handler.ServeFeed(w, r, rest.Feed{Collection: "items", Filters: json.RawMessage(`{"n":{"$lt":10}}`), Form: counts{}, Snapshot: true})
	})
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		service.Close()
		handler.Close()
		server.Close()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return server.URL
}

// write sends a request that must succeed.
func write(t *testing.T, method, url, body string) {
	t.Helper()
	request, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode >= 300 {
		t.Fatalf("%s %s %s: %s", method, url, body, answer.Status)
	}
}

// listen opens a WebSocket and returns what reads its next message.
func listen(t *testing.T, url string) func() string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	ws, _, err := websocket.Dial(ctx, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ws.CloseNow(); cancel() })
	return func() string {
		t.Helper()
		_, message, err := ws.Read(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return string(message)
	}
}

func TestFeedOfOneItem(t *testing.T) {
	url := feeds(t)
	write(t, "POST", url+"/api/v2/items", `{"n":1}`)
	write(t, "POST", url+"/api/v2/items", `{"n":2}`)
	next := listen(t, url+"/machine/2")
	write(t, "PATCH", url+"/api/v2/items/1", `{"n":3}`)
	write(t, "PATCH", url+"/api/v2/items/2", `{"n":4}`)
	var heard struct {
		ID       int
		Snapshot struct{ Patch []struct{ Path string } }
	}
	got := next()
	if strings.Contains(got, `"ADDED"`) { // who subscribes at once may hear of it: an answer comes before its change is delivered
		got = next()
	}
	if json.Unmarshal([]byte(got), &heard) != nil || heard.ID != 2 || len(heard.Snapshot.Patch) != 1 || heard.Snapshot.Patch[0].Path != "/n" {
		t.Errorf("got %s, want { id: 2, snapshot } of the one change of item 2", got)
	}
}

// A form of the program's own, with filters, begins with what is there, in the words of a change.
func TestFeedInAForm(t *testing.T) {
	url := feeds(t)
	for _, n := range []string{"5", "50", "7"} {
		write(t, "POST", url+"/api/v2/items", `{"n":`+n+`}`)
	}
	next := listen(t, url+"/few")
	for _, want := range []string{"ADDED 1: 5", "ADDED 3: 7"} {
		if got := next(); got != want {
			t.Errorf("got %q of what is there, want %q", got, want)
		}
	}
	write(t, "PATCH", url+"/api/v2/items/2", `{"n":51}`)
	write(t, "PATCH", url+"/api/v2/items/3", `{"n":8}`)
	write(t, "PATCH", url+"/api/v2/items/1", `{"n":11}`)
	write(t, "PATCH", url+"/api/v2/items/2", `{"n":1}`)
	for _, want := range []string{"MODIFIED 3: 8", "DELETED 1: 5", "ADDED 2: 1"} {
		if got := next(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestFeedRefusesWhatItDecides(t *testing.T) {
	url := feeds(t)
	for path, want := range map[string]string{
		"/few?filters[n]=1":      "this path has filters of its own",
		"/few?since=x":           "leave since out",
		"/machine/1?since=x":     "cursor",
		"/machine/1?filters[n]=": "filters are for a list",
	} {
		_, answer, err := websocket.Dial(t.Context(), url+path, nil)
		if err == nil {
			t.Fatalf("%s was taken", path)
		}
		body := make([]byte, 1024)
		n, _ := answer.Body.Read(body)
		if answer.StatusCode != http.StatusBadRequest || !strings.Contains(string(body[:n]), want) {
			t.Errorf("%s: %d %s, want 400 and %q", path, answer.StatusCode, body[:n], want)
		}
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get(url + "/few")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusUpgradeRequired {
		t.Errorf("without an upgrade: %s, want 426", answer.Status)
	}
}
