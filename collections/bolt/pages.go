package bolt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"sort"
	"sync"

	"go.etcd.io/bbolt"
)

// A count of the keys between two others is what totals and deep pages are made
// of, and bbolt's cursor can only step over each of them. But each leaf page's header
// tells how many keys it has, so that a count needs to look at the pages alone,
// some seventy times fewer. Scans and lookups read the pages as well.
//
// bbolt does not show its pages. They are read through a second, read-only map of
// the file, which the system keeps equal to the first. What is read is safe: a read transaction
// sees only pages that are written and that nobody reuses while it is open, and the way
// begins at a page that bbolt names, Bucket.Root. The layout of a page is bbolt's file format, version 2,
// which bbolt checks when it opens the file. Whatever looks unexpected all the same
// ends in errPages, and the caller counts with the cursor.
//
// A page: number (8 bytes), flags (2), count (2), further pages (4). Then for
// each key 16 bytes: in a branch, position and size of the key (4 each) and the
// page's number (8); in a leaf, flags, position, sizes of key and value (4 each). A
// position counts from where those 16 bytes begin. All in the machine's byte order.
const (
	pageHeader  = 16
	pageElement = 16
	branchFlag  = 0x01
	leafFlag    = 0x02
	maxTreeDeep = 32 // pages from root to leaf; real trees have up to six
)

var errPages = errors.New("bolt: the pages cannot be read")

// pageMap is the second map of the file. A nil pageMap reads nothing.
type pageMap struct {
	file     *os.File
	pageSize int

	mu    sync.RWMutex
	data  []byte   // the newest map
	older [][]byte // replaced ones: transactions may still read them
}

// mapPages maps the file; nil where that is not possible.
func mapPages(path string, pageSize int) *pageMap {
	if !canMap {
		return nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil
	}
	m := &pageMap{file: file, pageSize: pageSize}
	if m.grow(reservedSpace()) != nil && m.grow(0) != nil {
		_ = file.Close() // opened for reading only
		return nil
	}
	return m
}

// grow maps at least the whole file. The map may be longer than the file: it shows
// what the file grows by.
func (m *pageMap) grow(atLeast int) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	info, err := m.file.Stat()
	if err != nil {
		return err
	}
	data, err := mapFile(m.file, max(atLeast, int(info.Size())*2))
	if err != nil {
		return err
	}
	if m.data != nil {
		m.older = append(m.older, m.data)
	}
	m.data = data
	return nil
}

// close unmaps. No transaction may be open.
func (m *pageMap) close() {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, data := range append(m.older, m.data) {
		_ = unmapFile(data) // can fail only for what is no map
	}
	m.data, m.older = nil, nil
	_ = m.file.Close() // opened for reading only
}

// tree is a bucket's tree of pages as a transaction sees it.
type tree struct {
	pages *pageMap
	data  []byte
	root  uint64
	limit int64 // where the transaction's pages end in the file
	visit int64 // how many more pages this way may look at: in a damaged file it could go round for ever
}

// tree is false where the bucket cannot be read by its pages: also a small
// one, which bbolt keeps inside its parent's page.
func (m *pageMap) tree(b *bbolt.Bucket) (tree, bool) {
	if m == nil || b.Root() == 0 || b.Writable() {
		return tree{}, false
	}
	limit := b.Tx().Size()
	m.mu.RLock()
	data := m.data
	m.mu.RUnlock()
	if int64(len(data)) < limit {
		if m.grow(0) != nil {
			return tree{}, false
		}
		m.mu.RLock()
		data = m.data
		m.mu.RUnlock()
	}
	return tree{pages: m, data: data, root: uint64(b.Root()), limit: min(limit, int64(len(data)))}, true
}

// page is one page, checked as far as it is read here.
type page struct {
	b     []byte // with the further pages it extends over
	count int
	leaf  bool
}

func (t *tree) page(id uint64) (page, error) {
	size := int64(t.pages.pageSize)
	if t.visit--; t.visit < 0 {
		return page{}, errPages
	}
	if id < 2 || id >= uint64(t.limit/size) {
		return page{}, errPages
	}
	start := int64(id) * size
	b := t.data[start : start+size]
	flags := binary.NativeEndian.Uint16(b[8:])
	p := page{count: int(binary.NativeEndian.Uint16(b[10:])), leaf: flags == leafFlag}
	more := int64(binary.NativeEndian.Uint32(b[12:]))
	end := start + (more+1)*size
	if binary.NativeEndian.Uint64(b) != id || (flags != leafFlag && flags != branchFlag) || end > t.limit ||
		pageHeader+int64(p.count)*pageElement > end-start || (!p.leaf && p.count == 0) {
		return page{}, errPages
	}
	p.b = t.data[start:end:end]
	return p, nil
}

