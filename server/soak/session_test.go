package soak

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/gobwas/ws"
)

// patience bounds each wait of a client. It is what a hanging server costs, no pace.
const patience = 30 * time.Second

// session is one Engine.IO session in bare packets, over WebSocket or polling. One goroutine may read
// while others send.
type session struct {
	visitor
	sid  string
	ws   *webSocket // nil over polling
	http *http.Client
	came [][]byte // of a poll's payload, still to be read

	posting sync.Mutex // over polling, where one POST at a time is allowed
}

// open opens a session over WebSocket.
func (v visitor) open() (*session, error) {
	socket, err := v.dialWebSocket("")
	if err != nil {
		return nil, err
	}
	s := &session{visitor: v, ws: socket}
	return s, s.opened()
}

// openPolling opens a session over polling.
func (v visitor) openPolling() (*session, error) {
	s := &session{visitor: v, http: &http.Client{Transport: &http.Transport{DisableCompression: true}, Timeout: patience}}
	return s, s.opened()
}

// dial opens a bare connection.
func (v visitor) dial() (net.Conn, error) {
	ctx, cancel := context.WithTimeout(v.ctx, patience)
	defer cancel()
	var d net.Dialer
	return d.DialContext(ctx, "tcp", strings.TrimPrefix(v.url, "http://"))
}

// opened reads the OPEN packet.
func (s *session) opened() error {
	packet, err := s.next()
	if err == nil {
		_, rest, found := bytes.Cut(packet, []byte(`"sid":"`))
		sid, _, closed := bytes.Cut(rest, []byte(`"`))
		if s.sid = string(sid); !found || !closed || packet[0] != '0' {
			err = fmt.Errorf("the server sent %q, want OPEN", packet)
		}
	}
	if err != nil {
		s.drop()
	}
	return err
}

// connect joins the main namespace.
func (s *session) connect() error {
	if err := s.send("40"); err != nil {
		return err
	}
	packet, err := s.read()
	if err == nil && !bytes.HasPrefix(packet, []byte(`40{"sid":"`)) {
		err = fmt.Errorf("the server sent %q, want CONNECT", packet)
	}
	return err
}

// send sends packets, over polling in one body.
func (s *session) send(packets ...string) error {
	if s.ws != nil {
		return s.ws.send(packets...)
	}
	s.posting.Lock()
	defer s.posting.Unlock()
	status, _, err := s.request(s.ctx, http.MethodPost, strings.Join(packets, "\x1e"))
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("a POST got status %d", status)
	}
	return err
}

// next is the next packet, valid until the next call.
func (s *session) next() ([]byte, error) {
	if s.ws != nil {
		return s.ws.next()
	}
	if len(s.came) == 0 {
		status, body, err := s.request(s.ctx, http.MethodGet, "")
		if err != nil {
			return nil, err
		}
		if status != http.StatusOK || len(body) == 0 {
			return nil, fmt.Errorf("%w: a poll got status %d", errClosed, status)
		}
		s.came = bytes.Split(body, []byte{'\x1e'})
	}
	packet := s.came[0]
	s.came = s.came[1:]
	return packet, nil
}

// read is the next packet that is neither NOOP nor PING; pings are answered.
func (s *session) read() ([]byte, error) {
	for {
		packet, err := s.next()
		switch {
		case err != nil:
			return nil, err
		case len(packet) == 1 && packet[0] == '2':
			if err := s.send("3"); err != nil {
				return nil, err
			}
		case len(packet) == 1 && packet[0] == '6':
		case len(packet) == 1 && packet[0] == '1':
			return nil, errClosed
		default:
			return packet, nil
		}
	}
}

// readUntil reads up to a packet that begins so.
func (s *session) readUntil(prefix string) error {
	for {
		packet, err := s.read()
		if err != nil {
			return fmt.Errorf("waiting for %s: %w", prefix, err)
		}
		if bytes.HasPrefix(packet, []byte(prefix)) {
			return nil
		}
	}
}

// readToEnd reads until the server has ended the session. pongs says whether pings are answered.
func (s *session) readToEnd(pongs bool) error {
	read := s.next
	if pongs {
		read = s.read
	}
	for {
		if _, err := read(); err != nil {
			var timeout net.Error
			if errors.As(err, &timeout) && timeout.Timeout() {
				return fmt.Errorf("the server did not end the session: %w", err)
			}
			return nil
		}
	}
}

