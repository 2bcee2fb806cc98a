package engine

import (
	"sync"
	"sync/atomic"
)

// Stats is what a server does and has done. The counts are since it was made.
type Stats struct {
	Polling   int // open sessions over polling
	WebSocket int // open sessions over WebSocket
	Waiting   int // bytes that wait for the clients of all sessions
	Incoming  int // bytes of messages that have not come as a whole

	Opened  uint64            // sessions
	Refused map[string]uint64 // handshakes, by why: of the protocol here, of Options.Admission and its bounds too
	Closed  map[string]uint64 // sessions, by the reason that Handler.Closed got
}

// stats are the counts of a server.
type stats struct {
	opened   atomic.Uint64
	refusals [len(refusalMessages)]atomic.Uint64

	mu      sync.Mutex
	reasons map[string]uint64
}

// refusalNames name what is wrong with a handshake in one word.
var refusalNames = [len(refusalMessages)]string{
	codeUnknownTransport:   "unknown_transport",
	codeUnknownSession:     "unknown_session",
	codeBadMethod:          "bad_method",
	codeBadRequest:         "bad_request",
	codeForbidden:          "forbidden",
	codeUnsupportedVersion: "unsupported_version",
}

func (s *stats) refused(code refusal) { s.refusals[code].Add(1) }

// maxReasons is how many reasons for closing are told apart, since a program may give any.
const maxReasons = 32

func (s *stats) closed(reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reasons == nil {
		s.reasons = make(map[string]uint64)
	}
	if _, known := s.reasons[reason]; !known && len(s.reasons) >= maxReasons {
		reason = "other"
	}
	s.reasons[reason]++
}

// Stats tells what the server does. It looks at every session.
func (srv *Server) Stats() Stats {
	s := Stats{
		Opened:  srv.stats.opened.Load(),
		Refused: srv.options.Admission.Refused(),
		Closed:  make(map[string]uint64),
	}
	for code, name := range refusalNames {
		s.Refused[name] = srv.stats.refusals[code].Load()
	}
	for _, reason := range [...]string{ // those that watch for them need the zero
		ReasonTransportClose, ReasonTransportError, ReasonPingTimeout, ReasonParseError,
		ReasonForcedClose, ReasonTooSlow, ReasonStalled, ReasonOverload, ReasonShutdown,
	} {
		s.Closed[reason] = 0
	}
	srv.stats.mu.Lock()
	for reason, n := range srv.stats.reasons {
		s.Closed[reason] = n
	}
	srv.stats.mu.Unlock()
	srv.each(func(session *Session) {
		s.Incoming += session.unfinished()
		if session.reason == "" || session.drain {
			s.Waiting += session.queued
		}
		switch {
		case session.reason != "":
		case session.conn != nil:
			s.WebSocket++
		default:
			s.Polling++
		}
	})
	return s
}
