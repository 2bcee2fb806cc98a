package bolt

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"ackbase/collections"
)

// Options configure a Store. The zero value is the default.
type Options struct {
	// Collections declares indexes, by the collection's name. An index that is new
	// is built while the file opens, one that is no longer declared is dropped.
	Collections map[string]collections.Collection

	// Keep says how much is kept of the changes of those collections, together, that have
	// none of their own in Collections. Zero: collections.DefaultKeep. What is kept less is pruned in small
	// steps, also of a file that has been kept longer before.
	Keep collections.Keep

	// Logger hears of what opening does and of faults. Nil: slog.Default.
	Logger *slog.Logger

	// LockTimeout is how long Open waits for another process that has
	// the file open. Zero: one second.
	LockTimeout time.Duration

	// QueueLength is how many updates can wait before Update blocks. Zero: 1024.
	QueueLength int

	hooks hooks
}

// reservedSpace is how much address space is mapped from the start: no memory
// is used for it. A file that grows beyond it waits for its readers once. Zero on
// systems with little of it, and on Windows, which would make the file that long.
func reservedSpace() int {
	if strconv.IntSize < 64 || runtime.GOOS == "windows" {
		return 0
	}
	space := int64(16) << 30
	return int(space)
}

// Open opens a file, which is created where there is none. o may be nil.
//
// Its errors wrap collections.ErrUnavailable where the file cannot be
// used as it is: another process has it open, it is damaged, or a newer version wrote it; the
// message says what to do. A bad declaration of an index is a
// collections.ErrBadRequest.
func Open(path string, o *Options) (*Store, error) {
	if o == nil {
		o = &Options{}
	}
	logger := o.Logger
	if logger == nil {
		logger = slog.Default()
	}
	declared, err := parseIndexes(o.Collections)
	if err != nil {
		return nil, err
	}
	if err := checkFile(path); err != nil {
		return nil, err
	}
	timeout := o.LockTimeout
	if timeout <= 0 {
		timeout = time.Second
	}
	db, err := openFile(path, timeout)
	if err != nil {
		return nil, err
	}
	s := &Store{
		path:    path,
		db:      db,
		logger:  logger,
		indexes: declared,
		hooks:   o.hooks,
	}
	s.feed.most = maxTailChanges
	if o.hooks.tailChanges > 0 {
		s.feed.most = o.hooks.tailChanges
	}
	s.pruner = newPruner(s, o.Keep, o.Collections)
	if err := s.load(); err != nil {
		_ = db.Close() // the first error says more
		s.pages.close()
		return nil, err
	}
	length := o.QueueLength
	if length <= 0 {
		length = 1024
	}
	s.start(length)
	return s, nil
}

// openFile opens bbolt's file. bbolt panics on some damage, or reads
// beyond the end of a file that was cut off: both become an error here.
func openFile(path string, timeout time.Duration) (db *bbolt.DB, err error) {
	var file *os.File
	opened := false
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if cause := recover(); cause != nil {
			err = damaged(path, fmt.Errorf("%v", cause))
		}
		if !opened && file != nil {
			_ = file.Close() // bbolt keeps it, and its lock, when it panics
		}
	}()
	options := &bbolt.Options{
		Timeout:      timeout,
		FreelistType: bbolt.FreelistMapType,
		NoStatistics: true,

		InitialMmapSize: reservedSpace(),
		OpenFile: func(name string, flag int, mode os.FileMode) (*os.File, error) {
			var err error
			file, err = os.OpenFile(name, flag, mode)
			return file, err
		},
	}
	db, err = bbolt.Open(path, 0o600, options)
	if errors.Is(err, syscall.ENOMEM) && options.InitialMmapSize > 0 {
		options.InitialMmapSize = 0 // the address space is limited (ulimit -v)
		db, err = bbolt.Open(path, 0o600, options)
	}
	switch {
	case err == nil:
		opened = true
		return db, nil
	case errors.Is(err, berrors.ErrTimeout):
		return nil, collections.Errorf(collections.ErrUnavailable, "the database file %s is in use by another process: stop that one, or name another file", path)
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrChecksum), errors.Is(err, berrors.ErrVersionMismatch):
		return nil, damaged(path, err)
	}
	return nil, collections.Errorf(collections.ErrUnavailable, "the database file %s cannot be opened: %v", path, err)
}

// damaged is the error of a file that cannot be trusted.
func damaged(path string, cause error) error {
	return collections.Errorf(collections.ErrUnavailable,
		"the database file %s is damaged (%v): restore it from a backup, or move it away to begin with an empty one", path, cause)
}

