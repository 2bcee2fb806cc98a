package engine

import (
	"errors"
	"net"
	"os"
	"time"
)

const (
	// pieceSize is how much is given to the socket at once, so that a large
	// answer shows its progress.
	pieceSize = 256 << 10
	// lingerTimeout is how long the connection stays open after the close
	// frame, so that the client can read it.
	lingerTimeout = 3 * time.Second
	// apartBy is how long after a flush the next write comes, unless the client
	// sends something before: time enough for a busy machine to wake it.
	apartBy = 20 * time.Millisecond
)

// flush writes what waits until nothing does. It runs as a goroutine of its own
// that exists only for that.
func (s *Session) flush() { s.write(0) }

// write writes what waits to the WebSocket, then says goodbye if the session is
// closed. The caller has set s.writing and counted itself in s.refs. After the
// given number of rounds (0: no limit) another goroutine goes on, so that a
// reader is not kept from reading by what others send.
func (s *Session) write(rounds int) {
	for round := 1; ; round++ {
		s.mu.Lock()
		s.paused = nil
		out := s.out
		if wait := s.notYet - s.server.now(); out != nil && s.notYet != 0 && wait > 0 {
			// This use of the session passes to the timer.
			s.paused = time.AfterFunc(time.Duration(wait), s.flushFn)
			s.mu.Unlock()
			return
		}
		last := false
		if out == nil && s.reason != "" && !s.goodbye && !s.busy {
			out = s.outbox()
			c := out.room(4, false)
			c.b = appendClose(c.b, s.closeCode)
			s.queued += len(c.b)
			s.goodbye, last = true, true
		}
		if out == nil {
			s.writing = false
			s.unref()
			s.mu.Unlock()
			return
		}
		if rounds != 0 && round > rounds && !last {
			// This use of the session passes to the goroutine.
			s.mu.Unlock()
			go s.flushFn()
			return
		}
		s.out = nil
		conn := s.conn
		s.mu.Unlock()
		err := s.writeOutbox(conn, out)
		out.release()
		switch {
		case err != nil:
			s.writeFailed(err)
		case last:
			s.sayGoodbye(conn)
		}
	}
}

// writeOutbox writes all of out, piece by piece. It fails when nothing was taken
// for the stall timeout.
func (s *Session) writeOutbox(conn net.Conn, out *outbox) error {
	_, isTCP := conn.(*net.TCPConn)
	limit := pieceSize
	if !isTCP {
		// Where a deadline spoils the connection (TLS), small pieces show
		// whether anything moves.
		limit = readBufferSize
	}
	since := int64(0) // when nothing began to be taken; 0 for not yet
	for {
		one, many, size := out.next(limit)
		if size == 0 {
			return nil
		}
		if s.notYet != 0 {
			time.Sleep(time.Duration(s.notYet - s.server.now()))
			s.notYet = 0
		}
		now := s.setWriteDeadline(conn, isTCP)
		if since == 0 {
			since = now
		}
		var n int
		var err error
		if many == nil {
			n, err = conn.Write(one)
		} else {
			var n64 int64
			n64, err = many.WriteTo(conn)
			n = int(n64)
		}
		if n > 0 {
			since = 0
			s.wrote(n, out.consume(n))
			if out.apart {
				out.apart = false
				s.notYet = s.server.now() + int64(apartBy)
			}
		}
		if err != nil {
			if isTCP && errors.Is(err, os.ErrDeadlineExceeded) &&
				(n > 0 || s.server.now()-since < int64(s.server.options.StallTimeout)) {
				s.writeBy = 0 // slow, but it moves, or not stalled for long enough
				continue
			}
			return err
		}
	}
}

// setWriteDeadline bounds the next write and tells the time. Moving a deadline
// costs as much as a small write, so it is moved only when a part is used up.
// On TCP it is a fraction of the stall timeout: what a write gave to the
// system's buffers at its beginning must not count as progress until its end. Elsewhere
// a write that misses it is the last, so it ends after 1 to 1.25 stall timeouts.
func (s *Session) setWriteDeadline(conn net.Conn, isTCP bool) (now int64) {
	now = s.server.now()
	stall := int64(s.server.options.StallTimeout)
	least, most := stall, stall+stall/4
	if isTCP {
		least, most = stall/16, stall/8
	}
	if s.writeBy-now < least {
		s.writeBy = now + most
		_ = conn.SetWriteDeadline(time.Now().Add(time.Duration(most)))
	}
	return now
}

// writeFailed closes a session whose WebSocket does not take what is written.
func (s *Session) writeFailed(err error) {
	reason := ReasonTransportClose
	if errors.Is(err, os.ErrDeadlineExceeded) {
		reason = ReasonStalled
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shut(reason, 0, false)
}

// sayGoodbye follows the close frame. The end of the stream makes every client
// close its side; the reader waits for that, within bounds, since closing at
// once would take back what the client has not read yet.
func (s *Session) sayGoodbye(conn net.Conn) {
	_ = conn.SetReadDeadline(time.Now().Add(lingerTimeout))
	if c, ok := conn.(interface{ CloseWrite() error }); ok {
		_ = c.CloseWrite()
	}
}
