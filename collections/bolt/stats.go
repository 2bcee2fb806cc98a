package bolt

import (
	"math/bits"
	"os"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
)

// Stats are what a store has done since its file was opened, and how large that is.
type Stats struct {
	Commits    uint64        // transactions made durable, each with one wait for the disk
	Updates    uint64        // updates whose writes those transactions carried
	Changes    uint64        // changes of items in them
	CommitTime time.Duration // what all commits took together
	Kept       uint64        // changes that the log has
	Oldest     time.Time     // when the oldest of them was written; zero where there is none
	Pruned     uint64        // changes that were removed from the log
	Sizes      Sizes
	FileBytes  int64 // 0 where the file system does not tell
}

// Sizes counts commits by how many updates they carried: Sizes[i] those of more than 1<<(i-1)
// and at most 1<<i. The last is that of the largest commit there can be.
type Sizes [11]uint64

// counts are what Stats tells.
type counts struct {
	commits, updates, changes atomic.Uint64
	kept, pruned              atomic.Uint64
	nanoseconds               atomic.Int64
	sizes                     [len(Sizes{})]atomic.Uint64
}

// committed counts a batch that is durable.
func (c *counts) committed(b *batch, took time.Duration) {
	c.commits.Add(1)
	updates := b.written - b.prunings
	c.updates.Add(uint64(updates))
	c.kept.Store(b.head.kept)
	c.pruned.Add(uint64(len(b.pruned)))
	c.changes.Add(uint64(len(b.changes)))
	c.nanoseconds.Add(int64(took))
	if updates > 0 {
		c.sizes[bits.Len(uint(updates-1))].Add(1)
	}
}

// Stats tells what the store has done so far.
func (s *Store) Stats() Stats {
	stats := Stats{
		Commits:    s.counts.commits.Load(),
		Updates:    s.counts.updates.Load(),
		Changes:    s.counts.changes.Load(),
		CommitTime: time.Duration(s.counts.nanoseconds.Load()),
		Kept:       s.counts.kept.Load(),
		Pruned:     s.counts.pruned.Load(),
		Oldest:     s.oldestTime(),
	}
	for i := range s.counts.sizes {
		stats.Sizes[i] = s.counts.sizes[i].Load()
	}
	if info, err := os.Stat(s.path); err == nil {
		stats.FileBytes = info.Size()
	}
	return stats
}

// oldestTime is when the oldest change of the log was written.
func (s *Store) oldestTime() (oldest time.Time) {
	// An error means that the store is closed, or damaged, as its readers are told.
	_ = s.db.View(func(tx *bbolt.Tx) error {
		k, v := tx.Bucket(bucketLog).Cursor().First()
		if k == nil {
			return nil
		}
		about, err := entryAbout(v)
		if err == nil {
			oldest = time.UnixMilli(about.time).UTC()
		}
		return err
	})
	return oldest
}
