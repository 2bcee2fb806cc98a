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

// writeOutbox writes all of out, piece by piece. It fails when nothing of a
// piece was taken within the stall timeout.
func (s *Session) writeOutbox(conn net.Conn, out *outbox) error {
	_, isTCP := conn.(*net.TCPConn)
	limit := pieceSize
	if !isTCP {
		// Where a deadline spoils the connection (TLS), small pieces show
		// whether anything moves.
		limit = readBufferSize
	}
	for {
		one, many, size := out.next(limit)
		if size == 0 {
			return nil
		}
		if s.notYet != 0 {
			time.Sleep(time.Duration(s.notYet - s.server.now()))
			s.notYet = 0
		}
		s.setWriteDeadline(conn)
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
			s.wrote(n, out.consume(n))
			if out.apart {
				out.apart = false
				s.notYet = s.server.now() + int64(apartBy)
			}
		}
		if err != nil {
			if isTCP && n > 0 && errors.Is(err, os.ErrDeadlineExceeded) {
				s.writeBy = 0 // slow, but it moves
				continue
			}
			return err
		}
	}
}

// setWriteDeadline gives the next write the stall timeout. Moving a deadline
// costs as much as a small write, so it is moved only when a quarter is used
// up: a stalled write ends after 1 to 1.25 times the stall timeout.
func (s *Session) setWriteDeadline(conn net.Conn) {
	now := s.server.now()
	stall := int64(s.server.options.StallTimeout)
	if s.writeBy-now < stall {
		s.writeBy = now + stall + stall/4
		_ = conn.SetWriteDeadline(time.Now().Add(time.Duration(s.writeBy - now)))
	}
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
