package bolt

import (
	"encoding/binary"
	"io"
	"sync/atomic"
	"time"

	"go.etcd.io/bbolt"
)

// bbolt writes its list of free pages with every commit, sorted anew. That is little while pages are used
// again as soon as they are free; but when much is pruned at once, as after --keep-changes was set lower, it would
// cost each write megabytes until the pages are in use again. So a long list is written with one
// commit in a minute only. Where a file was not closed and the list is not in it, bbolt makes it anew from
// all pages when it opens the file.
const (
	maxFreePages  = 64 << 10 // of 4 KB: 256 MB, a list of 512 KB
	freeListEvery = time.Minute
)

// freeList decides whether a commit writes the list of free pages.
type freeList struct {
	file io.ReaderAt // nil: it is always written
	most int         // pages

	long    atomic.Bool
	written time.Time // the committer's own: when a long one was written last
}

// pageFreeList is the flag of a page that has the list.
const (
	pageFreeList = 0x10
	noFreeList   = 1<<64 - 1 // in the place of its page's number
	longCount    = 1<<16 - 1 // its count is the first element
)

// measure looks how long the list is, if it is in the file.
func (f *freeList) measure() {
	if f.file == nil {
		return
	}
	m, ok := readNewestMeta(f.file)
	if !ok || m.freeList == noFreeList {
		return
	}
	var b [pageHeader + 8]byte
	if _, err := f.file.ReadAt(b[:], int64(m.freeList)*m.pageSize); err != nil {
		return
	}
	// A commit may have put something else there meanwhile.
	if binary.NativeEndian.Uint64(b[:]) != m.freeList || binary.NativeEndian.Uint16(b[8:]) != pageFreeList {
		return
	}
	n := uint64(binary.NativeEndian.Uint16(b[10:]))
	if n == longCount {
		n = binary.NativeEndian.Uint64(b[pageHeader:])
	}
	f.long.Store(n > uint64(f.most))
}

// prepare is called before each commit.
func (f *freeList) prepare(db *bbolt.DB) {
	db.NoFreelistSync = f.long.Load() && time.Since(f.written) < freeListEvery
	if !db.NoFreelistSync {
		f.written = time.Now()
	}
}

// committed is called after each commit.
func (f *freeList) committed(db *bbolt.DB) {
	if f.long.Load() && !db.NoFreelistSync {
		f.measure()
	}
}

// finish writes the list if it is not in the file, so that the next Open need not make it.
func (f *freeList) finish(db *bbolt.DB) error {
	if !db.NoFreelistSync {
		return nil
	}
	db.NoFreelistSync = false
	return db.Update(func(*bbolt.Tx) error { return nil })
}
