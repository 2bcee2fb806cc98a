package bench

import (
	"context"
	"fmt"
	"time"
)

// fanout is one writer and many subscribers.
type fanout struct {
	*caller
	items       *arguments // the writer's
	subscribers []*conn
}

// connect opens the subscribers, has them subscribe, and opens the writer.
func (f *fanout) connect(ctx context.Context) error {
	refusedBy := ""
	subscribe := &caller{run: f.run, loop: f.loop, total: int64(f.Connections),
		args: func(dst []byte, _ time.Duration) []byte {
			return append(append(append(dst, `["SUBSCRIBE","`...), f.Collection...), `"]`...)
		},
		answer: func(data []byte, _ time.Duration) {
			if refused(data) && refusedBy == "" {
				refusedBy = refusal(data)
			}
		},
	}
	subscribe.h = subscribe
	var err error
	if subscribe.conns, err = f.run.connect(ctx, subscribe, f.Connections, 1); err != nil {
		return err
	}
	if err := subscribe.finish(ctx); err != nil {
		return err
	}
	if refusedBy != "" {
		return fmt.Errorf("SUBSCRIBE: %s", refusedBy)
	}
	f.subscribers = subscribe.conns
	f.conns, err = f.run.connect(ctx, f.caller, 1, f.Depth)
	return err
}

// wrote takes the ack of a write.
func (f *fanout) wrote(data []byte, _ time.Duration) {
	if refused(data) {
		f.fail(1, "%s", refusal(data))
		return
	}
	f.written++
}

// event implements handler: it counts an event and how long ago its write was due.
func (f *fanout) event(c *conn, data []byte) {
	if len(f.conns) > 0 && c == f.conns[0] {
		return // the writer, whom some servers tell too
	}
	sent, ok := findStamp(data)
	if !ok || sent.run != f.items.run {
		return // not of this run's items: BOOKMARK, or another writer
	}
	first, inOrder := c.heard.take(sent.number)
	if !first {
		f.doubled++
		f.fail(1, "an event came more than once")
		return
	}
	if !inOrder {
		f.fail(1, "an event came after one of a later write")
	}
	f.delivered++
	f.count(f.now() - sent.due)
}

// settled tells whether every subscriber has had every event.
func (f *fanout) settled() bool {
	return f.pending == 0 && f.delivered >= f.written*int64(f.Connections)
}

// missing counts the events of acknowledged writes that did not come, subscriber by subscriber.
func (f *fanout) missing() (lost int64) {
	for _, c := range f.subscribers {
		lost += max(f.written-c.heard.distinct, 0)
	}
	return lost
}

// sequence is which of the numbers 0, 1, 2 … one subscriber has had. The zero value has had none.
type sequence struct {
	distinct int64
	next     int64              // all below it came
	ahead    map[int64]struct{} // what came above it
	highest  int64              // of ahead
}

// take notes a number. first tells whether it came for the first time, inOrder whether no higher one came before.
func (s *sequence) take(n int64) (first, inOrder bool) {
	if _, again := s.ahead[n]; again || n < s.next {
		return false, false
	}
	s.distinct++
	inOrder = len(s.ahead) == 0 || n > s.highest
	if n > s.next {
		if s.ahead == nil {
			s.ahead = map[int64]struct{}{}
		}
		s.ahead[n] = struct{}{}
		s.highest = max(s.highest, n)
		return true, inOrder
	}
	for s.next++; len(s.ahead) > 0; s.next++ {
		if _, came := s.ahead[s.next]; !came {
			break
		}
		delete(s.ahead, s.next)
	}
	return true, inOrder
}