// load reads what the file says of itself, lays out a new one, and brings the
// indexes in line with their declaration.
func (s *Store) load() (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if cause := recover(); cause != nil {
			err = damaged(s.path, fmt.Errorf("%v", cause))
		}
	}()
	var fresh bool
	err = s.db.View(func(tx *bbolt.Tx) error {
		fresh = tx.Bucket(bucketMeta) == nil
		if fresh {
			if k, _ := tx.Cursor().First(); k != nil {
				return collections.Errorf(collections.ErrUnavailable, "the file %s is a bbolt file, but not of ackbase: name another file", s.path)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if fresh {
		if err := s.db.Update(layOut); err != nil {
			return collections.Errorf(collections.ErrUnavailable, "the database file %s cannot be written: %v", s.path, err)
		}
		s.syncFolder()
	}
	if err := s.upgrade(); err != nil {
		return err
	}
	if !s.hooks.countByCursor {
		s.pages = mapPages(s.path, s.db.Info().PageSize)
	}
	if s.free.most = maxFreePages; s.hooks.maxFreePages > 0 {
		s.free.most = s.hooks.maxFreePages
	}
	if s.pages != nil {
		s.free.file = s.pages.file
	} else {
		s.logger.Debug("bolt: totals are counted entry by entry on this system")
	}
	if err := s.db.View(s.loadMeta); err != nil {
		return err
	}
	return s.reconcileIndexes()
}

// syncFolder makes the name of a new file as durable as its content will be.
func (s *Store) syncFolder() {
	folder, err := os.Open(filepath.Dir(s.path))
	if err == nil {
		err = errors.Join(folder.Sync(), folder.Close())
	}
	if err != nil {
		s.logger.Debug("bolt: this system does not sync folders", "err", err)
	}
}

// layOut makes the buckets of an empty file.
func layOut(tx *bbolt.Tx) error {
	for _, name := range [][]byte{bucketMeta, bucketCollections, bucketIndexes, bucketLog, bucketRecords, bucketTags} {
		if _, err := tx.CreateBucket(name); err != nil {
			return err
		}
	}
	var epoch [8]byte
	_, _ = rand.Read(epoch[:]) // never fails
	meta := tx.Bucket(bucketMeta)
	return errors.Join(
		meta.Put(keyFormat, binary.BigEndian.AppendUint32(nil, format)),
		meta.Put(keyEpoch, epoch[:]),
		meta.Put(keyHead, head{}.append(nil)),
	)
}

func (s *Store) loadMeta(tx *bbolt.Tx) error {
	meta := tx.Bucket(bucketMeta)
	version := meta.Get(keyFormat)
	if len(version) != 4 {
		return damaged(s.path, errors.New("it does not tell its format"))
	}
	if v := binary.BigEndian.Uint32(version); v > format {
		return collections.Errorf(collections.ErrUnavailable,
			"the database file %s has format %d and this version of ackbase reads up to %d: run the newer version that wrote it", s.path, v, format)
	}
	epoch := meta.Get(keyEpoch)
	if len(epoch) != 8 {
		return damaged(s.path, errors.New("it does not tell its epoch"))
	}
	s.epoch = binary.BigEndian.Uint64(epoch)
	for _, name := range [][]byte{bucketCollections, bucketIndexes, bucketLog, bucketRecords, bucketTags} {
		if tx.Bucket(name) == nil {
			return damaged(s.path, fmt.Errorf("its part %q is missing", name))
		}
	}
	h, err := decodeHead(meta.Get(keyHead))
	if err != nil {
		return damaged(s.path, err)
	}
	if err := s.checkLogEnds(tx, h); err != nil {
		return damaged(s.path, err)
	}
	s.committed = h
	s.counts.kept.Store(h.kept)
	s.feed.reset(s.position(h))
	if err := s.tags.load(tx, h.seq); err != nil {
		return damaged(s.path, err)
	}
	if err := s.verify(tx, verifyTime); err != nil {
		return damaged(s.path, err)
	}
	return nil
}

// checkLogEnds tells whether the log ends at the head.
func (s *Store) checkLogEnds(tx *bbolt.Tx, h head) error {
	k, v := tx.Bucket(bucketLog).Cursor().Last()
	if h.seq == 0 {
		if k != nil {
			return errors.New("its change log is longer than it should be")
		}
		return nil
	}
	if !slices.Equal(k, logKey(h.seq)) {
		return errors.New("its change log does not end at the newest change")
	}
	c, err := decodeEntry(s.epoch, h.seq, v)
	if err != nil || c.Position.Tag != h.tag {
		return errors.New("the newest change cannot be read")
	}
	return nil
}

// oldestIn is the oldest position from which a transaction has all changes: before the first change, or
// right after the newest that was pruned; or, where the tag of that one is not known, after the first that is left.
func (s *Store) oldestIn(tx *bbolt.Tx) (collections.Position, error) {
	oldest := collections.Position{Epoch: s.epoch}
	h, err := decodeHead(tx.Bucket(bucketMeta).Get(keyHead))
	if err != nil || h.pruned == 0 {
		return oldest, err
	}
	if tag, ok := s.tags.of(h.pruned); ok {
		oldest.Seq, oldest.Tag = h.pruned, tag
		return oldest, nil
	}
	k, v := tx.Bucket(bucketLog).Cursor().Seek(logKey(h.pruned))
	if oldest.Seq, err = entrySeq(k); err != nil {
		return oldest, err
	}
	oldest.Tag, err = entryTag(v)
	return oldest, err
}
