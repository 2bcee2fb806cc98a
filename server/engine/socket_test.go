package engine

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// A socket is the client's side of a WebSocket.
type socket struct {
	testing.TB
	net.Conn
	in *bufio.Reader
}

// dial opens a WebSocket and returns it before anything of it was read.
func (b *bench) dial(query string) *socket {
	b.Helper()
	s, err := b.tryDial(query)
	if err != nil {
		b.Fatalf("%s: %v", query, err)
	}
	return s
}

func (b *bench) tryDial(query string) (*socket, error) {
	conn, in, _, err := ws.Dial(context.Background(), "ws"+strings.TrimPrefix(b.url(query), "http"))
	if err != nil {
		return nil, err
	}
	b.Cleanup(func() { conn.Close() })
	if in == nil {
		in = bufio.NewReader(conn)
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	return &socket{b.TB, conn, in}, nil
}

// connect opens a session over WebSocket and reads its OPEN packet.
func (b *bench) connect() *socket {
	b.Helper()
	s := b.dial("EIO=4&transport=websocket")
	parseOpen(b, s.text())
	return s
}

// frame reads one frame; at the end of the stream the op is 0xff.
func (s *socket) frame() (ws.OpCode, []byte) {
	s.Helper()
	h, err := ws.ReadHeader(s.in)
	if err != nil {
		return 0xff, []byte(err.Error())
	}
	if !h.Fin || h.Masked || h.Rsv != 0 {
		s.Errorf("the server sent the frame header %+v", h)
	}
	payload := make([]byte, h.Length)
	if _, err := io.ReadFull(s.in, payload); err != nil {
		return 0xff, []byte(err.Error())
	}
	return h.OpCode, payload
}

func (s *socket) text() string {
	s.Helper()
	op, payload := s.frame()
	if op != ws.OpText {
		s.Fatalf("got frame %x %.200q, want a text frame", op, payload)
	}
	return string(payload)
}

// wantFrame reads a frame and compares.
func (s *socket) wantFrame(op ws.OpCode, payload string) {
	s.Helper()
	gotOp, got := s.frame()
	if gotOp != op || string(got) != payload {
		s.Fatalf("got frame %x %.200q, want %x %.200q", gotOp, got, op, payload)
	}
}

// wantClose reads a close frame with the code (0: none), then the stream's end.
func (s *socket) wantClose(code ws.StatusCode) {
	s.Helper()
	op, payload := s.frame()
	if op != ws.OpClose {
		s.Fatalf("got frame %x %.200q, want a close frame", op, payload)
	}
	if got, _ := ws.ParseCloseFrameData(payload); got != code {
		s.Errorf("close code %d, want %d", got, code)
	}
	if op, payload := s.frame(); op != 0xff {
		s.Errorf("after the close frame came frame %x %.200q", op, payload)
	}
	s.Conn.Close()
}

// wantEnd reads until the stream ends.
func (s *socket) wantEnd() {
	s.Helper()
	_ = s.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.Copy(io.Discard, s.in); err != nil {
		if e, ok := err.(net.Error); ok && e.Timeout() {
			s.Error("the connection stays open")
		}
	}
}

// send writes a masked frame with the FIN bit.
func (s *socket) send(op ws.OpCode, payload string) {
	s.Helper()
	s.raw(clientFrame(true, op, payload))
}

func (s *socket) raw(b []byte) {
	s.Helper()
	if _, err := s.Write(b); err != nil {
		s.Errorf("write: %v", err)
	}
}

// clientFrame makes a masked frame.
func clientFrame(fin bool, op ws.OpCode, payload string) []byte {
	f := ws.NewFrame(op, fin, []byte(payload))
	f = ws.MaskFrameWith(f, [4]byte{1, 2, 3, 4})
	var b bytes.Buffer
	_ = ws.WriteFrame(&b, f) // a buffer takes everything
	return b.Bytes()
}
