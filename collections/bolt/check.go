package bolt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"

	"ackbase/collections"
)

// What a bbolt file begins with, twice: a meta page behind a page header.
const (
	boltMagic   = 0xED0CDAED
	boltVersion = 2
	metaSize    = 64
	minPage     = 1024
	maxPage     = 16 << 20
)

// checkFile tells before bbolt maps a file whether it can be one of its own, whole:
// of a file that was cut off, bbolt would read beyond the end.
// A file that does not exist, or is empty, is fine.
func checkFile(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return collections.Errorf(collections.ErrUnavailable, "the database file %s cannot be opened: %v", path, err)
	}
	defer func() { _ = f.Close() }() // opened for reading only
	info, err := f.Stat()
	if err != nil {
		return collections.Errorf(collections.ErrUnavailable, "the database file %s cannot be opened: %v", path, err)
	}
	if info.IsDir() {
		return collections.Errorf(collections.ErrUnavailable, "%s is a folder: name a file in it", path)
	}
	if info.Size() == 0 {
		return nil
	}
	m, ok := readNewestMeta(f)
	if !ok {
		return damaged(path, errors.New("it does not begin as a bbolt file does"))
	}
	if needed := int64(m.pages) * m.pageSize; info.Size() < needed {
		return damaged(path, fmt.Errorf("it is cut off: %d bytes instead of %d", info.Size(), needed))
	}
	if err := m.checkFree(f); err != nil {
		return damaged(path, err)
	}
	return nil
}

// checkFree looks at the list of free pages, which bbolt believes: a wrong length of it would fill the memory.
func (m boltMeta) checkFree(f io.ReaderAt) error {
	if m.freeList == noFreeList {
		return nil
	}
	errFree := errors.New("its list of free pages cannot be read")
	if m.freeList < 2 || m.freeList >= m.pages {
		return errFree
	}
	at := int64(m.freeList) * m.pageSize
	var head [pageHeader + 8]byte
	if _, err := f.ReadAt(head[:], at); err != nil {
		return err
	}
	count, skip := uint64(binary.NativeEndian.Uint16(head[10:])), uint64(0)
	if count == 0xFFFF { // too many for that place: the first entry tells
		count, skip = binary.NativeEndian.Uint64(head[pageHeader:]), 1
	}
	room := (int64(binary.NativeEndian.Uint32(head[12:]))+1)*m.pageSize - pageHeader
	if binary.NativeEndian.Uint64(head[:]) != m.freeList || binary.NativeEndian.Uint16(head[8:]) != pageFreeList ||
		at+pageHeader+room > int64(m.pages)*m.pageSize || count > m.pages || int64(count+skip)*8 > room {
		return errFree
	}
	b := make([]byte, count*8)
	if _, err := f.ReadAt(b, at+pageHeader+int64(skip)*8); err != nil {
		return err
	}
	for i, last := uint64(0), uint64(1); i < count; i++ {
		page := binary.NativeEndian.Uint64(b[i*8:])
		if page <= last || page >= m.pages {
			return errFree
		}
		last = page
	}
	return nil
}

// boltMeta is what a meta page says of the file.
type boltMeta struct {
	pageSize    int64
	freeList    uint64 // the page of the list of free pages
	pages       uint64 // that the file has
	transaction uint64
}

// readNewestMeta is the newer one of the file's good meta pages.
func readNewestMeta(f io.ReaderAt) (newest boltMeta, ok bool) {
	try := func(at int64) (pageSize int64) {
		var b [pageHeader + metaSize]byte
		if _, err := f.ReadAt(b[:], at); err != nil {
			return 0
		}
		m := b[pageHeader:]
		sum := fnv.New64a()
		_, _ = sum.Write(m[:metaSize-8]) // a hash never fails
		if binary.NativeEndian.Uint32(m) != boltMagic || binary.NativeEndian.Uint32(m[4:]) != boltVersion || binary.NativeEndian.Uint64(m[metaSize-8:]) != sum.Sum64() {
			return 0
		}
		found := boltMeta{
			pageSize: int64(binary.NativeEndian.Uint32(m[8:])), freeList: binary.NativeEndian.Uint64(m[32:]),
			pages: binary.NativeEndian.Uint64(m[40:]), transaction: binary.NativeEndian.Uint64(m[48:]),
		}
		if found.pageSize >= minPage && found.pageSize <= maxPage && found.pages < 1<<40 && (!ok || found.transaction > newest.transaction) {
			newest, ok = found, true
		}
		return found.pageSize
	}
	if pageSize := try(0); pageSize > 0 {
		try(pageSize)
		return newest, ok
	}
	for at := int64(minPage); at <= maxPage; at *= 2 { // the first one is bad: the second tells where it is itself
		if try(at) > 0 {
			break
		}
	}
	return newest, ok
}
