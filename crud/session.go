package crud

import (
	"sync/atomic"

	"golang.org/x/time/rate"

	"ackbase/collections"
)

// Session is one client: the requests that are under way for it, what it has
// subscribed to, and how far the log has been delivered to it.
type Session struct {
	// What an event touches stands together at the beginning: of many sessions each has left the
	// processor's cache when the next event comes. All but conn is guarded by hub.mu.
	conn     Conn
	behind   bool            // delivery stands at position; otherwise where the hub does
	marks    bool            // events carry offsets: it can be recovered, and nothing is being replayed
	touched  uint64          // the change that the hub offered last, by sequence number
	numbered uint64          // offsets up to this sequence number have the number of the replay or snapshot before
	filtered []*subscription // those of rooms with filters, in the order they were asked for
	last     *subscription   // whose event of the change that is being offered waits, since another may follow

	service  *Service
	counts   *shard // of requests
	flow     flow
	credit   int           // requests that may come without a look at the clock; of Do
	rate     *rate.Limiter // of what credit is taken from; nil before the first request
	line     line
	turn     chan struct{} // full while a long read of the session runs
	drained  chan struct{} // full when the connection has become writable since it was last looked at
	requests uint64        // counted by Do

	// Of who calls Do.
	batch batch
	get   request  // the GET that is being answered
	meta  []byte   // of its answer
	named struct { // the collection that was named last
		raw  []byte
		name string
	}

	identity   Identity               // without a PID where it cannot be recovered
	kept       *kept                  // nil before the first subscription; made by who calls Do, under hub.mu
	joined     atomic.Pointer[joined] // nil as long as kept is, and where the connection knows no rooms
	subscribed atomic.Bool            // it has ever asked for a subscription
	closed     atomic.Bool
	left       atomic.Bool  // by the client's own will
	reserved   atomic.Int64 // what filters will take of subscriptions that are asked for
	lagging    atomic.Bool  // behind or replaying, for Drained, which must not wait for the hub

	// Guarded by hub.mu.
	gone       bool
	rooms      map[string]*subscription // by the room's name
	conditions int                      // of their filters
	holding    int                      // bytes that these take
	running    bool                     // a goroutine is catching up
	replays    []*subscription          // those that are not live yet; the first is being replayed
	replaying  bool                     // a goroutine is at it
	held       int                      // snapshots being read: delivery stands still
	position   collections.Position     // while behind: every event up to here has been sent
}

// Open makes the session of a connection. Close it when the connection has ended.
func (s *Service) Open(conn Conn) *Session {
	return &Session{
		service: s, conn: conn, counts: s.counts.shard(),
		flow: flow{maxRequests: s.opts.MaxPending, maxBytes: s.opts.MaxPendingBytes},
		turn: make(chan struct{}, 1), drained: make(chan struct{}, 1),
	}
}

// Leave is Close for a client that ends its session by its own will: it is not recovered.
func (c *Session) Leave() {
	c.left.Store(true)
	c.Close()
}

// Close forgets the session's subscriptions, but for what is kept for its recovery. It never waits,
// and may be called from within Conn.Send.
func (c *Session) Close() {
	if c.closed.Swap(true) || !c.subscribed.Load() {
		return
	}
	c.service.spawn(func() {
		c.service.forget(c)
		if c.kept != nil { // and stays so, since the session is gone
			c.service.finish(c)
		}
	})
}

// forget takes a session out of its rooms.
func (s *Service) forget(c *Session) {
	h := &s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	c.gone = true
	s.keepUp(c)
	for _, sub := range c.rooms {
		h.drop(sub)
	}
}

// Drained tells that the connection is writable again: delivery and long reads
// go on if they stood still. It never waits.
func (c *Session) Drained() {
	select {
	case c.drained <- struct{}{}:
	default:
	}
	if c.lagging.Load() {
		c.service.spawn(func() {
			h := &c.service.hub
			h.mu.Lock()
			defer h.mu.Unlock()
			c.service.resume(c)
			c.service.resumeReplays(c)
		})
	}
}
