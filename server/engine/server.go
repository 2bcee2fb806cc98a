package engine

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gobwas/ws"
)

// Server is an Engine.IO server. It is an http.Handler for the one path on which
// it is mounted.
type Server struct {
	options   Options
	accept    func(*Session) Handler
	openTail  string // of the OPEN packet of a WebSocket, after the session's id
	pollTail  string // the same for polling
	epoch     time.Time
	stats     stats
	polling   bool
	webSocket bool
	flusher   flusher

	mu       sync.RWMutex
	sessions map[string]*Session // open, and closed ones that something still uses
	closing  bool
	idle     chan struct{} // closed when closing and no session is left
}

// New makes a server. accept is called for each new session, before its OPEN
// packet is sent, and returns the session's handler; what it sends follows the
// OPEN packet. It may call any method of the session. A nil handler ignores
// everything. accept may run for many sessions at the same time.
func New(o *Options, accept func(*Session) Handler) *Server {
	srv := &Server{
		options:  o.withDefaults(),
		accept:   accept,
		epoch:    time.Now(),
		sessions: make(map[string]*Session),
		idle:     make(chan struct{}),
	}
	srv.flusher.server = srv
	srv.polling = slices.Contains(srv.options.Transports, Polling)
	srv.webSocket = slices.Contains(srv.options.Transports, WebSocket)
	srv.openTail = openTail(&srv.options, nil)
	srv.pollTail = srv.openTail
	if srv.webSocket {
		srv.pollTail = openTail(&srv.options, []string{WebSocket})
	}
	return srv
}

// now is the time since the server was made, in nanoseconds and never 0.
func (srv *Server) now() int64 { return int64(time.Since(srv.epoch)) + 1 }

// ServeHTTP answers every request of Engine.IO, whatever its path.
func (srv *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	upgrade := isUpgrade(r)
	if !srv.AllowOrigin(w, r) {
		srv.stats.refused(codeForbidden)
		refuse(w, upgrade, codeForbidden)
		return
	}
	if r.Method == http.MethodOptions && !upgrade {
		preflight(w, r)
		return
	}
	query := r.URL.Query()
	transport := query.Get("transport")
	if !(transport == Polling && srv.polling || transport == WebSocket && srv.webSocket) {
		srv.stats.refused(codeUnknownTransport)
		refuse(w, upgrade, codeUnknownTransport)
		return
	}
	var session *Session
	if sid := query.Get("sid"); sid != "" {
		session = srv.session(sid)
		switch {
		case session == nil:
			refuse(w, upgrade, codeUnknownSession)
			return
		case (session.protocol == 3) != (query.Get("EIO") == "3"):
			refuse(w, upgrade, codeBadRequest)
			return
		}
	} else {
		code := codeNone
		switch {
		case r.Method != http.MethodGet:
			code = codeBadMethod
		case upgrade != (transport == WebSocket):
			code = codeBadRequest
		default:
			if protocol, _ := srv.protocolOf(query); protocol == 0 {
				code = codeUnsupportedVersion
			}
		}
		switch {
		case code != codeNone:
			srv.stats.refused(code)
			refuse(w, upgrade, code)
			return
		case query.Has("j") && !upgrade:
			srv.stats.refused(codeBadRequest)
			answerRefusal(w, http.StatusBadRequest, codeBadRequest, "JSONP is not supported: use polling over XHR (jsonp: false) or websocket")
			return
		}
	}
	switch {
	case upgrade:
		srv.serveWebSocket(w, r, query, session)
	case transport == WebSocket:
		refuse(w, false, codeBadRequest)
	case session == nil:
		srv.openPolling(w, r, query)
	default:
		session.servePolling(w, r, query.Get("t"))
	}
}

// session returns the session with the given id, unless it is closed.
func (srv *Server) session(sid string) *Session {
	srv.mu.RLock()
	s := srv.sessions[sid]
	srv.mu.RUnlock()
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reason == "" {
		s.checkDeadlines(srv.now() + int64(clockSlack))
	}
	if s.reason != "" && !s.keep {
		return nil
	}
	return s
}

