package bolt

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"ackbase/collections"
)

// A scan looks at all items, and mostly into their JSON. So it reads the leaf
// pages themselves, and on several processors: each worker takes one part of the tree
// after the other and offers its items to a Collector of its own; in the end these are
// merged. The transaction is open, in the caller, until all workers are done.
const (
	maxWorkers     = 8
	itemsPerWorker = 1000 // with fewer, starting another one costs more than it brings
	partsPerWorker = 8    // so that none has much left to do when the others are done
)

// part is a subtree of a bucket's pages, and the bounds of the keys that are asked for.
type part struct {
	page      uint64
	low, high []byte
	deep      int // how many levels it may have
}

// split takes a span apart: into at least few parts, if the tree has as many pages.
func (t *tree) split(s span, few int) ([]part, error) {
	t.begin(1)
	var parts []part
	level := []part{{page: t.root, low: s.low, high: s.high, deep: maxTreeDeep}}
	for len(level) > 0 && len(level)+len(parts) < few {
		var below []part
		for _, whole := range level {
			p, err := t.page(whole.page)
			switch {
			case err != nil:
				return nil, err
			case p.leaf:
				parts = append(parts, whole)
			default:
				first, last := p.childrenIn(whole.low, whole.high)
				for i := first; i <= last; i++ {
					below = append(below, p.childPart(whole, i, i == first, i == last))
				}
			}
		}
		level = below
	}
	return append(parts, level...), nil
}

// childPart is the part below a branch at its page i. Only its outermost pages are cut by a bound.
func (p page) childPart(whole part, i int, first, last bool) part {
	child := part{page: p.child(i), deep: whole.deep - 1}
	if first {
		child.low = whole.low
	}
	if last {
		child.high = whole.high
	}
	return child
}

// leaves calls fn for the leaf pages of a part, ascending, with the first entry that is
// asked for and the one behind the last.
func (t *tree) leaves(whole part, fn func(p page, first, last int) error) error {
	if whole.deep == 0 {
		return errPages
	}
	p, err := t.page(whole.page)
	if err != nil {
		return err
	}
	if !p.leaf {
		first, last := p.childrenIn(whole.low, whole.high)
		for i := first; i <= last; i++ {
			if err := t.leaves(p.childPart(whole, i, i == first, i == last), fn); err != nil {
				return err
			}
		}
		return nil
	}
	first, last := 0, p.count
	if whole.low != nil {
		first = p.search(whole.low)
	}
	if whole.high != nil {
		last = p.search(whole.high)
	}
	return fn(p, first, last)
}

// scanner is one worker of a scan.
type scanner struct {
	ctx       context.Context
	filter    *collections.Filter
	collector *collections.Collector
	seen      int
	halt      *atomic.Bool // set when another worker has failed
}

// errHalted is how a worker ends when another one has failed.
var errHalted = errors.New("bolt: another worker of the scan has failed")

// leaf offers the entries of a leaf page.
func (s *scanner) leaf(p page, first, last int) error {
	for i := first; i < last; i++ {
		if s.seen++; s.seen%checkEvery == 0 {
			if err := s.ctx.Err(); err != nil {
				return err
			}
			if s.halt.Load() {
				return errHalted
			}
		}
		k, v, ok := p.entry(i)
		if !ok {
			return errPages
		}
		if err := offer(s.collector, s.filter, k, v); err != nil {
			return err
		}
	}
	return nil
}

// offer offers an item of a scan to a collector, which does not ask the filter itself:
// most items do not match, or are not on the page, and then need no id.
func offer(c *collections.Collector, filter *collections.Filter, k, v []byte) error {
	if len(v) >= revSize && (!filter.Match(v[revSize:]) || c.Skip(v[revSize:])) {
		return nil
	}
	id, _, err := collections.DecodeIDKey(k)
	if err != nil {
		return err
	}
	item, err := decodeItem(id, v)
	if err != nil {
		return err
	}
	c.Offer(item)
	return nil
}

// scan answers from the pages of the items, of which the spans have n. The query has no
// filter: it is asked beside. errPages where the pages cannot be read.
func (l *list) scan(q *collections.Query, filter *collections.Filter, spans []span, n int) (*collections.Collector, error) {
	if !l.items.paged {
		return nil, errPages
	}
	workers := max(1, min(runtime.GOMAXPROCS(0), maxWorkers, n/itemsPerWorker))
	var parts []part
	for _, s := range spans {
		few := 1
		if workers > 1 {
			few = workers * partsPerWorker
		}
		of, err := l.items.tree.split(s, few)
		if err != nil {
			return nil, err
		}
		parts = append(parts, of...)
	}

	var (
		taken atomic.Int64 // parts
		halt  atomic.Bool
		group sync.WaitGroup
		done  = make([]outcome, workers)
	)
	work := func(to *outcome) {
		s := &scanner{ctx: l.ctx, filter: filter, collector: collections.NewCollector(q), halt: &halt}
		t := l.items.tree // a copy, since it counts how many pages it has looked at
		t.begin(int64(len(spans)))
		defer func() {
			if p := recover(); p != nil { // JSON that is damaged; here it would end the process
				to.panicked = fmt.Sprintf("%v\n%s", p, debug.Stack())
			}
			if to.err != nil || to.panicked != "" {
				halt.Store(true)
			}
		}()
		for i := taken.Add(1); i <= int64(len(parts)) && to.err == nil; i = taken.Add(1) {
			to.err = t.leaves(parts[i-1], s.leaf)
		}
		to.collector = s.collector
	}
	for i := range workers - 1 {
		group.Go(func() { work(&done[i+1]) })
	}
	work(&done[0])
	group.Wait()
	return merge(done)
}

// outcome is how a worker has ended.
type outcome struct {
	collector *collections.Collector
	err       error
	panicked  string
}

// merge is what the workers have collected together. A panic of one goes on in the caller.
func merge(done []outcome) (*collections.Collector, error) {
	var err error
	for i := range done {
		switch o := &done[i]; {
		case o.panicked != "":
			panic(o.panicked)
		case o.err != nil && (err == nil || err == errHalted):
			err = o.err
		}
	}
	if err != nil {
		return nil, err
	}
	for _, o := range done[1:] {
		done[0].collector.Merge(o.collector)
	}
	return done[0].collector, nil
}