// child is the number of a branch's page.
func (p page) child(i int) uint64 {
	return binary.NativeEndian.Uint64(p.b[pageHeader+i*pageElement+8:])
}

// key is a key of a page, nil if it lies outside of the page.
func (p page) key(i int) []byte {
	element := pageHeader + i*pageElement
	at := element
	if p.leaf {
		at += 4
	}
	start := int64(element) + int64(binary.NativeEndian.Uint32(p.b[at:]))
	end := start + int64(binary.NativeEndian.Uint32(p.b[at+4:]))
	if start > int64(len(p.b)) || end > int64(len(p.b)) {
		return nil
	}
	return p.b[start:end]
}

// entry is a key of a leaf and its value; false if they lie outside of the page.
func (p page) entry(i int) (k, v []byte, ok bool) {
	element := pageHeader + i*pageElement
	e := p.b[element : element+pageElement : len(p.b)]
	start := int64(element) + int64(binary.NativeEndian.Uint32(e[4:]))
	middle := start + int64(binary.NativeEndian.Uint32(e[8:]))
	end := middle + int64(binary.NativeEndian.Uint32(e[12:]))
	if end > int64(len(p.b)) || binary.NativeEndian.Uint32(e) != 0 { // a flag marks a bucket
		return nil, nil, false
	}
	return p.b[start:middle:middle], p.b[middle:end:end], true
}

// search is the first key of the page that is not below key.
func (p page) search(key []byte) int { return p.searchIn(0, p.count, key) }

// searchIn is search among the keys from one on and before another; to where none of them is it.
func (p page) searchIn(from, to int, key []byte) int {
	return from + sort.Search(to-from, func(i int) bool { return bytes.Compare(p.key(from+i), key) >= 0 })
}

// childOf is the page of a branch that would have the key.
func (p page) childOf(key []byte) int {
	i := p.search(key)
	if i < p.count && bytes.Equal(p.key(i), key) {
		return i
	}
	return max(i-1, 0)
}

// childrenIn is the first and the last page of a branch with keys low <= key < high.
func (p page) childrenIn(low, high []byte) (first, last int) {
	last = p.count - 1
	if low != nil {
		first = p.childOf(low)
	}
	if high != nil {
		last = p.childOf(high)
	}
	return first, last
}

// count counts the keys with low <= key < high; nil bounds are open.
func (t *tree) count(low, high []byte) (int, error) {
	t.begin(1)
	return t.countIn(t.root, low, high, maxTreeDeep)
}

// begin lets a way look at every page a number of times.
func (t *tree) begin(times int64) { t.visit = times * (t.limit / int64(t.pages.pageSize)) }

func (t *tree) countIn(id uint64, low, high []byte, deep int) (int, error) {
	if deep == 0 {
		return 0, errPages
	}
	p, err := t.page(id)
	if err != nil {
		return 0, err
	}
	if p.leaf {
		first, last := 0, p.count
		if low != nil {
			first = p.search(low)
		}
		if high != nil {
			last = p.search(high)
		}
		return max(last-first, 0), nil
	}
	first, last := p.childrenIn(low, high)
	n := 0
	for i := first; i <= last; i++ {
		// Only the outermost pages are cut by a bound.
		l, h := low, high
		if i > first {
			l = nil
		}
		if i < last {
			h = nil
		}
		m, err := t.countIn(p.child(i), l, h, deep-1)
		if err != nil {
			return 0, err
		}
		n += m
	}
	return n, nil
}

// at is the key with n keys between low and itself, nil if there are fewer.
// It is part of the map: valid as long as the transaction.
func (t *tree) at(low []byte, n int) ([]byte, error) {
	t.begin(maxTreeDeep) // each page once on each level at most
	return t.atIn(t.root, low, n, maxTreeDeep)
}

func (t *tree) atIn(id uint64, low []byte, n, deep int) ([]byte, error) {
	if deep == 0 {
		return nil, errPages
	}
	p, err := t.page(id)
	if err != nil {
		return nil, err
	}
	first := 0
	if p.leaf {
		if low != nil {
			first = p.search(low)
		}
		if n >= p.count-first {
			return nil, nil
		}
		return p.key(first + n), nil
	}
	if low != nil {
		first = p.childOf(low)
	}
	for i := first; i < p.count; i++ {
		m, err := t.countIn(p.child(i), low, nil, deep-1)
		if err != nil {
			return nil, err
		}
		if n < m {
			return t.atIn(p.child(i), low, n, deep-1)
		}
		n -= m
		low = nil // all of the pages that follow is above it
	}
	return nil, nil
}
