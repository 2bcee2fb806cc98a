package bolt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"ackbase/collections"
)

// verifyTime bounds what is verified when a file opens.
const verifyTime = 200 * time.Millisecond

// errItem is the error of an item whose content was damaged.
var errItem = errors.New("bolt: an item cannot be read: the file is damaged, restore it from a backup")

// verify looks at the file for as long as the time lasts. First at the pages of all buckets: whether
// each is where its parent says, and its keys lie in it and ascend. Then at what they hold: whether items and changes
// can be read. Damage that leaves all of it readable, such as another digit in a number, cannot be told: there are no
// checksums.
func (s *Store) verify(tx *bbolt.Tx, limit time.Duration) error {
	end := time.Now().Add(limit)
	err := tx.ForEach(func(name []byte, b *bbolt.Bucket) error {
		t, ok := s.pages.tree(b)
		if !ok {
			return nil
		}
		t.begin(1)
		if err := t.verify(t.root, end, maxTreeDeep); err != nil {
			return fmt.Errorf("a page of its part %q", bytes.ReplaceAll(name, []byte{0}, []byte{' '}))
		}
		return nil
	})
	if err != nil {
		return err
	}
	return tx.ForEach(func(name []byte, b *bbolt.Bucket) error {
		check := s.checkOf(string(name))
		if check == nil {
			return nil
		}
		c := b.Cursor()
		n := 0
		for k, v := c.First(); k != nil; k, v = c.Next() {
			if err := check(k, v); err != nil {
				return fmt.Errorf("an entry of its part %q", name)
			}
			if n++; n%64 == 0 && time.Now().After(end) {
				return nil
			}
		}
		return nil
	})
}

// checkOf is how what a bucket holds is verified; nil for not at all.
func (s *Store) checkOf(bucket string) func(k, v []byte) error {
	switch {
	case bucket == string(bucketLog):
		return func(k, v []byte) error {
			if len(k) != 8 {
				return errEntry
			}
			_, err := decodeEntry(s.epoch, binary.BigEndian.Uint64(k), v)
			return err
		}
	case strings.HasPrefix(bucket, itemsPrefix):
		return func(k, v []byte) error {
			id, _, err := collections.DecodeIDKey(k)
			if err != nil {
				return err
			}
			item, err := decodeItem(id, v)
			if err == nil && !collections.ValidJSON(item.JSON) {
				err = errItem
			}
			return err
		}
	}
	return nil
}

func (t *tree) verify(id uint64, end time.Time, deep int) error {
	if deep == 0 {
		return errPages
	}
	p, err := t.page(id)
	if err != nil {
		return err
	}
	if time.Now().After(end) {
		return nil
	}
	for i := range p.count {
		k := p.key(i)
		if k == nil || (i > 0 && bytes.Compare(p.key(i-1), k) >= 0) {
			return errPages
		}
		if !p.leaf {
			if err := t.verify(p.child(i), end, deep-1); err != nil {
				return err
			}
		}
	}
	return nil
}
