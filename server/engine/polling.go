package engine

import (
	"net/http"
	"net/url"
	"time"
)

// openPolling opens a session; its OPEN packet is the answer to the request.
func (srv *Server) openPolling(w http.ResponseWriter, r *http.Request, query url.Values) {
	place, admitted := srv.admit(w, r, false)
	if !admitted {
		return
	}
	s := newSession(srv, r, query, place)
	s.getting = true
	if !srv.open(s, srv.pollTail) {
		s.release()
		s.donePolling()
		refuse(w, false, codeBadRequest)
		return
	}
	s.release()
	s.respond(w, r)
	s.donePolling()
}

// donePolling ends the use of the session by a request.
func (s *Session) donePolling() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unref()
}

// servePolling answers a request of a session. stamp is the t of its query, if it has one.
func (s *Session) servePolling(w http.ResponseWriter, r *http.Request, stamp string) {
	if s.resent(r.Method, stamp) {
		refuse(w, false, codeBadRequest)
		return
	}
	switch r.Method {
	case http.MethodGet:
		s.serveGet(w, r)
	case http.MethodPost:
		s.servePost(w, r)
	default:
		refuse(w, false, codeBadMethod)
	}
}

// serveGet answers a poll: with what waits, or what comes next.
func (s *Session) serveGet(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	switch {
	case s.conn != nil:
		s.mu.Unlock()
		refuse(w, false, codeBadRequest)
		return
	case s.reason != "" && !s.keep:
		s.mu.Unlock()
		refuse(w, false, codeUnknownSession)
		return
	case s.getting:
		s.shut(ReasonTransportError, 0, false)
		s.mu.Unlock()
		refuse(w, false, codeBadRequest)
		return
	}
	s.getting = true
	s.stallBy = 0
	s.refs++
	if s.reason != "" {
		s.unkeep()
	} else if !s.waits() || s.holds() {
		wake := make(chan struct{})
		s.poll = wake
		probed := s.probed
		s.mu.Unlock()
		if !s.awaitOutput(w, r, wake, probed) {
			s.donePolling()
			return
		}
		s.mu.Lock()
		if s.conn != nil {
			// The upgrade came while the poll waited: it is one too many.
			s.getting = false
			s.unref()
			s.mu.Unlock()
			refuse(w, false, codeBadRequest)
			return
		}
	}
	s.mu.Unlock()
	s.respond(w, r)
	s.donePolling()
}

// awaitOutput waits until a poll is to be answered. It returns false where the
// client gave the poll up, which closes the session.
func (s *Session) awaitOutput(w http.ResponseWriter, r *http.Request, wake chan struct{}, probed bool) bool {
	// The read deadline of the HTTP server was for the request, which is read.
	// Passing while a poll waits, it would look like a client that went away.
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	var noop <-chan time.Time
	if probed {
		timer := time.NewTimer(probeNoop)
		defer timer.Stop()
		noop = timer.C
	}
	select {
	case <-wake:
	case <-noop:
		s.mu.Lock()
		s.poll = nil
		s.mu.Unlock()
	case <-r.Context().Done():
	}
	if r.Context().Err() == nil {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.poll = nil
	s.shut(ReasonTransportError, 0, false)
	return false
}
