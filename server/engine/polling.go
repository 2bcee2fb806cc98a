package engine

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"ackbase/server/packet"
)

// openPolling opens a session; its OPEN packet is the answer to the request.
func (srv *Server) openPolling(w http.ResponseWriter, r *http.Request) {
	s := newSession(srv, r)
	s.getting = true
	if !srv.open(s, srv.pollTail) {
		s.release()
		s.donePolling()
		refuse(w, false, codeBadRequest)
		return
	}
	s.release()
	s.respond(w, r)
	s.donePolling()
}

// donePolling ends the use of the session by a request.
func (s *Session) donePolling() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unref()
}

// servePolling answers a request of a session.
func (s *Session) servePolling(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case http.MethodGet:
		s.serveGet(w, r)
	case http.MethodPost:
		s.servePost(w, r)
	default:
		refuse(w, false, codeBadMethod)
	}
}

// serveGet answers a poll: with what waits, or what comes next.
func (s *Session) serveGet(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	switch {
	case s.conn != nil:
		s.mu.Unlock()
		refuse(w, false, codeBadRequest)
		return
	case s.reason != "" && !s.keep:
		s.mu.Unlock()
		refuse(w, false, codeUnknownSession)
		return
	case s.getting:
		s.shut(ReasonTransportError, 0, false)
		s.mu.Unlock()
		refuse(w, false, codeBadRequest)
		return
	}
	s.getting = true
	s.stallBy = 0
	s.refs++
	if s.reason != "" {
		s.unkeep()
	} else if s.out == nil || s.busy {
		wake := make(chan struct{})
		s.poll = wake
		probed := s.probed
		s.mu.Unlock()
		if !s.awaitOutput(w, r, wake, probed) {
			s.donePolling()
			return
		}
		s.mu.Lock()
		if s.conn != nil {
			// The upgrade came while the poll waited: it is one too many.
			s.getting = false
			s.unref()
			s.mu.Unlock()
			refuse(w, false, codeBadRequest)
			return
		}
	}
	s.mu.Unlock()
	s.respond(w, r)
	s.donePolling()
}

