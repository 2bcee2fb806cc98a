package bolt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.etcd.io/bbolt"

	"ackbase/collections"
)

// maxRecordKey is how many bytes the kind and the key of a record may have together.
const maxRecordKey = 1024

// A commit removes at most so many records that have expired or are over the bound of their kind, and two
// for each that it puts: all of them go in the end, and no commit takes long for it.
const maxRemoved = 32

// maxQueued is from how many bytes on an entry of the expiries takes no more keys: bbolt
// has several entries in a page, and copies the page for each that is added.
const maxQueued = 900

// recordKind is the records of one kind as of now in the batch.
type recordKind struct {
	bucket  *bbolt.Bucket // nil where there is none yet
	cursor  *bbolt.Cursor // of it
	last    string        // its last key: those in order of time come behind it
	counts  recordCounts
	stored  recordCounts // as the file has them
	bound   recordCounts // of the newest record; 0 for none
	states  map[string]*recordState
	changed []*recordState // in the order of their first change, also those that were undone
}

// recordCounts are what the file keeps of the records of a kind that expire.
type recordCounts struct{ number, bytes uint64 }

func (c recordCounts) append(dst []byte) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(dst, c.number), c.bytes)
}

func decodeRecordCounts(b []byte) (recordCounts, error) {
	if b == nil {
		return recordCounts{}, nil
	}
	if len(b) != 16 {
		return recordCounts{}, fmt.Errorf("bolt: the counts of a kind of records have %d bytes, not 16", len(b))
	}
	return recordCounts{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}, nil
}

// over tells whether there are more records than are to be kept.
func (k *recordKind) over() bool {
	return k.bound.number > 0 && k.counts.number > k.bound.number || k.bound.bytes > 0 && k.counts.bytes > k.bound.bytes
}

// record is a record's content.
type record struct {
	value   []byte // nil for none
	expires int64  // Unix milliseconds, or never
}

func (r record) expiring() bool { return r.value != nil && r.expires != never }

// recordState is a record as of now in the batch, and as it is in the file.
type recordState struct {
	key     string
	now     record
	stored  record // its value is valid as long as the transaction
	changed bool
}

const expirySize = 8

// decodeRecord reads a record as the file has it; its value is part of v.
func decodeRecord(v []byte) (record, error) {
	if len(v) < expirySize {
		return record{}, fmt.Errorf("bolt: a record has only %d bytes", len(v))
	}
	return record{v[expirySize:len(v):len(v)], int64(binary.BigEndian.Uint64(v))}, nil
}

// recordKind is the state of a kind of records.
func (b *batch) recordKind(name string) (*recordKind, error) {
	if k := b.records[name]; k != nil {
		return k, nil
	}
	if name == "" || strings.IndexByte(name, 0) >= 0 {
		return nil, collections.Errorf(collections.ErrBadRequest, "a record's kind is a text without NUL, not %q", name)
	}
	counts, err := decodeRecordCounts(b.tx.Bucket(bucketRecords).Get([]byte(name)))
	if err != nil {
		return nil, err
	}
	waiting := min(len(b.store.queue), maxBatchUpdates) // about as many records are to come
	k := &recordKind{counts: counts, stored: counts, states: make(map[string]*recordState, waiting)}
	if k.bucket = b.tx.Bucket([]byte(recordsPrefix + name)); k.bucket != nil {
		k.cursor = k.bucket.Cursor()
		last, _ := k.cursor.Last()
		k.last = string(last)
	}
	b.records[name] = k
	return k, nil
}

// get is a record as the file has it before the batch, nil for none.
func (k *recordKind) get(key string) []byte {
	if k.bucket == nil || key > k.last {
		return nil
	}
	if found, v := k.cursor.Seek([]byte(key)); string(found) == key {
		return v
	}
	return nil
}

// record is the state of a record.
func (b *batch) record(kind, key string) (*recordKind, *recordState, error) {
	k, err := b.recordKind(kind)
	if err != nil {
		return nil, nil, err
	}
	if state := k.states[key]; state != nil {
		return k, state, nil
	}
	if len(kind)+len(key) > maxRecordKey || key == "" {
		return nil, nil, collections.Errorf(collections.ErrBadRequest, "a record's key has 1 to %d bytes together with its kind, not %d", maxRecordKey, len(kind)+len(key))
	}
	state := &recordState{key: key}
	if v := k.get(key); v != nil {
		if state.stored, err = decodeRecord(v); err != nil {
			return nil, nil, err
		}
		state.now = state.stored
	}
	k.states[key] = state
	return k, state, nil
}

var errNoRecord = collections.Errorf(collections.ErrNotFound, "there is no such record")

// GetRecord implements collections.Tx.
func (t *transaction) GetRecord(kind, key string) ([]byte, error) {
	if t.over {
		return nil, errOver
	}
	_, state, err := t.batch.record(kind, key)
	if err != nil {
		return nil, err
	}
	if state.now.value == nil || (state.now.expires != never && state.now.expires <= t.batch.now) {
		return nil, errNoRecord
	}
	t.batch.bytes += len(state.now.value) // who reads it copies it
	return state.now.value, nil
}

// PutRecord implements collections.Tx.
func (t *transaction) PutRecord(kind, key string, value []byte, keep collections.Retention) error {
	if t.over {
		return errOver
	}
	k, state, err := t.batch.record(kind, key)
	if err != nil {
		return err
	}
	now, changed, bound := state.now, state.changed, k.bound
	t.undos = append(t.undos, func() { state.now, state.changed, k.bound = now, changed, bound })
	if !state.changed {
		state.changed = true
		k.changed = append(k.changed, state)
	}
	state.now = record{value, expiryMillis(keep.Expires)}
	k.bound = recordCounts{uint64(max(keep.MaxRecords, 0)), uint64(max(keep.MaxBytes, 0))}
	t.batch.bytes += len(value)
	t.markWritten()
	return nil
}

