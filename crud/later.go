package crud

import (
	"fmt"
	"runtime/debug"
	"sync"
)

// later runs a read that may be long on a goroutine of its own, so that the
// session's reader does not wait for it.
func (r *request) later(read func(*request) error) error {
	c := r.session
	job, size := r.detach(), r.size()
	c.enter(&c.flow, size)
	ok := c.service.spawn(func() {
		defer c.flow.leave(size)
		job.scan(read)
	})
	if !ok {
		c.flow.leave(size)
		return errClosing
	}
	return nil
}

// size is how many bytes the request takes while it waits for its turn: the arguments, of which a query keeps
// slices, and what a filter takes beside them.
func (r *request) size() (n int) {
	n = r.parsed
	for _, arg := range r.args {
		n += len(arg)
	}
	return n
}

// detach copies the request without the arguments, which are the caller's.
func (r *request) detach() *request {
	return &request{session: r.session, verb: r.verb, collection: r.collection, reply: r.reply, began: r.takeBegan(), detached: true}
}

// scan runs a read when it is its turn and one of the places for long reads is
// free, and answers its error.
func (r *request) scan(read func(*request) error) {
	s := r.session.service
	if !r.session.takeTurn() {
		if s.ctx.Err() != nil {
			r.refuse(errClosing)
		}
		return
	}
	defer func() { <-r.session.turn }()
	select {
	case s.scans <- struct{}{}:
		defer func() { <-s.scans }()
	case <-r.session.conn.Context().Done():
		return
	}
	r.finish(read)
}

// takeTurn waits until no other long read of the session runs and what was
// answered before has left, nearly: a client that asks for several large pages at
// once gets them one after the other, and is not taken for a slow one. It is
// false when the connection has ended or the service closes.
func (c *Session) takeTurn() bool {
	ended, closing := c.conn.Context().Done(), c.service.ctx.Done()
	select {
	case c.turn <- struct{}{}:
	case <-ended:
		return false
	case <-closing:
		return false
	}
	for !c.conn.Writable() {
		select {
		case <-c.drained:
		case <-ended:
			<-c.turn
			return false
		case <-closing:
			<-c.turn
			return false
		}
	}
	return true
}

// finish runs the rest of a request and answers its error.
func (r *request) finish(rest func(*request) error) {
	defer r.recover()
	if err := rest(r); err != nil {
		r.refuse(err)
	}
	r.session.service.observe(r.verb, r.began)
}

// recover answers a request whose verb panicked: a fault of one request harms no other.
func (r *request) recover() {
	if p := recover(); p != nil {
		r.session.service.log.Error("a verb panicked", "verb", r.verb.name, "panic", p, "stack", string(debug.Stack()))
		r.refuse(fmt.Errorf("panic: %v", p))
	}
}

// line keeps the subscribing of one session in the order of its requests: what
// follows a snapshot that is being read waits for it. The zero value is ready.
type line struct {
	mu      sync.Mutex
	busy    bool // a goroutine is working the line off
	waiting []func()
}

// inLine runs a job in the order of the session's line: at once, unless it is
// long or others wait.
func (r *request) inLine(long bool, job func(*request) error) error {
	c := r.session
	l := &c.line
	l.mu.Lock()
	if !long && !l.busy {
		l.mu.Unlock()
		return job(r)
	}
	l.mu.Unlock()

	rest, size := r.detach(), r.size()
	c.enter(&c.flow, size)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.waiting = append(l.waiting, func() {
		defer c.flow.leave(size)
		if long {
			rest.scan(job)
		} else {
			rest.finish(job)
		}
	})
	if l.busy {
		return nil
	}
	if l.busy = c.service.spawn(l.work); !l.busy {
		l.waiting = nil
		c.flow.leave(size)
		return errClosing
	}
	return nil
}

// work runs what waits, one after the other.
func (l *line) work() {
	for {
		l.mu.Lock()
		if len(l.waiting) == 0 {
			l.busy = false
			l.waiting = nil
			l.mu.Unlock()
			return
		}
		job := l.waiting[0]
		l.waiting = l.waiting[1:]
		l.mu.Unlock()
		job()
	}
}