// request makes an HTTP request of the session, or the one that opens it.
func (s *session) request(ctx context.Context, method, body string) (status int, answer []byte, err error) {
	url := s.url + "/socket.io/?EIO=4&transport=polling"
	if s.sid != "" {
		url += "&sid=" + s.sid
	}
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "text/plain;charset=UTF-8")
	}
	res, err := s.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	answer, err = io.ReadAll(res.Body)
	return res.StatusCode, answer, err
}

// probe begins the upgrade of a polling session: the server has answered it.
func (s *session) probe() (*webSocket, error) {
	socket, err := s.dialWebSocket("&sid=" + s.sid)
	if err != nil {
		return nil, err
	}
	err = socket.send("2probe")
	if err == nil {
		var packet []byte
		if packet, err = socket.next(); err == nil && string(packet) != "3probe" {
			err = fmt.Errorf("the server sent %q, want 3probe", packet)
		}
	}
	if err != nil {
		socket.Close()
	}
	return socket, err
}

// upgrade moves a polling session, which nobody polls at the time, to a WebSocket.
func (s *session) upgrade() error {
	socket, err := s.probe()
	if err != nil {
		return err
	}
	if err := socket.send("5"); err != nil {
		socket.Close()
		return err
	}
	s.http.CloseIdleConnections()
	s.ws = socket
	return nil
}

// drop ends the connection without a word. It may be called again.
func (s *session) drop() {
	if s.ws != nil {
		s.ws.Close()
	}
	if s.http != nil {
		s.http.CloseIdleConnections()
	}
}

var errClosed = errors.New("the server closed the session")

// webSocket is a WebSocket in bare frames, each write with a deadline.
type webSocket struct {
	net.Conn
	r      *bufio.Reader
	part   []byte      // the message that next returned
	forget func() bool // ends the watch over the visitor's context

	mu  sync.Mutex // held while writing
	out []byte
}

func (v visitor) dialWebSocket(more string) (*webSocket, error) {
	dialer := ws.Dialer{ReadBufferSize: 4096, WriteBufferSize: 512, Timeout: patience}
	conn, early, _, err := dialer.Dial(v.ctx, "ws"+strings.TrimPrefix(v.url, "http")+"/socket.io/?EIO=4&transport=websocket"+more)
	if err != nil {
		return nil, err
	}
	w := &webSocket{Conn: conn, r: early}
	if early == nil {
		w.r = bufio.NewReaderSize(conn, 4096)
	}
	w.forget = context.AfterFunc(v.ctx, func() { conn.Close() })
	return w, nil
}

// Close closes the connection. It may be called again.
func (w *webSocket) Close() error {
	w.forget()
	return w.Conn.Close()
}

// send sends text messages with one write.
func (w *webSocket) send(packets ...string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.out = w.out[:0]
	for _, packet := range packets {
		w.out = appendFrame(w.out, ws.OpText, []byte(packet))
	}
	return w.write(w.out)
}

// write writes bytes as they are.
func (w *webSocket) write(frames []byte) error {
	_ = w.SetWriteDeadline(time.Now().Add(patience))
	_, err := w.Conn.Write(frames)
	return err
}

// next is the next message, valid until the next call.
func (w *webSocket) next() ([]byte, error) {
	w.part = w.part[:0]
	for {
		_ = w.SetReadDeadline(time.Now().Add(patience))
		h, err := ws.ReadHeader(w.r)
		if err != nil {
			return nil, err
		}
		start := len(w.part)
		if need := start + int(h.Length); need > cap(w.part) {
			w.part = append(make([]byte, 0, need), w.part...)
		}
		w.part = w.part[:start+int(h.Length)]
		if _, err := io.ReadFull(w.r, w.part[start:]); err != nil {
			return nil, err
		}
		switch {
		case h.OpCode == ws.OpClose:
			return nil, errClosed
		case h.OpCode.IsControl():
			w.part = w.part[:start]
		case h.Fin && len(w.part) > 0:
			return w.part, nil
		}
	}
}

// reset ends the connection by a RST in place of a FIN.
func (w *webSocket) reset() {
	_ = w.Conn.(*net.TCPConn).SetLinger(0)
	w.Close()
}

// appendFrame appends a masked frame.
func appendFrame(dst []byte, op ws.OpCode, payload []byte) []byte {
	return append(dst, ws.MustCompileFrame(ws.MaskFrame(ws.NewFrame(op, true, payload)))...)
}
