package bolt

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"ackbase/collections"
)

// Bounds of one commit, so that the first of its updates does not wait for
// ever and a batch of large items does not fill the memory.
const (
	maxBatchUpdates = 1024
	maxBatchBytes   = 32 << 20
)

// update is one call of Store.Update on its way.
type update struct {
	ctx    context.Context
	writer collections.Writer
	fn     func(collections.Tx) error
	done   func(error)
	err    error // what fn returned
}

// commitLoop is the committer: it ends when the queue is closed and empty.
func (s *Store) commitLoop() {
	defer close(s.done)
	b := newBatch(s)
	for first := range s.queue {
		s.commitBatch(b, first)
	}
}

// commitBatch runs the updates that are waiting and makes them durable together.
func (s *Store) commitBatch(b *batch, first *update) {
	defer b.reset()
	err := b.begin()
	for u := first; u != nil; u = s.nextWaiting(b) {
		b.updates = append(b.updates, u)
		if err == nil {
			b.run(u)
		}
	}
	if err == nil {
		err = b.commit()
	}
	for _, u := range b.updates {
		if err != nil {
			u.err = err
		}
		s.callDone(u)
	}
	if err == nil && len(b.changes) > 0 {
		s.feed.announce(b.base, b.changes, b.changeBytes)
	}
}

// nextWaiting takes the next update without waiting for one.
func (s *Store) nextWaiting(b *batch) *update {
	if len(b.updates) >= maxBatchUpdates || b.bytes >= maxBatchBytes {
		return nil
	}
	select {
	case u := <-s.queue: // nil when the queue is closed and empty
		return u
	default:
		return nil
	}
}

func (s *Store) callDone(u *update) {
	defer func() {
		if cause := recover(); cause != nil {
			s.logger.Error("bolt: a done function panicked", "panic", cause, "stack", string(debug.Stack()))
		}
	}()
	u.done(u.err)
}

// begin opens the batch's transaction.
func (b *batch) begin() error {
	tx, err := b.store.db.Begin(true)
	if err != nil {
		return b.store.beginError(err)
	}
	b.tx = tx
	b.head = b.store.committed
	b.base = b.store.position(b.head)
	b.now = max(time.Now().UnixMilli(), b.head.time)
	return nil
}

// run runs one update's closure. What it wrote stays in the batch only if it returns nil.
func (b *batch) run(u *update) {
	if u.ctx.Err() != nil {
		u.err = endedEarly(u.ctx)
		return
	}
	t := &transaction{batch: b, update: u, start: b.head}
	if b.store.hooks.runTwice {
		_ = t.call() // the second call counts
		t.undo()
		t.undos, t.wrote = nil, false
	}
	u.err = t.call()
	t.over = true
	if u.err != nil {
		t.undo()
	}
}

// call runs the closure and turns a panic into an error.
func (t *transaction) call() (err error) {
	returned := false
	defer func() {
		if returned {
			return
		}
		cause := recover()
		t.batch.store.logger.Error("bolt: an update panicked", "panic", cause, "stack", string(debug.Stack()))
		err = fmt.Errorf("bolt: the update panicked: %v", cause)
	}()
	err = t.update.fn(t)
	returned = true
	return err
}

// commit writes the batch into the file and makes it durable. Its error is
// that of every update of the batch: none of them may have seen a write
// that then did not happen.
func (b *batch) commit() (err error) {
	tx := b.tx
	if !b.dirty() {
		return tx.Rollback()
	}
	began := time.Now()
	failed := true
	defer func() {
		if !failed {
			return
		}
		if cause := recover(); cause != nil {
			b.store.logger.Error("bolt: the commit panicked", "panic", cause, "stack", string(debug.Stack()))
			err = fmt.Errorf("bolt: the commit panicked, the file may be damaged: %v", cause)
		}
		if rollback := b.rollback(); rollback != nil && !errors.Is(rollback, berrors.ErrTxClosed) {
			b.store.logger.Error("bolt: rolling back failed", "err", rollback)
		}
		if b.store.recoverHead() {
			err = errUncertain
		}
	}()
	if err := b.flush(); err != nil {
		return b.store.writeError(err)
	}
	if b.store.hooks.beforeCommit != nil {
		if err := b.store.hooks.beforeCommit(); err != nil {
			return b.store.writeError(err)
		}
	}
	b.store.free.prepare(b.store.db)
	if err := tx.Commit(); err != nil {
		return b.store.writeError(err)
	}
	b.store.free.committed(b.store.db)
	if b.store.hooks.afterCommit != nil {
		if err := b.store.hooks.afterCommit(); err != nil {
			return b.store.writeError(err)
		}
	}
	failed = false
	b.store.committed = b.head
	if len(b.changes) > 0 {
		b.store.tagsStored = true
		b.store.pruner.changed()
	}
	b.store.counts.committed(b, time.Since(began))
	return nil
}

// rollback gives the transaction up, also one that a panic left half-way.
func (b *batch) rollback() (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("bolt: the rollback panicked: %v", cause)
		}
	}()
	return b.tx.Rollback()
}

func (s *Store) writeError(err error) error {
	s.logger.Error("bolt: the write failed", "file", s.path, "err", err)
	// Clients read this: the log has the cause, which names the file.
	what := "the write could not be stored"
	if cause := diskFault(err); cause != "" {
		what += " (" + cause + ")"
	}
	return collections.Errorf(collections.ErrUnavailable, "%s: nothing of it was kept; try again when the disk has space and answers", what)
}

// diskFault says in words that tell nothing private why there was no space; empty for other causes.
func diskFault(err error) string {
	for _, known := range []syscall.Errno{syscall.ENOSPC, syscall.EFBIG, syscall.EDQUOT, syscall.EROFS, syscall.EIO} {
		if errors.Is(err, known) || strings.Contains(err.Error(), known.Error()) { // bbolt puts some causes in words
			return known.Error()
		}
	}
	return ""
}

// errUncertain is the error of a batch that the file shows though its commit failed.
var errUncertain = collections.Errorf(collections.ErrUnavailable,
	"the disk did not confirm the write: whether it is kept is not certain; read again before you repeat it")

// recoverHead reads the head again after a commit that failed, and tells whether it moved. Nearly always it
// is what it was. But if the very last step failed, the wait for the disk
// after the file's own head was written, then the file may show the failed
// batch after all. Its changes are then announced together with those of the next commit that succeeds.
func (s *Store) recoverHead() (moved bool) {
	err := s.db.View(func(tx *bbolt.Tx) error {
		h, err := decodeHead(tx.Bucket(bucketMeta).Get(keyHead))
		if err == nil {
			moved = h != s.committed
			s.committed = h
		}
		return err
	})
	if err != nil {
		s.logger.Error("bolt: the file cannot be read after a failed write: restart when the disk answers again", "file", s.path, "err", err)
	}
	return moved
}
