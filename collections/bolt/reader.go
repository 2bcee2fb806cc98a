package bolt

import (
	"bytes"
	"sync"

	"go.etcd.io/bbolt"

	"ackbase/collections"
)

// reader is a read transaction as a collections.View.
type reader struct {
	store *Store
	tx    *bbolt.Tx

	position    collections.Position
	hasPosition bool

	// Of the collection read last, so that reading it again and again looks its bucket
	// up once.
	collection string
	items      *bbolt.Bucket
	cursor     *bbolt.Cursor
	tree       tree
	paged      bool // the tree can be read
}

var readers = sync.Pool{New: func() any { return new(reader) }}

// Close implements collections.View.
func (r *reader) Close() {
	_ = r.tx.Rollback() // of a read transaction: it cannot fail while it is open
	*r = reader{}
	readers.Put(r)
}

// knownHead is the head as of a transaction of the file.
type knownHead struct {
	transaction int
	head        head
}

// Position implements collections.Reader.
func (r *reader) Position() collections.Position {
	if r.hasPosition {
		return r.position
	}
	known := r.store.latest.Load()
	if known == nil || known.transaction != r.tx.ID() {
		h, err := decodeHead(r.tx.Bucket(bucketMeta).Get(keyHead))
		if err != nil {
			r.store.logger.Error("bolt: the head cannot be read", "file", r.store.path, "err", err)
		}
		known = &knownHead{r.tx.ID(), h}
		if err == nil {
			r.store.latest.Store(known)
		}
	}
	r.position, r.hasPosition = r.store.position(known.head), true
	return r.position
}

// bucket is the collection's items, nil where nobody has written any.
func (r *reader) bucket(collection string) *bbolt.Bucket {
	if r.collection != collection {
		var name [80]byte // "items:" and 64 bytes
		r.collection, r.items = collection, r.tx.Bucket(append(append(name[:0], itemsPrefix...), collection...))
		if r.cursor = nil; r.items != nil {
			r.cursor = r.items.Cursor()
			r.tree, r.paged = r.store.pages.tree(r.items)
		}
	}
	return r.items
}

// Get implements collections.Reader.
func (r *reader) Get(collection string, id collections.ID) (collections.Item, error) {
	item, found, err := r.lookUp(collection, id)
	if !found {
		return collections.Item{}, notFound(collection, id)
	}
	return item, err
}

// lookUp is Get with a bool for ErrNotFound.
func (r *reader) lookUp(collection string, id collections.ID) (item collections.Item, found bool, err error) {
	if r.bucket(collection) == nil {
		return item, false, nil
	}
	v := r.find(id)
	if v == nil {
		twin, ok := id.Twin()
		if !ok {
			return item, false, nil
		}
		if v, id = r.find(twin), twin; v == nil {
			return item, false, nil
		}
	}
	item, err = decodeItem(id, v)
	return item, true, err
}

// find is the value of exactly this id, nil where there is none.
func (r *reader) find(id collections.ID) []byte {
	var buf [300]byte // of an id with 256 bytes
	key := id.AppendKey(buf[:0])
	if r.paged {
		v, err := r.tree.get(key)
		if err == nil {
			return v
		}
		r.paged = false
	}
	if k, v := r.cursor.Seek(key); bytes.Equal(k, key) {
		return v
	}
	return nil
}
