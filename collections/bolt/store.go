package bolt

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"ackbase/collections"
)

// Store is an open file. It is a collections.Store; all of its methods may be
// called concurrently.
type Store struct {
	path    string
	db      *bbolt.DB
	logger  *slog.Logger
	epoch   uint64
	indexes map[string][]*index // by collection; not changed after Open
	pages   *pageMap            // nil where pages cannot be read
	feed    feed

	queue     chan *update
	closing   sync.RWMutex // held shared while an update is queued
	closed    bool         // guarded by closing
	closeOnce sync.Once
	closeErr  error
	done      chan struct{} // closed when the committer has gone

	latest atomic.Pointer[knownHead] // of the transaction that was asked for its position last

	pruner     *pruner
	tags       tags // not changed after Open
	committed  head // the committer's own, as is
	tagsStored bool // this process's are in the file
	free       freeList
	hooks      hooks
	counts     counts
}

var _ collections.Viewer = (*Store)(nil)

// hooks are what this package's tests change in a store.
type hooks struct {
	noPruner       bool          // the pruner does not run: the test calls its pass
	pruneEvery     time.Duration // instead of the constant
	tailChanges    int           // instead of maxTailChanges
	maxFreePages   int           // instead of the constant
	runTwice       bool          // run each closure twice, as a store does after a conflict
	countByCursor  bool          // as on systems where pages cannot be read
	afterBuildStep func() error  // called between two transactions of building an index
	beforeCommit   func() error  // called before the file's transaction is committed
	afterCommit    func() error  // called after it: an error is that of a commit which failed at its last step
}

func (s *Store) start(queueLength int) {
	s.queue = make(chan *update, queueLength)
	s.done = make(chan struct{})
	go s.commitLoop()
	s.pruner.start()
}

// errClosed is the error of every call after Close.
var errClosed = collections.Errorf(collections.ErrUnavailable, "the store is closed: the server is shutting down")

func (s *Store) position(h head) collections.Position {
	return collections.Position{Epoch: s.epoch, Seq: h.seq, Tag: h.tag}
}

// View implements collections.Store. Where ctx has ended it returns an ErrUnavailable
// without calling fn. fn must not wait for an Update.
func (s *Store) View(ctx context.Context, fn func(collections.Reader) error) error {
	v, err := s.OpenView(ctx)
	if err != nil {
		return err
	}
	defer v.Close()
	return fn(v)
}

// OpenView implements collections.Viewer. Where ctx has ended it returns an ErrUnavailable.
func (s *Store) OpenView(ctx context.Context) (collections.View, error) {
	if err := ctx.Err(); err != nil {
		return nil, collections.Errorf(collections.ErrUnavailable, "the request ended before its turn: %v", err)
	}
	tx, err := s.db.Begin(false)
	if err != nil {
		return nil, s.beginError(err)
	}
	r := readers.Get().(*reader)
	r.store, r.tx = s, tx
	return r, nil
}

func (s *Store) beginError(err error) error {
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		return errClosed
	}
	s.logger.Error("bolt: the file cannot be read", "file", s.path, "err", err)
	return collections.Errorf(collections.ErrUnavailable, "the database cannot be read: try again later")
}

// Update implements collections.Store.
func (s *Store) Update(ctx context.Context, w collections.Writer, fn func(collections.Tx) error, done func(error)) {
	u := &update{ctx: ctx, writer: w, fn: fn, done: done}
	s.closing.RLock()
	if s.closed {
		s.closing.RUnlock()
		done(errClosed)
		return
	}
	select {
	case s.queue <- u:
		s.closing.RUnlock()
		return
	default:
	}
	select {
	case s.queue <- u:
		s.closing.RUnlock()
	case <-ctx.Done():
		s.closing.RUnlock()
		done(endedEarly(ctx))
	}
}

func endedEarly(ctx context.Context) error {
	return collections.Errorf(collections.ErrUnavailable, "the request ended before its turn to be written: %v", context.Cause(ctx))
}

// Head implements collections.Store.
func (s *Store) Head() collections.Position { return s.feed.Head() }

// Oldest implements collections.Store.
func (s *Store) Oldest() collections.Position {
	oldest := s.Head() // where nothing can be read
	err := s.db.View(func(tx *bbolt.Tx) (err error) {
		oldest, err = s.oldestIn(tx)
		return err
	})
	if err != nil && !errors.Is(err, berrors.ErrDatabaseNotOpen) {
		s.logger.Error("bolt: where the change log begins cannot be read", "file", s.path, "err", err)
	}
	return oldest
}

// Close implements collections.Store. It waits for the queued updates and for open views.
// Calling it again waits for the same and returns the same.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		s.pruner.close()
		s.closing.Lock()
		s.closed = true
		close(s.queue)
		s.closing.Unlock()
		<-s.done
		s.feed.close()
		if err := s.free.finish(s.db); err != nil {
			s.logger.Warn("bolt: the list of free pages could not be written: opening the file will take longer", "file", s.path, "err", err)
		}
		s.closeErr = s.db.Close()
		s.pages.close()
	})
	return s.closeErr
}
