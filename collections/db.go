package collections

import (
	"context"
	"encoding/json"
)

// Options configure a DB. The zero value is the default.
type Options struct {
	Collections map[string]Collection // what is configured of collections, by name
	Declared    bool                  // only the collections above exist; else any with a good name
	MaxItem     int                   // bytes of an item; zero: 1 MB (1<<20)
}

// DB is the rules of the verbs over a Store. It may be used concurrently.
type DB struct{}

// New makes a DB over a store, which it does not own. o may be nil.
func New(store Store, o *Options) *DB { panic("skeleton") }

// Write are the options of a write.
type Write struct {
	Writer  Writer
	IfMatch *IfMatch // nil: no condition
	Reason  string
	By      string
}

// IfMatch is a condition on an item's present revision.
type IfMatch struct {
	rev Rev  // this one
	any bool // it exists; else with zero rev: it does not exist
}

// ParseIfMatch reads the option ifMatch: a rev, "*" or null. Absent (nil) raw: nil.
func ParseIfMatch(raw json.RawMessage) (*IfMatch, error) { panic("skeleton") }

// Result is what a write did. Its bytes are the caller's to keep.
type Result struct {
	Item     Item     // as stored; for Delete what was deleted
	Created  bool     // the item did not exist before
	Existed  bool     // the item existed before
	Position Position // of the last change the write made; if it made none, what its transaction saw
	Items    []Item   // PatchAll: the items touched, in the order they were first named, without those it deleted
}

// Store is the store that the DB works over.
func (db *DB) Store() Store { panic("skeleton") }

// View is Store.View.
func (db *DB) View(ctx context.Context, fn func(Reader) error) error { panic("skeleton") }

// Head is Store.Head.
func (db *DB) Head() Position { panic("skeleton") }

// Oldest is Store.Oldest.
func (db *DB) Oldest() Position { panic("skeleton") }

// Changes is Store.Changes.
func (db *DB) Changes(ctx context.Context, after Position, max int) ([]*Change, error) {
	panic("skeleton")
}

// CheckCollection tells whether a collection can be used: ErrBadRequest for a
// bad name, ErrNotFound where collections must be declared and it is not.
func (db *DB) CheckCollection(name string) error { panic("skeleton") }

// Get returns an item, a copy, and the position of the view it was read in.
func (db *DB) Get(ctx context.Context, collection string, id ID) (Item, Position, error) {
	panic("skeleton")
}

// List answers a query with copies, and the position of the view.
func (db *DB) List(ctx context.Context, collection string, q *Query) (Page, Position, error) {
	panic("skeleton")
}

// Post creates an item.
func (db *DB) Post(ctx context.Context, collection string, item []byte, w Write, done func(Result, error)) {
	panic("skeleton")
}

// Put creates or replaces an item. id may be zero if the item has one.
func (db *DB) Put(ctx context.Context, collection string, id ID, item []byte, w Write, done func(Result, error)) {
	panic("skeleton")
}

// Merge applies a merge patch to an item. id may be zero if the patch has one.
func (db *DB) Merge(ctx context.Context, collection string, id ID, patch []byte, w Write, done func(Result, error)) {
	panic("skeleton")
}

// Patch applies a JSON Patch to an item.
func (db *DB) Patch(ctx context.Context, collection string, id ID, patch []byte, w Write, done func(Result, error)) {
	panic("skeleton")
}

// PatchAll applies a JSON Patch to the collection as one document of items by id.
func (db *DB) PatchAll(ctx context.Context, collection string, patch []byte, w Write, done func(Result, error)) {
	panic("skeleton")
}

// Delete deletes an item.
func (db *DB) Delete(ctx context.Context, collection string, id ID, w Write, done func(Result, error)) {
	panic("skeleton")
}
