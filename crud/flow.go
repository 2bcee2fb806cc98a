package crud

import (
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// What one session may have under way before its reader waits, unless Options say
// otherwise: enough for a client that pipelines, too little for one that wants the server's memory.
// Writes are answered with what they wrote, and many at the same time, by one
// commit: well within the bytes that may wait for a client before it counts as slow.
const (
	defaultMaxPending      = 1024
	defaultMaxPendingBytes = 2 << 20
	// defaultMaxPendingTotal is twice what one commit takes.
	defaultMaxPendingTotal = 64 << 20
)

// flow bounds the requests that are answered later, of one session or of all.
type flow struct {
	maxRequests, maxBytes int

	mu       sync.Mutex
	less     *sync.Cond // made when somebody must wait
	requests int
	bytes    int
}

// enter waits for a place for a request that holds so many bytes. What is under way ends without the
// waiting reader, but a long read not before what was answered before has left: see Waiter.
func (c *Session) enter(f *flow, bytes int) {
	if f.tryEnter(bytes) {
		return
	}
	if w, ok := c.conn.(Waiter); ok {
		w.Wait(func() { f.enter(bytes) })
		return
	}
	f.enter(bytes)
}

// tryEnter is enter where there is room at once.
func (f *flow) tryEnter(bytes int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.room(bytes) {
		return false
	}
	f.take(bytes)
	return true
}

func (f *flow) enter(bytes int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for !f.room(bytes) {
		if f.less == nil {
			f.less = sync.NewCond(&f.mu)
		}
		f.less.Wait()
	}
	f.take(bytes)
}

// room tells whether a request may enter. f is locked, as in take.
func (f *flow) room(bytes int) bool {
	return f.requests < f.maxRequests && (f.requests == 0 || f.bytes+bytes <= f.maxBytes)
}

func (f *flow) take(bytes int) {
	f.requests++
	f.bytes += bytes
	if f.less != nil {
		f.less.Signal() // there may be room for one more
	}
}

// add is enter without waiting.
func (f *flow) add(bytes int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests++
	f.bytes += bytes
}

func (f *flow) leave(bytes int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests--
	f.bytes -= bytes
	if f.less != nil {
		f.less.Signal()
	}
}

const (
	// defaultRequestRate is more than one processor answers, so that no client meets it who
	// works hard, `ackbase bench` neither: the requests of a session come one after the other,
	// and what they cost is bounded otherwise, by MaxPending and the places for long reads.
	// It is there to be set lower where some clients are not to be served more than others.
	defaultRequestRate = 1_000_000
	// requestBurst is how many seconds' worth of requests may come at once.
	requestBurst = 10
	// maxCredit is how many requests pass between two looks at the clock.
	maxCredit = 64
)

// takeCredit lets one more request pass, or tells when to try again. Requests of a
// session come one after the other, so this needs no lock.
func (c *Session) takeCredit() error {
	if c.credit == 0 {
		if wait := c.earn(); wait > 0 {
			ms := (wait + time.Millisecond - 1).Milliseconds()
			return &Fault{
				Code: "RATE_LIMITED", Status: 429,
				Message: fmt.Sprintf("this socket has sent more than %d requests a second for a while: go on in %d ms", c.service.opts.RequestRate, ms),
				Details: map[string]int64{"retryAfter": ms},
			}
		}
	}
	c.credit--
	return nil
}

// earn takes the next credit from the rate. Where there is none it tells how long it takes.
func (c *Session) earn() (wait time.Duration) {
	perSecond := c.service.opts.RequestRate
	if c.rate == nil {
		c.rate = rate.NewLimiter(rate.Limit(perSecond), requestBurst*perSecond)
	}
	credit := min(max(1, perSecond/10), maxCredit)
	now := time.Now()
	reserved := c.rate.ReserveN(now, credit)
	if wait = reserved.DelayFrom(now); wait > 0 {
		reserved.CancelAt(now)
		return wait
	}
	c.credit = credit
	return 0
}
