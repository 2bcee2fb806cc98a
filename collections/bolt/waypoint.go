package bolt

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"

	"go.etcd.io/bbolt"

	"ackbase/collections"
)

// Each change of an item names the one before it (its Prev), back to ADDED, and the item
// names the last. So its history is read from the end, without an index that would cost each
// write a page. What this chain lacks, waypoints add: keys of the id's text and the sequence number of
//
//   - every DELETED, behind which nothing else leads to the item's past,
//   - one in 64 of MODIFIED, so that a page of a long history is found without walking all of
//     what came after it.
//
// Which MODIFIED leaves one is said by the change's tag, a random number: nothing has to be
// counted, and no client has a say in it.
const waypointEvery = 64

// waypointFormat is the first format of the file with waypoints.
const waypointFormat = 2

// isWaypoint tells whether a change leaves a waypoint.
func isWaypoint(kind collections.ChangeType, tag uint32) bool {
	return kind == collections.Deleted || kind == collections.Modified && tag%waypointEvery == 0
}

func waypointsBucket(collection string) []byte { return []byte(waypointsPrefix + collection) }

// appendWaypointKey appends the key of a change of the item with this text. Ids have no NUL.
func appendWaypointKey(dst []byte, id string, seq uint64) []byte {
	dst = append(dst, id...)
	dst = append(dst, 0)
	return binary.BigEndian.AppendUint64(dst, seq)
}

// waypointSeq is the change that a waypoint of the item names; false if it is another item's.
func waypointSeq(key []byte, id string) (uint64, bool) {
	if len(key) != len(id)+9 || string(key[:len(id)]) != id || key[len(id)] != 0 {
		return 0, false
	}
	return binary.BigEndian.Uint64(key[len(id)+1:]), true
}

// flushWaypoints puts the waypoints of the batch's changes.
func (b *batch) flushWaypoints() error {
	var found waypoints
	for _, c := range b.changes {
		if isWaypoint(c.Type, c.Position.Tag) {
			found.add(c.Collection, c.ID.Text(), c.Position.Seq)
		}
	}
	return found.put(b.tx)
}

// waypoints are some that are to be put, by collection. The zero value is none.
type waypoints map[string][]put

func (w *waypoints) add(collection, id string, seq uint64) {
	if *w == nil {
		*w = make(waypoints)
	}
	(*w)[collection] = append((*w)[collection], put{key: appendWaypointKey(make([]byte, 0, len(id)+9), id, seq)})
}

func (w waypoints) put(tx *bbolt.Tx) error {
	for _, collection := range slices.Sorted(maps.Keys(w)) {
		bucket, err := tx.CreateBucketIfNotExists(waypointsBucket(collection))
		if err != nil {
			return err
		}
		if err := apply(bucket, w[collection]); err != nil {
			return err
		}
	}
	return nil
}

// dropWaypoint forgets what a change has left, with the change's entry of the log: who removes
// the one calls it, in the same transaction. A history ends where the log does in any case.
func dropWaypoint(tx *bbolt.Tx, seq uint64, entry []byte) error {
	c, err := decodeEntry(0, seq, entry)
	if err != nil || !isWaypoint(c.Type, c.Position.Tag) {
		return err
	}
	bucket := tx.Bucket(waypointsBucket(c.Collection))
	if bucket == nil {
		return nil
	}
	return bucket.Delete(appendWaypointKey(nil, c.ID.Text(), seq))
}

// itemWaypoints goes over the waypoints of one item, in the order of its changes.
type itemWaypoints struct {
	cursor *bbolt.Cursor // nil where there are none
	id     string
	key    []byte
}

func (r *reader) waypoints(collection, id string) itemWaypoints {
	w := itemWaypoints{id: id}
	if bucket := r.tx.Bucket(waypointsBucket(collection)); bucket != nil {
		w.cursor = bucket.Cursor()
	}
	return w
}

// from is the first change at or after a sequence number that has one; 0 for none.
func (w *itemWaypoints) from(seq uint64) uint64 {
	if w.cursor == nil {
		return 0
	}
	w.key = appendWaypointKey(w.key[:0], w.id, seq)
	k, _ := w.cursor.Seek(w.key)
	return w.read(k)
}

// next is the one after that which was given last; 0 for none.
func (w *itemWaypoints) next() uint64 {
	k, _ := w.cursor.Next()
	return w.read(k)
}

// last is the item's last; 0 for none.
func (w *itemWaypoints) last() uint64 {
	if w.cursor == nil {
		return 0
	}
	w.key = appendWaypointKey(w.key[:0], w.id, ^uint64(0))
	if k, _ := w.cursor.Seek(w.key); k == nil {
		k, _ = w.cursor.Last()
		return w.read(k)
	} else if bytes.Equal(k, w.key) {
		return w.read(k)
	}
	k, _ := w.cursor.Prev()
	return w.read(k)
}

func (w *itemWaypoints) read(k []byte) uint64 {
	seq, _ := waypointSeq(k, w.id)
	return seq
}
