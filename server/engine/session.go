package engine

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"

	"ackbase/server/packet"
)

// What Send and SendText can return.
var (
	ErrClosed  = errors.New("engine: the session is closed")
	ErrTooSlow = errors.New("engine: the session is closed, since more than MaxBuffered bytes waited for its client")
)

// Request is what is kept of the request that opened a session.
type Request struct {
	Header     http.Header // not to be changed
	URL        *url.URL    // path and query, as requested
	Host       string      // the Host header
	RemoteAddr string      // "address:port" of the connection, which may be a proxy's
	Secure     bool        // came over TLS to this process
}

// Session is one Engine.IO client. All methods may be called from any
// goroutine, and none of them waits for the client.
type Session struct {
	id      string
	server  *Server
	handler Handler
	request *Request
	opened  time.Time
	flushFn func()       // s.flush, made once so that starting it allocates nothing
	seen    atomic.Int64 // when the client last gave a sign of life, by Server.now
	ended   atomic.Bool  // reason is set; for reading without the lock
	// answering says that the reader writes, so that a pong may lie unread.
	answering atomic.Bool

	mu      sync.Mutex
	changed sync.Cond // of busy, full, responding, reason
	ctx     context.Context
	cancel  context.CancelFunc

	out    *outbox     // what waits; nil while nothing does
	queued int         // bytes that wait, those being written among them
	large  int         // of these, bytes of large answers
	full   atomic.Bool // queued went over HighWater and is not yet under half of it; set under mu

	busy    bool  // the handler runs; what is sent stays in out until it returns
	writing bool  // a goroutine writes to conn
	writeBy int64 // its write deadline; belongs to who writes

	conn   net.Conn // the WebSocket; nil on polling
	probe  net.Conn // a WebSocket that is being probed
	probed bool     // it was answered: polls end soon

	getting    bool          // a GET waits or takes
	poll       chan struct{} // of the GET that waits; closed to wake it
	responding int           // GETs that have taken packets and are writing them
	posting    bool          // a POST is being read or handled
	handling   bool          // its packets are being handled
	abortPost  func()        // ends the reading of its body; nil while none is read

	reason     string        // why the session closed; "" while it is open
	closeCode  ws.StatusCode // of the close frame
	lastPacket packet.EngineType
	drain      bool // what waits is still to be written
	goodbye    bool // the close frame was written or will not be
	keep       bool // closed, and waits for a poll that takes what is left

	timer    *time.Timer
	due      int64 // when timer fires
	pingAt   int64 // when to ping; 0 while a pong is awaited
	pongBy   int64 // when the pong must be there; 0 while none is awaited
	pingLeft int   // bytes to be written until the ping is out
	stallBy  int64 // on polling: when something must have been taken; 0 while nothing waits
	closeBy  int64 // when a closed session is cut off at last

	refs int // goroutines and callbacks that still use the session
}

// newSession makes a session, in use by its caller, whose handler counts as
// busy. Nothing of it has been sent yet.
func newSession(srv *Server, r *http.Request) *Session {
	s := &Session{
		id:      newID(),
		server:  srv,
		request: &Request{Header: r.Header, URL: r.URL, Host: r.Host, RemoteAddr: r.RemoteAddr, Secure: r.TLS != nil},
		opened:  time.Now(),
		handler: silent{},
		busy:    true,
		refs:    2, // the caller, and Closed that is still to come
	}
	s.changed.L = &s.mu
	s.flushFn = s.flush
	s.startHeartbeat()
	return s
}

// ID is the session's id, 20 characters that cannot be guessed. Who knows it can
// act as this client, so it must not be told to others.
func (s *Session) ID() string { return s.id }

// Request is what is kept of the request that opened the session.
func (s *Session) Request() *Request { return s.request }

// Transport is the name of the present transport, Polling or WebSocket.
func (s *Session) Transport() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		return WebSocket
	}
	return Polling
}

