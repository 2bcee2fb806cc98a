package bolt

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"ackbase/collections"
)

// History implements collections.Reader. It walks from one waypoint to the next, and from each
// back along the chain: what is read is what is given, and some 64 changes before it.
func (r *reader) History(ctx context.Context, collection string, id collections.ID, after *collections.Position, max int) ([]*collections.Change, bool, error) {
	var floor uint64 // the change that was walked to last
	if after != nil {
		if err := r.reaches(*after, collection); err != nil {
			return nil, false, err
		}
		floor = after.Seq
	}
	newest, err := r.newestChange(collection, id)
	if err != nil {
		return nil, false, err
	}
	w := trail{ctx: ctx, epoch: r.store.epoch, log: r.tx.Bucket(bucketLog).Cursor(), max: max}
	points := r.waypoints(collection, id.Text())
	for end := points.from(floor + 1); end != 0 && !w.more; end = points.next() {
		if err := w.back(end, floor); err != nil {
			return nil, false, err
		}
		floor = end
	}
	if newest > floor && !w.more {
		if err := w.back(newest, floor); err != nil {
			return nil, false, err
		}
	}
	switch {
	case len(w.changes) > 0:
		if after != nil && w.changes[0].Prev.Seq > after.Seq {
			return nil, false, errHistoryGone
		}
		return w.changes, w.more, nil
	case after != nil && newest > after.Seq:
		return nil, false, errHistoryGone
	case newest == 0 && w.entry(points.last()) == nil:
		return nil, false, notFound(collection, id)
	}
	return nil, false, nil
}

var errHistoryGone = collections.Errorf(collections.ErrGone, "changes since then are older than what the server keeps, so that the item's past cannot be told from there: ask for its HISTORY without after, or for the item as it is")

// newestChange is the change that made the item what it is; 0 where there is none.
func (r *reader) newestChange(collection string, id collections.ID) (uint64, error) {
	item, found, err := r.lookUp(collection, id)
	if err != nil || !found {
		return 0, err
	}
	return item.Rev.Seq, nil
}

// reaches tells whether the log that the view sees can be gone on from a position with the changes of a collection.
func (r *reader) reaches(p collections.Position, collection string) error {
	head := r.Position()
	switch {
	case p.Epoch != head.Epoch:
		return errOtherEpoch
	case p.Seq > head.Seq:
		return errBeyond
	}
	if err := reachesBack(r.tx, p, []string{collection}); errors.Is(err, collections.ErrGone) {
		return errHistoryGone
	} else if err != nil {
		return err
	}
	return r.store.tags.check(r.tx.Bucket(bucketLog), p)
}

// trail gathers changes of one item, oldest first.
type trail struct {
	ctx     context.Context
	epoch   uint64
	log     *bbolt.Cursor
	key     []byte // of what was looked up last
	max     int
	changes []*collections.Change
	size    int  // of the changes, in bytes
	more    bool // there are others behind them

	seqs []uint64 // of the stretch under way, newest first
}

// entry is a change as the log has it, nil where it was pruned.
func (w *trail) entry(seq uint64) []byte {
	w.key = binary.BigEndian.AppendUint64(w.key[:0], seq)
	if k, v := w.log.Seek(w.key); bytes.Equal(k, w.key) {
		return v
	}
	return nil
}

// back gathers the changes from the one after floor, or the first that the log has, to end.
func (w *trail) back(end, floor uint64) error {
	if err := w.ctx.Err(); err != nil {
		return collections.Errorf(collections.ErrUnavailable, "the request ended before its answer: %v", err)
	}
	if len(w.changes) > 0 && len(w.changes) >= w.max {
		w.more = true
		return nil
	}
	w.seqs = w.seqs[:0]
	for seq, tag, known := end, uint32(0), false; seq > floor; known = true {
		entry := w.entry(seq)
		if entry == nil {
			break // pruned, as is all that came before it
		}
		at, prev, err := entryChain(entry)
		if err != nil || known && at != tag {
			return errEntry
		}
		w.seqs = append(w.seqs, seq)
		if prev.Seq >= seq {
			return errEntry
		}
		seq, tag = prev.Seq, prev.Tag
	}
	for _, seq := range slices.Backward(w.seqs) {
		entry := w.entry(seq)
		w.size += len(entry)
		if len(w.changes) > 0 && (len(w.changes) >= w.max || w.size > maxReadBytes) {
			w.more = true
			return nil
		}
		change, err := decodeEntry(w.epoch, seq, slices.Clone(entry))
		if err != nil {
			return err
		}
		w.changes = append(w.changes, change)
	}
	return nil
}

// timeFormat is what changes tell their times in.
const timeFormat = "2006-01-02T15:04:05.000Z"

// PositionAt implements collections.Reader. The times of the log never go back, so it is searched by halves.
func (r *reader) PositionAt(collection string, t time.Time) (collections.Position, error) {
	limit := t.UnixMilli()
	low := collections.Position{Epoch: r.store.epoch}
	c := r.tx.Bucket(bucketLog).Cursor()
	counted, err := countersOf(r.tx, collection)
	if err != nil {
		return low, err
	}
	if counted.pruned > 0 { // when that one was written nobody knows any more, but not after the next that is there
		k, v := c.Seek(logKey(counted.pruned))
		at, err := entryTime(v)
		if err != nil {
			return low, err
		}
		if at > limit {
			return low, collections.Errorf(collections.ErrGone, "the log of changes does not reach back to %s: its oldest is of %s",
				t.UTC().Format(timeFormat), time.UnixMilli(at).UTC().Format(timeFormat))
		}
		low.Seq = binary.BigEndian.Uint64(k)
		if low.Tag, err = entryTag(v); err != nil {
			return low, err
		}
	}
	for high := r.Position().Seq; low.Seq < high; {
		middle := high - (high-low.Seq)/2
		k, v := c.Seek(logKey(middle))
		if k == nil || binary.BigEndian.Uint64(k) > high {
			high = middle - 1
			continue
		}
		at, err := entryTime(v)
		if err != nil {
			return collections.Position{}, err
		}
		if at > limit {
			high = middle - 1
			continue
		}
		low.Seq = binary.BigEndian.Uint64(k)
		if low.Tag, err = entryTag(v); err != nil {
			return collections.Position{}, err
		}
	}
	return low, nil
}
