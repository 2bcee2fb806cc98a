package server

import (
	"context"
	"runtime"
	"runtime/metrics"
	"time"
)

const (
	// LimitMemory looks again when what grows by so many bytes a second may have reached the limit,
	// within these bounds: each look wakes a process that may have nothing else to do.
	memoryGrowth                    = 4 << 30
	memoryLookLeast, memoryLookMost = 50 * time.Millisecond, time.Second
	// collectEvery is how often it has the garbage collected.
	collectEvery = time.Second
	// The part of the limit that is left in use.
	memoryLeft, memoryParts = 3, 4
)

// LimitMemory keeps what clients make the process hold within limit bytes of memory, until ctx ends:
// when more than that is in use by the whole process, as the garbage collector sees it, the
// connections that hold most are cut off, with the reason "server overloaded", until a quarter is
// free. Stock clients connect again.
func (s *Server) LimitMemory(ctx context.Context, limit int) {
	var collected time.Time
	look := time.NewTimer(0)
	defer look.Stop()
	for {
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
		room := limit - heap("/memory/classes/heap/objects:bytes")
		look.Reset(nextLook(room))
		if room >= 0 {
			continue
		}
		held := s.engine.Stats()
		used := held.Waiting + held.Incoming
		if used <= limit && time.Since(collected) > collectEvery {
			runtime.GC() // much of the rest may be garbage
			used, collected = heap("/gc/heap/live:bytes"), time.Now()
		}
		if used <= limit {
			continue
		}
		n := s.engine.Relieve(used - limit*memoryLeft/memoryParts)
		s.log.Warn("too much memory is in use: the connections that hold most of it were cut off", "bytes", used, "limit", limit, "connections", n)
	}
}

// nextLook is how long to wait where so many bytes are left.
func nextLook(room int) time.Duration {
	grown := time.Duration(float64(room) / memoryGrowth * float64(time.Second))
	return min(max(grown, memoryLookLeast), memoryLookMost)
}

// heap reads a metric of the runtime that is a number.
func heap(name string) int {
	sample := []metrics.Sample{{Name: name}}
	metrics.Read(sample)
	return int(sample[0].Value.Uint64())
}
