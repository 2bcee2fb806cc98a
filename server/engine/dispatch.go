package engine

import (
	"errors"
	"runtime/debug"

	"github.com/gobwas/ws"

	"ackbase/server/packet"
)

// begin marks the handler as running. It returns false on a closed session, for
// which the handler must not run any more.
func (s *Session) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reason != "" {
		return false
	}
	s.busy = true
	if s.paused != nil && s.paused.Stop() {
		s.paused, s.writing = nil, false
		s.unref()
	}
	if !s.writing {
		s.notYet = 0 // the client has read, or does not care
	}
	return true
}

// end follows begin: it calls BatchEnd, and Closed if the session closed
// meanwhile, and sees that everything sent leaves. On a WebSocket the calling
// goroutine writes it.
func (s *Session) end() {
	s.guard("BatchEnd", func() { s.handler.BatchEnd(s) })
	s.release()
}

// release ends the time in which the handler was busy.
func (s *Session) release() {
	s.mu.Lock()
	s.busy = false
	closed := s.reason != ""
	s.changed.Broadcast()
	write := s.conn != nil && !s.writing && (s.waits() || closed && !s.goodbye)
	if write {
		s.writing = true
		s.refs++
	} else {
		s.kick()
	}
	s.mu.Unlock()
	if closed {
		s.finish()
	}
	if write {
		s.answering.Store(true)
		s.write(byReader)
		s.seen.Store(s.server.now())
		s.answering.Store(false)
	}
}

// holds tells whether what is sent stays until the handler returns.
func (s *Session) holds() bool { return s.busy && s.resting == 0 }

// Wait calls f, for which a handler has to wait within Message. What was sent leaves meanwhile, and what
// is sent: f may wait for something that is not done until the client has taken it. Nothing is read
// from the client, so that f must end without it.
func (s *Session) Wait(f func()) {
	s.mu.Lock()
	s.resting++
	s.kick()
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.resting--
		s.seen.Store(s.server.now()) // the pong may be in what was not read
		s.mu.Unlock()
	}()
	f()
}

// guard runs a method of the handler. A panic in it closes the session, as one
// in an HTTP handler closes the connection, and does not end the process.
func (s *Session) guard(method string, call func()) {
	defer func() {
		if p := recover(); p != nil {
			s.panicked(method, p)
		}
	}()
	call()
}

func (s *Session) panicked(method string, p any) {
	s.server.options.Logger.Error("engine: the handler panicked", "method", method, "panic", p,
		"remote", s.request.RemoteAddr, "stack", string(debug.Stack()))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shut(ReasonForcedClose, ws.StatusInternalServerError, false)
}

// silent is the handler of a session whose accept function gave none.
type silent struct{}

func (silent) Message(*Session, []byte, bool) {}
func (silent) BatchEnd(*Session)              {}
func (silent) Drained(*Session)               {}
func (silent) Closed(*Session, string)        {}

// packet handles one packet of a client, the same on either transport, and
// returns an error where it closes the session.
func (s *Session) packet(p packet.EnginePacket) error {
	switch p.Type {
	case packet.EngineMessage:
		s.handler.Message(s, p.Data, p.Binary)
	case packet.EnginePong:
		if s.protocol == 3 {
			return errHeartbeat
		}
		s.pong()
	case packet.EnginePing:
		if s.protocol != 3 {
			return errHeartbeat
		}
		s.answerPing()
	case packet.EngineClose:
		return &closed{ws.StatusNormalClosure}
	}
	// OPEN, UPGRADE and NOOP mean nothing here, as in the official server.
	return nil
}

// closed is the client's own wish to close.
type closed struct{ code ws.StatusCode }

func (*closed) Error() string { return "the client closed the session" }

var errHeartbeat = errors.New("the heartbeat has the wrong direction: in protocol 4 the server sends pings, in protocol 3 the client")

// isUnparseable tells what closes a session with ReasonParseError.
func isUnparseable(err error) bool {
	return errors.Is(err, packet.ErrEngineType) || errors.Is(err, packet.ErrBase64) ||
		errors.Is(err, packet.ErrPayload) || errors.Is(err, packet.ErrUTF8)
}
