package engine

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"time"

	"github.com/gobwas/ws"

	"ackbase/server/packet"
)

// Close closes the session: what waits is still written, nothing more is taken.
// An empty reason is ReasonForcedClose. Only the first call counts.
func (s *Session) Close(reason string) {
	if reason == "" {
		reason = ReasonForcedClose
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shut(reason, ws.StatusNormalClosure, true)
}

// shut closes the session for the given reason. Where drain is true, what waits
// is still written, then a close frame with the code or a close packet; else the
// transport is cut off. Only the first call counts, except that a cut-off comes
// through to a session that is still draining.
func (s *Session) shut(reason string, code ws.StatusCode, drain bool) {
	if s.reason != "" {
		if !drain {
			s.cutOff()
		}
		return
	}
	s.reason, s.closeCode, s.drain = reason, code, drain
	if s.lastPacket == 0 {
		s.lastPacket = packet.EngineClose
	}
	s.ended.Store(true)
	if s.cancel != nil {
		s.cancel()
	}
	if s.probe != nil {
		_ = s.probe.Close()
	}
	if s.abortPost != nil {
		s.abortPost()
	}
	if !s.busy {
		// Else who runs the handler calls Closed next.
		go s.finish()
	}
	s.pingAt, s.pongBy, s.stallBy = 0, 0, 0
	s.timer.Stop()
	s.due = 0
	s.closeBy = s.server.now() + int64(closeTimeout)
	switch {
	case !drain:
		s.cutOff()
	case s.conn != nil, s.getting && s.responding == 0:
		// What waits leaves now, and the session's end with it.
	case reason != ReasonShutdown:
		s.keepForPoll(closeTimeout)
	case s.waits():
		s.keepForPoll(shutdownGrace)
	}
	if s.drain {
		s.schedule(s.closeBy)
	}
	if !s.holds() {
		s.kick()
	}
	s.changed.Broadcast()
}

// cutOff drops what waits and closes the connection.
func (s *Session) cutOff() {
	s.drain = false
	s.goodbye = true
	s.dropOutbox()
	if s.conn != nil {
		if s.reason != ReasonTransportClose || s.queued > 0 {
			abandon(s.conn)
		}
		s.fd = noFD
		_ = s.conn.Close()
	}
	if s.poll != nil {
		close(s.poll)
		s.poll = nil
	}
	s.unkeep()
}

// noFD is a descriptor that is none.
const noFD = -1

// setConn makes a WebSocket the session's. The session is locked, or nobody else's yet.
func (s *Session) setConn(conn net.Conn) {
	s.conn, s.raw = conn, rawOf(conn)
	s.fd = fdOf(s.raw)
}

// closeConn closes a WebSocket that may be the session's.
func (s *Session) closeConn(conn net.Conn) {
	s.mu.Lock()
	s.fd = noFD
	s.mu.Unlock()
	_ = conn.Close()
}

// abandon makes the connection's Close a reset. Otherwise the system would keep what a
// client does not take, megabytes for each, for minutes after the session has gone.
func abandon(conn net.Conn) {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
}

// keepForPoll lets a closed polling session wait for the poll that takes what is
// left and hears of the end.
func (s *Session) keepForPoll(timeout time.Duration) {
	s.keep = true
	s.refs++
	s.closeBy = s.server.now() + int64(timeout)
	s.schedule(s.closeBy)
}

// unkeep ends the wait of a closed polling session for its last poll.
func (s *Session) unkeep() {
	if s.keep {
		s.keep = false
		s.unref()
	}
}

// finish tells the handler that the session is closed, and writes the log line.
func (s *Session) finish() {
	s.guard("Closed", func() { s.handler.Closed(s, s.reason) })
	s.mu.Lock()
	waiting := s.queued
	s.mu.Unlock()
	level := slog.LevelDebug
	if s.reason == ReasonTooSlow || s.reason == ReasonStalled || s.reason == ReasonOverload {
		level = slog.LevelWarn
	}
	s.server.stats.closed(s.reason)
	s.server.options.Logger.Log(context.Background(), level, "engine: session closed", "reason", s.reason,
		"session", s.id[:6], "transport", s.Transport(), "address", s.request.Client, "remote", s.request.RemoteAddr,
		"waiting", waiting, "after", time.Since(s.opened).Round(time.Millisecond))
	s.mu.Lock()
	s.unref()
	s.mu.Unlock()
}

// unref ends one use of the session. After the last one nothing of it is left.
func (s *Session) unref() {
	s.refs--
	if s.refs == 0 {
		s.timer.Stop()
		s.dropOutbox()
		s.server.gone(s)
	}
}
