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

// A writer is who writes to a WebSocket. At any time it is one.
type writer int

const (
	byReader  writer = iota // the session's reader, after a batch: once, since it is to read again
	byFlusher               // the flusher: once, and never waiting for the socket
	byItself                // a goroutine that exists only for that
)

// errBusy says that the socket takes no more at once.
var errBusy = errors.New("engine: the socket is full")

// flush writes what waits until nothing does.
func (s *Session) flush() { s.write(byItself) }

// write writes what waits to the WebSocket, then says goodbye if the session is
// closed. The caller has set s.writing and counted itself in s.refs.
func (s *Session) write(by writer) {
	for round := 1; ; round++ {
		s.mu.Lock()
		s.paused = nil
		if s.notYet != 0 && s.waits() {
			if wait := s.notYet - s.server.now(); wait > 0 {
				// This use of the session passes to the timer.
				s.paused = time.AfterFunc(time.Duration(wait), s.flushFn)
				s.mu.Unlock()
				return
			}
		}
		last := false
		if !s.waits() && s.reason != "" && !s.goodbye && !s.busy {
			c := s.outbox().room(4, false)
			c.b = appendClose(c.b, s.closeCode)
			s.queued += len(c.b)
			s.goodbye, last = true, true
		}
		switch {
		case !s.waits():
			s.writing = false
			s.unref()
			s.mu.Unlock()
			return
		case by != byItself && round > 1 && !last:
			s.startWriting()
			s.mu.Unlock()
			return
		}
		out := s.takeOutbox()
		conn := s.conn
		s.mu.Unlock()
		err := s.writeOutbox(conn, out, by)
		if err == errBusy {
			go s.finishWriting(conn, out, last)
			return
		}
		s.wroteOutbox(conn, out, last, err)
	}
}

// finishWriting goes on where the flusher came to a socket that was full.
func (s *Session) finishWriting(conn net.Conn, out *outbox, last bool) {
	s.wroteOutbox(conn, out, last, s.writeOutbox(conn, out, byItself))
	s.write(byItself)
}

func (s *Session) wroteOutbox(conn net.Conn, out *outbox, last bool, err error) {
	out.release()
	switch {
	case err != nil:
		s.writeFailed(err)
	case last:
		s.sayGoodbye(conn)
	}
}

// startWriting passes the use of a session as its writer on to the flusher or,
// where that is not for it, a goroutine of its own. The session is locked.
func (s *Session) startWriting() {
	if s.forFlusher() {
		s.server.flusher.add(s)
	} else {
		go s.flushFn()
	}
}

// forFlusher tells whether what waits is so little that the socket probably takes it
// at once, and may leave now.
func (s *Session) forFlusher() bool {
	return s.raw != nil && s.notYet == 0 && s.queued <= s.server.options.HighWater/4
}

// flushNow is the flusher's write to a session that has passed on its use as a writer.
func (s *Session) flushNow() { s.write(byFlusher) }

// flushInTurn is the flusher's write to a session whose turn in the round it is.
func (s *Session) flushInTurn() {
	s.mu.Lock()
	s.inRound = false
	if s.refs == 0 || s.writing || s.holds() || !s.waits() {
		// The session is gone, or somebody else has written it or will.
		s.mu.Unlock()
		return
	}
	drained := false
	if s.single != nil && s.fd != noFD && s.forFlusher() {
		// Nearly always this is all. The lock keeps the descriptor open, which costs less
		// than what the net package does for that.
		n, err := send(uintptr(s.fd), s.single)
		if err == nil && n > 0 {
			if s.single = s.single[n:]; len(s.single) == 0 {
				s.single = nil
			}
			drained = s.account(n, 0)
		}
	}
	if !s.waits() && s.reason == "" {
		s.mu.Unlock()
	} else {
		s.writing = true
		s.refs++
		flusher := s.forFlusher()
		s.mu.Unlock()
		if flusher {
			s.write(byFlusher)
		} else {
			go s.flushFn()
		}
	}
	if drained {
		s.guard("Drained", func() { s.handler.Drained(s) })
	}
}

// writeOutbox writes all of out, piece by piece: what the socket takes at once, and
// then, unless that is for another to wait for (errBusy), the rest. It fails when
// nothing was taken for the stall timeout.
func (s *Session) writeOutbox(conn net.Conn, out *outbox, by writer) error {
	_, isTCP := conn.(*net.TCPConn)
	limit := pieceSize
	if !isTCP {
		// Where a deadline spoils the connection (TLS), small pieces show
		// whether anything moves.
		limit = readBufferSize
	}
	full := s.raw == nil
	since := int64(0) // when nothing began to be taken; 0 for not yet
	for {
		one, many, size := out.next(limit)
		if size == 0 {
			return nil
		}
		if s.notYet != 0 {
			if by == byFlusher {
				return errBusy
			}
			time.Sleep(time.Duration(s.notYet - s.server.now()))
			s.notYet = 0
		}
		if !full {
			n, err := offer(s.raw, one, many)
			s.took(out, n)
			if err != nil {
				return err
			}
			if full = n < size; full && by == byFlusher {
				return errBusy
			}
			continue
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
			s.took(out, n)
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

// took accounts for n bytes of out that the socket has taken.
func (s *Session) took(out *outbox, n int) {
	if n == 0 {
		return
	}
	s.wrote(n, out.consume(n))
	if out.apart {
		out.apart = false
		s.notYet = s.server.now() + int64(apartBy)
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
