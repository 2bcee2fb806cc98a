package bolt

import (
	"go.etcd.io/bbolt"

	"ackbase/collections"
)

// batch is what one commit gathers: an overlay over the file, so that updates
// see the writes of those before them and one that fails leaves no trace, and
// so that an item written twice is stored once.
type batch struct {
	store    *Store
	tx       *bbolt.Tx
	updates  []*update
	written  int                  // updates that wrote something
	prunings int                  // of these, those of the pruner
	bytes    int                  // roughly what the batch holds in memory
	head     head                 // after the changes so far
	base     collections.Position // before the first of them
	now      int64                // Unix milliseconds, the time of all its changes

	collection string        // of bucket, the one read last
	bucket     *bbolt.Bucket // nil where nobody has written to it

	items    map[itemKey]*itemState
	counters map[string]*counterState
	records  map[string]*recordKind

	changes     []*collections.Change
	changeBytes int
	pruned      []uint64 // changes to remove from the log
	arena       []byte   // of what is put into the file; bbolt needs it until the commit
}

type itemKey struct {
	collection string
	id         collections.ID
}

// itemState is an item as of now in the batch, and as it is in the file.
type itemState struct {
	before []byte // its JSON in the file, nil for none; valid as long as the transaction
	now    collections.Item
	exists bool
}

type counterState struct {
	counters
	stored counters
}

func newBatch(s *Store) *batch {
	b := &batch{store: s}
	b.reset()
	return b
}

// reset makes the batch empty, and drops what a large one has held.
func (b *batch) reset() {
	arena := b.arena[:0]
	if cap(arena) > 1<<20 {
		arena = nil
	}
	updates := b.updates
	clear(updates)
	*b = batch{
		store:    b.store,
		updates:  updates[:0],
		items:    make(map[itemKey]*itemState),
		counters: make(map[string]*counterState),
		records:  make(map[string]*recordKind),
		arena:    arena,
	}
}

// dirty tells whether there is anything to commit.
func (b *batch) dirty() bool { return b.written > 0 }

// item is the state of exactly this id, without its twin.
func (b *batch) item(key itemKey) (*itemState, error) {
	if state := b.items[key]; state != nil {
		return state, nil
	}
	state := &itemState{}
	if b.collection != key.collection {
		b.collection, b.bucket = key.collection, b.tx.Bucket(itemsBucket(key.collection))
	}
	if b.bucket != nil {
		var buf [300]byte // of an id with 256 bytes
		if v := b.bucket.Get(key.id.AppendKey(buf[:0])); v != nil {
			item, err := decodeItem(key.id, v)
			if err == nil && !collections.ValidJSON(item.JSON) {
				err = errItem // it would be told as what was there before
			}
			if err != nil {
				return nil, err
			}
			state.before = item.JSON
			state.exists = true
			item.JSON = append([]byte(nil), item.JSON...) // it outlives the transaction as Change.Before
			state.now = item
		}
	}
	b.items[key] = state
	b.bytes += 2 * len(state.before)
	return state, nil
}

// counter is the state of a collection's counters.
func (b *batch) counter(collection string) (*counterState, error) {
	if state := b.counters[collection]; state != nil {
		return state, nil
	}
	stored, err := countersOf(b.tx, collection)
	if err != nil {
		return nil, err
	}
	state := &counterState{counters: stored, stored: stored}
	b.counters[collection] = state
	return state, nil
}
