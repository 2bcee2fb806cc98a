package engine

import (
	"runtime"
	"sync"
	"time"
)

// A flusher writes to WebSockets what others than their readers send. A few
// goroutines do that for all sessions of a server, one after the other, since a
// goroutine for each costs as much as its write does. They write only what a
// socket takes at once: one that has to be waited for gets a goroutine.
//
// What goes to many leaves in rounds. After a round comes a rest, a few times as
// long as the round took, so that of events which follow each other quickly several
// leave with one write to each socket, and nearly all that an event costs is that write
// in the system. Under load, members of a large room then have an event later by at
// most a few times what writing to all of them takes, and by no more than 10 ms; one
// that comes alone, and the events of a small room, leave at once.
type flusher struct {
	server *Server

	mu     sync.Mutex
	direct crew // for what is to leave now
	rounds crew // for what goes to many
	next   line // what was queued for the next round
	due    bool // it is to begin as soon as it may
	began  int64
	rested int64 // when the next round may begin
	timer  *time.Timer
}

const (
	// restFactor is how many times as long as a round the rest after it is.
	restFactor = 3
	// maxRest bounds the rest.
	maxRest = 10 * time.Millisecond
	// perWorker is how many sessions wait for each goroutine before one more helps,
	// perTurn how many of them it takes at a time.
	perWorker = 64
	perTurn   = 8
)

// maxWorkers leaves half of the processors to the readers.
var maxWorkers = max(1, runtime.GOMAXPROCS(0)/2)

// A crew is sessions that wait to be written to and the number of goroutines that do it.
type crew struct {
	line
	workers int
}

// A line is sessions, first in, first out.
type line struct {
	sessions []*Session
	head     int
}

func (l *line) len() int { return len(l.sessions) - l.head }

func (l *line) push(s *Session) { l.sessions = append(l.sessions, s) }

func (l *line) pop() *Session {
	s := l.sessions[l.head]
	l.sessions[l.head] = nil
	l.head++
	if l.head == len(l.sessions) {
		l.sessions, l.head = l.sessions[:0], 0
		if cap(l.sessions) > 1<<16 {
			l.sessions = nil
		}
	}
	return s
}

// add passes the use of a session as its writer on. The session is locked.
func (f *flusher) add(s *Session) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.direct.push(s)
	f.staff(&f.direct, (*Session).flushNow)
}

// queue puts a session into the next round. The session is locked.
func (f *flusher) queue(s *Session) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next.push(s)
}

// Flush lets all that [Session.Queue] has queued go. It does not wait for it.
func (srv *Server) Flush() {
	f := &srv.flusher
	f.mu.Lock()
	defer f.mu.Unlock()
	f.begin()
}

// begin begins the next round if it may, or else sees that it does.
func (f *flusher) begin() {
	if f.next.len() == 0 || f.due {
		return
	}
	now := f.server.now()
	switch rest := time.Duration(f.rested - now); {
	case f.rounds.workers > 0: // who ends the round calls again
		f.due = true
	case rest > 0:
		f.due = true
		if f.timer == nil {
			f.timer = time.AfterFunc(rest, f.resume)
		} else {
			f.timer.Reset(rest)
		}
	default:
		f.began = now
		f.rounds.line, f.next = f.next, f.rounds.line
		f.staff(&f.rounds, (*Session).flushInTurn)
	}
}

// resume follows a rest or a round.
func (f *flusher) resume() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.due = false
	f.begin()
}

// staff sees that there are goroutines enough for those who wait.
func (f *flusher) staff(c *crew, write func(*Session)) {
	for c.workers == 0 || c.workers < maxWorkers && c.workers*perWorker < c.len() {
		c.workers++
		go f.work(c, write)
	}
}

// work writes until nobody waits.
func (f *flusher) work(c *crew, write func(*Session)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var own [perTurn]*Session
	for c.len() > 0 {
		n := 0
		for ; n < len(own) && c.len() > 0; n++ {
			own[n] = c.pop()
		}
		f.mu.Unlock()
		for i, s := range own[:n] {
			own[i] = nil
			write(s)
		}
		f.mu.Lock()
	}
	if c.workers--; c == &f.rounds && c.workers == 0 {
		now := f.server.now()
		f.rested = now + min(restFactor*(now-f.began), int64(maxRest))
		if f.due {
			f.due = false
			f.begin()
		}
	}
}