// flushRecords puts the batch's records into the file and removes some of those that
// have expired or are too many.
func (b *batch) flushRecords() error {
	for name, k := range b.records {
		if len(k.changed) > 0 {
			if err := b.flushKind(name, k); err != nil {
				return fmt.Errorf("records %s: %w", name, err)
			}
		}
	}
	counted := b.tx.Bucket(bucketRecords)
	var names []string
	if err := counted.ForEach(func(name, _ []byte) error { names = append(names, string(name)); return nil }); err != nil {
		return err
	}
	for _, name := range names {
		if err := b.removeRecords(name); err != nil {
			return fmt.Errorf("records %s: %w", name, err)
		}
		if k := b.records[name]; k != nil && k.counts != k.stored {
			if err := counted.Put([]byte(name), k.counts.append(nil)); err != nil {
				return err
			}
		}
	}
	return nil
}

// flushKind puts the changed records of a kind and queues their expiries.
func (b *batch) flushKind(name string, k *recordKind) error {
	var err error
	if k.bucket == nil {
		if k.bucket, err = b.tx.CreateBucketIfNotExists([]byte(recordsPrefix + name)); err != nil {
			return err
		}
		if err := b.tx.Bucket(bucketRecords).Put([]byte(name), k.stored.append(nil)); err != nil {
			return err
		}
	}
	puts := make([]put, 0, len(k.changed))
	changed := k.changed[:0]
	for _, state := range k.changed {
		if !state.changed { // undone, or here already
			continue
		}
		state.changed = false
		changed = append(changed, state)
		k.count(state.key, state.stored, -1)
		k.count(state.key, state.now, +1)
		start := len(b.arena)
		b.arena = append(b.arena, state.key...)
		key := b.arena[start:len(b.arena):len(b.arena)]
		switch {
		case state.now.value != nil:
			start = len(b.arena)
			b.arena = append(binary.BigEndian.AppendUint64(b.arena, uint64(state.now.expires)), state.now.value...)
			puts = append(puts, put{key: key, value: b.arena[start:len(b.arena):len(b.arena)]})
		case state.stored.value != nil:
			puts = append(puts, put{key: key, drop: true})
		}
	}
	k.changed = changed
	if err := apply(k.bucket, puts); err != nil {
		return err
	}
	return b.queueExpiries(name, k)
}

// count adds a record to the counts of its kind, or takes it out.
func (k *recordKind) count(key string, r record, sign int) {
	if r.expiring() {
		k.counts.number += uint64(sign)
		k.counts.bytes += uint64(sign * (len(key) + len(r.value)))
	}
}

// expirySecond is the second after which a record has expired, by which it is queued.
func expirySecond(expires int64) uint64 { return (uint64(expires) + 999) / 1000 }

const expiryKeySize = 16

// queueExpiries appends the keys of the changed records to the queue of a kind, many to an entry.
func (b *batch) queueExpiries(name string, k *recordKind) error {
	queue, err := b.tx.CreateBucketIfNotExists([]byte(expiriesPrefix + name))
	if err != nil {
		return err
	}
	var puts []put
	var second uint64 // of the last entry
	for _, state := range k.changed {
		if !state.now.expiring() {
			continue
		}
		due := expirySecond(state.now.expires)
		if n := len(puts); n == 0 || due != second || len(puts[n-1].value)+len(state.key) > maxQueued {
			number, err := queue.NextSequence()
			if err != nil {
				return err
			}
			second = due
			key := binary.BigEndian.AppendUint64(make([]byte, 0, expiryKeySize+maxQueued), second)
			key = binary.BigEndian.AppendUint64(key, number)
			puts = append(puts, put{key: key[:expiryKeySize:expiryKeySize], value: key[expiryKeySize:]})
		}
		last := &puts[len(puts)-1]
		last.value = appendText(last.value, state.key)
	}
	return apply(queue, puts)
}

// removeRecords removes records of a kind that have expired or are too many, in the order of
// the queue.
func (b *batch) removeRecords(name string) error {
	queue := b.tx.Bucket([]byte(expiriesPrefix + name))
	if queue == nil {
		return nil
	}
	most := maxRemoved
	if k := b.records[name]; k != nil {
		most += 2 * len(k.changed)
	}
	for most > 0 {
		at, keys := queue.Cursor().First()
		if at == nil {
			return nil
		}
		if len(at) != expiryKeySize {
			return errQueue
		}
		second := binary.BigEndian.Uint64(at)
		expired := second*1000 <= uint64(b.now)
		k := b.records[name]
		if !expired && (k == nil || !k.over()) {
			return nil
		}
		k, err := b.recordKind(name)
		if err != nil {
			return err
		}
		r := entryReader{b: keys}
		for ; most > 0 && len(r.b) > 0 && (expired || k.over()); most-- {
			if err := k.remove(r.text(), second); err != nil {
				return err
			}
			if r.bad {
				return errQueue
			}
		}
		if at = slices.Clone(at); len(r.b) == 0 {
			err = queue.Delete(at)
		} else {
			err = queue.Put(at, slices.Clone(r.b))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// remove removes a record that was queued with this second, unless it was deleted or put again
// since, with another expiry.
func (k *recordKind) remove(key []byte, second uint64) error {
	v := k.bucket.Get(key)
	if v == nil {
		return nil
	}
	r, err := decodeRecord(v)
	if err != nil || !r.expiring() || expirySecond(r.expires) != second {
		return err
	}
	k.count(string(key), r, -1)
	return k.bucket.Delete(key)
}

var errQueue = errors.New("bolt: an entry of the expiries cannot be read: the file is damaged, restore it from a backup")
