package collections

import (
	"context"
	"encoding/json"
	"time"
)

// Store is what a database implements to carry collections. Every method may
// be called concurrently. Errors wrap one of the Err… kinds, or none for a fault.
// Package storetest holds every promise below.
type Store interface {
	// View calls fn with a view of one moment: it contains every update whose
	// done was called before View was, each whole or not at all. The Reader and all
	// bytes it returned are valid only until fn returns. fn must be short: a
	// view that stays open keeps space from being reused.
	View(ctx context.Context, fn func(Reader) error) error

	// Update queues fn, to run in one transaction with the effects of all updates
	// before it, and returns: it blocks only while too many updates are waiting.
	// If fn returns nil, what it wrote commits, all of it; if it returns an error
	// or panics, nothing of it does, and no other update is harmed.
	// fn may run more than once (after a conflict), on any goroutine, so it
	// must set its results anew each time and touch nothing else.
	//
	// done is called exactly once: with nil after the writes are durable and
	// before the changes are announced by Head and Changes; else with fn's error,
	// or with why the store failed. It must not block. Updates of the same
	// Writer.Conn run, commit and are done in the order of the calls. An
	// update whose ctx ends before it runs is done with an ErrUnavailable.
	Update(ctx context.Context, w Writer, fn func(Tx) error, done func(error))

	// Head is the position of the newest announced change.
	Head() Position

	// Oldest is the oldest position from which Changes has the changes of all
	// collections: right after the newest change that was pruned.
	Oldest() Position

	// Changes returns the announced changes after a position, in the order of the
	// log, at least one and at most max. Where there is none yet it waits for one until
	// ctx ends, and then returns ctx's error.
	//
	// A store prunes its log (Keep), also while a reader is on its way through it. Of the
	// collections in of, or of all where none is named, no change is ever missing: if one
	// after the position was pruned, it is an ErrGone. Those of others may be missing.
	// A position beyond the head, of another epoch, or whose tag is not that of its
	// change: ErrGone. The change that a position names may itself be pruned.
	Changes(ctx context.Context, after Position, max int, of ...string) ([]*Change, error)

	// Close lets the updates that are queued finish, and returns when all
	// goroutines of the store are gone. Calls after it: ErrUnavailable.
	Close() error
}

// Viewer is a Store whose views can stay open between calls, so that who reads several
// times in a moment opens one for all.
type Viewer interface {
	Store

	// OpenView is Store.View for a caller that closes the view. It must do so
	// soon, and before it waits for anything, an Update first of all.
	OpenView(ctx context.Context) (View, error)
}

// View is a Reader that is open until Close, and so are its bytes.
type View interface {
	Reader

	// Close ends the view, which must not be used any more, and not be closed again.
	Close()
}

// Reader is a view of one moment. It is for one goroutine.
type Reader interface {
	// Position is that of the newest change which the view contains. It may be
	// ahead of Head for a moment, never behind what Head said before the view began.
	Position() Position

	// Get returns an item by its id's text: 1 finds "1" and the other way
	// round. None: ErrNotFound.
	Get(collection string, id ID) (Item, error)

	// List answers a query with whole items (Query.Project picks fields). A
	// collection nobody has written to is empty. ctx ends a long scan.
	List(ctx context.Context, collection string, q *Query) (Page, error)

	// History returns the changes of an item after a position, in the order of the log and
	// without a gap, at most max and fewer where they are large, but at least one if there is one; and
	// whether there are more. The item is addressed as by Get, through all its lives: from one Added to its
	// Deleted, then to the next. It must cost by what is returned, not by the length of the log. The
	// changes may be kept.
	//
	// With a nil position come all that the log still has, and none where the item is there but its
	// changes are not. A position that Changes cannot go on from with this
	// collection, or after which changes of the item are no longer there: ErrGone. No such item, nor any change of one: ErrNotFound.
	History(ctx context.Context, collection string, id ID, after *Position, max int) (changes []*Change, more bool, err error)

	// PositionAt is the position of the last change, of any collection, whose time is not after t; that before
	// the first change for an earlier time. ErrGone where the changes of this collection are not kept from there on.
	PositionAt(collection string, t time.Time) (Position, error)
}

// Tx is an update under way. It is for one goroutine, until fn returns.
type Tx interface {
	// Get is Reader.Get, and sees what this update has written. The bytes are
	// valid until fn returns or the update writes.
	Get(collection string, id ID) (Item, error)

	// Position is that of the newest change before this update: of an earlier
	// update of the same commit, if there is one. It does not count what this update has
	// written. A write that turns out to change nothing answers with it.
	Position() Position

	// Write records a change and what it does to its item and the indexes. The
	// caller fills all of the Change but Position and Time, which the
	// store sets on this very value: the Position before Write returns, since a record
	// may tell of it, and the Time by the time done is called. Before and Prev must be
	// those of the Get in this update. After must be valid JSON that has the id.
	// c and its bytes are the store's from then on, to keep and to share: Before must be a copy.
	Write(c *Change) error

	// NextNumber takes the collection's next running number: 1, 2, 3 …, never
	// the same twice once the update has committed. It does not look at which ids exist.
	NextNumber(collection string) (uint64, error)

	// GetRecord and PutRecord keep private bytes that make no change: idempotency
	// keys, sessions, counters. They commit with what else the update writes. Records
	// of one kind are told apart by their key.
	//
	// GetRecord gives bytes that are valid until fn returns; ErrNotFound where there is no
	// such record or it has expired. The value that PutRecord is given is the
	// store's from then on; nil deletes. Keys that ascend cost a store less than keys at random.
	GetRecord(kind, key string) ([]byte, error)
	PutRecord(kind, key string, value []byte, keep Retention) error
}

// Retention says how long a record is kept. The zero value: for ever.
type Retention struct {
	Expires time.Time // gone from then on; zero: never

	// Of the records of the kind that expire, the store keeps at most so many, and
	// so many bytes of keys and values; zero: any. It removes those that expire first, and were put
	// first among these, with the commit that goes beyond, or, where there is much to
	// remove, a few with each commit.
	MaxRecords int
	MaxBytes   int64
}

// Item is an item as stored.
type Item struct {
	ID   ID
	Rev  Rev
	JSON json.RawMessage // an object; has the id
}

// Page is the answer to a query.
type Page struct {
	Items []Item
	Total int    // how many items match; -1 where the query did not ask
	Next  string // pass as Query.After for the page after this one; empty on the last
}

// Collection is what is configured of one collection. The zero value is the default.
type Collection struct {
	IDs     IDScheme // how POST without an id makes one
	Indexes []Index
	Keep    Keep // how much of its changes is kept; zero: as of the collections without a Keep, together
}

// Index is a declared index: items in the order of these paths, then of the id.
type Index struct {
	Paths []string // dotted paths, at least one
}

// IDScheme says how POST makes ids: "" or "number" for the running number,
// "uuid" for UUIDv7, "prefix:A" for A1, A2 …
type IDScheme string
