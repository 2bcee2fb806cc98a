package console

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ackbase/collections"
	"ackbase/collections/bolt"
	"ackbase/crud"
	"ackbase/crud/rest"
	"ackbase/crud/socketio"
	"ackbase/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// process is all that a console tells of.
type process struct {
	*Handler
	sockets *server.Server
	from    string // whom clients come from
}

func start(t testing.TB, o *collections.Options) *process {
	t.Helper()
	store, err := bolt.Open(filepath.Join(t.TempDir(), "test.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	db := collections.New(store, o)
	verbs := crud.New(db, nil)
	streams := rest.New(verbs, nil)
	sockets := server.New(nil)
	socketio.Bind(sockets.Of("/"), verbs)
	p := &process{New(&Sources{Sockets: sockets, Verbs: verbs, Streams: streams, Store: store, DB: db, Version: "v1"}), sockets, "198.51.100.7:5000"}
	t.Cleanup(func() {
		p.Close()
		verbs.Close()
		streams.Close()
		if err := sockets.Shutdown(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// get asks the console and decodes its answer; the status of a refusal is returned with its message.
func (p *process) get(t testing.TB, target string, into any, header ...string) (status int, message string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:3000"+Prefix+target, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		var refusal struct{ Error fault }
		if err := json.Unmarshal(w.Body.Bytes(), &refusal); err != nil || refusal.Error.Status != w.Code || refusal.Error.Code == "" {
			t.Errorf("GET %s: status %d with %q, which is no error of ours", target, w.Code, w.Body)
		}
		return w.Code, refusal.Error.Message
	}
	if into != nil {
		if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
			t.Fatalf("GET %s answered %q: %v", target, w.Body, err)
		}
	}
	return w.Code, ""
}

// open connects a client over polling, and has it send the packets.
func (p *process) open(t testing.TB, packets ...string) (sid string) {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/socket.io/?EIO=4&transport=polling", nil)
	r.RemoteAddr = p.from
	r.Header.Set("User-Agent", "<b>agent</b>"+strings.Repeat("ä", 300))
	p.sockets.ServeHTTP(w, r)
	var opened struct{ Sid string }
	if err := json.Unmarshal([]byte(strings.TrimPrefix(w.Body.String(), "0")), &opened); err != nil {
		t.Fatalf("%q: %v", w.Body, err)
	}
	for _, packet := range packets {
		w := httptest.NewRecorder()
		p.sockets.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/socket.io/?EIO=4&transport=polling&sid="+opened.Sid, strings.NewReader(packet)))
		if w.Code != http.StatusOK {
			t.Fatalf("POST %q: %d %s", packet, w.Code, w.Body)
		}
	}
	return opened.Sid
}

// TestOnlyOwnPagesMayAsk: no page of another site may read what the console knows.
func TestOnlyOwnPagesMayAsk(t *testing.T) {
	p := start(t, nil)
	for _, c := range []struct {
		header []string
		served bool
	}{
		{nil, true},
		{[]string{"Sec-Fetch-Site", "same-origin"}, true},
		{[]string{"Sec-Fetch-Site", "none"}, true},
		{[]string{"Sec-Fetch-Site", "same-origin", "Origin", "http://127.0.0.1:3000"}, true},
		{[]string{"Sec-Fetch-Site", "cross-site"}, false},
		{[]string{"Sec-Fetch-Site", "same-site"}, false},
		{[]string{"Origin", "https://evil.example"}, false},
		{[]string{"Origin", "http://127.0.0.1:4000"}, false},
		{[]string{"Origin", "null"}, false},
	} {
		for _, target := range []string{"collections", "clients", "series", "nothing"} {
			status, message := p.get(t, target, nil, c.header...)
			if refused := status == http.StatusForbidden; refused == c.served {
				t.Errorf("GET %s with %v: status %d (%s), want it served: %t", target, c.header, status, message, c.served)
			}
		}
	}
	w := httptest.NewRecorder()
	p.ServeHTTP(w, httptest.NewRequest(http.MethodGet, Prefix+"clients", nil))
	for name := range w.Header() {
		if strings.HasPrefix(name, "Access-Control-") {
			t.Errorf("the answer has %s: %s", name, w.Header().Get(name))
		}
	}
	if w.Header().Get("Cache-Control") != "no-store" || !strings.Contains(w.Header().Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("the answer's headers are %v", w.Header())
	}
}

func TestOnlyReads(t *testing.T) {
	p := start(t, nil)
	for method, want := range map[string]int{
		http.MethodPost: http.StatusMethodNotAllowed, http.MethodPut: http.StatusMethodNotAllowed, http.MethodDelete: http.StatusMethodNotAllowed,
		http.MethodOptions: http.StatusNoContent,
	} {
		w := httptest.NewRecorder()
		p.ServeHTTP(w, httptest.NewRequest(method, Prefix+"clients", nil))
		if w.Code != want || w.Header().Get("Allow") != "GET, HEAD, OPTIONS" || w.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: status %d, %v; want %d", method, w.Code, w.Header(), want)
		}
	}
	if status, message := p.get(t, "else", nil); status != http.StatusNotFound || !strings.Contains(message, "series") {
		t.Errorf("an unknown address: %d %q, want 404 with those there are", status, message)
	}
}

func TestCollections(t *testing.T) {
	p := start(t, &collections.Options{Collections: map[string]collections.Collection{"declared": {}}})
	service := p.sources.Verbs
	post := func(names ...string) { // in as few commits as it goes
		session := service.Open(nobody{t})
		defer session.Close()
		done := make(reply, len(names))
		for _, name := range names {
			session.Do("POST", []json.RawMessage{json.RawMessage(`"` + name + `"`), json.RawMessage(`{"n":1}`)}, false, done)
		}
		for range names {
			if fault := <-done; fault != "null" {
				t.Fatal(fault)
			}
		}
	}
	post("b", "b", "a")
	var got collectionsAnswer
	p.get(t, "collections", &got)
	want := []collection{{"a", 1}, {"b", 2}, {"declared", 0}}
	if !slices.Equal(got.Collections, want) || got.More {
		t.Errorf("collections %v, more %t; want %v", got.Collections, got.More, want)
	}
	var many []string
	for i := range maxCollections {
		many = append(many, fmt.Sprintf("c%04d", i))
	}
	post(many...)
	p.get(t, "collections", &got)
	if len(got.Collections) != maxCollections || !got.More || got.Collections[0].Name != "a" {
		t.Errorf("%d collections from %v on, more %t; want %d and more", len(got.Collections), got.Collections[0], got.More, maxCollections)
	}
}

// TestClients holds what is told of a client, and that it is bounded and tells no secret.
func TestClients(t *testing.T) {
	p := start(t, nil)
	var packets []string
	packets = append(packets, "40")
	for i := range 20 {
		packets = append(packets, fmt.Sprintf(`42["SUBSCRIBE","c%02d"]`, i))
	}
	packets = append(packets, `42["SUBSCRIBE","long",null,{"filters":{"name":"`+strings.Repeat("é", 500)+`"}}]`)
	sid := p.open(t, packets...)
	for _, socket := range p.sockets.Of("/").FetchSockets() {
		socket.Join("room of the program")
	}
	p.open(t) // in no namespace
	var got clientsAnswer
	subscribed := func() bool {
		got = clientsAnswer{}
		p.get(t, "clients", &got)
		return len(got.Clients) == 0 || len(got.Clients[0].Sockets) == 0 || got.Clients[0].Sockets[0].Subscriptions.Count == 21
	}
	for end := time.Now().Add(10 * time.Second); !subscribed() && time.Now().Before(end); { // they are written first
		time.Sleep(time.Millisecond)
	}
	if got.Total != 2 || len(got.Clients) != 2 || got.Streams != 0 {
		t.Fatalf("%d clients of %d, %d streams; want 2 of 2, none", len(got.Clients), got.Total, got.Streams)
	}
	first, second := got.Clients[0], got.Clients[1]
	if first.Transport != "polling" || first.Protocol != 4 || first.Address != "198.51.100.7" || time.Since(first.Since) > time.Minute || first.Count != 1 || first.Waiting == 0 {
		t.Errorf("the client is told as %+v", first)
	}
	if len(first.UserAgent) > maxText+4 || !strings.HasPrefix(first.UserAgent, "<b>agent</b>ä") || !strings.HasSuffix(first.UserAgent, "ä…") {
		t.Errorf("the user agent is told as %q", first.UserAgent)
	}
	if second.Count != 0 || len(second.Sockets) != 0 || second.Key == first.Key {
		t.Errorf("the client without a namespace is told as %+v", second)
	}
	socket := first.Sockets[0]
	if socket.Namespace != "/" || socket.Subscriptions.Count != 21 || len(socket.Subscriptions.First) != maxNames || socket.Subscriptions.First[0] != "c00" {
		t.Errorf("the subscriptions are told as %+v", socket.Subscriptions)
	}
	if socket.Rooms.Count != 1 || socket.Rooms.First[0] != "room of the program" {
		t.Errorf("the rooms are told as %+v", socket.Rooms)
	}
	raw, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(raw), sid) {
		t.Error("the answer has the session's id, by which anybody could act as this client")
	}

	for range 3 {
		p.open(t, "40")
	}
	for target, want := range map[string]int{"clients?limit=1": 1, "clients?limit=500": 5, "clients": 5, "clients?limit=3&sort=newest": 3, "clients?sort=waiting": 5, "clients?sort=address": 5} {
		p.get(t, target, &got)
		if len(got.Clients) != want || got.Total != 5 {
			t.Errorf("%s: %d clients of %d, want %d of 5", target, len(got.Clients), got.Total, want)
		}
	}
	var oldest, newest clientsAnswer
	p.get(t, "clients?sort=oldest", &oldest)
	p.get(t, "clients?sort=newest", &newest)
	if oldest.Clients[0].Key != first.Key || newest.Clients[len(newest.Clients)-1].Key != first.Key {
		t.Error("the order is not that which was asked for")
	}
	for _, target := range []string{"clients?limit=0", "clients?limit=501", "clients?limit=x", "clients?sort=name"} {
		if status, message := p.get(t, target, nil); status != http.StatusBadRequest || message == "" {
			t.Errorf("%s: %d %q, want 400 with what would be right", target, status, message)
		}
	}
}

func TestSeries(t *testing.T) {
	p := start(t, nil)
	var got seriesAnswer
	p.get(t, "series", &got)
	if !slices.Equal(got.Names, columns) || len(got.Rows) != 0 || got.Version != "v1" || time.Since(got.Began) > time.Minute || got.FileBytes == 0 {
		t.Errorf("the first answer is %+v: it has no row yet, since rates are between two samples", got)
	}
	if status, message := p.get(t, "series?since=yesterday", nil); status != http.StatusBadRequest || !strings.Contains(message, "milliseconds") {
		t.Errorf("a bad since: %d %q", status, message)
	}
}

// TestAsManyAsMayAsk: a further one is told to come again.
func TestAsManyAsMayAsk(t *testing.T) {
	p := start(t, nil)
	for range maxInFlight {
		p.places <- struct{}{}
	}
	if status, _ := p.get(t, "clients", nil); status != http.StatusServiceUnavailable {
		t.Errorf("status %d while all places are taken", status)
	}
	<-p.places
	if status, _ := p.get(t, "clients", nil); status != http.StatusOK {
		t.Errorf("status %d when there is a place again", status)
	}
}

// BenchmarkAsked is what the questions of one console cost each second, with 10,000 connections.
func BenchmarkAsked(b *testing.B) {
	p := start(b, nil)
	p.from = "127.0.0.1:5000" // from where so many may come
	for range 10_000 {
		p.open(b, "40", `42["SUBSCRIBE","items"]`)
	}
	for _, target := range []string{"clients", "clients?sort=waiting&limit=500", "collections", "series"} {
		b.Run(target, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.get(b, target, nil)
			}
		})
	}
	b.Run("sample", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			p.sample()
		}
	})
}

// reply takes the error of an answer.
type reply chan string

func (r reply) Answer(_, fault, _ []byte) { r <- string(fault) }

// nobody is a connection that only asks.
type nobody struct{ t testing.TB }

func (nobody) ID() string                 { return "nobody" }
func (n nobody) Context() context.Context { return n.t.Context() }
func (nobody) Wire() crud.Wire            { return nil }
func (nobody) Send(crud.Frame) error      { return nil }
func (nobody) Writable() bool             { return true }
func (nobody) Close(string)               {}
