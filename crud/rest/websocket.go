package rest

import (
	"context"
	"errors"
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
func (h *Handler) serveWebSocket(w http.ResponseWriter, r *http.Request, t target) {
	if r.Header.Get("Upgrade") == "" {
		w.Header().Set("Upgrade", "websocket")
		fail(w, "BAD_REQUEST", http.StatusUpgradeRequired, "this path is a WebSocket: open it with new WebSocket(…); GET "+Prefix+"{collection} answers without one")
		return
	}
	s, _ := h.openStream(w, r, t, snapshots{}, "")
	if s == nil {
		return
	}
	defer s.close(nil)
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true}) // AllowOrigin has verified it
	if err != nil {
		return // Accept has answered
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
	err = s.run(func(frame []byte) error {
		ctx, cancel := context.WithTimeout(context.Background(), stallTimeout)
		defer cancel()
		return ws.Write(ctx, websocket.MessageText, frame)
	}, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), heartbeat)
		defer cancel()
		return ws.Ping(ctx)
	})
	code := websocket.StatusCode(closeCode + http.StatusServiceUnavailable)
	switch {
	case errors.Is(err, errShutdown):
		code = websocket.StatusGoingAway
	case errors.Is(err, errSent):
		code = closeCode + http.StatusBadRequest
	case websocket.CloseStatus(err) != -1:
		return // the client said goodbye, and was answered
	}
	// A client that does not answer the close frame must not keep the server from its end.
	defer time.AfterFunc(goodbye, func() { _ = ws.CloseNow() }).Stop()
	_ = ws.Close(code, err.Error())
}

var errSent = errors.New("this WebSocket only sends: write over " + Prefix + " or over Socket.IO")
