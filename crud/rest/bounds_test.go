package rest_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ackbase/collections"
	"ackbase/collections/bolt"
	"ackbase/crud"
	"ackbase/crud/rest"
	"ackbase/server/admission"
)

// patience bounds every wait of these tests.
const patience = 20 * time.Second

// serve runs a Handler on a real socket until the test ends.
func serve(t *testing.T, o *rest.Options) (handler *rest.Handler, address string) {
	t.Helper()
	store, err := bolt.Open(filepath.Join(t.TempDir(), "test.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	service := crud.New(collections.New(store, nil), nil)
	handler = rest.New(service, o)
	httpServer := httptest.NewServer(handler)
	t.Cleanup(func() {
		service.Close()
		handler.Close()
		httpServer.Close()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return handler, httpServer.Listener.Addr().String()
}

// The requests that open a stream.
var streams = map[string]string{
	"server-sent events": "GET /api/v2/items?watch HTTP/1.1\r\nHost: x\r\n",
	"WebSocket":          "GET /ws/items HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==\r\n",
}

// watch opens a stream for a client behind the proxy on this machine, and returns the answer's head.
func watch(t *testing.T, server, request, client string) (net.Conn, *bufio.Reader, *http.Response) {
	t.Helper()
	conn, err := net.Dial("tcp", server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(conn, "%sX-Forwarded-For: %s\r\n\r\n", request, client)
	in := bufio.NewReader(conn)
	response, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	return conn, in, response
}

// await waits for something that the server sees a little later.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never came: %s", what)
		}
	}
}

// Streams take places among the connections of their address, and of all.
func TestStreamsOverABound(t *testing.T) {
	for name, request := range streams {
		t.Run(name, func(t *testing.T) {
			limits := admission.New(&admission.Options{
				MaxSessions: 3, MaxSessionsPerAddress: 2,
				TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
			})
			handler, server := serve(t, &rest.Options{Admission: limits})
			open := func(client string) (net.Conn, int) {
				t.Helper()
				conn, _, response := watch(t, server, request, client)
				if response.StatusCode < 400 {
					return conn, 0
				}
				body, err := io.ReadAll(response.Body)
				if err != nil {
					t.Fatal(err)
				}
				code := map[int]string{429: "RATE_LIMITED", 503: "UNAVAILABLE"}[response.StatusCode]
				if !strings.Contains(string(body), `"code":"`+code+`"`) || response.Header.Get("Retry-After") != "5" {
					t.Errorf("refused with %s, %v: %s", response.Status, response.Header, body)
				}
				return conn, response.StatusCode
			}
			first, _ := open("203.0.113.7")
			_, _ = open("203.0.113.7")
			if _, status := open("203.0.113.7"); status != 429 {
				t.Errorf("the third of one address: status %d, want 429", status)
			}
			if _, status := open("203.0.113.8"); status != 0 {
				t.Errorf("the first of another address: status %d", status)
			}
			if _, status := open("203.0.113.9"); status != 503 {
				t.Errorf("the fourth of all: status %d, want 503", status)
			}
			first.Close()
			await(t, "the end of a stream", func() bool { return handler.Stats().Open == 2 })
			if _, status := open("203.0.113.7"); status != 0 {
				t.Errorf("after one has left: status %d", status)
			}
		})
	}
}

// A stream whose client reads nothing is cut off, told of in the log and counted; another goes on.
func TestStalledStreams(t *testing.T) {
	for name, request := range streams {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log safeBuffer
			handler, server := serve(t, &rest.Options{
				HighWater: 64 << 10, StallTimeout: time.Second, // within which the healthy one reads something, however busy the machine is
				Logger: slog.New(slog.NewTextHandler(&log, nil)),
			})
			_, _, _ = watch(t, server, request, "203.0.113.7") // reads nothing more
			healthy, in, _ := watch(t, server, request, "203.0.113.8")
			var heard atomic.Int64
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				for { // until the test closes it
					line, err := in.ReadSlice('"')
					if bytes.Equal(line, []byte(`text"`)) {
						heard.Add(1)
					}
					if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
						return
					}
				}
			}()
			item := `{"text":"` + strings.Repeat("x", 200<<10) + `"}`
			posted := 0
			for handler.Stats().Closed["stalled"] == 0 && posted < 500 {
				res, err := http.Post("http://"+server+"/api/v2/items", "application/json", strings.NewReader(item))
				if err != nil {
					t.Fatal(err)
				}
				res.Body.Close()
				posted++
			}
			await(t, "the end of the one that reads nothing", func() bool { return handler.Stats().Closed["stalled"] > 0 })
			if got := handler.Stats(); got.Closed["stalled"] != 1 || got.Open != 1 {
				t.Errorf("after %d items: %+v, want one stalled and one open", posted, got)
			}
			http.DefaultClient.CloseIdleConnections()
			if !strings.Contains(log.String(), "reason=stalled") {
				t.Errorf("the log does not tell of it: %s", log.String())
			}
			await(t, fmt.Sprintf("all of %d items at the healthy client", posted), func() bool { return heard.Load() == int64(posted) })
			closing := time.Now()
			handler.Close()
			if took := time.Since(closing); took > 3*time.Second {
				t.Errorf("a client that does not answer the close frame held Close up for %v", took)
			}
			healthy.(*net.TCPConn).CloseWrite()
			<-ended
		})
	}
}

// safeBuffer is a bytes.Buffer for several goroutines.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
