package engine

import (
	"errors"
	"net"
	"time"

	"github.com/gobwas/ws"

	"ackbase/server/packet"
)

// probeNoop is how long a poll may wait while an upgrade is under way: an
// upgrading client must not have to wait for something to be sent.
const probeNoop = 25 * time.Millisecond

var errNoProbe = errors.New("before an upgrade only 2probe and 5 may be sent")

// startProbe begins an upgrade of the session to a WebSocket. Where it has one
// already or another probe runs, the WebSocket is closed and the session is not
// touched.
func (s *Session) startProbe(r *reader) {
	conn := r.conn
	s.mu.Lock()
	if s.reason != "" || s.conn != nil || s.probe != nil {
		s.mu.Unlock()
		if r.in != nil {
			r.in.release()
		}
		_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = conn.Write(appendClose(nil, 0))
		_ = conn.Close()
		return
	}
	s.probe = conn
	s.refs++
	s.mu.Unlock()
	r.probing = true
	_ = conn.SetReadDeadline(time.Now().Add(s.server.options.UpgradeTimeout))
	go r.runProbe()
}

// runProbe reads a probing WebSocket and, once it is the session's transport,
// the session.
func (r *reader) runProbe() {
	r.loop()
	if r.probing {
		r.s.endProbe(r.conn)
	}
	r.close()
}

// endProbe forgets a probe that came to nothing. The session goes on polling.
func (s *Session) endProbe(conn net.Conn) {
	_ = conn.SetWriteDeadline(time.Now().Add(time.Second))
	_, _ = conn.Write(appendClose(nil, 0))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.probe, s.probed = nil, false
}

// probePacket handles a packet on a probing WebSocket.
func (r *reader) probePacket(p packet.EnginePacket, err error) error {
	switch {
	case err == nil && p.Type == packet.EnginePing && string(p.Data) == "probe":
		var frame [8]byte
		if err := r.writeProbe(append(appendHeader(frame[:0], ws.OpText, 6), "3probe"...)); err != nil {
			return err
		}
		r.s.freePoll()
		return nil
	case err == nil && p.Type == packet.EngineUpgrade:
		if !r.s.upgrade(r) {
			return errNoProbe
		}
		r.probing = false
		return nil
	}
	return errNoProbe
}

// writeProbe writes to a probing WebSocket, on which nobody else writes.
func (r *reader) writeProbe(frame []byte) error {
	_ = r.conn.SetWriteDeadline(time.Now().Add(r.s.server.options.StallTimeout))
	_, err := r.conn.Write(frame)
	return err
}

// freePoll ends the poll that waits, so that the client can send UPGRADE.
func (s *Session) freePoll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.probed = true
	s.changed.Broadcast() // to a POST that waits for polls
	if s.poll != nil {
		close(s.poll)
		s.poll = nil
	}
}

// upgrade makes the probing WebSocket the session's transport. What a poll has
// taken is written first, what a POST has brought is handled first; what waits
// goes out on the WebSocket.
func (s *Session) upgrade(r *reader) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.reason == "" && (s.busy || s.handling || s.responding > 0) {
		s.changed.Wait()
	}
	if s.reason != "" {
		return false
	}
	s.probe, s.probed = nil, false
	s.setConn(r.conn)
	if r.deflate {
		s.form.Or(uint32(deflated))
	}
	s.writeBy = 0
	s.stallBy = 0
	_ = r.conn.SetReadDeadline(time.Time{})
	if s.poll != nil {
		close(s.poll)
		s.poll = nil
	}
	if s.abortPost != nil {
		s.abortPost()
	}
	s.seen.Store(s.server.now())
	s.kick()
	return true
}
