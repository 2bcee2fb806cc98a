package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"ackbase/collections"
)

// What reading an item costs, in units of stepping over one in a scan: to find it
// by its id, coming from an index, about six times.
const (
	scanCost   = 1
	lookupCost = 6
)

// guess is how many entries a walk in order is expected to read for each that
// matches, where nobody knows how many match.
const guess = 20

// errGiveUp is how a walk in order ends that cannot give the order, since it meets an
// entry with a cut key, or that reads far more than was expected.
var errGiveUp = errors.New("bolt: the walk is given up")

// List implements collections.Reader.
func (r *reader) List(ctx context.Context, collection string, q *collections.Query) (collections.Page, error) {
	if err := ctx.Err(); err != nil {
		return collections.Page{}, err
	}
	page := collections.Page{Items: []collections.Item{}, Total: -1}
	if q.Total {
		page.Total = 0
	}
	items := r.bucket(collection)
	if items == nil {
		return page, nil
	}
	l := &list{reader: r, ctx: ctx, query: q, items: r.entries(items, true), total: -1}
	p, err := l.choose(collection)
	if err != nil {
		return collections.Page{}, err
	}
	if p.order != unordered && (p.covered || !q.Total || l.total >= 0) {
		page, err := l.walk(p)
		if !errors.Is(err, errGiveUp) {
			return page, err
		}
	}
	if p, err = l.cheapest(func(_, all int) int { return all }); err != nil {
		return collections.Page{}, err
	}
	return l.collect(p)
}

// list is one call of List.
type list struct {
	*reader
	ctx   context.Context
	query *collections.Query
	items *entries
	total int // how many match, -1 as long as nobody has counted

	plans  []*plan
	counts []int // of the entries of each plan, -1 as long as nobody has counted
}

// entriesOf is what a plan walks.
func (l *list) entriesOf(p *plan) (*entries, error) {
	if p.index == nil {
		return l.items, nil
	}
	b := l.tx.Bucket(p.index.bucket)
	if b == nil {
		return nil, fmt.Errorf("bolt: the index %s of %s is missing: start again to build it", columnsText(p.index), p.index.collection)
	}
	return l.entries(b, false), nil
}

// choose finds the plan that is expected to cost least, and the total where it can be counted.
func (l *list) choose(collection string) (*plan, error) {
	size, err := decodeCounters(l.tx.Bucket(bucketCollections).Get([]byte(collection)))
	if err != nil {
		return nil, err
	}
	l.plans = plans(l.query, l.store.indexes[collection])
	l.counts = make([]int, len(l.plans))
	for i, p := range l.plans {
		l.counts[i] = -1
		if len(p.spans) == 1 && p.spans[0].low == nil && p.spans[0].high == nil {
			l.counts[i] = int(size.items)
		}
		if err := l.narrow(p); err != nil {
			return nil, err
		}
	}
	for i, p := range l.plans {
		if p.covered && (p.order != unordered || len(p.spans) == 0) { // nothing can be better
			if l.query.Total {
				l.total, err = l.count(i)
			}
			return p, err
		}
	}
	return l.cheapest(func(i, all int) int {
		if p := l.plans[i]; p.order != unordered && (!l.query.Total || l.total >= 0) {
			return min(all, l.expected())
		}
		return all
	})
}

// cheapest is the plan that costs least, where reads is how many of all of its entries
// a plan reads. It counts them all, and so finds the total if one is covered.
func (l *list) cheapest(reads func(i, all int) int) (*plan, error) {
	for i, p := range l.plans {
		n, err := l.count(i)
		if err != nil {
			return nil, err
		}
		if p.covered {
			l.total = n
		}
	}
	var best *plan
	lowest := 0
	for i, p := range l.plans {
		cost := scanCost
		if p.index != nil {
			cost = lookupCost
		}
		if cost *= reads(i, l.counts[i]); best == nil || cost < lowest {
			best, lowest = p, cost
		}
	}
	return best, nil
}

// expected is how many entries a walk in order is expected to read at most, if not all of
// them match.
func (l *list) expected() int { return guess * (l.query.Offset() + l.query.Limit + 1) }

// narrow leaves the spans with entries, where the order could be found with fewer: a
// text like '10' asks for the number and for the text, and mostly there is only one of them.
func (l *list) narrow(p *plan) error {
	if p.index == nil || p.order != unordered || len(p.spans) < 2 || p.single == p.points {
		return nil
	}
	e, err := l.entriesOf(p)
	if err != nil {
		return err
	}
	p.only(l.query, slices.DeleteFunc(p.spans, e.isEmpty))
	return nil
}

// count counts the entries of a plan.
func (l *list) count(i int) (int, error) {
	if l.counts[i] >= 0 {
		return l.counts[i], nil
	}
	e, err := l.entriesOf(l.plans[i])
	if err != nil {
		return 0, err
	}
	total := 0
	for _, s := range l.plans[i].spans {
		n, err := e.count(l.ctx, s)
		if err != nil {
			return 0, err
		}
		total += n
	}
	l.counts[i] = total
	return total, nil
}

