package bolt

import (
	"math/bits"
	"os"
	"sync/atomic"
	"time"
)

// Stats are what a store has done since its file was opened, and how large that is.
type Stats struct {
	Commits    uint64        // transactions made durable, each with one wait for the disk
	Updates    uint64        // updates whose writes those transactions carried
	Changes    uint64        // changes of items in them
	CommitTime time.Duration // what all commits took together
	Sizes      Sizes
	FileBytes  int64 // 0 where the file system does not tell
}

// Sizes counts commits by how many updates they carried: Sizes[i] those of more than 1<<(i-1)
// and at most 1<<i. The last is that of the largest commit there can be.
type Sizes [11]uint64

// counts are what Stats tells.
type counts struct {
	commits, updates, changes atomic.Uint64
	nanoseconds               atomic.Int64
	sizes                     [len(Sizes{})]atomic.Uint64
}

// committed counts a batch that is durable.
func (c *counts) committed(b *batch, took time.Duration) {
	c.commits.Add(1)
	c.updates.Add(uint64(b.written))
	c.changes.Add(uint64(len(b.changes)))
	c.nanoseconds.Add(int64(took))
	c.sizes[bits.Len(uint(b.written-1))].Add(1)
}

// Stats tells what the store has done so far.
func (s *Store) Stats() Stats {
	stats := Stats{
		Commits:    s.counts.commits.Load(),
		Updates:    s.counts.updates.Load(),
		Changes:    s.counts.changes.Load(),
		CommitTime: time.Duration(s.counts.nanoseconds.Load()),
	}
	for i := range s.counts.sizes {
		stats.Sizes[i] = s.counts.sizes[i].Load()
	}
	if info, err := os.Stat(s.path); err == nil {
		stats.FileBytes = info.Size()
	}
	return stats
}
