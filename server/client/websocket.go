package client

import (
	"bufio"
	"io"
	"net"
	"sync"
	"time"

	"github.com/gobwas/ws"
)

// WebSocket is a WebSocket in bare frames, each read and write with a deadline. One goroutine may read
// while others send.
type WebSocket struct {
	net.Conn
	R *bufio.Reader // of the connection; a test may put another one in its place before anything is read

	patience time.Duration
	part     []byte      // the message that Next returned
	forget   func() bool // ends the watch over the context

	mu  sync.Mutex // held while writing
	out []byte
}

// Close closes the connection. It may be called again.
func (w *WebSocket) Close() error {
	w.forget()
	return w.Conn.Close()
}

// Reset ends the connection by a RST in place of a FIN.
func (w *WebSocket) Reset() {
	_ = w.Conn.(*net.TCPConn).SetLinger(0)
	_ = w.Close()
}

// Send sends text messages with one write.
func (w *WebSocket) Send(packets ...string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.out = w.out[:0]
	for _, packet := range packets {
		w.out = AppendFrame(w.out, ws.OpText, []byte(packet))
	}
	return w.WriteBytes(w.out)
}

// WriteBytes writes bytes as they are.
func (w *WebSocket) WriteBytes(frames []byte) error {
	_ = w.SetWriteDeadline(time.Now().Add(w.patience))
	_, err := w.Conn.Write(frames)
	return err
}

// send sends a frame.
func (w *WebSocket) send(op ws.OpCode, payload []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.out = AppendFrame(w.out[:0], op, payload)
	return w.WriteBytes(w.out)
}

// Next is the next message, valid until the next call. Pings are answered.
func (w *WebSocket) Next() ([]byte, error) {
	w.part = w.part[:0]
	for {
		_ = w.SetReadDeadline(time.Now().Add(w.patience))
		h, err := ws.ReadHeader(w.R)
		if err != nil {
			return nil, err
		}
		start := len(w.part)
		if need := start + int(h.Length); need > cap(w.part) {
			w.part = append(make([]byte, 0, need), w.part...)
		}
		w.part = w.part[:start+int(h.Length)]
		if _, err := io.ReadFull(w.R, w.part[start:]); err != nil {
			return nil, err
		}
		switch {
		case h.OpCode == ws.OpClose:
			return nil, ErrClosed
		case h.OpCode == ws.OpPing:
			if err := w.send(ws.OpPong, w.part[start:]); err != nil {
				return nil, err
			}
			w.part = w.part[:start]
		case h.OpCode.IsControl():
			w.part = w.part[:start]
		case h.Fin && len(w.part) > 0:
			return w.part, nil
		}
	}
}

// AppendFrame appends a masked frame.
func AppendFrame(dst []byte, op ws.OpCode, payload []byte) []byte {
	return append(dst, ws.MustCompileFrame(ws.MaskFrame(ws.NewFrame(op, true, payload)))...)
}