// entriesIn is how many entries a plan has, 0 where nobody has counted.
func (l *list) entriesIn(p *plan) int {
	if i := slices.Index(l.plans, p); i >= 0 {
		return max(l.counts[i], 0)
	}
	return 0
}

// walk answers from a plan whose order is the query's: it reads the items of the page and
// no others, but those that do not match.
func (l *list) walk(p *plan) (collections.Page, error) {
	q := l.query
	e, err := l.entriesOf(p)
	if err != nil {
		return collections.Page{}, err
	}
	page := collections.Page{Items: []collections.Item{}, Total: -1}
	if q.Total {
		page.Total = l.total
	}
	w := &walk{entries: e, order: p.order, spans: slices.Clone(p.spans)}
	if q.After != nil {
		columns, key, ok := p.place(q)
		if !ok {
			return collections.Page{}, errGiveUp
		}
		w.startAfter(columns, key)
	}
	offset := q.Offset()
	if p.covered {
		if err := w.skip(l.ctx, offset); err != nil {
			return collections.Page{}, err
		}
		offset = 0
	}
	find := l.finder(e)
	patience := math.MaxInt
	switch {
	case p.covered:
	case !e.isItem:
		patience = 2 * l.expected()
	case e.paged: // a scan reads each item faster, but all of them
		patience = max(2*l.expected(), l.entriesIn(p)/4)
	}
	for n := 1; ; n++ {
		if n%checkEvery == 0 && l.ctx.Err() != nil {
			return collections.Page{}, l.ctx.Err()
		}
		if n > patience {
			return collections.Page{}, errGiveUp
		}
		k, v := w.next()
		if k == nil {
			return page, nil
		}
		if p.covered && len(page.Items) == q.Limit { // it need not be read: there is a next page
			page.Next = q.Key(page.Items[q.Limit-1]).String()
			return page, nil
		}
		if e.isItem && len(v) >= revSize && !q.Filter.Match(v[revSize:]) {
			continue
		}
		item, cut, err := find(k, v)
		if err != nil {
			return collections.Page{}, err
		}
		if cut {
			return collections.Page{}, errGiveUp
		}
		switch {
		case !p.covered && !e.isItem && !q.Filter.Match(item.JSON):
		case offset > 0:
			offset--
		case len(page.Items) == q.Limit:
			page.Next = q.Key(page.Items[q.Limit-1]).String()
			return page, nil
		default:
			page.Items = append(page.Items, item)
		}
	}
}

// finder is how to get from an entry to its item, and to whether its key is cut.
func (l *list) finder(e *entries) func(k, v []byte) (collections.Item, bool, error) {
	if e.isItem {
		return func(k, v []byte) (collections.Item, bool, error) {
			id, _, err := collections.DecodeIDKey(k)
			if err != nil {
				return collections.Item{}, false, err
			}
			item, err := decodeItem(id, v)
			return item, false, err
		}
	}
	cursor := l.reader.items.Cursor()
	return func(k, v []byte) (collections.Item, bool, error) {
		_, idKey, cut, ok := splitEntry(k, v)
		if !ok {
			return collections.Item{}, false, errEntryOfIndex
		}
		id, _, err := collections.DecodeIDKey(idKey)
		if err != nil {
			return collections.Item{}, false, err
		}
		key, value := cursor.Seek(idKey)
		if !bytes.Equal(key, idKey) {
			return collections.Item{}, false, errEntryOfIndex
		}
		item, err := decodeItem(id, value)
		return item, cut, err
	}
}

var errEntryOfIndex = errors.New("bolt: an index does not fit its collection: start without its declaration, then with it, to build it anew")

// collect offers all items of a plan's spans to a collector, which sorts and counts.
func (l *list) collect(p *plan) (collections.Page, error) {
	e, err := l.entriesOf(p)
	if err != nil {
		return collections.Page{}, err
	}
	q := *l.query
	filter := q.Filter
	q.Filter = nil // asked here, where an item that does not match needs no id
	if e.isItem {
		c, err := l.scan(&q, filter, p.spans, l.entriesIn(p))
		if err == nil {
			return c.Page(), nil
		}
		if !errors.Is(err, errPages) {
			return collections.Page{}, err
		}
		e.paged = false
	}
	c := collections.NewCollector(&q)
	find := l.finder(e)
	w := &walk{entries: e, order: forward, spans: slices.Clone(p.spans)}
	n := 0
	for k, v := w.next(); k != nil; k, v = w.next() {
		if n++; n%checkEvery == 0 && l.ctx.Err() != nil {
			return collections.Page{}, l.ctx.Err()
		}
		if e.isItem {
			if err := offer(c, filter, k, v); err != nil {
				return collections.Page{}, err
			}
			continue
		}
		item, _, err := find(k, v)
		if err != nil {
			return collections.Page{}, err
		}
		if filter.Match(item.JSON) {
			c.Offer(item)
		}
	}
	return c.Page(), nil
}