// Context ends when the session closes.
func (s *Session) Context() context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx == nil {
		s.ctx, s.cancel = context.WithCancel(context.Background())
		if s.reason != "" {
			s.cancel()
		}
	}
	return s.ctx
}

// Send queues messages for the client: all of them or none, with nothing between
// them. The error is ErrClosed or ErrTooSlow. That a message was queued does not
// say that it arrives.
func (s *Session) Send(msgs ...*Message) error {
	size := 0
	for _, m := range msgs {
		size += len(m.frame)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	large, err := s.admit(size)
	if err != nil || size == 0 {
		return err
	}
	out := s.outbox()
	for _, m := range msgs {
		out.add(m, large)
	}
	s.sent(size, large)
	return nil
}

// SendText queues one text message of the concatenated parts, which are copied.
// It allocates nothing while buffers come from the pool. What is said of NewText
// and Send holds for it.
func (s *Session) SendText(parts ...[]byte) error {
	payload := textSize(parts)
	size := headerSize(payload) + payload
	s.mu.Lock()
	defer s.mu.Unlock()
	large, err := s.admit(size)
	if err != nil {
		return err
	}
	c := s.outbox().room(size, large)
	c.b = appendText(c.b, payload, parts)
	s.sent(size, large)
	return nil
}

// Buffered is the number of bytes that wait for the client.
func (s *Session) Buffered() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queued
}

// Writable is false from when more than Options.HighWater waits until less than
// half of it does; then Handler.Drained is called. It is false on a closed
// session, for which Drained is not called.
func (s *Session) Writable() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.full.Load() && s.reason == ""
}

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

// admit decides whether size more bytes may wait and whether they are a large
// answer. Over the bound the session is closed.
func (s *Session) admit(size int) (large bool, err error) {
	if s.reason != "" {
		return false, ErrClosed
	}
	o := &s.server.options
	large = size > o.HighWater
	if large && s.queued <= o.MaxBuffered || !large && s.queued-s.large+size <= o.MaxBuffered {
		return large, nil
	}
	s.shut(ReasonTooSlow, 0, false)
	return false, ErrTooSlow
}

// outbox returns the outbox of what waits, making one where nothing did.
func (s *Session) outbox() *outbox {
	if s.out == nil {
		s.out = outboxes.Get().(*outbox)
	}
	return s.out
}

// sent accounts for bytes that were queued and sees that they leave.
func (s *Session) sent(size int, large bool) {
	s.queued += size
	if large {
		s.large += size
	}
	if s.queued > s.server.options.HighWater {
		s.full.Store(true)
	}
	if !s.busy {
		s.kick()
	}
}

// sendPacket queues a packet of Engine.IO itself, past the bounds.
func (s *Session) sendPacket(t packet.EngineType, data string) {
	size := 1 + len(data)
	c := s.outbox().room(headerSize(size)+size, false)
	c.b = append(append(appendHeader(c.b, ws.OpText, size), byte(t)), data...)
	s.sent(headerSize(size)+size, false)
}

// kick sees that what waits leaves, if nobody does that already.
func (s *Session) kick() {
	switch {
	case s.conn != nil:
		if !s.writing && (s.out != nil || s.reason != "" && !s.goodbye) {
			s.writing = true
			s.refs++
			go s.flushFn()
		}
	case s.poll != nil:
		if s.out != nil || s.reason != "" {
			close(s.poll)
			s.poll = nil
		}
	case s.out != nil && s.reason == "" && s.stallBy == 0 && !s.getting && s.responding == 0:
		s.stallBy = s.server.now() + int64(s.server.options.StallTimeout)
		s.schedule(s.stallBy)
	}
}

