package bolt

import (
	"context"
	"errors"
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
	base    collections.Position  // right before tail[0]; the head where the tail is empty
	tail    []*collections.Change // without a gap up to the head
	most    int                   // of the tail
	bytes   int                   // of the tail
	head    collections.Position
	waiting chan struct{} // closed and replaced when the head moves or the feed closes; nil when nobody waits
	closed  bool
}

func (f *feed) reset(head collections.Position) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.head, f.base = head, head
}

// Head is the position of the newest announced change.
func (f *feed) Head() collections.Position {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.head
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
	for drop < len(f.tail)-1 && (len(f.tail)-drop > f.most || f.bytes > maxTailBytes) {
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
	return nil, f.head, false, f.wait(), nil
}

// wait is what is closed when the head moves. It must be called with mu held.
func (f *feed) wait() <-chan struct{} {
	if f.waiting == nil {
		f.waiting = make(chan struct{})
	}
	return f.waiting
}

// beyond is what is closed when the head has moved on from what it was.
func (f *feed) beyond(head collections.Position) <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.head != head || f.closed {
		moved := make(chan struct{})
		close(moved)
		return moved
	}
	return f.wait()
}

var (
	errOtherEpoch = collections.Errorf(collections.ErrGone, "the cursor is of another database: take a new snapshot")
	errBeyond     = collections.Errorf(collections.ErrGone, "the cursor is beyond the newest change, as after a restored backup: take a new snapshot")
	errTooOld     = collections.Errorf(collections.ErrGone, "the cursor is older than what the server keeps: take a new snapshot")
	errOtherTag   = collections.Errorf(collections.ErrGone, "the cursor's change is not in this database's log, as after a restored backup: take a new snapshot")
	errGap        = errors.New("bolt: the change log has a gap that is not of pruning: the file is damaged, restore it from a backup")
)

// Changes implements collections.Store. A max below 1 counts as 1. It may
// return fewer than max, where they are large, though there are more. What is still
// in memory is had from there, also when it was pruned from the file.
func (s *Store) Changes(ctx context.Context, after collections.Position, max int, of ...string) ([]*collections.Change, error) {
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
			changes, err := s.readLog(after, head, max, of)
			if err != nil || len(changes) > 0 {
				return changes, err
			}
			// All up to the head was pruned: the newest change stays, but it is not announced yet.
			wait = s.feed.beyond(head)
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// readLog reads changes after a position, up to the announced head, in one short transaction. That
// also tells what was pruned, so that what is missing is never passed over.
func (s *Store) readLog(after, head collections.Position, max int, of []string) ([]*collections.Change, error) {
	tx, err := s.db.Begin(false)
	if err != nil {
		return nil, s.beginError(err)
	}
	defer func() { _ = tx.Rollback() }() // of a read transaction: it cannot fail while it is open
	log := tx.Bucket(bucketLog)
	if err := s.tags.check(log, after); err != nil {
		return nil, err
	}
	written, err := decodeHead(tx.Bucket(bucketMeta).Get(keyHead))
	if err != nil {
		return nil, err
	}
	if after.Seq < written.pruned {
		if err := reachesBack(tx, after, of); err != nil {
			return nil, err
		}
	}
	var changes []*collections.Change
	bytes := 0
	c := log.Cursor()
	next := after.Seq + 1
	for k, v := c.Seek(logKey(next)); k != nil && len(changes) < max; k, v = c.Next() {
		seq, err := entrySeq(k)
		if err != nil {
			return nil, err
		}
		if seq > head.Seq {
			break
		}
		if seq > next && next > written.pruned {
			return nil, errGap
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
		next = seq + 1
	}
	return changes, nil
}

// reachesBack tells whether all changes after a position are there: of the collections in of, or of
// all where none is named.
func reachesBack(tx *bbolt.Tx, after collections.Position, of []string) error {
	for _, collection := range of {
		if c, err := countersOf(tx, collection); err != nil {
			return err
		} else if after.Seq < c.pruned {
			return errTooOld
		}
	}
	if len(of) == 0 {
		return errTooOld
	}
	return nil
}
