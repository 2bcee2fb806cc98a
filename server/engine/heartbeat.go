package engine

import (
	"time"

	"ackbase/server/packet"
)

const (
	// closeTimeout is how long a closed session may take to write what waits,
	// or to fetch it by a poll.
	closeTimeout = 30 * time.Second
	// shutdownGrace is the same for a polling client that is not polling when
	// the server shuts down.
	shutdownGrace = time.Second
	// overtakenPoll is the same for a poll that the client sent before it
	// closed, and that comes after.
	overtakenPoll = 100 * time.Millisecond
	// clockSlack is how much earlier than the timer a request finds a session
	// over, whose client counts in milliseconds.
	clockSlack = 2 * time.Millisecond
)

// startHeartbeat arms the session's one timer.
func (s *Session) startHeartbeat() {
	now := s.server.now()
	s.seen.Store(now)
	if s.protocol == 3 {
		s.pongBy = now + s.silence() // pings of the client take the place of pongs
		s.due = s.pongBy
	} else {
		s.pingAt = s.server.slot(now + int64(s.server.options.PingInterval))
		s.due = s.pingAt
	}
	s.timer = time.AfterFunc(time.Duration(s.due-now), s.tick)
}

// pingSlots is into how many parts PingInterval is divided. Pings of one part leave together, at its
// beginning: a timer for each would wake a process again and again that has little else to do.
const pingSlots = 100

// slot is the beginning of the part that a time is in.
func (srv *Server) slot(at int64) int64 {
	part := max(int64(srv.options.PingInterval)/pingSlots, 1)
	return at - (at-1)%part // the clock begins at 1
}

// silence is how long a client of which a sign of life is awaited may give none: after a ping,
// or always where the client is the one that pings.
func (s *Session) silence() int64 {
	silence := s.server.options.PingTimeout
	if s.protocol == 3 {
		silence += s.server.options.PingInterval
	}
	return int64(silence)
}

// schedule sees that the timer fires at the given time, or earlier.
func (s *Session) schedule(at int64) {
	if s.due == 0 || at < s.due {
		s.due = at
		s.timer.Reset(time.Duration(at - s.server.now()))
	}
}

// tick does what is due and arms the timer for what comes next.
func (s *Session) tick() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refs == 0 {
		return
	}
	s.due = 0
	now := s.server.now()
	if s.reason != "" {
		if now >= s.closeBy {
			s.cutOff()
		} else {
			s.schedule(s.closeBy)
		}
		return
	}
	if s.pingAt != 0 && now >= s.pingAt {
		// From when it was due. Where the timer was late, since the machine is
		// busy or slept, the client still has half of its time.
		timeout := int64(s.server.options.PingTimeout)
		s.pongBy = max(s.pingAt, now-timeout/2) + timeout
		s.pinged, s.pingAt = s.pingAt, 0
		s.sendPacket(packet.EnginePing, "")
		if s.conn != nil {
			s.pingLeft = s.queued
		}
	}
	if s.checkDeadlines(now) {
		return
	}
	for _, at := range [...]int64{s.pingAt, s.pongBy, s.stallBy} {
		if at != 0 {
			s.schedule(at)
		}
	}
}

// checkDeadlines closes the session if its pong or a poll is overdue.
func (s *Session) checkDeadlines(now int64) (closed bool) {
	if s.stallBy != 0 && now >= s.stallBy {
		s.shut(ReasonStalled, 0, false)
		return true
	}
	if s.pongBy == 0 || now < s.pongBy {
		return false
	}
	// Anything that came from the client since is a sign of life too. Where
	// the ping has not left yet, or the pong is not read since answers wait,
	// progress of the output counts, and the stall timeout rules. While the
	// handler waits, no pong is read either.
	waiting := s.resting > 0 || s.conn != nil && (s.pingLeft > 0 || s.full.Load() || s.answering.Load())
	s.pongBy = s.seen.Load() + s.silence()
	if waiting {
		s.pongBy = now + s.silence()
	}
	if now < s.pongBy {
		return false
	}
	s.shut(ReasonPingTimeout, 0, false)
	return true
}

// answerPing answers a client of protocol 3.
func (s *Session) answerPing() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reason == "" {
		s.sendPacket(packet.EnginePong, "")
	}
}

// pong takes the client's answer to a ping.
func (s *Session) pong() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reason != "" {
		return
	}
	s.pongBy = 0
	s.pingLeft = 0
	now, interval := s.server.now(), int64(s.server.options.PingInterval)
	s.pingAt = s.server.slot(now + interval)
	if s.pinged != 0 {
		// From ping to ping, whatever the pong took; but not at once after a late one.
		s.pingAt = s.server.slot(max(s.pinged+interval, now+interval/2))
		s.pinged = 0
	}
	s.schedule(s.pingAt)
}
