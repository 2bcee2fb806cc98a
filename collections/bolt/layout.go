package bolt

import (
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"ackbase/collections"
)

// format is the version of the file's layout. A file with a higher one is refused, one
// with a lower one is brought up to it: see upgrade.go.
const format = tagsFormat

// Names of the buckets and of the keys in bucketMeta.
var (
	bucketMeta        = []byte("meta")
	bucketCollections = []byte("collections")
	bucketIndexes     = []byte("indexes")
	bucketLog         = []byte("log")
	bucketRecords     = []byte("records")
	bucketTags        = []byte("tags")

	keyFormat = []byte("format")
	keyEpoch  = []byte("epoch")
	keyHead   = []byte("head")
)

const (
	itemsPrefix     = "items:"
	indexPrefix     = "index:"
	recordsPrefix   = "records:"
	expiriesPrefix  = "expiries:"
	waypointsPrefix = "waypoints:"
)

func itemsBucket(collection string) []byte { return []byte(itemsPrefix + collection) }

// indexBucket names an index by what it holds, so that another declaration is another bucket.
func indexBucket(collection string, paths []string) []byte {
	return []byte(indexPrefix + collection + "\x00" + strings.Join(paths, "\x00"))
}

// head is the end of the change log as the file knows it, and what was pruned of the log.
type head struct {
	seq    uint64
	tag    uint32
	time   int64  // Unix milliseconds of the newest change
	kept   uint64 // how many changes the log has
	pruned uint64 // the newest change that was pruned; 0 for none
}

const headSize = 36

func (h head) append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, h.seq)
	dst = binary.BigEndian.AppendUint32(dst, h.tag)
	dst = binary.BigEndian.AppendUint64(dst, uint64(h.time))
	dst = binary.BigEndian.AppendUint64(dst, h.kept)
	return binary.BigEndian.AppendUint64(dst, h.pruned)
}

func decodeHead(b []byte) (head, error) {
	if len(b) != headSize {
		return head{}, fmt.Errorf("bolt: the head has %d bytes, not %d", len(b), headSize)
	}
	return head{
		seq: binary.BigEndian.Uint64(b), tag: binary.BigEndian.Uint32(b[8:]), time: int64(binary.BigEndian.Uint64(b[12:])),
		kept: binary.BigEndian.Uint64(b[20:]), pruned: binary.BigEndian.Uint64(b[28:]),
	}, nil
}

// revSize is how many bytes stand before an item's JSON.
const revSize = 12

func appendItem(dst []byte, rev collections.Rev, json []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, rev.Seq)
	dst = binary.BigEndian.AppendUint32(dst, rev.Tag)
	return append(dst, json...)
}

// decodeItem reads an item's value; its JSON is part of v.
func decodeItem(id collections.ID, v []byte) (collections.Item, error) {
	if len(v) < revSize {
		return collections.Item{}, fmt.Errorf("bolt: the item %s has only %d bytes", id.Text(), len(v))
	}
	rev := collections.Rev{Seq: binary.BigEndian.Uint64(v), Tag: binary.BigEndian.Uint32(v[8:])}
	return collections.Item{ID: id, Rev: rev, JSON: v[revSize:len(v):len(v)]}, nil
}

// counters are what the file keeps of a collection beside its items.
type counters struct {
	items   uint64 // how many there are
	number  uint64 // the last running number taken
	changes uint64 // how many the log has
	pruned  uint64 // the newest one that was pruned, by sequence number; 0 for none
}

const countersSize = 32

func (c counters) append(dst []byte) []byte {
	for _, n := range [...]uint64{c.items, c.number, c.changes, c.pruned} {
		dst = binary.BigEndian.AppendUint64(dst, n)
	}
	return dst
}

func decodeCounters(b []byte) (counters, error) {
	if b == nil {
		return counters{}, nil
	}
	if len(b) != countersSize {
		return counters{}, fmt.Errorf("bolt: a collection's counters have %d bytes, not %d", len(b), countersSize)
	}
	at := func(i int) uint64 { return binary.BigEndian.Uint64(b[8*i:]) }
	return counters{items: at(0), number: at(1), changes: at(2), pruned: at(3)}, nil
}

// countersOf are the counters of a collection as a transaction sees them.
func countersOf(tx *bbolt.Tx, collection string) (counters, error) {
	return decodeCounters(tx.Bucket(bucketCollections).Get([]byte(collection)))
}

// never is the expiry of a record that stays.
const never = 0

func expiryMillis(t time.Time) int64 {
	if t.IsZero() {
		return never
	}
	return max(t.UnixMilli(), 1)
}

func logKey(seq uint64) []byte { return binary.BigEndian.AppendUint64(nil, seq) }
