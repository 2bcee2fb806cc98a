package bolt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"ackbase/collections"
)

// tagsFormat is the first format with tags that are known when their changes are pruned, and with counts of the changes.
const tagsFormat = 3

// upgrade brings a file of an older format up to this one. A process that is killed meanwhile leaves
// a file that the next one brings up.
func (s *Store) upgrade() error {
	version := uint32(format)
	err := s.db.View(func(tx *bbolt.Tx) error {
		if v := tx.Bucket(bucketMeta).Get(keyFormat); len(v) == 4 { // else loadMeta finds it
			version = binary.BigEndian.Uint32(v)
		}
		return nil
	})
	if err != nil || version >= format {
		return err
	}
	started := time.Now()
	if version < waypointFormat {
		err = s.markLog()
	}
	if err == nil {
		err = s.db.Update(addTags)
	}
	var unfit unfitError
	switch {
	case errors.As(err, &unfit), errors.Is(err, errEntry):
		return damaged(s.path, err)
	case err != nil:
		return collections.Errorf(collections.ErrUnavailable, "the database file %s has format %d and cannot be brought up to %d (%v): make space and start again", s.path, version, format, err)
	}
	s.logger.Info("bolt: the file has a new format, which older versions of ackbase do not read", "file", s.path, "format", format, "took", time.Since(started).Round(time.Millisecond))
	return nil
}

// unfitError says what of a file is not as its format has it.
type unfitError string

func (e unfitError) Error() string { return string(e) }

// addTags is the step from format 2, which had a head without kept and pruned, counters without changes and
// pruned, and tags that were made at random one by one.
func addTags(tx *bbolt.Tx) error {
	meta, log, counted := tx.Bucket(bucketMeta), tx.Bucket(bucketLog), tx.Bucket(bucketCollections)
	for name, b := range map[string]*bbolt.Bucket{string(bucketLog): log, string(bucketCollections): counted} {
		if b == nil {
			return unfitError(fmt.Sprintf("its part %q is missing", name))
		}
	}
	old := meta.Get(keyHead)
	if len(old) != 20 {
		return unfitError(fmt.Sprintf("its head has %d bytes, not 20", len(old)))
	}
	h := head{seq: binary.BigEndian.Uint64(old), tag: binary.BigEndian.Uint32(old[8:]), time: int64(binary.BigEndian.Uint64(old[12:]))}
	changes := map[string]uint64{}
	err := log.ForEach(func(_, v []byte) error {
		about, err := entryAbout(v)
		if err == nil {
			changes[string(about.collection)]++
			h.kept++
		}
		return err
	})
	if err != nil {
		return err
	}
	type put struct{ key, value []byte }
	var puts []put
	err = counted.ForEach(func(k, v []byte) error {
		if len(v) != 16 {
			return unfitError(fmt.Sprintf("the counters of %q have %d bytes, not 16", k, len(v)))
		}
		c := counters{items: binary.BigEndian.Uint64(v), number: binary.BigEndian.Uint64(v[8:]), changes: changes[string(k)]}
		delete(changes, string(k))
		puts = append(puts, put{append([]byte(nil), k...), c.append(nil)})
		return nil
	})
	if err != nil {
		return err
	}
	for name, n := range changes { // all of whose items were deleted before it was ever counted: cannot be, but does no harm
		puts = append(puts, put{[]byte(name), counters{changes: n}.append(nil)})
	}
	for _, p := range puts {
		if err := counted.Put(p.key, p.value); err != nil {
			return err
		}
	}
	_, err = tx.CreateBucketIfNotExists(bucketTags)
	return errors.Join(err,
		meta.Put(keyHead, h.append(nil)),
		meta.Put(keyFormat, binary.BigEndian.AppendUint32(nil, tagsFormat)),
	)
}

// markLog puts the waypoints of the changes that were written before there were any.
func (s *Store) markLog() error {
	const step = 100_000 // entries of a transaction
	for next, over := uint64(0), false; !over; {
		err := s.db.Update(func(tx *bbolt.Tx) error {
			var found waypoints
			c := tx.Bucket(bucketLog).Cursor()
			k, v := c.Seek(logKey(next))
			for n := 0; k != nil && n < step; n++ {
				seq := binary.BigEndian.Uint64(k)
				change, err := decodeEntry(0, seq, v)
				if err != nil {
					return err
				}
				if isWaypoint(change.Type, change.Position.Tag) {
					found.add(change.Collection, change.ID.Text(), seq)
				}
				next = seq + 1
				k, v = c.Next()
			}
			if err := found.put(tx); err != nil {
				return err
			}
			if over = k == nil; over {
				return tx.Bucket(bucketMeta).Put(keyFormat, binary.BigEndian.AppendUint32(nil, waypointFormat))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
