package bolt

import (
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"ackbase/collections"
)

// format is the version of the file's layout. A file with a higher one is refused.
const format = waypointFormat

// Names of the buckets and of the keys in bucketMeta.
var (
	bucketMeta        = []byte("meta")
	bucketCollections = []byte("collections")
	bucketIndexes     = []byte("indexes")
	bucketLog         = []byte("log")
	bucketRecords     = []byte("records")

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

// head is the end of the change log as the file knows it.
type head struct {
	seq  uint64
	tag  uint32
	time int64 // Unix milliseconds of the newest change
}

func (h head) append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, h.seq)
	dst = binary.BigEndian.AppendUint32(dst, h.tag)
	return binary.BigEndian.AppendUint64(dst, uint64(h.time))
}

func decodeHead(b []byte) (head, error) {
	if len(b) != 20 {
		return head{}, fmt.Errorf("bolt: the head has %d bytes, not 20", len(b))
	}
	return head{binary.BigEndian.Uint64(b), binary.BigEndian.Uint32(b[8:]), int64(binary.BigEndian.Uint64(b[12:]))}, nil
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
	items  uint64 // how many there are
	number uint64 // the last running number taken
}

func (c counters) append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint64(dst, c.items)
	return binary.BigEndian.AppendUint64(dst, c.number)
}

func decodeCounters(b []byte) (counters, error) {
	if b == nil {
		return counters{}, nil
	}
	if len(b) != 16 {
		return counters{}, fmt.Errorf("bolt: a collection's counters have %d bytes, not 16", len(b))
	}
	return counters{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}, nil
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
