package engine

import (
	"errors"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/gobwas/ws"

	"ackbase/server/packet"
)

// respond answers a poll with all that waits, a NOOP if nothing does, and the
// session's end if it is closed. It is the only place that writes to w. A
// response that fails closes the session, since what it held is lost.
func (s *Session) respond(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	var out *outbox
	var last packet.EngineType
	if s.conn == nil {
		// After an upgrade what waits belongs to the WebSocket.
		out = s.takeOutbox()
		last = s.lastPacket
	}
	if out == nil && last == 0 {
		last = packet.EngineNoop
	}
	s.responding++
	s.mu.Unlock()
	err := r.Context().Err()
	if err == nil {
		err = s.writeResponse(w, out, last)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.responding--
	s.changed.Broadcast()
	if out != nil {
		out.release()
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		s.shut(ReasonStalled, 0, false)
		return
	case err != nil:
		s.shut(ReasonTransportError, 0, false)
		return
	}
	if !s.holds() {
		s.kick()
	}
}

// writeResponse writes the frames in out as a polling payload, then last unless
// it is 0.
func (s *Session) writeResponse(w http.ResponseWriter, out *outbox, last packet.EngineType) error {
	header := w.Header()
	framing := s.framingOf(out)
	contentType := "text/plain; charset=UTF-8"
	if framing == countedBinary {
		contentType = octetStream
	}
	header.Set("Content-Type", contentType)
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Length", strconv.Itoa(framing.payloadSize(out, last)))
	p := payloadWriter{s: s, w: w, framing: framing, control: http.NewResponseController(w), buf: getBuffer(readBufferSize)}
	defer p.buf.release()
	p.extend()
	for out != nil && len(out.chunks) > 0 {
		c := &out.chunks[0]
		for len(c.b) > 0 {
			op, data, rest := nextOwnFrame(c.b)
			if err := p.add(op, data); err != nil {
				return err
			}
			size := len(c.b) - len(rest)
			p.pending += size
			if c.large {
				p.large += size
			}
			c.b = rest
		}
		out.consume(0)
	}
	if last != 0 {
		if err := p.add(ws.OpText, []byte{byte(last)}); err != nil {
			return err
		}
	}
	// The client may poll again as soon as it has read the end of this, though
	// this handler is not done yet.
	s.mu.Lock()
	s.getting = false
	s.mu.Unlock()
	if err := p.write(); err != nil {
		return err
	}
	if err := p.control.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	_ = p.control.SetWriteDeadline(time.Time{})
	return nil
}

// A payloadWriter makes one polling payload and writes it piece by piece.
type payloadWriter struct {
	s       *Session
	w       http.ResponseWriter
	control *http.ResponseController
	framing framing
	buf     *buffer
	started bool // a packet was added
	moved   bool // a piece was written
	pending int  // bytes of the outbox that are in buf as a whole
	large   int  // of these, bytes of large answers
}

// add appends a packet, writing whatever does not fit into the buffer.
func (p *payloadWriter) add(op ws.OpCode, data []byte) error {
	if cap(p.buf.b)-len(p.buf.b) < maxPacketHead {
		if err := p.write(); err != nil {
			return err
		}
	}
	p.buf.b = p.framing.appendPacketHead(p.buf.b, op, data, !p.started)
	p.started = true
	encode := op == ws.OpBinary && p.framing == separated
	for len(data) > 0 {
		// 3 bytes become 4, so pieces of a multiple of 3 join up.
		piece := data[:min(len(data), 9<<10)]
		if cap(p.buf.b)-len(p.buf.b) < packet.Base64Len(len(piece)) {
			if err := p.write(); err != nil {
				return err
			}
		}
		if encode {
			p.buf.b = packet.AppendBase64(p.buf.b, piece)
		} else {
			p.buf.b = append(p.buf.b, piece...)
		}
		data = data[len(piece):]
	}
	return nil
}

// write writes what is in the buffer.
func (p *payloadWriter) write() error {
	if p.moved {
		// The piece before went out: progress is life, and earns more time.
		p.s.seen.Store(p.s.server.now())
		p.extend()
	}
	p.moved = true
	if _, err := p.w.Write(p.buf.b); err != nil {
		return err
	}
	p.s.wrote(p.pending, p.large)
	p.pending, p.large = 0, 0
	p.buf.b = p.buf.b[:0]
	return nil
}

// extend gives the next piece the stall timeout. Where the connection has no
// deadlines, the HTTP server's own rules hold.
func (p *payloadWriter) extend() {
	_ = p.control.SetWriteDeadline(time.Now().Add(p.s.server.options.StallTimeout))
}

// payloadSize is the length of what writeResponse writes.
func (f framing) payloadSize(out *outbox, last packet.EngineType) int {
	n := 0
	var head [maxPacketHead]byte
	for i := 0; out != nil && i < len(out.chunks); i++ {
		for rest := out.chunks[i].b; len(rest) > 0; {
			var op ws.OpCode
			var payload []byte
			op, payload, rest = nextOwnFrame(rest)
			n += len(f.appendPacketHead(head[:0], op, payload, n == 0))
			if op == ws.OpBinary && f == separated {
				n += packet.Base64Len(len(payload))
			} else {
				n += len(payload)
			}
		}
	}
	if last != 0 {
		n += len(f.appendPacketHead(head[:0], ws.OpText, []byte{byte(last)}, n == 0)) + 1
	}
	return n
}