// awaitOutput waits until a poll is to be answered. It returns false where the
// client gave the poll up, which closes the session.
func (s *Session) awaitOutput(w http.ResponseWriter, r *http.Request, wake chan struct{}, probed bool) bool {
	// The read deadline of the HTTP server was for the request, which is read.
	// Passing while a poll waits, it would look like a client that went away.
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	var noop <-chan time.Time
	if probed {
		timer := time.NewTimer(probeNoop)
		defer timer.Stop()
		noop = timer.C
	}
	select {
	case <-wake:
	case <-noop:
		s.mu.Lock()
		s.poll = nil
		s.mu.Unlock()
	case <-r.Context().Done():
	}
	if r.Context().Err() == nil {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.poll = nil
	s.shut(ReasonTransportError, 0, false)
	return false
}

// respond answers a poll with all that waits, a NOOP if nothing does, and the
// session's end if it is closed. It is the only place that writes to w. A
// response that fails closes the session, since what it held is lost.
func (s *Session) respond(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	var out *outbox
	var last packet.EngineType
	if s.conn == nil {
		// After an upgrade what waits belongs to the WebSocket.
		out, s.out = s.out, nil
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
	if err != nil {
		s.shut(ReasonTransportError, 0, false)
		return
	}
	if !s.busy {
		s.kick()
	}
}

// writeResponse writes the frames in out as a polling payload, then last unless
// it is 0.
func (s *Session) writeResponse(w http.ResponseWriter, out *outbox, last packet.EngineType) error {
	header := w.Header()
	header.Set("Content-Type", "text/plain; charset=UTF-8")
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Length", strconv.Itoa(payloadSize(out, last)))
	control := http.NewResponseController(w)
	stall := s.server.options.StallTimeout
	_ = control.SetWriteDeadline(time.Now().Add(stall)) // where it cannot be set, the server's own rules
	buf := getBuffer(readBufferSize)
	defer func() { buf.release() }()
	pending := 0 // bytes of out that are in buf
	large := 0
	pieces := 0
	write := func(b []byte) error {
		if pieces++; pieces > 1 {
			// Progress is life, and earns a new deadline.
			s.seen.Store(s.server.now())
			_ = control.SetWriteDeadline(time.Now().Add(stall))
		}
		_, err := w.Write(b)
		if err == nil && pending > 0 {
			s.wrote(pending, large)
		}
		pending, large = 0, 0
		buf.b = buf.b[:0]
		return err
	}
	first := true
	for out != nil && len(out.chunks) > 0 {
		c := &out.chunks[0]
		for len(c.b) > 0 {
			op, payload, rest := nextOwnFrame(c.b)
			size := len(c.b) - len(rest)
			frame := payload
			if cap(buf.b)-len(buf.b) < 4 {
				if err := write(buf.b); err != nil {
					return err
				}
			}
			if !first {
				buf.b = append(buf.b, packet.PayloadSeparator)
			}
			first = false
			if op == ws.OpBinary {
				buf.b = append(buf.b, 'b')
			}
			for len(frame) > 0 {
				// 3 bytes become 4, so pieces of a multiple of 3 join up.
				piece := frame[:min(len(frame), 9<<10)]
				if len(buf.b)+packet.PayloadBinaryLen(len(piece)) > cap(buf.b)-2 {
					if err := write(buf.b); err != nil {
						return err
					}
				}
				if op == ws.OpBinary {
					buf.b = packet.AppendBase64(buf.b, piece)
				} else {
					buf.b = append(buf.b, piece...)
				}
				frame = frame[len(piece):]
			}
			pending += size
			if c.large {
				large += size
			}
			c.b = rest
		}
		out.consume(0)
	}
	if last != 0 {
		if !first {
			buf.b = append(buf.b, packet.PayloadSeparator)
		}
		buf.b = append(buf.b, byte(last))
	}
	// The client may poll again as soon as it has read the end of this, though
	// this handler is not done yet.
	s.mu.Lock()
	s.getting = false
	s.mu.Unlock()
	if err := write(buf.b); err != nil {
		return err
	}
	if err := control.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	_ = control.SetWriteDeadline(time.Time{})
	return nil
}

// payloadSize is the length of what writeResponse writes.
func payloadSize(out *outbox, last packet.EngineType) int {
	n, packets := 0, 0
	if out != nil {
		for i := range out.chunks {
			for rest := out.chunks[i].b; len(rest) > 0; packets++ {
				var op ws.OpCode
				var payload []byte
				op, payload, rest = nextOwnFrame(rest)
				if op == ws.OpBinary {
					n += packet.PayloadBinaryLen(len(payload))
				} else {
					n += len(payload)
				}
			}
		}
	}
	if last != 0 {
		n++
		packets++
	}
	return n + packets - 1
}

// servePost takes a payload from the client.
func (s *Session) servePost(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	s.mu.Lock()
	switch {
	case s.conn != nil:
		s.mu.Unlock()
		refuse(w, false, codeBadRequest)
		return
	case s.keep:
		// It waits for its last poll, which an error here would prevent.
		s.mu.Unlock()
		answerOK(w)
		return
	case s.reason != "":
		s.mu.Unlock()
		refuse(w, false, codeUnknownSession)
		return
	case s.posting, r.Header.Get("Content-Type") == "application/octet-stream":
		s.shut(ReasonTransportError, 0, false)
		s.mu.Unlock()
		refuse(w, false, codeBadRequest)
		return
	}
	s.posting = true
	s.refs++
	// As long as a client without a sign of life would be kept at all.
	_ = control.SetReadDeadline(time.Now().Add(s.server.options.PingInterval + s.server.options.PingTimeout))
	s.abortPost = func() { _ = control.SetReadDeadline(time.Now()) }
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.unref()
		s.mu.Unlock()
	}()

	body, err := s.readBody(r)
	s.mu.Lock()
	s.abortPost = nil
	s.mu.Unlock()
	if err == nil {
		_ = control.SetReadDeadline(time.Time{})
		err = s.payload(body.b)
		body.release()
	}
	s.mu.Lock()
	s.posting = false
	if s.conn != nil && errors.Is(err, errNotPolling) {
		s.mu.Unlock()
		w.Header().Set("Connection", "close")
		refuse(w, false, codeBadRequest)
		return
	}
	var bye *closed
	var status int
	switch {
	case err == nil:
	case errors.As(err, &bye):
		s.closedByPost()
	case errors.Is(err, packet.ErrEngineType), errors.Is(err, packet.ErrBase64), errors.Is(err, errNotUTF8):
		status = http.StatusBadRequest
		s.shut(ReasonParseError, 0, false)
	case errors.Is(err, errTooBig):
		status = http.StatusRequestEntityTooLarge
		s.shut(ReasonTransportError, 0, false)
	default:
		status = http.StatusBadRequest
		s.shut(ReasonTransportError, 0, false)
	}
	s.mu.Unlock()
	switch status {
	case 0:
		answerOK(w)
	case http.StatusRequestEntityTooLarge:
		w.Header().Set("Connection", "close")
		w.Header().Set("Content-Length", "0")
		w.WriteHeader(status)
	default:
		w.Header().Set("Connection", "close")
		refuse(w, false, codeBadRequest)
	}
}

// closedByPost closes a session whose client has said so. The poll that waits is
// ended with a NOOP. Where none waits, the one that was sent together with the
// close may still be on its way, over another connection.
func (s *Session) closedByPost() {
	if s.reason != "" {
		return
	}
	s.lastPacket = packet.EngineNoop
	polling := s.getting
	s.shut(ReasonTransportClose, 0, false)
	if !polling {
		s.keepForPoll(overtakenPoll)
	}
}

// answerOK is the answer to a POST that was taken.
func answerOK(w http.ResponseWriter) {
	header := w.Header()
	// As the official server has it: some agents offer text/plain as a download.
	header.Set("Content-Type", "text/html")
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Length", "2")
	_, _ = io.WriteString(w, "ok")
}

// readBody reads the body of a POST, at most MaxPayload bytes of it. Memory grows
// with what has come, whatever the request promises.
func (s *Session) readBody(r *http.Request) (*buffer, error) {
	limit := s.server.options.MaxPayload
	if r.ContentLength > int64(limit) {
		return nil, errTooBig
	}
	size := readBufferSize
	if r.ContentLength >= 0 {
		size = min(int(r.ContentLength)+1, size)
	}
	body := getBuffer(size)
	for {
		if len(body.b) == cap(body.b) {
			body = body.grow(2 * cap(body.b))
		}
		n, err := r.Body.Read(body.b[len(body.b):cap(body.b)])
		body.b = body.b[:len(body.b)+n]
		switch {
		case len(body.b) > limit:
			body.release()
			return nil, errTooBig
		case err == io.EOF:
			return body, nil
		case err != nil:
			body.release()
			return nil, err
		}
	}
}

// errNotPolling says that a POST came to a session that polls no more.
var errNotPolling = errors.New("engine: the session has left polling")

// payload handles the packets of a POST.
func (s *Session) payload(body []byte) (err error) {
	if !utf8.Valid(body) {
		return errNotUTF8
	}
	s.mu.Lock()
	if s.conn != nil || s.reason != "" {
		s.mu.Unlock()
		return errNotPolling
	}
	s.busy, s.handling = true, true
	s.mu.Unlock()
	s.seen.Store(s.server.now())
	for more := true; more; {
		s.guard("Message", func() { body, more, err = s.packets(body) })
		more = more && err == nil
		s.end()
		if more {
			s.awaitDrained()
			more = s.begin()
		}
	}
	s.mu.Lock()
	s.handling = false
	s.changed.Broadcast()
	s.mu.Unlock()
	return err
}

// packets handles the packets of a body in order, as long as the session is open
// and not too much waits for its client. It returns what is left.
func (s *Session) packets(body []byte) (rest []byte, more bool, err error) {
	for {
		var p packet.EnginePacket
		if p, body, more, err = packet.DecodePayload(body); err != nil {
			return nil, false, err
		}
		if err = s.packet(p); err != nil || !more || s.ended.Load() {
			return nil, false, err
		}
		if s.full.Load() {
			return body, true, nil
		}
	}
}