// open registers a new session and lets accept have it. It returns false where
// the server is shutting down or accept panicked; the session is closed then.
func (srv *Server) open(s *Session, tail string) bool {
	srv.mu.Lock()
	refused := srv.closing
	srv.sessions[s.id] = s
	srv.mu.Unlock()
	srv.stats.opened.Add(1)
	s.mu.Lock()
	s.sendPacket('0', `{"sid":"`+s.id+tail)
	if refused {
		s.shut(ReasonShutdown, ws.StatusGoingAway, false)
	}
	s.mu.Unlock()
	if !refused {
		s.guard("accept", func() {
			if h := srv.accept(s); h != nil {
				s.mu.Lock() // Sessions may look at it
				s.handler = h
				s.mu.Unlock()
			}
			if h, ok := s.handler.(Opener); ok {
				h.Opened(s)
			}
		})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reason == "" || s.drain
}

// gone forgets a session of which nothing is left.
func (srv *Server) gone(s *Session) {
	s.place.Leave()
	srv.mu.Lock()
	defer srv.mu.Unlock()
	delete(srv.sessions, s.id)
	if srv.closing && len(srv.sessions) == 0 {
		closeOnce(srv.idle)
	}
}

// Len is the number of sessions, those that are being closed among them.
func (srv *Server) Len() int {
	srv.mu.RLock()
	defer srv.mu.RUnlock()
	return len(srv.sessions)
}

// Shutdown closes every session, with ReasonShutdown, and opens no more. What
// waits is still written. Clients see their transport close, after which stock
// clients connect again. It returns nil when nothing of any session is left, no
// goroutine and no timer. When ctx ends, connections are cut off, and its error
// is returned as soon as everything is gone, or after a second where a handler
// does not return.
//
// Shutdown does not wait for http.Server, which should stop listening first.
func (srv *Server) Shutdown(ctx context.Context) error {
	srv.mu.Lock()
	srv.closing = true
	if len(srv.sessions) == 0 {
		closeOnce(srv.idle)
	}
	srv.mu.Unlock()
	srv.each(func(s *Session) {
		s.shut(ReasonShutdown, ws.StatusGoingAway, true)
		if limit := srv.now() + int64(shutdownGrace); s.keep && s.closeBy > limit {
			s.closeBy = limit
			s.schedule(limit)
		}
	})
	select {
	case <-srv.idle:
		return nil
	case <-ctx.Done():
	}
	srv.each(func(s *Session) { s.shut(ReasonShutdown, ws.StatusGoingAway, false) })
	timeout := time.NewTimer(time.Second)
	defer timeout.Stop()
	select {
	case <-srv.idle:
	case <-timeout.C:
	}
	return ctx.Err()
}

// each calls f for every session, with its lock held.
func (srv *Server) each(f func(*Session)) {
	srv.mu.RLock()
	all := make([]*Session, 0, len(srv.sessions))
	for _, s := range srv.sessions {
		all = append(all, s)
	}
	srv.mu.RUnlock()
	for _, s := range all {
		s.mu.Lock()
		f(s)
		s.mu.Unlock()
	}
}

// closeOnce closes c if it is open. The caller holds a lock.
func closeOnce(c chan struct{}) {
	select {
	case <-c:
	default:
		close(c)
	}
}

// newID returns 20 characters that cannot be guessed: 120 random bits.
func newID() string {
	var b [15]byte
	_, _ = rand.Read(b[:]) // never fails, see its doc
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// isUpgrade tells a WebSocket handshake from any other request, as Node's HTTP
// server does: by its Connection and Upgrade headers.
func isUpgrade(r *http.Request) bool {
	return r.Header.Get("Upgrade") != "" && slices.ContainsFunc(r.Header["Connection"], func(v string) bool {
		return slices.ContainsFunc(strings.Split(v, ","), func(token string) bool {
			return strings.EqualFold(strings.TrimSpace(token), "upgrade")
		})
	})
}
