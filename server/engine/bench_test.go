package engine

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/gobwas/ws"
)

// BenchmarkEcho is one text message in and its echo out over a WebSocket, with
// one message or many on the way at a time. The client's side allocates nothing,
// so what -benchmem shows is the server's.
func BenchmarkEcho(b *testing.B) {
	for _, depth := range []int{1, 16, 64} {
		for _, kind := range []string{"text", "shared"} {
			b.Run(fmt.Sprintf("%s/depth%d", kind, depth), func(b *testing.B) {
				shared := NewText([]byte(strings.Repeat("x", 100)))
				bench := start(b, nil, func(s *Session, h *recorder) {
					h.message = nil
				})
				bench.Server.accept = func(*Session) Handler { return echoHandler{} }
				if kind == "shared" {
					bench.Server.accept = func(*Session) Handler { return sharedHandler{m: shared} }
				}
				s := bench.connect()
				_ = s.SetDeadline(noDeadline)
				in := clientFrame(true, ws.OpText, "4"+strings.Repeat("x", 100))
				batch := []byte(strings.Repeat(string(in), depth))
				answer := make([]byte, depth*len(shared.frame))
				b.ReportAllocs()
				for done := 0; b.Loop(); done++ {
					if done%depth != 0 {
						continue
					}
					if _, err := s.Write(batch); err != nil {
						b.Fatal(err)
					}
					if _, err := io.ReadFull(s.in, answer); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

type echoHandler struct{ silent }

func (echoHandler) Message(s *Session, data []byte, _ bool) { _ = s.SendText(data) }

type sharedHandler struct {
	silent
	m *Message
}

func (h sharedHandler) Message(s *Session, _ []byte, _ bool) { _ = s.Send(h.m) }

// BenchmarkFanOut is one message to each of 100 sessions, sent by another
// goroutine than the readers, as room events are.
func BenchmarkFanOut(b *testing.B) {
	const clients = 100
	bench := start(b, nil, nil)
	sessions := make([]*Session, clients)
	var reading sync.WaitGroup
	m := NewText([]byte(strings.Repeat("x", 200)))
	for i := range clients {
		s := bench.connect()
		_ = s.SetDeadline(noDeadline)
		sessions[i], _ = bench.next()
		reading.Go(func() {
			_, _ = io.CopyN(io.Discard, s.in, int64(len(m.frame)*b.N))
		})
	}
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		for _, s := range sessions {
			for !s.Writable() {
				runtime.Gosched()
			}
			_ = s.Queue(m)
		}
		bench.Flush()
	}
	reading.Wait()
}

// BenchmarkPoll is one message by POST and its echo by GET.
func BenchmarkPoll(b *testing.B) {
	bench := start(b, nil, nil)
	bench.Server.accept = func(*Session) Handler { return echoHandler{} }
	sid := bench.poll()
	conn := bench.tcp()
	_ = conn.SetDeadline(noDeadline)
	in := bufio.NewReader(conn)
	body := "4" + strings.Repeat("x", 100)
	post := []byte(fmt.Sprintf("POST /engine.io/?%s HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", sid, len(body), body))
	get := []byte(fmt.Sprintf("GET /engine.io/?%s HTTP/1.1\r\nHost: x\r\n\r\n", sid))
	b.ReportAllocs()
	for b.Loop() {
		for _, request := range [][]byte{post, get} {
			if _, err := conn.Write(request); err != nil {
				b.Fatal(err)
			}
			res, err := http.ReadResponse(in, nil)
			if err != nil {
				b.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, res.Body)
			res.Body.Close()
		}
	}
}

// BenchmarkIdle tells the memory of an idle WebSocket session, after a message
// each way, as bytes/conn. The goroutine's stack is in it, and what Go keeps for
// the socket, at both of its ends, since the client is in the same process. With
// deflate, the messages were compressed.
func BenchmarkIdle(b *testing.B) {
	b.Run("plain", func(b *testing.B) {
		benchmarkIdle(b, nil, "", clientFrame(true, ws.OpText, "4hello"), "4hello")
	})
	b.Run("deflate", func(b *testing.B) {
		text := "4" + strings.Repeat("hello ", 400)
		echo := string(deflateFrame(NewText([]byte(text[1:])).frame))
		benchmarkIdle(b, &Options{Deflate: true}, extensions+"permessage-deflate\r\n", packed(true, ws.OpText, pack(text)), echo)
	})
}

func benchmarkIdle(b *testing.B, o *Options, headers string, message []byte, echo string) {
	const clients = 1000
	bench := start(b, o, nil)
	bench.Server.accept = func(*Session) Handler { return echoHandler{} }
	conns := make([]net.Conn, clients)
	request := []byte("GET /engine.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\r\nAccept-Language: en\r\nCache-Control: no-cache\r\n" + upgradeHeaders + headers + "\r\n")
	answer := make([]byte, 2048)
	for b.Loop() {
		before := memory()
		for i := range conns {
			c := bench.tcp()
			conns[i] = c
			if _, err := c.Write(request); err != nil {
				b.Fatal(err)
			}
			if _, err := c.Read(answer); err != nil {
				b.Fatal(err)
			}
			if _, err := c.Write(message); err != nil {
				b.Fatal(err)
			}
			for {
				n, err := c.Read(answer)
				if err != nil {
					b.Fatal(err)
				}
				if strings.HasSuffix(string(answer[:n]), echo) {
					break
				}
			}
		}
		b.ReportMetric(float64(memory()-before)/clients, "bytes/conn")
		for _, c := range conns {
			c.Close()
		}
	}
}

// memory is the heap and the stacks in use after a collection.
func memory() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}
