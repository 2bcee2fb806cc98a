package crud_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"ackbase/crud"
)

// reader subscribes and unsubscribes at random and notes what it is sent. One that has a pid loses its
// connection now and then and comes back.
type reader struct {
	t         *testing.T
	service   *crud.Service
	head      *atomic.Uint64
	rnd       *rand.Rand
	pid       string
	questions int // how many it may still ask
	stream    stream
	broken    []stream // of sessions that were not recovered
	recovered int
	over      int

	mu     sync.Mutex
	client *client
	ended  bool // nothing is written any more; the connection stays

	// Of the session.
	held     map[string]bool   // rooms
	replaced map[string]uint64 // of these, where a snapshot took the place of events, and no offset has come since then
	offset   *string           // that came last; it outlives the session
	unmarked []event           // since then, or since the session began
	since    bool              // a replay was asked for since then
}

// read goes on until all was written and the subscriptions have come to the head of the log.
func (r *reader) read() {
	r.begin()
	atHead := 0   // how many of the ends stand at the head
	answered := 0 // questions
	ending := false
	for n := 0; ; n++ {
		v := r.client.next()
		if v == nil {
			return
		}
		if a, ok := v.(answer); ok && a.request == last || v == theEnd {
			ending = true // what is asked from here on nobody keeps
			// The cursor of a subscription that is held is where its events stand.
			if !ok || cursor(r.t, a).Seq != r.head.Load() {
				atHead = 0
			} else if atHead++; atHead == len(ends) {
				return
			}
			r.client.ask(last, "SUBSCRIBE", ends[atHead]...)
			continue
		}
		r.stream.sent = append(r.stream.sent, v)
		r.note(v)
		if _, ok := v.(answer); ok {
			answered++
		}
		switch outstanding := len(r.stream.asked) - answered; {
		case ending:
		// Asking waits where too much is unanswered, and nobody else reads here.
		case n%7 == 0 && outstanding < 500 && r.questions > 0:
			r.questions--
			r.stream.asked = append(r.stream.asked, subscribeAtRandom(r.client, &r.stream, r.rnd))
		case r.pid != "" && outstanding == 0 && r.rnd.IntN(5) == 0 && r.reconnect():
			answered = 0
		}
	}
}

// begin asks for the first subscription of a session.
func (r *reader) begin() {
	r.held, r.replaced = map[string]bool{}, map[string]uint64{}
	r.unmarked, r.since = nil, false
	r.stream = stream{asked: []question{{verb: "SUBSCRIBE", room: "items"}}}
	r.client.ask(0, "SUBSCRIBE", "items", map[string]any{"snapshot": true})
}

// note keeps what a client knows of its session.
func (r *reader) note(v any) {
	switch v := v.(type) {
	case answer:
		q := r.stream.asked[v.request]
		if q.verb == "UNSUBSCRIBE" {
			delete(r.replaced, q.room)
			if delete(r.held, q.room); len(r.held) == 0 {
				r.since = false
			}
			return
		}
		if r.held[q.room] && q.snapshot {
			r.replaced[q.room] = cursor(r.t, v).Seq
		}
		r.held[q.room] = true
		r.since = r.since || q.since
	case event:
		if v.offset == "" {
			r.unmarked = append(r.unmarked, v)
			return
		}
		r.offset, r.unmarked, r.since = &v.offset, nil, false
		clear(r.replaced)
	}
}

// reconnect cuts the connection, with what is on its way, and comes back. It tells whether a new session has begun.
func (r *reader) reconnect() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return false
	}
	old := r.client
	r.countOver()
	if r.rnd.IntN(2) == 0 { // else the server does not know yet
		old.hangUp()
	}
	if c := old.comeBack(r.service, r.offset); c != nil {
		if r.since || len(r.held) == 0 {
			r.t.Errorf("%s: it was recovered with %d subscriptions, though nothing shows that a replay has ended: %v", r.pid, len(r.held), r.since)
		}
		r.client = c
		r.recovered++
		r.untell()
		return false
	}
	if !r.since && len(r.held) > 0 && !r.mayBeReplaced() {
		r.t.Errorf("%s: it was not recovered with %d subscriptions: %v", r.pid, len(r.held), old.refused)
	}
	old.hangUp()
	r.stream.broken = true
	r.broken = append(r.broken, r.stream)
	r.pid += "'"
	r.client = dialRecoverable(r.service, r.pid, old.room)
	r.begin()
	return true
}

// mayBeReplaced tells whether a snapshot took the place of events, and nothing came since then which shows that
// these are not missing.
func (r *reader) mayBeReplaced() bool {
	told := uint64(0)
	if r.offset != nil {
		at, _, _ := strings.Cut(*r.offset, ".")
		told = position(r.t, at).Seq
	}
	for _, snapshot := range r.replaced {
		if told < snapshot {
			return true
		}
	}
	return false
}

// countOver keeps how many events the connection was sent that was full.
func (r *reader) countOver() {
	r.client.mu.Lock()
	defer r.client.mu.Unlock()
	r.over = max(r.over, r.client.over)
}

// untell forgets the events of a change of which not all had come: they come again.
func (r *reader) untell() {
	change := ""
	for i, e := range r.unmarked {
		at := e.payload[strings.Index(e.payload, `"cursor":"`):]
		at = at[:strings.Index(at, `",`)]
		if e.name == "BOOKMARK" || i > 0 && at != change {
			r.t.Errorf("%s: events of several changes came without an offset: %v", r.pid, r.unmarked)
		}
		change = at
		last := len(r.stream.sent) - 1
		for ; fmt.Sprint(r.stream.sent[last]) != fmt.Sprint(e); last-- {
		}
		r.stream.sent = append(r.stream.sent[:last], r.stream.sent[last+1:]...)
	}
	r.unmarked = nil
}

// finish tells the reader that nothing is written any more.
func (r *reader) finish() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	r.client.mu.Lock()
	defer r.client.mu.Unlock()
	r.client.put(theEnd)
}
