package bolt

import (
	"bytes"
	"slices"

	"ackbase/collections"
)

// span is the keys with low <= key < high; nil bounds are open. All of them begin with
// the first fixed bytes of low: the columns that have one value in it.
type span struct {
	low, high []byte
	fixed     int
}

// walkOrder is how the entries of a plan are walked so that they come in the query's order.
type walkOrder uint8

const (
	unordered walkOrder = iota // they do not: a collector sorts
	forward                    // as the keys ascend
	backward                   // as the keys descend
	grouped                    // columns descending, but the ids of equal ones ascending
)

// plan is one way to answer a query.
type plan struct {
	index   *index // nil: the items themselves, in the order of their ids
	spans   []span // ascending, disjoint; every match lies in one
	covered bool   // and nothing but matches does
	order   walkOrder
	points  int   // how many leading columns have single values, one in each span
	single  int   // how many leading columns have the same value in all spans, and
	common  int   // of how many bytes their keys are
	sorted  []int // the sort keys that the columns after the pinned ones serve: indexes into Query.Sort
}

// maxSpans bounds into how many pieces of an index a filter is taken apart.
const maxSpans = 256

var idPath = func() collections.Path {
	p, err := collections.ParsePath("id")
	if err != nil {
		panic(err) // a constant
	}
	return p
}()

// plans are the ways to answer a query: the items themselves first, then each index.
func plans(q *collections.Query, indexes []*index) []*plan {
	all := make([]*plan, 0, 1+len(indexes))
	all = append(all, itemsPlan(q))
	for _, x := range indexes {
		all = append(all, indexPlan(q, x))
	}
	return all
}

// itemsPlan walks the items. A filter on the id itself bounds it.
func itemsPlan(q *collections.Query) *plan {
	p := &plan{spans: []span{{}}}
	var used []collections.Path
	if ranges, ok := q.Filter.Bounds(idPath); ok {
		used = append(used, idPath)
		p.spans = p.spans[:0]
		for _, r := range ranges {
			p.spans = append(p.spans, span{low: r.Low, high: r.High})
		}
	}
	p.covered = q.Filter.Covered(used)
	p.setOrder(q, nil, 0)
	return p
}

// indexPlan walks an index: leading columns with single values, then one with ranges.
func indexPlan(q *collections.Query, x *index) *plan {
	p := &plan{index: x}
	prefixes := [][]byte{nil} // of the columns so far
	var used []collections.Path
	exact := true
	ended := false
	for _, column := range x.columns {
		ranges, ok := q.Filter.Bounds(column)
		if !ok || len(prefixes)*len(ranges) > maxSpans {
			break
		}
		ranges, uncut := cutRanges(ranges)
		used = append(used, column)
		exact = exact && uncut
		if !slices.ContainsFunc(ranges, func(r collections.Range) bool { return !r.Point }) {
			longer := make([][]byte, 0, len(prefixes)*len(ranges))
			for _, prefix := range prefixes {
				for _, r := range ranges {
					longer = append(longer, join(prefix, r.Low))
				}
			}
			prefixes = longer
			if len(ranges) == 1 && p.single == p.points {
				p.single++
				p.common = len(prefixes[0])
			}
			p.points++
			continue
		}
		for _, prefix := range prefixes {
			for _, r := range ranges {
				p.spans = append(p.spans, span{join(prefix, r.Low), join(prefix, r.High), len(prefix)})
			}
		}
		ended = true
		break
	}
	if !ended {
		for _, prefix := range prefixes {
			p.spans = append(p.spans, span{prefix, after(prefix), len(prefix)})
		}
	}
	p.covered = exact && q.Filter.Covered(used)
	p.only(q, p.spans)
	return p
}

// only narrows the plan to those of its spans that have entries. With one left, each
// column with single values has one.
func (p *plan) only(q *collections.Query, spans []span) {
	p.spans = spans
	if p.index == nil {
		return
	}
	if len(spans) == 1 {
		p.single, p.common = p.points, spans[0].fixed
	}
	p.setOrder(q, p.index.columns, p.single)
}

// cutRanges makes ranges whose ends are longer than what an index keeps wider, and
// tells whether none was.
func cutRanges(ranges []collections.Range) (_ []collections.Range, uncut bool) {
	if !slices.ContainsFunc(ranges, func(r collections.Range) bool { return len(r.Low) > maxColumn || len(r.High) > maxColumn }) {
		return ranges, true
	}
	var wide []collections.Range
	for _, r := range ranges {
		if len(r.Low) > maxColumn {
			r.Low, r.Point = r.Low[:maxColumn:maxColumn], false
		}
		if len(r.High) > maxColumn {
			r.High, r.Point = after(r.High[:maxColumn]), false
		}
		if n := len(wide); n > 0 && bytes.Compare(r.Low, wide[n-1].High) < 0 { // they were neighbours
			if bytes.Compare(r.High, wide[n-1].High) > 0 {
				wide[n-1].High = r.High
			}
			wide[n-1].Point = false
			continue
		}
		wide = append(wide, r)
	}
	return wide, false
}

// setOrder finds out whether the walk gives the query's order. columns are those of the
// index, of which the first pinned have one value in all of the spans.
func (p *plan) setOrder(q *collections.Query, columns []collections.Path, pinned int) {
	p.order, p.sorted = unordered, nil
	left := columns[min(pinned, len(columns)):]
	descending, some := false, false
	for i, key := range q.Sort {
		if key.Path.String() == idPath.String() { // ids differ: what follows means nothing
			switch {
			case len(left) > 0:
			case !some || key.Descending == descending:
				p.order = forward
				if key.Descending {
					p.order = backward
				}
			case descending: // ids ascending within descending columns
				p.order = grouped
			}
			return
		}
		if slices.ContainsFunc(columns[:min(pinned, len(columns))], func(c collections.Path) bool { return c.String() == key.Path.String() }) ||
			slices.ContainsFunc(q.Sort[:i], func(s collections.SortKey) bool { return s.Path.String() == key.Path.String() }) {
			continue // the same in all, or said before
		}
		if len(left) == 0 || left[0].String() != key.Path.String() || (some && key.Descending != descending) {
			return
		}
		descending, some = key.Descending, true
		p.sorted = append(p.sorted, i)
		left = left[1:]
	}
	switch {
	case len(left) > 0:
	case descending:
		p.order = grouped
	default:
		p.order = forward
	}
}

// place is the key of the entry at the query's After: columns, then the id. ok is false
// where the index cannot tell, since a value is too long.
func (p *plan) place(q *collections.Query) (columns, key []byte, ok bool) {
	if p.common > 0 && len(p.spans) > 0 {
		columns = slices.Clone(p.spans[0].low[:p.common])
	}
	for _, i := range p.sorted {
		start := len(columns)
		columns = q.After.Values[i].AppendKey(columns)
		if len(columns)-start > maxColumn {
			return nil, nil, false
		}
	}
	return columns, q.After.ID.AppendKey(slices.Clone(columns)), true
}

func join(a, b []byte) []byte { return append(append(make([]byte, 0, len(a)+len(b)), a...), b...) }

// after is the first key behind all that begin with prefix; nil where there is none.
func after(prefix []byte) []byte {
	key := bytes.Clone(prefix)
	for len(key) > 0 && key[len(key)-1] == 0xFF {
		key = key[:len(key)-1]
	}
	if len(key) == 0 {
		return nil
	}
	key[len(key)-1]++
	return key
}
