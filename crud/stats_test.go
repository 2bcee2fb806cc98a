package crud_test

import (
	"fmt"
	"testing"

	"ackbase/crud"
)

// TestStats follows a client that falls behind, catches up, and goes while it is behind.
func TestStats(t *testing.T) {
	s, _ := open(t, nil)
	writer := dial(s, "writer", 1<<30)
	defer writer.hangUp()
	slow := dial(s, "slow", 3)
	defer slow.hangUp()
	want := func(when, what string, got, want any) {
		t.Helper()
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v %s, want %v", when, got, what, want)
		}
	}
	slow.call(t, "SUBSCRIBE", "items")
	slow.call(t, "SUBSCRIBE", "items", 5)
	slow.call(t, "SUBSCRIBE", "orders")
	slow.call(t, "UNSUBSCRIBE", "orders")
	posted := 0
	post := func(n int) {
		for range n {
			writer.call(t, "POST", "items", map[string]any{})
		}
		posted += n
		for s.Stats().RingChanges < posted { // an answer comes before the change is delivered
		}
	}
	read := func(n int) {
		for range n {
			slow.next()
		}
	}
	post(2)
	read(2) // one after the other
	stats := s.Stats()
	want("at first", "subscriptions", stats.Subscriptions, 2)
	want("at first", "rooms", stats.Rooms, 2)
	want("at first", "behind", stats.Behind, 0)
	want("at first", "delivered", stats.Delivered, 2)
	want("at first", "in the ring", stats.RingChanges, 2)

	post(10) // more than it has room for
	want("behind", "behind", s.Stats().Behind, 1)
	read(10)
	stats = s.Stats()
	want("caught up", "delivered to the slow one", stats.Delivered, 12)
	if stats.FromRing == 0 || stats.FromLog != 0 || stats.RingBytes == 0 {
		t.Errorf("caught up with %d changes of the ring (%d bytes) and %d of the log", stats.FromRing, stats.RingBytes, stats.FromLog)
	}

	post(10)
	want("behind again", "behind", s.Stats().Behind, 1)
	writer.call(t, "GET", "items", 1)
	writer.call(t, "GET", "items", "none")
	writer.call(t, "PATCH", "items", 1, "nonsense")
	slow.hangUp()
	for stats = s.Stats(); stats.Subscriptions > 0; stats = s.Stats() { // its end is a goroutine's work
	}
	want("gone", "behind", stats.Behind, 0)
	want("gone", "rooms", stats.Rooms, 0)
	for verb, n := range map[string]int{"POST": 22, "SUBSCRIBE": 3, "UNSUBSCRIBE": 1, "GET": 2, "PATCH": 1, "DELETE": 0} {
		want("in all", verb, stats.Requests[verb], n)
	}
	want("in all", "not found", stats.Faults["GET"]["NOT_FOUND"], 1)
	want("in all", "bad patches", stats.Faults["PATCH"]["BAD_REQUEST"], 1)
	timed := func(h crud.Histogram) (n uint64) {
		for _, count := range h.Counts {
			n += count
		}
		return n
	}
	want("in all", "POSTs timed", timed(stats.Latency["POST"]), 22)
	want("in all", "GETs timed, of 64 one", timed(stats.Latency["GET"]), 1)
	if stats.Latency["POST"].Sum <= 0 {
		t.Error("22 POSTs took no time")
	}
}
