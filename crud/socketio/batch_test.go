package socketio

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"ackbase/collections"
	"ackbase/collections/bolt"
	"ackbase/crud"
	"ackbase/server"
)

// viewed is a store that counts the views it opens.
type viewed struct {
	*bolt.Store
	opened atomic.Int64
}

func (s *viewed) OpenView(ctx context.Context) (collections.View, error) {
	s.opened.Add(1)
	return s.Store.OpenView(ctx)
}

// socket is a client's bare WebSocket that has joined "/".
type socket struct {
	testing.TB
	net.Conn
	in io.Reader
}

// serve runs the verbs over a store with one item and connects a client.
func serve(t testing.TB) (*viewed, *socket) {
	t.Helper()
	store := &viewed{Store: openStore(t)}
	url := serveVerbs(t, store, &crud.Options{RequestRate: 1 << 30}, nil)
	s := connect(t, url)
	s.write(`420["PUT","items",{"id":1,"name":"Clotted cream fudge","category":"confectionery","rrp":4.49}]`)
	s.read(`430[{"id":1,`)
	return store, s
}

func openStore(t testing.TB) *bolt.Store {
	t.Helper()
	file, err := bolt.Open(filepath.Join(t.TempDir(), "data.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	})
	return file
}

// serveVerbs runs the verbs over a store and gives the server's URL.
func serveVerbs(t testing.TB, store collections.Store, o *crud.Options, of *server.Options) (url string) {
	t.Helper()
	verbs := crud.New(collections.New(store, nil), o)
	io := server.New(of)
	Bind(io.Of("/"), verbs)
	web := httptest.NewServer(io)
	t.Cleanup(func() {
		web.Close()
		verbs.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := io.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
	return web.URL
}

// connect connects a client over a WebSocket.
func connect(t testing.TB, url string) *socket {
	t.Helper()
	conn, reader, _, err := ws.Dial(t.Context(), "ws"+strings.TrimPrefix(url, "http")+"/socket.io/?EIO=4&transport=websocket")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	s := &socket{t, conn, bufio.NewReader(conn)}
	if reader != nil {
		s.in = reader
	}
	s.write("40")
	s.read("0{")
	s.read("40")
	return s
}

// write sends packets so that the server reads them at once.
func (s *socket) write(packets ...string) {
	s.Helper()
	if _, err := s.Write(frames(packets...)); err != nil {
		s.Fatal(err)
	}
}

func frames(packets ...string) []byte {
	var b bytes.Buffer
	for _, p := range packets {
		_ = ws.WriteFrame(&b, ws.MaskFrame(ws.NewTextFrame([]byte(p)))) // a buffer takes everything
	}
	return b.Bytes()
}

// read reads a packet, which must begin so.
func (s *socket) read(begin string) {
	s.Helper()
	data, _, err := wsutil.ReadServerData(struct {
		io.Reader
		io.Writer
	}{s.in, s.Conn})
	if err != nil || !strings.HasPrefix(string(data), begin) {
		s.Fatalf("got %q, %v; want %s", data, err, begin)
	}
}

// TestGetsTogether holds that GETs which come together are answered from one view, and
// that one which comes after an acknowledgement sees what was acknowledged.
func TestGetsTogether(t *testing.T) {
	store, s := serve(t)
	for n := range 100 {
		before := store.opened.Load()
		var gets []string
		for i := range 16 {
			gets = append(gets, fmt.Sprintf(`42%d["GET","items",1]`, i))
		}
		s.write(gets...)
		for i := range 16 {
			s.read(fmt.Sprintf(`43%d[{"id":1,"n`, i))
		}
		if views := store.opened.Load() - before; views != 1 {
			t.Errorf("16 GETs that came together took %d views", views)
		}
		s.write(`42["PATCH","items",{"id":1,"n":0}]`, fmt.Sprintf(`421["PATCH","items",{"id":1,"n":%d}]`, n))
		s.read(fmt.Sprintf(`431[{"id":1,"name":"Clotted cream fudge","category":"confectionery","rrp":4.49,"n":%d}`, n))
		s.write(`422["GET","items",1]`)
		s.read(fmt.Sprintf(`432[{"id":1,"name":"Clotted cream fudge","category":"confectionery","rrp":4.49,"n":%d}`, n))
	}
}

// BenchmarkGet is GET by id over a WebSocket, so many at a time. The client allocates
// nothing, so what -benchmem shows is the server's.
func BenchmarkGet(b *testing.B) {
	for _, depth := range []int{1, 16} {
		b.Run(fmt.Sprint(depth, " together"), func(b *testing.B) {
			_, s := serve(b)
			packets := make([]string, depth)
			for i := range packets {
				packets[i] = fmt.Sprintf(`42%d["GET","items",1]`, i%10)
			}
			together := frames(packets...)
			s.write(packets[0])
			h, err := ws.ReadHeader(s.in)
			if err != nil {
				b.Fatal(err)
			}
			answers := make([]byte, depth*(int(h.Length)+ws.HeaderSize(h)))
			_, _ = io.ReadFull(s.in, answers[:h.Length])
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i%depth != 0 {
					continue
				}
				if _, err := s.Write(together); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(s.in, answers); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
