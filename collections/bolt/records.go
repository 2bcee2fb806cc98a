package bolt

import (
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"ackbase/collections"
)

// maxRecordKey is how many bytes the kind and the key of a record may have together.
const maxRecordKey = 1024

// maxExpired is how many expired records one commit clears away.
const maxExpired = 256

type recordKey struct{ kind, key string }

// recordState is a record as of now in the batch.
type recordState struct {
	value   []byte // nil for none
	expires int64  // Unix milliseconds, or never
	stored  int64  // the expiry that the file has
	exists  bool   // in the file
	changed bool
}

func (k recordKey) bytes() []byte {
	b := make([]byte, 0, len(k.kind)+1+len(k.key))
	b = append(b, k.kind...)
	b = append(b, 0)
	return append(b, k.key...)
}

func (k recordKey) check() error {
	if k.kind == "" || strings.IndexByte(k.kind, 0) >= 0 {
		return collections.Errorf(collections.ErrBadRequest, "a record's kind is a text without NUL, not %q", k.kind)
	}
	if len(k.kind)+len(k.key) > maxRecordKey {
		return collections.Errorf(collections.ErrBadRequest, "a record's key of %d bytes is too long: at most %d together with its kind", len(k.key), maxRecordKey)
	}
	return nil
}

func expiryKey(expires int64, record []byte) []byte {
	return append(binary.BigEndian.AppendUint64(nil, uint64(expires)), record...)
}

func (b *batch) record(k recordKey) (*recordState, error) {
	if state := b.records[k]; state != nil {
		return state, nil
	}
	if err := k.check(); err != nil {
		return nil, err
	}
	state := &recordState{}
	if v := b.tx.Bucket(bucketRecords).Get(k.bytes()); len(v) >= 8 {
		state.exists = true
		state.stored = int64(binary.BigEndian.Uint64(v))
		state.expires = state.stored
		state.value = slices.Clone(v[8:])
		if state.value == nil {
			state.value = []byte{}
		}
	}
	b.records[k] = state
	return state, nil
}

// GetRecord implements collections.Tx. Its bytes may be kept, but not modified.
func (t *transaction) GetRecord(kind, key string) ([]byte, error) {
	if t.over {
		return nil, errOver
	}
	state, err := t.batch.record(recordKey{kind, key})
	if err != nil {
		return nil, err
	}
	if state.value == nil || (state.expires != never && state.expires <= t.batch.now) {
		return nil, collections.Errorf(collections.ErrNotFound, "no record %s %q", kind, key)
	}
	return state.value, nil
}

// PutRecord implements collections.Tx. It copies the value.
func (t *transaction) PutRecord(kind, key string, value []byte, expires time.Time) error {
	if t.over {
		return errOver
	}
	state, err := t.batch.record(recordKey{kind, key})
	if err != nil {
		return err
	}
	old := *state
	t.undos = append(t.undos, func() { *state = old })
	state.changed = true
	state.value = slices.Clone(value)
	state.expires = expiryMillis(expires)
	t.batch.bytes += len(value)
	t.markWritten()
	return nil
}

// flushRecords puts the batch's records into the file and clears some expired ones away.
func (b *batch) flushRecords() error {
	records, expiries := b.tx.Bucket(bucketRecords), b.tx.Bucket(bucketExpiries)
	for k, state := range b.records {
		if !state.changed {
			continue
		}
		key := k.bytes()
		if state.exists && state.stored != never {
			if err := expiries.Delete(expiryKey(state.stored, key)); err != nil {
				return err
			}
		}
		if state.value == nil {
			if err := records.Delete(key); err != nil {
				return err
			}
			continue
		}
		if err := records.Put(key, append(binary.BigEndian.AppendUint64(nil, uint64(state.expires)), state.value...)); err != nil {
			return err
		}
		if state.expires != never {
			if err := expiries.Put(expiryKey(state.expires, key), nil); err != nil {
				return err
			}
		}
	}
	return b.clearExpired(records, expiries)
}

// clearExpired removes the oldest expired records.
func (b *batch) clearExpired(records, expiries *bbolt.Bucket) error {
	var gone [][]byte
	c := expiries.Cursor()
	for k, _ := c.First(); len(k) > 8 && len(gone) < maxExpired; k, _ = c.Next() {
		if int64(binary.BigEndian.Uint64(k)) > b.now {
			break
		}
		gone = append(gone, slices.Clone(k))
	}
	for _, k := range gone {
		if err := records.Delete(k[8:]); err != nil {
			return err
		}
		if err := expiries.Delete(k); err != nil {
			return err
		}
	}
	return nil
}
