package bolt

import (
	"go.etcd.io/bbolt"

	"ackbase/collections"
)

// reader is a read transaction as a collections.Reader.
type reader struct {
	store *Store
	tx    *bbolt.Tx

	position    collections.Position
	hasPosition bool

	collection string // of items, so that reading one collection again and again looks its bucket up once
	items      *bbolt.Bucket
}

// Position implements collections.Reader.
func (r *reader) Position() collections.Position {
	if !r.hasPosition {
		h, err := decodeHead(r.tx.Bucket(bucketMeta).Get(keyHead))
		if err != nil {
			r.store.logger.Error("bolt: the head cannot be read", "file", r.store.path, "err", err)
		}
		r.position, r.hasPosition = r.store.position(h), true
	}
	return r.position
}

// bucket is the collection's items, nil where nobody has written any.
func (r *reader) bucket(collection string) *bbolt.Bucket {
	if r.collection != collection {
		var name [80]byte // "items:" and 64 bytes
		r.collection, r.items = collection, r.tx.Bucket(append(append(name[:0], itemsPrefix...), collection...))
	}
	return r.items
}

// Get implements collections.Reader.
func (r *reader) Get(collection string, id collections.ID) (collections.Item, error) {
	items := r.bucket(collection)
	if items == nil {
		return collections.Item{}, notFound(collection, id)
	}
	var key [300]byte // of an id with 256 bytes
	if v := items.Get(id.AppendKey(key[:0])); v != nil {
		return decodeItem(id, v)
	}
	if twin, ok := id.Twin(); ok {
		if v := items.Get(twin.AppendKey(key[:0])); v != nil {
			return decodeItem(twin, v)
		}
	}
	return collections.Item{}, notFound(collection, id)
}
