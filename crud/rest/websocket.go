package rest

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"time"

	"github.com/coder/websocket"

	"ackbase/crud"
)

// WebSocketPrefix is the path of the plain WebSockets: /ws/{collection} and
// /ws/{collection}/{id}, with ?since= and, for a collection, filters.
const WebSocketPrefix = "/ws/"

// closeCode is what is added to the status of an error to make a WebSocket's close code of it.
const closeCode = 4000

// goodbye is how long a client may take to answer the close frame.
const goodbye = time.Second

// maxSent is how large a message may be that a client sends, which it should not.
const maxSent = 4 << 10

// snapshots encodes changes for plain WebSockets: { id, snapshot }.
type snapshots struct{}

func (snapshots) Change(e *crud.Event) crud.Frame {
	b, err := e.AppendSnapshot(nil)
	if err != nil { // cannot be: a stored item is an object
		panic(err)
	}
	return b
}

// Event drops BOOKMARK: every message is a snapshot.
func (snapshots) Event(string, []byte) crud.Frame { return nil }

// serveWebSocket sends { id, snapshot } for each change until the client goes.
func (h *Handler) serveWebSocket(w http.ResponseWriter, r *http.Request, t target) error {
	s, subscribed := h.openStream(w, r, t, t.wire(), "")
	if s == nil {
		return nil
	}
	defer s.close(nil)
	own := &hijacker{ResponseWriter: w}
	ws, err := websocket.Accept(own, r, &websocket.AcceptOptions{InsecureSkipVerify: true}) // AllowOrigin has verified it
	if err != nil {
		return err // Accept has answered
	}
	ws.SetReadLimit(maxSent)
	read := make(chan struct{})
	go func() {
		defer close(read)
		// Reading is what answers pings and takes pongs and the close frame.
		_, _, err := ws.Read(context.Background())
		if err == nil {
			err = errSent
		}
		s.end(err)
	}()
	defer func() {
		_ = ws.CloseNow()
		<-read
	}()
	write := func(frame []byte) error {
		ctx, cancel := context.WithTimeout(context.Background(), h.options.StallTimeout)
		defer cancel()
		return ws.Write(ctx, websocket.MessageText, frame)
	}
	if err = t.begin(subscribed, write); err == nil {
		err = s.run(write, func() error {
			ctx, cancel := context.WithTimeout(context.Background(), h.options.PingInterval)
			defer cancel()
			return ws.Ping(ctx)
		})
	}
	code := websocket.StatusCode(closeCode + http.StatusServiceUnavailable)
	switch {
	case errors.Is(err, errShutdown):
		code = websocket.StatusGoingAway
	case errors.Is(err, errSent):
		code = closeCode + http.StatusBadRequest
	case websocket.CloseStatus(err) != -1:
		return nil // the client said goodbye, and was answered
	}
	// A client that does not answer the close frame must not keep the server from
	// its end. CloseNow would wait for Close, which waits for five seconds.
	defer time.AfterFunc(goodbye, func() { _ = own.conn.Close() }).Stop()
	_ = ws.Close(code, err.Error())
	return err
}

// hijacker remembers the connection that a WebSocket takes over.
type hijacker struct {
	http.ResponseWriter
	conn net.Conn
}

// Hijack implements http.Hijacker.
func (h *hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(h.ResponseWriter).Hijack()
	h.conn = conn
	return conn, rw, err
}

var errSent = errors.New("this WebSocket only sends: write over " + Prefix + " or over Socket.IO")
