package bolt

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"

	"ackbase/collections"
)

// fullPages is how full bbolt makes the pages of a bucket that grows at its end only.
const fullPages = 0.95

// flush puts the batch into its transaction, in the order of the keys: bbolt is faster so.
func (b *batch) flush() error {
	if err := b.flushItems(); err != nil {
		return err
	}
	if err := b.flushLog(); err != nil {
		return err
	}
	if err := b.flushWaypoints(); err != nil {
		return err
	}
	counted := b.tx.Bucket(bucketCollections)
	for name, c := range b.counters {
		if c.counters != c.stored {
			if err := counted.Put([]byte(name), c.append(nil)); err != nil {
				return err
			}
		}
	}
	if err := b.flushRecords(); err != nil {
		return err
	}
	if len(b.changes) == 0 && len(b.pruned) == 0 {
		return nil
	}
	return b.tx.Bucket(bucketMeta).Put(keyHead, b.head.append(nil))
}

func (b *batch) flushLog() error {
	if len(b.changes) > 0 && !b.store.tagsStored {
		if err := b.store.tags.store(b.tx); err != nil {
			return err
		}
	}
	log := b.tx.Bucket(bucketLog)
	log.FillPercent = fullPages
	for _, seq := range b.pruned {
		key := logKey(seq)
		if err := dropWaypoint(b.tx, seq, log.Get(key)); err != nil {
			return err
		}
		if err := log.Delete(key); err != nil {
			return err
		}
	}
	for _, c := range b.changes {
		start := len(b.arena)
		b.arena = appendEntry(b.arena, c)
		if err := log.Put(logKey(c.Position.Seq), b.arena[start:len(b.arena):len(b.arena)]); err != nil {
			return err
		}
	}
	return nil
}

// put is one key to set, or to delete where drop is set.
type put struct {
	key, value []byte
	drop       bool
}

// apply puts sorted keys into a bucket.
func apply(bucket *bbolt.Bucket, puts []put) error {
	slices.SortFunc(puts, func(a, b put) int { return bytes.Compare(a.key, b.key) })
	// Keys in order of time come nearly in order, where several clients make them.
	if last, _ := bucket.Cursor().Last(); len(puts) > 0 && bytes.Compare(puts[len(puts)/2].key, last) > 0 {
		bucket.FillPercent = fullPages
	}
	for _, p := range puts {
		var err error
		if p.drop {
			err = bucket.Delete(p.key)
		} else {
			err = bucket.Put(p.key, p.value)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// flushItems puts the items and their index entries, one collection after the other.
func (b *batch) flushItems() error {
	type changed struct {
		key   itemKey
		state *itemState
	}
	var all []changed
	for key, state := range b.items {
		if state.exists || state.before != nil {
			all = append(all, changed{key, state})
		}
	}
	slices.SortFunc(all, func(x, y changed) int { return cmp.Compare(x.key.collection, y.key.collection) })
	var puts []put
	for len(all) > 0 {
		name := all[0].key.collection
		puts = puts[:0]
		n := 0
		for ; n < len(all) && all[n].key.collection == name; n++ {
			key, state := all[n].key, all[n].state
			switch {
			case !state.exists:
				puts = append(puts, put{key: key.id.AppendKey(nil), drop: true})
			case state.now.Rev.Seq > b.base.Seq: // written in this batch
				start := len(b.arena)
				b.arena = appendItem(b.arena, state.now.Rev, state.now.JSON)
				puts = append(puts, put{key: key.id.AppendKey(nil), value: b.arena[start:len(b.arena):len(b.arena)]})
			}
		}
		if len(puts) > 0 {
			items, err := b.tx.CreateBucketIfNotExists(itemsBucket(name))
			if err != nil {
				return err
			}
			if err := apply(items, puts); err != nil {
				return err
			}
			for _, x := range b.store.indexes[name] {
				puts = puts[:0]
				for _, c := range all[:n] {
					puts = b.indexPuts(puts, x, c.key.id, c.state)
				}
				entries, err := b.tx.CreateBucketIfNotExists(x.bucket)
				if err != nil {
					return err
				}
				if err := apply(entries, puts); err != nil {
					return fmt.Errorf("index %s of %s: %w", columnsText(x), name, err)
				}
			}
		}
		all = all[n:]
	}
	return nil
}

// indexPuts appends what an item's change means to an index.
func (b *batch) indexPuts(puts []put, x *index, id collections.ID, state *itemState) []put {
	if state.exists && state.now.Rev.Seq <= b.base.Seq {
		return puts // only read
	}
	var before, after put
	if state.before != nil {
		before = b.entry(x, id, state.before)
		before.drop = true
	}
	if state.exists {
		after = b.entry(x, id, state.now.JSON)
	}
	if bytes.Equal(before.key, after.key) {
		if bytes.Equal(before.value, after.value) {
			return puts
		}
		return append(puts, after)
	}
	if before.key != nil {
		puts = append(puts, before)
	}
	if after.key != nil {
		puts = append(puts, after)
	}
	return puts
}

// entry is an item's entry in an index.
func (b *batch) entry(x *index, id collections.ID, item []byte) put {
	start := len(b.arena)
	var cut bool
	b.arena, cut = x.appendColumns(b.arena, item)
	columns := len(b.arena) - start
	b.arena = id.AppendKey(b.arena)
	end := len(b.arena)
	b.arena = appendEntryValue(b.arena, columns, cut)
	return put{key: b.arena[start:end:end], value: b.arena[end:len(b.arena):len(b.arena)]}
}
