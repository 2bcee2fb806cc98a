package engine

import (
	"errors"
	"net"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"ackbase/server/packet"
)

// A reader reads one WebSocket, on its own goroutine.
type reader struct {
	s       *Session
	conn    net.Conn
	probing bool
	deflate bool // permessage-deflate was agreed
	wait    readiness

	in    *buffer // what was read; nil while nothing is left of it
	start int     // where in in.b the unhandled rest begins
	size  int     // how much to read into an empty buffer
	begun bool    // the handler is marked as running
	// paused says that frames are left in the buffer, since too much waits for
	// the client to handle more from it.
	paused bool

	message    *buffer // the fragments so far; nil outside a fragmented message
	op         ws.OpCode
	compressed bool // the message that is being read
}

func newReader(s *Session, conn net.Conn, early *buffer) *reader {
	r := &reader{s: s, conn: conn, in: early, size: readBufferSize}
	r.wait.init(conn)
	return r
}

// run serves a session that began as a WebSocket.
func (r *reader) run() {
	r.s.release() // the OPEN packet leaves, and what accept has sent
	r.loop()
	r.close()
}

// close follows the last read, whatever ended it.
func (r *reader) close() {
	r.s.closeConn(r.conn)
	if r.in != nil {
		r.in.release()
	}
	if r.message != nil {
		r.message.release()
	}
	r.s.mu.Lock()
	r.s.unref()
	r.s.mu.Unlock()
}

// loop handles what comes until the connection ends.
func (r *reader) loop() {
	s := r.s
	for {
		err := r.handle()
		if err == nil && !s.ended.Load() {
			if r.paused {
				s.awaitDrained()
				continue
			}
			err = r.fill()
		}
		switch {
		case err == nil && !s.ended.Load():
			continue
		case err == nil:
			// Closed by the server: nothing is handled any more.
		case r.probing:
			return
		default:
			s.readFailed(err)
		}
		r.discard()
		return
	}
}

// fill reads more. The buffer is held during the wait only where a frame has
// begun or the connection cannot tell when it is readable.
func (r *reader) fill() error {
	if r.in != nil && r.start == len(r.in.b) {
		r.in.release()
		r.in, r.start = nil, 0
		if r.s.incoming.Load() != 0 {
			r.weigh()
		}
	}
	if r.in == nil {
		buf, err := r.wait.read(r.conn, r.size)
		r.in = buf
		if buf != nil {
			r.size = nextReadSize(r.size, len(buf.b))
		}
		return err
	}
	if r.start > 0 {
		rest := copy(r.in.b, r.in.b[r.start:])
		r.in.b, r.start = r.in.b[:rest], 0
	}
	if len(r.in.b) == cap(r.in.b) {
		// A frame larger than the buffer: the buffer grows with what has
		// really come, not with what the frame promises.
		r.in = r.in.grow(min(4*cap(r.in.b), r.s.server.options.MaxPayload+maxClientHeader))
		r.weigh()
	}
	n, err := r.conn.Read(r.in.b[len(r.in.b):cap(r.in.b)])
	r.in.b = r.in.b[:len(r.in.b)+n]
	if n > 0 {
		return nil
	}
	return err
}

// weigh notes what the unfinished messages of the session take.
func (r *reader) weigh() {
	n := 0
	if r.in != nil && cap(r.in.b) > readBufferSize {
		n = cap(r.in.b)
	}
	if r.message != nil {
		n += cap(r.message.b)
	}
	r.s.incoming.Store(clampInt32(n))
}

// discard waits for the client to close its side after the close frame, so that
// it can read all of it. Reader deadlines and the close timeout bound the wait.
func (r *reader) discard() {
	r.s.mu.Lock()
	drain := r.s.drain
	r.s.mu.Unlock()
	if !drain {
		return
	}
	if r.in != nil {
		r.in.release()
		r.in, r.start = nil, 0
	}
	for left := 64 << 20; left > 0; {
		buf, err := r.wait.read(r.conn, readBufferSize)
		if buf != nil {
			left -= len(buf.b)
			buf.release()
		}
		if err != nil {
			return
		}
	}
}

