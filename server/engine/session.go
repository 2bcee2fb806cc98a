package engine

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gobwas/ws"

	"ackbase/server/admission"
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
	Client     netip.Addr  // the client's address, see package admission; the zero Addr where there is none
	Secure     bool        // came over TLS to this process
}

// Session is one Engine.IO client. All methods may be called from any
// goroutine, and none of them waits for the client.
type Session struct {
	// What an event touches stands together at the beginning: of many sessions each has
	// left the processor's cache when the next event comes.
	server *Server
	form   atomic.Uint32 // a form, of what is sent; deflated comes with a WebSocket
	ended  atomic.Bool   // reason is set; for reading without the lock
	full   atomic.Bool   // queued went over HighWater and is not yet under half of it; set under mu
	mu     sync.Mutex

	// Guarded by mu, down to refs.
	busy    bool   // the handler runs; what is sent stays in out until it returns
	writing bool   // somebody writes to conn, or is about to
	inRound bool   // what waits is for the flusher's next round
	resting int32  // calls of Wait: what is sent leaves though the handler runs
	reason  string // why the session closed; "" while it is open

	queued   int             // bytes that wait, those being written among them
	large    int             // of these, bytes of large answers
	single   []byte          // what waits, where that is one frame for the flusher's next round
	out      *outbox         // what waits; nil while nothing does
	fd       int             // of conn, which nobody closes while mu is held; noFD from before that
	raw      syscall.RawConn // of conn, for writes that do not wait; nil where that cannot be
	notYet   int64           // when to go on after a flush, 0 for at once; belongs to who writes
	pingLeft int             // bytes to be written until the ping is out
	refs     int             // goroutines and callbacks that still use the session

	// Set before others know the session, handler while it opens; or atomic.
	id       string
	handler  Handler
	request  *Request
	opened   time.Time
	place    admission.Place
	protocol int          // 3 or 4
	flushFn  func()       // s.flush, made once so that starting it allocates nothing
	seen     atomic.Int64 // when the client last gave a sign of life, by Server.now
	// incoming is what unfinished messages take, kept what the handler holds of them.
	incoming, kept atomic.Int32
	held           atomic.Int64 // what the program holds for the client
	// answering says that the reader writes, so that a pong may lie unread.
	answering atomic.Bool

	// Guarded by mu too.
	changed sync.Cond // of busy, full, responding, reason
	ctx     context.Context
	cancel  context.CancelFunc

	writeBy int64       // the write deadline of conn; belongs to who writes
	paused  *time.Timer // counts as who writes until then; nil while nothing has to wait

	conn   net.Conn // the WebSocket; nil on polling
	probe  net.Conn // a WebSocket that is being probed
	probed bool     // it was answered: polls end soon

	getting    bool          // a GET waits or takes
	poll       chan struct{} // of the GET that waits; closed to wake it
	responding int           // GETs that have taken packets and are writing them
	posting    bool          // a POST is being read or handled
	stamps     stamps        // of the newest GET and POST
	handling   bool          // its packets are being handled
	abortPost  func()        // ends the reading of its body; nil while none is read

	closeCode  ws.StatusCode // of the close frame
	lastPacket packet.EngineType
	drain      bool // what waits is still to be written
	goodbye    bool // the close frame was written or will not be
	keep       bool // closed, and waits for a poll that takes what is left

	timer   *time.Timer
	due     int64 // when timer fires
	pingAt  int64 // when to ping; 0 while a pong is awaited
	pinged  int64 // when the last ping was due; 0 once its pong has come
	pongBy  int64 // when the pong must be there; 0 while none is awaited
	stallBy int64 // on polling: when something must have been taken; 0 while nothing waits
	closeBy int64 // when a closed session is cut off at last
}

// newSession makes a session, in use by its caller, whose handler counts as
// busy. Nothing of it has been sent yet. query is that of r. The session gives its
// place back when it is gone.
func newSession(srv *Server, r *http.Request, query url.Values, place admission.Place) *Session {
	s := &Session{
		id:     newID(),
		server: srv,
		request: &Request{
			Header: r.Header, URL: r.URL, Host: r.Host, RemoteAddr: r.RemoteAddr, Secure: r.TLS != nil,
			Client: srv.options.Admission.Client(r),
		},
		opened:  time.Now(),
		place:   place,
		handler: silent{},
		fd:      noFD,
		busy:    true,
		refs:    2, // the caller, and Closed that is still to come
	}
	protocol, f := srv.protocolOf(query)
	s.protocol = protocol
	s.form.Store(uint32(f))
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

// Protocol is the revision of Engine.IO that the client speaks: 4, or 3 where
// Options.AllowEIO3 lets it.
func (s *Session) Protocol() int { return s.protocol }

// Opened is when the session was opened.
func (s *Session) Opened() time.Time { return s.opened }

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
