package server

import (
	"context"
	"runtime"
	"runtime/metrics"
	"time"
)

const (
	// memoryLook is how often LimitMemory looks.
	memoryLook = 50 * time.Millisecond
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
	look := time.NewTicker(memoryLook)
	defer look.Stop()
	for {
		select {
		case <-look.C:
		case <-ctx.Done():
			return
		}
		if heap("/memory/classes/heap/objects:bytes") <= limit {
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

// heap reads a metric of the runtime that is a number.
func heap(name string) int {
	sample := []metrics.Sample{{Name: name}}
	metrics.Read(sample)
	return int(sample[0].Value.Uint64())
}