// handle deals with every whole frame in the buffer, or as many as it takes to
// fill what may wait, then has the answers written. An error ends the connection.
func (r *reader) handle() (err error) {
	r.paused = false
	if r.in == nil {
		return nil
	}
	defer r.endBatch()
	for !r.s.ended.Load() {
		data := r.in.b[r.start:]
		limit := r.s.server.options.MaxPayload
		if r.message != nil {
			limit = max(limit-len(r.message.b), ws.MaxControlFramePayloadSize)
		}
		h, err := parseHeader(data, limit, r.extension())
		if err == errIncomplete || err == nil && len(data) < h.size+h.payload {
			return nil
		}
		if err != nil {
			return err
		}
		r.start += h.size + h.payload
		payload := data[h.size : h.size+h.payload]
		ws.Cipher(payload, h.mask, 0)
		if !r.probing && !r.begun {
			if !r.s.begin() {
				return nil
			}
			r.begun = true
			r.s.seen.Store(r.s.server.now())
		}
		if err := r.frame(h, payload); err != nil {
			return err
		}
		if r.s.full.Load() && !r.probing {
			r.paused = true
			return nil
		}
	}
	return nil
}

// endBatch follows the frames that were handled together. A panic of the handler
// ends here, and with it the session.
func (r *reader) endBatch() {
	if p := recover(); p != nil {
		r.s.panicked("Message", p)
	}
	if r.begun {
		r.begun = false
		r.s.end()
	}
}

// extension is the reserved bit that the first frame of a message may have.
func (r *reader) extension() byte {
	if r.deflate {
		return compressedBit
	}
	return 0
}

// frame handles one frame.
func (r *reader) frame(h frameHeader, payload []byte) error {
	switch h.op {
	case ws.OpPing:
		return r.control(ws.OpPong, payload)
	case ws.OpPong:
		return nil
	case ws.OpClose:
		code, err := checkClose(payload)
		if err != nil {
			return err
		}
		return &closed{code}
	case ws.OpContinuation:
		if r.message == nil {
			return errContinuation
		}
	default:
		if r.message != nil {
			return errContinuation
		}
		r.compressed = h.compressed
		if h.fin {
			return r.data(h.op, payload)
		}
		r.op = h.op
		r.message = getBuffer(len(payload))
		r.weigh()
	}
	if len(r.message.b)+len(payload) > r.s.server.options.MaxPayload {
		return errTooBig
	}
	if need := len(r.message.b) + len(payload); need > cap(r.message.b) {
		r.message = r.message.grow(max(need, 2*cap(r.message.b)))
		r.weigh()
	}
	r.message.b = append(r.message.b, payload...)
	if !h.fin {
		return nil
	}
	whole := r.message
	r.message = nil
	err := r.data(r.op, whole.b)
	whole.release()
	r.weigh()
	return err
}

// data handles one whole WebSocket message.
func (r *reader) data(op ws.OpCode, payload []byte) error {
	if r.compressed {
		whole, err := inflate(payload, r.s.server.options.MaxPayload)
		if err != nil {
			return err
		}
		defer whole.release()
		payload = whole.b
	}
	binary := op == ws.OpBinary
	if !binary && !utf8.Valid(payload) {
		return errNotUTF8
	}
	var p packet.EnginePacket
	var err error
	switch {
	case r.s.protocol == 3:
		p, err = packet.DecodeEngine3(payload, binary)
	case binary:
		p = packet.EnginePacket{Type: packet.EngineMessage, Data: payload, Binary: true}
	default:
		p, err = packet.DecodeEngine(payload)
	}
	if r.probing {
		return r.probePacket(p, err)
	}
	if err != nil {
		return err
	}
	return r.s.packet(p)
}

// readFailed closes a session whose WebSocket cannot be read any further.
func (s *Session) readFailed(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var bad *frameError
	var bye *closed
	switch {
	case errors.As(err, &bye):
		s.shut(ReasonTransportClose, bye.code, true)
	case errors.As(err, &bad):
		s.shut(ReasonTransportError, bad.code, true)
	case isUnparseable(err):
		s.shut(ReasonParseError, ws.StatusNormalClosure, true)
	case errors.Is(err, errHeartbeat):
		s.shut(ReasonTransportError, ws.StatusNormalClosure, true)
	default:
		s.shut(ReasonTransportClose, 0, false)
	}
}

// control answers with a control frame.
func (r *reader) control(op ws.OpCode, payload []byte) error {
	if r.probing {
		var frame [2 + ws.MaxControlFramePayloadSize]byte
		return r.writeProbe(append(appendHeader(frame[:0], op, len(payload)), payload...))
	}
	s := r.s
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reason != "" {
		return nil
	}
	size := headerSize(len(payload)) + len(payload)
	c := s.outbox().room(size, false)
	c.b = append(appendHeader(c.b, op, len(payload)), payload...)
	s.sent(size, false)
	if !s.holds() {
		s.kick()
	}
	return nil
}
