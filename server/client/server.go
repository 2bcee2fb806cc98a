package client

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/gobwas/ws"
)

// Server is where sessions are opened, and how long their client waits.
type Server struct {
	Context  context.Context // with which all connections end
	URL      string          // such as http://127.0.0.1:3000
	Patience time.Duration   // bounds each dial, write, read and request. Zero: 30 s
}

func (s Server) patience() time.Duration {
	if s.Patience > 0 {
		return s.Patience
	}
	return 30 * time.Second
}

// Open opens a session over WebSocket.
func (s Server) Open() (*Session, error) {
	socket, err := s.OpenWebSocket(engineQuery)
	if err != nil {
		return nil, err
	}
	session := &Session{Server: s, WS: socket}
	return session, session.opened()
}

// OpenPolling opens a session over polling.
func (s Server) OpenPolling() (*Session, error) {
	session := &Session{Server: s, http: &http.Client{Transport: &http.Transport{DisableCompression: true}, Timeout: s.patience()}}
	session.Context, session.end = context.WithCancel(s.Context)
	return session, session.opened()
}

// Dial opens a bare connection.
func (s Server) Dial() (net.Conn, error) {
	ctx, cancel := context.WithTimeout(s.Context, s.patience())
	defer cancel()
	var d net.Dialer
	return d.DialContext(ctx, "tcp", strings.TrimPrefix(s.URL, "http://"))
}

// engineQuery is where the WebSockets of sessions are.
const engineQuery = "/socket.io/?EIO=4&transport=websocket"

// OpenWebSocket opens a bare WebSocket, by its path and query. A refusal is a ws.StatusError.
func (s Server) OpenWebSocket(path string) (*WebSocket, error) {
	dialer := ws.Dialer{ReadBufferSize: 4096, WriteBufferSize: 512, Timeout: s.patience()}
	conn, early, _, err := dialer.Dial(s.Context, "ws"+strings.TrimPrefix(s.URL, "http")+path)
	if err != nil {
		return nil, err
	}
	w := &WebSocket{Conn: conn, R: early, patience: s.patience()}
	if early == nil {
		w.R = bufio.NewReaderSize(conn, 4096)
	}
	w.forget = context.AfterFunc(s.Context, func() { conn.Close() })
	return w, nil
}
