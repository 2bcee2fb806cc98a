package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for something that must come.
const patience = 10 * time.Second

// recorder is a handler that keeps what happened and can be told what to do.
type recorder struct {
	message  func(s *Session, data []byte, binary bool)
	batchEnd func(s *Session)
	drained  func(s *Session)
	closed   chan string // gets the reason, and is then closed

	mu       sync.Mutex
	messages []string
	batches  int
	running  bool
	over     bool
	fault    string // a broken promise of the handler's contract
}

func newRecorder() *recorder { return &recorder{closed: make(chan string, 4)} }

// enter checks that the calls do not overlap and that none follows Closed.
func (h *recorder) enter(method string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.running {
		h.fault = method + " ran at the same time as another method"
	}
	if h.over {
		h.fault = method + " came after Closed"
	}
	h.running = true
}

func (h *recorder) leave() {
	h.mu.Lock()
	h.running = false
	h.mu.Unlock()
}

func (h *recorder) Message(s *Session, data []byte, binary bool) {
	h.enter("Message")
	defer h.leave()
	h.mu.Lock()
	h.messages = append(h.messages, fmt.Sprintf("%t:%s", binary, data))
	h.mu.Unlock()
	if h.message != nil {
		h.message(s, data, binary)
	}
}

func (h *recorder) BatchEnd(s *Session) {
	h.enter("BatchEnd")
	defer h.leave()
	h.mu.Lock()
	h.batches++
	h.mu.Unlock()
	if h.batchEnd != nil {
		h.batchEnd(s)
	}
}

func (h *recorder) Drained(s *Session) {
	if h.drained != nil {
		h.drained(s)
	}
}

func (h *recorder) Closed(s *Session, reason string) {
	h.enter("Closed")
	defer h.leave()
	h.mu.Lock()
	h.over = true
	h.mu.Unlock()
	h.closed <- reason
}

// echo sends every message back as it came.
func echo(s *Session, data []byte, binary bool) {
	if binary {
		_ = s.Send(NewBinary(data))
	} else {
		_ = s.SendText(data)
	}
}

// A bench is a server under test, with its sessions and handlers in the order
// in which they were accepted.
type bench struct {
	testing.TB
	*Server
	http     *httptest.Server
	accepted chan *Session
	setup    func(s *Session, h *recorder)
	pipes    []net.Conn // of sessions without a socket

	mu       sync.Mutex
	handlers map[*Session]*recorder
}

// httpTimeout is what the HTTP server sets for reading and writing a request.
var httpTimeout time.Duration

// start runs an echo server on a real socket. The test's end checks that every
// session was told its end once, in order, and that nothing of any is left.
func start(t testing.TB, o *Options, setup func(s *Session, h *recorder)) *bench {
	b := prepare(t, o, setup)
	b.http = httptest.NewUnstartedServer(b.Server)
	b.http.Config.ReadTimeout, b.http.Config.WriteTimeout = httpTimeout, httpTimeout
	b.http.Start()
	t.Cleanup(func() {
		b.stop()
		b.http.Close()
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	})
	return b
}

// prepare makes the server without a socket.
func prepare(t testing.TB, o *Options, setup func(s *Session, h *recorder)) *bench {
	b := &bench{TB: t, accepted: make(chan *Session, 100), setup: setup, handlers: map[*Session]*recorder{}}
	var options Options
	if o != nil {
		options = *o
	}
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	b.Server = New(&options, func(s *Session) Handler {
		h := newRecorder()
		h.message = echo
		if b.setup != nil {
			b.setup(s, h)
		}
		b.mu.Lock()
		b.handlers[s] = h
		b.mu.Unlock()
		select {
		case b.accepted <- s:
		default:
		}
		return h
	})
	return b
}

func (b *bench) stop() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := b.Shutdown(ctx); err != nil {
		b.Errorf("Shutdown: %v; %d sessions are left", err, b.Len())
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for s, h := range b.handlers {
		h.mu.Lock()
		if !h.over {
			b.Errorf("session %s was never told that it closed", s.ID())
		}
		if h.fault != "" {
			b.Error(h.fault)
		}
		h.mu.Unlock()
		if s.timer.Stop() {
			b.Error("the timer of a closed session still runs")
		}
		if n := s.Buffered(); s.out != nil || s.refs != 0 {
			b.Errorf("a closed session has refs %d, %d bytes, out %v", s.refs, n, s.out)
		}
	}
}

// next returns the session that was accepted next, and its handler.
func (b *bench) next() (*Session, *recorder) {
	b.Helper()
	select {
	case s := <-b.accepted:
		b.mu.Lock()
		defer b.mu.Unlock()
		return s, b.handlers[s]
	case <-time.After(patience):
		b.Fatal("no session was accepted")
		return nil, nil
	}
}

// wantClosed waits for the handler's Closed.
func (h *recorder) wantClosed(t testing.TB, reason string) {
	t.Helper()
	select {
	case got := <-h.closed:
		if got != reason {
			t.Errorf("closed with reason %q, want %q", got, reason)
		}
	case <-time.After(patience):
		t.Fatalf("the session did not close; want reason %q", reason)
	}
}

func (h *recorder) got() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]string(nil), h.messages...)
}

func (b *bench) url(query string) string { return b.http.URL + "/engine.io/?" + query }

// get and post return status and body.
func (b *bench) get(query string) (int, string) {
	b.Helper()
	return b.request(http.MethodGet, query, "")
}

func (b *bench) post(query, body string) (int, string) {
	b.Helper()
	return b.request(http.MethodPost, query, body)
}

func (b *bench) request(method, query, body string) (int, string) {
	b.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, b.url(query), strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "text/plain;charset=UTF-8")
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		b.Errorf("%s %s: %v", method, query, err)
		return 0, ""
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.Errorf("%s %s: %v", method, query, err)
	}
	return res.StatusCode, string(text)
}

type openPacket struct {
	SID          string   `json:"sid"`
	Upgrades     []string `json:"upgrades"`
	PingInterval int      `json:"pingInterval"`
	PingTimeout  int      `json:"pingTimeout"`
	MaxPayload   int      `json:"maxPayload"`
}

func parseOpen(t testing.TB, text string) openPacket {
	t.Helper()
	var o openPacket
	if !strings.HasPrefix(text, "0{") {
		t.Fatalf("got %q, want an OPEN packet", text)
	}
	d := json.NewDecoder(strings.NewReader(text[1:]))
	d.DisallowUnknownFields()
	if err := d.Decode(&o); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return o
}

// poll opens a polling session and returns the query of its further requests.
func (b *bench) poll() string {
	b.Helper()
	status, text := b.get("EIO=4&transport=polling")
	if status != 200 {
		b.Fatalf("status %d, %s", status, text)
	}
	return "EIO=4&transport=polling&sid=" + parseOpen(b, text).SID
}

func want(t testing.TB, what string, got, wanted any) {
	t.Helper()
	if got != wanted {
		t.Errorf("%s: got %v, want %v", what, got, wanted)
	}
}
