package bolt

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"sort"

	"go.etcd.io/bbolt"

	"ackbase/collections"
)

// tags makes the tags of changes, and knows them when the changes are long pruned. A change
// of A may be what a cursor names that is to go on with B, and must be told from another
// change with the same number, as after a restored backup. To keep each tag would
// make the file grow for ever. So a process takes a secret at random when it opens the file, and makes
// all its tags from it and the sequence numbers: a file that was restored has another secret from
// there on. What was pruned of a file of format 1, whose tags were made at random one by one, is unknown.
type tags struct {
	runs []tagRun // ascending; the last one is that of this process
}

// tagRun is the changes of one process that had the file open, or of the last of those that wrote nothing.
type tagRun struct {
	from   uint64 // the first sequence number
	secret uint64
}

// maxRuns is how many processes' secrets are kept. A cursor of an older one is too old when its change was pruned.
const maxRuns = 10_000

// load reads the runs, and begins the one of this process.
func (t *tags) load(tx *bbolt.Tx, head uint64) error {
	err := tx.Bucket(bucketTags).ForEach(func(k, v []byte) error {
		if len(k) != 8 || len(v) != 8 {
			return errors.New("it does not tell how its tags were made")
		}
		t.runs = append(t.runs, tagRun{binary.BigEndian.Uint64(k), binary.BigEndian.Uint64(v)})
		return nil
	})
	var secret [8]byte
	_, _ = rand.Read(secret[:]) // never fails
	t.runs = append(t.runs, tagRun{head + 1, binary.BigEndian.Uint64(secret[:])})
	return err
}

// store puts the run of this process into the file.
func (t *tags) store(tx *bbolt.Tx) error {
	bucket := tx.Bucket(bucketTags)
	for _, old := range t.runs[:max(0, len(t.runs)-maxRuns)] {
		if err := bucket.Delete(logKey(old.from)); err != nil {
			return err
		}
	}
	own := t.runs[len(t.runs)-1]
	return bucket.Put(logKey(own.from), binary.BigEndian.AppendUint64(nil, own.secret))
}

// of is the tag of a change; false where it cannot be known.
func (t *tags) of(seq uint64) (tag uint32, ok bool) {
	n := sort.Search(len(t.runs), func(i int) bool { return t.runs[i].from > seq })
	if n == 0 {
		return 0, false
	}
	return t.runs[n-1].tag(seq), true
}

// next is the tag of a change that this process makes.
func (t *tags) next(seq uint64) uint32 { return t.runs[len(t.runs)-1].tag(seq) }

// tag mixes secret and number (the finalizer of splitmix64): two secrets give the same tag once in 2^32.
func (r tagRun) tag(seq uint64) uint32 {
	x := r.secret + seq*0x9E3779B97F4A7C15
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return uint32((x ^ x>>31) >> 16)
}

// check tells whether a position's tag is that of its change, which may have been pruned.
func (t *tags) check(log *bbolt.Bucket, p collections.Position) error {
	if p.Seq == 0 {
		if p.Tag != 0 {
			return errOtherTag
		}
		return nil
	}
	var tag uint32
	if v := log.Get(logKey(p.Seq)); v != nil {
		var err error
		if tag, err = entryTag(v); err != nil {
			return err
		}
	} else if known, ok := t.of(p.Seq); ok {
		tag = known
	} else {
		return errTooOld
	}
	if tag != p.Tag {
		return errOtherTag
	}
	return nil
}
