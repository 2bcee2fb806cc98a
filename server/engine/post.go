package engine

import (
	"errors"
	"io"
	"net/http"
	"time"
	"unicode/utf8"

	"ackbase/server/packet"
)

// longPost is after how long a POST is one that took long.
const longPost = 10 * time.Millisecond

// servePost takes a payload from the client.
func (s *Session) servePost(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	contentType := r.Header.Get("Content-Type")
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
	case s.posting, contentType == octetStream && s.protocol != 3:
		s.shut(ReasonTransportError, 0, false)
		s.mu.Unlock()
		refuse(w, false, codeBadRequest)
		return
	}
	s.posting = true
	began := s.server.now()
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
	if err != nil && s.conn != nil {
		err = errNotPolling // the upgrade came in the middle of it
	}
	s.mu.Unlock()
	if err == nil {
		_ = control.SetReadDeadline(time.Time{})
		s.incoming.Store(0)
		err = s.payload(body.b, contentType)
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
	case isUnparseable(err), errors.Is(err, errNotUTF8):
		status = http.StatusBadRequest
		s.shut(ReasonParseError, 0, false)
	case errors.Is(err, errTooBig), errors.Is(err, errTooMany):
		status = http.StatusRequestEntityTooLarge
		s.shut(ReasonTransportError, 0, false)
	default:
		status = http.StatusBadRequest
		s.shut(ReasonTransportError, 0, false)
	}
	s.mu.Unlock()
	if s.server.now()-began > int64(longPost) {
		// The HTTP server's write deadline is for what it answers at once.
		_ = control.SetWriteDeadline(time.Time{})
	}
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
			s.incoming.Store(clampInt32(cap(body.b)))
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

// errTooMany says that a body has more packets than MaxPackets.
var errTooMany = errors.New("engine: a polling body has too many packets")

// errNotPolling says that a POST came to a session that polls no more.
var errNotPolling = errors.New("engine: the session has left polling")

// payload handles the packets of a POST.
func (s *Session) payload(body []byte, contentType string) (err error) {
	if contentType != octetStream && !utf8.Valid(body) {
		return errNotUTF8
	}
	decode := s.decoder(contentType)
	s.mu.Lock()
	if s.conn != nil || s.reason != "" {
		s.mu.Unlock()
		return errNotPolling
	}
	s.busy, s.handling = true, true
	s.mu.Unlock()
	s.seen.Store(s.server.now())
	left := s.server.options.MaxPackets
	for more := true; more; {
		s.guard("Message", func() { body, more, err = s.packets(body, decode, &left) })
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
// and not too much waits for its client. It returns what is left; left is how
// many packets may still come.
func (s *Session) packets(body []byte, decode decoder, left *int) (rest []byte, more bool, err error) {
	for {
		if *left--; *left < 0 {
			return nil, false, errTooMany
		}
		var p packet.EnginePacket
		if p, body, more, err = decode(body); err != nil {
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