// wrote accounts for bytes that were taken by the transport.
func (s *Session) wrote(n, large int) {
	s.mu.Lock()
	s.queued -= n
	s.large -= large
	if s.pingLeft > 0 {
		// Until the ping itself has left, the client cannot answer it.
		s.pingLeft -= n
		s.seen.Store(s.server.now())
	}
	drained := s.full.Load() && s.queued < s.server.options.HighWater/2
	if drained {
		s.full.Store(false)
		s.changed.Broadcast()
	}
	drained = drained && s.reason == ""
	s.mu.Unlock()
	if drained {
		s.guard("Drained", func() { s.handler.Drained(s) })
	}
}

// awaitDrained waits until less than half of HighWater waits, or the session
// is closed.
func (s *Session) awaitDrained() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.full.Load() && s.reason == "" {
		s.changed.Wait()
	}
	// The pong may be in what was not read meanwhile.
	s.seen.Store(s.server.now())
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
	case s.out != nil:
		s.keepForPoll(shutdownGrace)
	}
	if s.drain {
		s.schedule(s.closeBy)
	}
	if !s.busy {
		s.kick()
	}
	s.changed.Broadcast()
}

// cutOff drops what waits and closes the connection.
func (s *Session) cutOff() {
	s.drain = false
	s.goodbye = true
	if s.out != nil {
		s.out.release()
		s.out = nil
	}
	if s.conn != nil {
		_ = s.conn.Close()
	}
	if s.poll != nil {
		close(s.poll)
		s.poll = nil
	}
	s.unkeep()
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

// begin marks the handler as running. It returns false on a closed session, for
// which the handler must not run any more.
func (s *Session) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.reason != "" {
		return false
	}
	s.busy = true
	return true
}

// end follows begin: it calls BatchEnd, and Closed if the session closed
// meanwhile, and sees that everything sent leaves. On a WebSocket the calling
// goroutine writes it.
func (s *Session) end() {
	s.guard("BatchEnd", func() { s.handler.BatchEnd(s) })
	s.release()
}

// release ends the time in which the handler was busy.
func (s *Session) release() {
	s.mu.Lock()
	s.busy = false
	closed := s.reason != ""
	s.changed.Broadcast()
	write := s.conn != nil && !s.writing && (s.out != nil || closed && !s.goodbye)
	if write {
		s.writing = true
		s.refs++
	} else {
		s.kick()
	}
	s.mu.Unlock()
	if closed {
		s.finish()
	}
	if write {
		s.answering.Store(true)
		s.write(1)
		s.seen.Store(s.server.now())
		s.answering.Store(false)
	}
}

// finish tells the handler that the session is closed, and writes the log line.
func (s *Session) finish() {
	s.guard("Closed", func() { s.handler.Closed(s, s.reason) })
	s.server.options.Logger.Debug("engine: session closed", "reason", s.reason,
		"transport", s.Transport(), "remote", s.request.RemoteAddr, "after", time.Since(s.opened).Round(time.Millisecond))
	s.mu.Lock()
	s.unref()
	s.mu.Unlock()
}

// unref ends one use of the session. After the last one nothing of it is left.
func (s *Session) unref() {
	s.refs--
	if s.refs == 0 {
		s.timer.Stop()
		if s.out != nil {
			s.out.release()
			s.out = nil
		}
		s.server.gone(s)
	}
}

// guard runs a method of the handler. A panic in it closes the session, as one
// in an HTTP handler closes the connection, and does not end the process.
func (s *Session) guard(method string, call func()) {
	defer func() {
		if p := recover(); p != nil {
			s.panicked(method, p)
		}
	}()
	call()
}

func (s *Session) panicked(method string, p any) {
	s.server.options.Logger.Error("engine: the handler panicked", "method", method, "panic", p,
		"remote", s.request.RemoteAddr, "stack", string(debug.Stack()))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shut(ReasonForcedClose, ws.StatusInternalServerError, false)
}

// silent is the handler of a session whose accept function gave none.
type silent struct{}

func (silent) Message(*Session, []byte, bool) {}
func (silent) BatchEnd(*Session)              {}
func (silent) Drained(*Session)               {}
func (silent) Closed(*Session, string)        {}
