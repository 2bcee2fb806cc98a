package crud

import (
	"slices"
	"sync/atomic"
	"time"
)

// Stats is what a service does and has done. The counts are since it was made.
type Stats struct {
	Requests map[string]uint64            // by verb
	Faults   map[string]map[string]uint64 // of these those that were refused, by verb and code
	Latency  map[string]Histogram         // by verb: from the request to its answer; of GET one in TimedGETs

	Subscriptions int
	Rooms         int
	Behind        int    // sessions whose delivery stands behind the newest change
	Delivered     uint64 // events of changes
	Published     uint64 // events of PUBLISH
	Recovered     uint64 // sessions
	FromRing      uint64 // changes that sessions behind caught up with, from memory
	FromLog       uint64 // the same from the store's log
	RingBytes     int    // of recent changes in memory
	RingChanges   int
}

// Histogram counts durations.
type Histogram struct {
	Counts [len(Bounds) + 1]uint64 // by the bound they are under or at; the last of those over all
	Sum    time.Duration           // of all
}

// TimedGETs is of how many GETs one is timed.
const TimedGETs = 64

// Bounds are the upper bounds of a Histogram.
var Bounds = [...]time.Duration{
	5 * time.Microsecond, 10 * time.Microsecond, 25 * time.Microsecond, 50 * time.Microsecond,
	100 * time.Microsecond, 250 * time.Microsecond, 500 * time.Microsecond,
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond,
	10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond,
	100 * time.Millisecond, 250 * time.Millisecond, 500 * time.Millisecond, time.Second, 5 * time.Second,
}

// counts are the counts of a service that are not the hub's.
type counts struct {
	shards [16]shard
	next   atomic.Uint32 // the shard of the next session
	faults [verbCount][len(codes)]atomic.Uint64
	times  [verbCount]histogram

	recovered atomic.Uint64 // sessions
}

// shard is a part of the counts of requests, so that sessions on different
// processors rarely write to the same memory.
type shard struct {
	requests [verbCount]atomic.Uint64
	_        [64]byte
}

type histogram struct {
	counts [len(Bounds) + 1]atomic.Uint64
	sum    atomic.Int64 // nanoseconds
}

// codes are those of faults.
var codes = [...]string{
	"BAD_REQUEST", "UNAUTHENTICATED", "FORBIDDEN", "NOT_FOUND", "CONFLICT", "GONE", "PRECONDITION_FAILED", "TOO_LARGE", "INVALID",
	"RATE_LIMITED", "INTERNAL", "UNAVAILABLE",
}

func (c *counts) shard() *shard { return &c.shards[c.next.Add(1)%uint32(len(c.shards))] }

func (c *counts) failed(v *verb, code string) {
	if v.index == noVerb {
		return
	}
	for i := range codes {
		if codes[i] == code {
			c.faults[v.index][i].Add(1)
		}
	}
}

// now is the time since the service was made, in nanoseconds and never 0.
func (s *Service) now() int64 { return int64(time.Since(s.epoch)) + 1 }

// observe counts how long a request has taken that began at a time; 0 is that of none.
func (s *Service) observe(v *verb, began int64) {
	if began == 0 {
		return
	}
	took := time.Duration(s.now() - began)
	h := &s.counts.times[v.index]
	at := 0
	for at < len(Bounds) && took > Bounds[at] {
		at++
	}
	h.counts[at].Add(1)
	h.sum.Add(int64(took))
}

// Stats tells what the service does.
func (s *Service) Stats() Stats {
	stats := Stats{
		Requests: make(map[string]uint64),
		Faults:   make(map[string]map[string]uint64),
		Latency:  make(map[string]Histogram),
	}
	for name, v := range verbs {
		for i := range s.counts.shards {
			stats.Requests[name] += s.counts.shards[i].requests[v.index].Load()
		}
		stats.Faults[name] = make(map[string]uint64)
		for i, code := range codes {
			stats.Faults[name][code] = s.counts.faults[v.index][i].Load()
		}
		times := &s.counts.times[v.index]
		h := Histogram{Sum: time.Duration(times.sum.Load())}
		for i := range times.counts {
			h.Counts[i] = times.counts[i].Load()
		}
		stats.Latency[name] = h
	}
	stats.Recovered = s.counts.recovered.Load()
	h := &s.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	stats.Subscriptions, stats.Rooms, stats.Behind = h.subscriptions, h.rooms, h.behind
	stats.Delivered, stats.Published, stats.FromRing, stats.FromLog = h.delivered, h.published, h.fromRing, h.fromLog
	stats.RingBytes, stats.RingChanges = h.ring.bytes, len(h.ring.changes)
	return stats
}

// SessionStats is what a session does at a moment.
type SessionStats struct {
	Pending       int      // requests under way that are answered later
	PendingBytes  int      // that they hold
	Subscriptions []string // the rooms, sorted
	Behind        bool     // its delivery stands behind the newest change
}

// Stats tells what the session does. It may be called at any time.
func (c *Session) Stats() SessionStats {
	stats := SessionStats{Behind: c.lagging.Load()}
	c.flow.mu.Lock()
	stats.Pending, stats.PendingBytes = c.flow.requests, c.flow.bytes
	c.flow.mu.Unlock()
	if c.subscribed.Load() {
		c.service.hub.mu.Lock()
		for name := range c.rooms {
			stats.Subscriptions = append(stats.Subscriptions, name)
		}
		c.service.hub.mu.Unlock()
		slices.Sort(stats.Subscriptions)
	}
	return stats
}
