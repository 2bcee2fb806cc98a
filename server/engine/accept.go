package engine

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"

	"ackbase/server/admission"
)

// handshakeFault says what is wrong with a WebSocket handshake (RFC 6455, section
// 4.2.1), or "". It is asked before the connection is taken over, so that every
// refusal is a plain answer of net/http.
func handshakeFault(r *http.Request) string {
	key, err := base64.StdEncoding.DecodeString(r.Header.Get("Sec-WebSocket-Key"))
	switch {
	case r.Method != http.MethodGet || !r.ProtoAtLeast(1, 1) || r.ProtoMajor != 1:
		return "a WebSocket handshake must be a GET request of HTTP/1.1"
	case !strings.EqualFold(r.Header.Get("Upgrade"), "websocket"):
		return "the Upgrade header of a WebSocket handshake must be websocket"
	case err != nil || len(key) != 16:
		return "the Sec-WebSocket-Key header must be 16 bytes in base64"
	case r.Header.Get("Sec-WebSocket-Version") != "13":
		return "the Sec-WebSocket-Version header must be 13"
	case r.ContentLength != 0:
		return "a WebSocket handshake must have no body"
	}
	return ""
}

// serveWebSocket accepts a WebSocket: for a new session where s is nil, else as a
// probe for an upgrade of s. It returns at once; a goroutine of its own reads.
func (srv *Server) serveWebSocket(w http.ResponseWriter, r *http.Request, query url.Values, s *Session) {
	if query.Get("transport") != WebSocket {
		refuse(w, true, codeBadRequest)
		return
	}
	if fault := handshakeFault(r); fault != "" {
		srv.stats.refused(codeBadRequest)
		refuseHandshake(w, http.StatusBadRequest, fault)
		return
	}
	var place admission.Place
	if s == nil {
		var admitted bool
		if place, admitted = srv.admit(w, r, true); !admitted {
			return
		}
	}
	upgrader := ws.HTTPUpgrader{Timeout: srv.options.StallTimeout, Header: corsOnly(w.Header())}
	var extension wsflate.Extension
	if srv.options.Deflate {
		negotiateDeflate(&upgrader, &extension)
	}
	conn, rw, _, err := upgrader.Upgrade(r, w)
	if err != nil {
		place.Leave()
		if conn != nil {
			_ = conn.Close()
		}
		return
	}
	var early *buffer
	if n := rw.Reader.Buffered(); n > 0 {
		early = getBuffer(max(n, readBufferSize))
		head, _ := rw.Reader.Peek(n)
		early.b = append(early.b, head...)
	}
	_, deflate := extension.Accepted()
	if s != nil {
		reader := newReader(s, conn, early)
		reader.deflate = deflate
		s.startProbe(reader)
		return
	}
	s = newSession(srv, r, query, place)
	s.setConn(conn)
	reader := newReader(s, conn, early)
	if deflate {
		reader.deflate = true
		s.form.Or(uint32(deflated))
	}
	if !srv.open(s, srv.openTail) {
		s.closeConn(conn)
	}
	go reader.run()
}

// admit asks for a place for a new session. Where there is none the request has been answered.
func (srv *Server) admit(w http.ResponseWriter, r *http.Request, upgrade bool) (admission.Place, bool) {
	place, refusal := srv.options.Admission.Enter(r)
	if refusal == admission.Admitted {
		return place, true
	}
	srv.options.Logger.Warn("engine: a handshake was refused", "reason", refusal.String(),
		"address", srv.options.Admission.Client(r), "remote", r.RemoteAddr)
	w.Header().Set("Retry-After", strconv.Itoa(refusal.RetryAfter()))
	if upgrade {
		refuseHandshake(w, refusal.Status(), refusal.Message())
	} else {
		answerRefusal(w, refusal.Status(), codeBusy, refusal.Message())
	}
	return place, false
}

// corsOnly returns the headers that a handshake's answer takes from what was set
// before.
func corsOnly(set http.Header) http.Header {
	h := make(http.Header, 3)
	for _, name := range [...]string{"Vary", "Access-Control-Allow-Origin", "Access-Control-Allow-Credentials"} {
		if v := set[name]; v != nil {
			h[name] = v
		}
	}
	return h
}
