package soak

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"slices"
	"sync"

	"ackbase/collections"
)

// kind is a change's type.
type kind uint8

const (
	added kind = iota + 1
	modified
	deleted
)

var kinds = map[string]kind{"ADDED": added, "MODIFIED": modified, "DELETED": deleted}

// record is one acknowledged write: what its ack told.
type record struct {
	seq    uint64 // of the cursor
	kind   kind
	id     string
	n      int32  // the number that the item got
	bucket int8   // the same of what filters ask for
	rev    uint32 // 0 for deleted, where it is not told
}

// MarshalText is for the process of the others. The ids of the load have no spaces.
func (r record) MarshalText() ([]byte, error) {
	return fmt.Appendf(nil, "%d %d %s %d %d %d", r.seq, r.kind, r.id, r.n, r.bucket, r.rev), nil
}

func (r *record) UnmarshalText(text []byte) error {
	_, err := fmt.Sscanf(string(text), "%d %d %s %d %d %d", &r.seq, &r.kind, &r.id, &r.n, &r.bucket, &r.rev)
	return err
}

// change is a write as all who can see it must be told.
type change struct {
	record
	before record // the one that made the item what it was; its bucket is noBucket where there was none
}

// noBucket is the bucket of an item that does not exist.
const noBucket = -1

// ledger is the writes of all writers, by collection. It may be used concurrently.
type ledger struct {
	mu     sync.Mutex
	writes map[string][]record
}

func (l *ledger) add(collection string, w record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writes[collection] = append(l.writes[collection], w)
}

// logs are the changes of each collection in the order of the cursors, when all writers are done.
func (l *ledger) logs() (map[string][]change, error) {
	all := map[string][]change{}
	for collection, writes := range l.writes {
		slices.SortFunc(writes, func(a, b record) int { return cmp.Compare(a.seq, b.seq) })
		items := map[string]record{}
		log := make([]change, 0, len(writes))
		for i, w := range writes {
			if i > 0 && writes[i-1].seq == w.seq {
				return nil, fmt.Errorf("two writes to %s were answered with the same cursor, number %d", collection, w.seq)
			}
			before, exists := items[w.id]
			if exists == (w.kind == added) {
				return nil, fmt.Errorf("by the order of the cursors the write number %d to %s, %+v, found an item %+v (%t)", w.seq, collection, w, before, exists)
			}
			if !exists {
				before.bucket = noBucket
			}
			log = append(log, change{w, before})
			if w.kind == deleted {
				delete(items, w.id)
			} else {
				items[w.id] = w
			}
		}
		all[collection] = log
	}
	return all, nil
}

// short is a revision in short, the same in every process.
func short(rev string) uint32 {
	if rev == "" {
		return 0
	}
	h := fnv.New32a()
	h.Write([]byte(rev))
	return h.Sum32() | 1
}

// place is the number of a cursor in the log. Clients must not look into cursors; who compares all
// of them needs their order.
func place(cursor string) (uint64, error) {
	p, err := collections.ParseCursor(cursor)
	return p.Seq, err
}
