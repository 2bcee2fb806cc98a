package collections

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"time"
)

// What is kept of idempotency keys where nothing else is set.
const (
	DefaultKeepKeys     = 24 * time.Hour
	DefaultMaxKeys      = 1_000_000
	DefaultMaxKeysBytes = 1 << 30
)

// DefaultMaxItem is the size limit of an item in bytes where none is set.
const DefaultMaxItem = 1 << 20

// Options configure a DB. The zero value is the default.
type Options struct {
	Collections map[string]Collection // what is configured of collections, by name
	Declared    bool                  // only the collections above exist; else any with a good name
	MaxItem     int                   // bytes of an item as stored; zero: DefaultMaxItem
	MaxDepth    int                   // arrays and objects of an item within each other; zero, or more: MaxDepth

	// Idempotency keys (Write.Key) are kept for a time, while they are among the newest so many,
	// and together with their answers take no more than so many bytes. Zero: DefaultKeepKeys, DefaultMaxKeys, DefaultMaxKeysBytes.
	KeepKeys     time.Duration
	MaxKeys      int
	MaxKeysBytes int64
}

// Check tells what is wrong with options that a person has written: names of
// collections, id schemes, paths of indexes, how much is kept. An ErrBadRequest, or nil.
func (o *Options) Check() error {
	for name, c := range o.Collections {
		if err := CheckName(name); err != nil {
			return err
		}
		if err := c.IDs.check(); err != nil {
			return Errorf(ErrBadRequest, "collection %s: %s", name, err)
		}
		if err := c.Keep.check(); err != nil {
			return Errorf(ErrBadRequest, "collection %s: %s", name, err)
		}
		for _, index := range c.Indexes {
			if len(index.Paths) == 0 {
				return Errorf(ErrBadRequest, "collection %s: an index needs at least one path", name)
			}
			for _, p := range index.Paths {
				if _, err := ParsePath(p); err != nil {
					return Errorf(ErrBadRequest, "collection %s: index: %s", name, err)
				}
			}
		}
	}
	return nil
}

// DB is the rules of the verbs over a Store. It may be used concurrently.
type DB struct {
	store   Store
	options Options
}

// New makes a DB over a store, which it does not own and never closes. o may
// be nil; it is not checked (see Options.Check) and must not be changed afterwards.
func New(store Store, o *Options) *DB {
	db := &DB{store: store}
	if o != nil {
		db.options = *o
	}
	if db.options.MaxItem <= 0 {
		db.options.MaxItem = DefaultMaxItem
	}
	if db.options.KeepKeys <= 0 {
		db.options.KeepKeys = DefaultKeepKeys
	}
	if db.options.MaxKeys <= 0 {
		db.options.MaxKeys = DefaultMaxKeys
	}
	if db.options.MaxKeysBytes <= 0 {
		db.options.MaxKeysBytes = DefaultMaxKeysBytes
	}
	if db.options.MaxDepth <= 0 || db.options.MaxDepth > MaxDepth {
		db.options.MaxDepth = MaxDepth
	}
	return db
}

// Store is the store that the DB works over.
func (db *DB) Store() Store { return db.store }

// View is Store.View. Calls of its Reader do not check the collection: see CheckCollection.
func (db *DB) View(ctx context.Context, fn func(Reader) error) error { return db.store.View(ctx, fn) }

// Head is Store.Head.
func (db *DB) Head() Position { return db.store.Head() }

// Oldest is Store.Oldest.
func (db *DB) Oldest() Position { return db.store.Oldest() }

// Changes is Store.Changes.
func (db *DB) Changes(ctx context.Context, after Position, max int, of ...string) ([]*Change, error) {
	return db.store.Changes(ctx, after, max, of...)
}

// CheckCollection tells whether a collection can be used: ErrBadRequest for a
// bad name, ErrNotFound where collections must be declared and it is not.
func (db *DB) CheckCollection(name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	if _, ok := db.options.Collections[name]; db.options.Declared && !ok {
		return Errorf(ErrNotFound, "there is no collection %q: only those are served that the server declares", name)
	}
	return nil
}

// CheckValue tells whether a JSON value that is not stored keeps the bounds of an item: ErrBadRequest for
// what CheckJSON refuses, ErrTooLarge.
func (db *DB) CheckValue(raw []byte) error {
	if len(raw) > db.options.MaxItem {
		return Errorf(ErrTooLarge, "the value has %d bytes: at most %d", len(raw), db.options.MaxItem)
	}
	return CheckJSON(raw, db.options.MaxDepth)
}

// Get returns an item, a copy, and the position of the view it was read in.
// No such item: ErrNotFound.
func (db *DB) Get(ctx context.Context, collection string, id ID) (Item, Position, error) {
	if err := db.CheckCollection(collection); err != nil {
		return Item{}, Position{}, err
	}
	var item Item
	var at Position
	err := db.store.View(ctx, func(r Reader) error {
		found, err := r.Get(collection, id)
		item, at = found.clone(), r.Position()
		return err
	})
	if err != nil {
		return Item{}, Position{}, err
	}
	return item, at, nil
}

// List answers a query with copies of the items, cut down to the query's
// fields, and with the position of the view they were read in.
func (db *DB) List(ctx context.Context, collection string, q *Query) (Page, Position, error) {
	if err := db.CheckCollection(collection); err != nil {
		return Page{}, Position{}, err
	}
	var page Page
	var at Position
	err := db.store.View(ctx, func(r Reader) error {
		found, err := r.List(ctx, collection, q)
		page, at = found, r.Position()
		page.Items = slices.Clone(found.Items)
		for i := range page.Items {
			page.Items[i].ID.text = strings.Clone(page.Items[i].ID.text)
			page.Items[i].JSON = q.Project(nil, page.Items[i].JSON)
		}
		return err
	})
	if err != nil {
		return Page{}, Position{}, err
	}
	return page, at, nil
}

// clone is the item in memory of its own.
func (i Item) clone() Item {
	i.ID.text = strings.Clone(i.ID.text)
	i.JSON = bytes.Clone(i.JSON)
	return i
}
