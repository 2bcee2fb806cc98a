package bolt

import (
	"bytes"
	"context"

	"go.etcd.io/bbolt"
)

// entries is a bucket to walk and count in.
type entries struct {
	cursor *bbolt.Cursor
	tree   tree
	paged  bool // the tree can be read
	isItem bool // keys are id keys; else those of an index
}

func (r *reader) entries(b *bbolt.Bucket, isItem bool) *entries {
	e := &entries{cursor: b.Cursor(), isItem: isItem}
	e.tree, e.paged = r.store.pages.tree(b)
	return e
}

// checkEvery is after how many entries a walk looks whether its context has ended.
const checkEvery = 512

// count counts the entries of a span.
func (e *entries) count(ctx context.Context, s span) (int, error) {
	if e.paged {
		if n, err := e.tree.count(s.low, s.high); err == nil {
			return n, nil
		}
		e.paged = false
	}
	n := 0
	for k, _ := e.cursor.Seek(s.low); k != nil && (s.high == nil || bytes.Compare(k, s.high) < 0); k, _ = e.cursor.Next() {
		if n++; n%checkEvery == 0 && ctx.Err() != nil {
			return 0, ctx.Err()
		}
	}
	return n, nil
}

// at is the key of a span with n keys before it; nil if the span has not so many.
func (e *entries) at(ctx context.Context, s span, n int) ([]byte, error) {
	if e.paged {
		if k, err := e.tree.at(s.low, n); err == nil {
			if k == nil || (s.high != nil && bytes.Compare(k, s.high) >= 0) {
				return nil, nil
			}
			return k, nil
		}
		e.paged = false
	}
	for k, _ := e.cursor.Seek(s.low); k != nil && (s.high == nil || bytes.Compare(k, s.high) < 0); k, _ = e.cursor.Next() {
		if n == 0 {
			return k, nil
		}
		if n--; n%checkEvery == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	return nil, nil
}

// isEmpty tells whether a span has no entries.
func (e *entries) isEmpty(s span) bool {
	k, _ := e.cursor.Seek(s.low)
	return k == nil || (s.high != nil && bytes.Compare(k, s.high) >= 0)
}

// columns is the part of an entry's key before the id key; nil for an item's.
func (e *entries) columns(k, v []byte) []byte {
	if e.isItem {
		return nil
	}
	columns, _, _, ok := splitEntry(k, v)
	if !ok {
		return nil
	}
	return columns
}

// walk gives the entries of spans in one of the orders. Where to begin is set by cutting
// the spans.
type walk struct {
	*entries
	order walkOrder
	spans []span
	head  *span // grouped: entries that come first, ascending
	open  bool  // the cursor stands in head, or in the span at the walk's end of spans

	candidate      []byte // grouped: the highest entry that has not been given, where the cursor stands
	candidateValue []byte
}

func below(k []byte, high []byte) bool {
	return k != nil && (high == nil || bytes.Compare(k, high) < 0)
}

// next is the next entry; a nil key at the end.
func (w *walk) next() (k, v []byte) {
	switch w.order {
	case backward:
		return w.nextBackward()
	case grouped:
		return w.nextGrouped()
	}
	for len(w.spans) > 0 {
		if k, v = w.ascend(w.spans[0]); k != nil {
			return k, v
		}
		w.spans = w.spans[1:]
	}
	return nil, nil
}

// ascend is the next entry of a span, nil at its end.
func (w *walk) ascend(s span) (k, v []byte) {
	if w.open {
		k, v = w.cursor.Next()
	} else {
		k, v = w.cursor.Seek(s.low)
	}
	w.open = below(k, s.high)
	if !w.open {
		return nil, nil
	}
	return k, v
}

// last is the highest entry of a span, nil if there is none. The cursor stands on it.
func (w *walk) last(s span) (k, v []byte) {
	if s.high == nil {
		k, v = w.cursor.Last()
	} else if k, _ = w.cursor.Seek(s.high); k == nil {
		k, v = w.cursor.Last()
	} else {
		k, v = w.cursor.Prev()
	}
	if k == nil || bytes.Compare(k, s.low) < 0 {
		return nil, nil
	}
	return k, v
}

func (w *walk) nextBackward() (k, v []byte) {
	for len(w.spans) > 0 {
		s := w.spans[len(w.spans)-1]
		if w.open {
			if k, v = w.cursor.Prev(); k != nil && bytes.Compare(k, s.low) < 0 {
				k = nil
			}
		} else {
			k, v = w.last(s)
		}
		if w.open = k != nil; w.open {
			return k, v
		}
		w.spans = w.spans[:len(w.spans)-1]
	}
	return nil, nil
}

// nextGrouped walks from the highest columns down, but the ids of entries with the same
// columns up.
func (w *walk) nextGrouped() (k, v []byte) {
	for {
		if w.head != nil {
			if k, v = w.ascend(*w.head); k != nil {
				return k, v
			}
			w.head = nil
		}
		if len(w.spans) == 0 {
			return nil, nil
		}
		s := &w.spans[len(w.spans)-1]
		if w.candidate == nil {
			w.candidate, w.candidateValue = w.last(*s)
		}
		if w.candidate == nil {
			w.spans = w.spans[:len(w.spans)-1]
			continue
		}
		k, v = w.candidate, w.candidateValue
		group := w.columns(k, v)
		w.candidate, w.candidateValue = w.cursor.Prev()
		if w.candidate != nil && bytes.Compare(w.candidate, s.low) < 0 {
			w.candidate = nil
		}
		high := s.high
		s.high = group
		if w.candidate == nil {
			w.spans = w.spans[:len(w.spans)-1]
			return k, v
		}
		if !bytes.Equal(w.columns(w.candidate, w.candidateValue), group) {
			return k, v // alone in its group, as most are
		}
		w.candidate = nil
		w.head = &span{low: group, high: lower(after(group), high)}
	}
}

// lower is the lower of two upper bounds, of which nil is the highest.
func lower(a, b []byte) []byte {
	if a == nil || (b != nil && bytes.Compare(b, a) < 0) {
		return b
	}
	return a
}

// startAfter cuts away what comes, in the walk's order, up to an entry with this key.
func (w *walk) startAfter(columns, key []byte) {
	switch w.order {
	case backward:
		w.cutHigh(key)
	case grouped:
		next := after(columns)
		for _, s := range w.spans {
			if bytes.Compare(s.low, columns) <= 0 && below(columns, s.high) {
				w.head = &span{low: append(bytes.Clone(key), 0), high: lower(next, s.high)}
			}
		}
		w.cutHigh(columns)
	default:
		low := append(bytes.Clone(key), 0)
		for len(w.spans) > 0 && !below(low, w.spans[0].high) {
			w.spans = w.spans[1:]
		}
		if len(w.spans) > 0 && bytes.Compare(w.spans[0].low, low) < 0 {
			w.spans[0].low = low
		}
	}
}

// cutHigh leaves what is below a key.
func (w *walk) cutHigh(high []byte) {
	for n := len(w.spans); n > 0; n-- {
		if s := &w.spans[n-1]; bytes.Compare(s.low, high) < 0 {
			s.high = lower(high, s.high)
			return
		}
		w.spans = w.spans[:n-1]
	}
}

// skip cuts away the first n entries without walking over them.
func (w *walk) skip(ctx context.Context, n int) error {
	if w.head != nil && n > 0 {
		m, err := w.count(ctx, *w.head)
		if err != nil {
			return err
		}
		if n < m {
			w.head.low, err = w.at(ctx, *w.head, n)
			return err
		}
		n -= m
		w.head = nil
	}
	for n > 0 && len(w.spans) > 0 {
		end := 0
		if w.order != forward {
			end = len(w.spans) - 1
		}
		s := &w.spans[end]
		m, err := w.count(ctx, *s)
		if err != nil {
			return err
		}
		if n >= m {
			n -= m
			if w.order == forward {
				w.spans = w.spans[1:]
			} else {
				w.spans = w.spans[:end]
			}
			continue
		}
		return w.skipIn(ctx, s, n, m)
	}
	return nil
}

// skipIn cuts the first n of a span's m entries away.
func (w *walk) skipIn(ctx context.Context, s *span, n, m int) error {
	if w.order == forward {
		low, err := w.at(ctx, *s, n)
		s.low = low
		return err
	}
	k, err := w.at(ctx, *s, m-1-n)
	if err != nil {
		return err
	}
	if w.order == backward {
		s.high = append(bytes.Clone(k), 0)
		return nil
	}
	_, v := w.cursor.Seek(k)
	group := span{low: w.columns(k, v)}
	group.high = lower(after(group.low), s.high)
	higher := 0
	if group.high != nil {
		if higher, err = w.count(ctx, span{low: group.high, high: s.high}); err != nil {
			return err
		}
	}
	if low, err := w.at(ctx, group, n-higher); err != nil {
		return err
	} else if low != nil {
		group.low, s.high = low, group.low
		w.head = &group
	}
	return nil
}
