package bolt

import (
	"context"
	"encoding/binary"
	"slices"
	"sync"

	"go.etcd.io/bbolt"

	"ackbase/collections"
)

// Bounds of the newest changes that are kept in memory.
const (
	maxTailChanges = 8192
	maxTailBytes   = 16 << 20
)

// maxReadBytes bounds what one call of Changes reads from the log, but for the first change.
const maxReadBytes = 4 << 20

// feed is the announced end of the change log: the head, and the newest changes as the
// committer handed them over, so that those who keep up read nothing from the file.
type feed struct {
	mu      sync.Mutex
	oldest  collections.Position
	base    collections.Position  // right before tail[0]; the head where the tail is empty
	tail    []*collections.Change // without a gap up to the head
	bytes   int                   // of the tail
	head    collections.Position
	waiting chan struct{} // closed and replaced when the head moves or the feed closes; nil when nobody waits
	closed  bool
}

func (f *feed) reset(head, oldest collections.Position) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.head, f.base, f.oldest = head, head, oldest
}

// Head is the position of the newest announced change.
func (f *feed) Head() collections.Position {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.head
}

// Oldest is the oldest position that can be gone on from.
func (f *feed) Oldest() collections.Position {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.oldest
}

// announce makes durable changes known. base is the position before the first.
func (f *feed) announce(base collections.Position, changes []*collections.Change, bytes int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if base != f.head { // see Store.recoverHead: those between are in the file
		f.tail, f.bytes, f.base = nil, 0, base
	}
	f.tail = append(f.tail, changes...)
	f.bytes += bytes
	drop := 0
	for drop < len(f.tail)-1 && (len(f.tail)-drop > maxTailChanges || f.bytes > maxTailBytes) {
		f.bytes -= changeSize(f.tail[drop])
		drop++
	}
	if drop > 0 {
		f.base = f.tail[drop-1].Position
		clear(f.tail[:drop])
		f.tail = f.tail[drop:] // append moves the rest to a new array now and then
	}
	f.head = changes[len(changes)-1].Position
	f.wake()
}

// wake must be called with mu held.
func (f *feed) wake() {
	if f.waiting != nil {
		close(f.waiting)
		f.waiting = nil
	}
}

func (f *feed) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	f.wake()
}

// after is what the memory knows of the changes after a position: some of them; or, with
// fromLog, that they have to be read up to the head; or else what to wait for.
func (f *feed) after(p collections.Position, max int) (changes []*collections.Change, head collections.Position, fromLog bool, wait <-chan struct{}, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.closed:
		return nil, f.head, false, nil, errClosed
	case p.Epoch != f.head.Epoch:
		return nil, f.head, false, nil, errOtherEpoch
	case p.Seq > f.head.Seq:
		return nil, f.head, false, nil, errBeyond
	case p.Seq < f.oldest.Seq:
		return nil, f.head, false, nil, errTooOld
	case p.Seq < f.base.Seq:
		return nil, f.head, true, nil, nil
	}
	n := int(p.Seq - f.base.Seq) // how many of the tail are behind the position
	known := f.base
	if n > 0 {
		known = f.tail[n-1].Position
	}
	if p != known {
		return nil, f.head, false, nil, errOtherTag
	}
	if n < len(f.tail) {
		return slices.Clone(f.tail[n:min(len(f.tail), n+max)]), f.head, false, nil, nil
	}
	if f.waiting == nil {
		f.waiting = make(chan struct{})
	}
	return nil, f.head, false, f.waiting, nil
}

var (
	errOtherEpoch = collections.Errorf(collections.ErrGone, "the cursor is of another database: take a new snapshot")
	errBeyond     = collections.Errorf(collections.ErrGone, "the cursor is beyond the newest change, as after a restored backup: take a new snapshot")
	errTooOld     = collections.Errorf(collections.ErrGone, "the cursor is older than what the server keeps: take a new snapshot")
	errOtherTag   = collections.Errorf(collections.ErrGone, "the cursor's change is not in this database's log, as after a restored backup: take a new snapshot")
)

// Changes implements collections.Store. A max below 1 counts as 1. It may
// return fewer than max, where they are large, though there are more.
func (s *Store) Changes(ctx context.Context, after collections.Position, max int) ([]*collections.Change, error) {
	if max < 1 {
		max = 1
	}
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		changes, head, fromLog, wait, err := s.feed.after(after, max)
		if err != nil || len(changes) > 0 {
			return changes, err
		}
		if fromLog {
			return s.readLog(after, head, max)
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// readLog reads changes after a position, up to the announced head, in one short transaction.
func (s *Store) readLog(after, head collections.Position, max int) ([]*collections.Change, error) {
	tx, err := s.db.Begin(false)
	if err != nil {
		return nil, s.beginError(err)
	}
	defer func() { _ = tx.Rollback() }() // of a read transaction: it cannot fail while it is open
	log := tx.Bucket(bucketLog)
	if err := checkTag(log, after); err != nil {
		return nil, err
	}
	var changes []*collections.Change
	bytes := 0
	c := log.Cursor()
	next := after.Seq + 1
	for k, v := c.Seek(logKey(next)); k != nil && len(changes) < max; k, v = c.Next() {
		seq := binary.BigEndian.Uint64(k)
		if seq > head.Seq {
			break
		}
		if seq != next {
			return nil, errTooOld // pruned meanwhile
		}
		bytes += len(v)
		if len(changes) > 0 && bytes > maxReadBytes {
			break
		}
		change, err := decodeEntry(s.epoch, seq, slices.Clone(v))
		if err != nil {
			return nil, err
		}
		changes = append(changes, change)
		next++
	}
	if len(changes) == 0 {
		return nil, errTooOld
	}
	return changes, nil
}

// checkTag tells whether the change that a position names is in the log.
func checkTag(log *bbolt.Bucket, p collections.Position) error {
	if p.Seq == 0 {
		if p.Tag != 0 {
			return errOtherTag
		}
		return nil
	}
	v := log.Get(logKey(p.Seq))
	if v == nil {
		return errTooOld
	}
	tag, err := entryTag(v)
	if err != nil {
		return err
	}
	if tag != p.Tag {
		return errOtherTag
	}
	return nil
}
