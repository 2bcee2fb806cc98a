package collections

// Collector makes the page of a query out of items that are offered in any
// order: for stores, and for queries, without a fitting index. It keeps the items up to the
// end of the page in a heap, so it costs the memory of those and not of all.
// It is for one goroutine. It copies nothing: the bytes of offered items must
// stay valid until the Page has been used or copied.
type Collector struct {
	q    *Query
	need int // how many items there are up to the end of the page, counted from After

	matched  int // all that match
	eligible int // of those, the ones behind After
	entries  []entry
	values   []Value // of the entries, len(q.Sort) each
	heap     []int32 // entries, the last in order on top
	scratch  []Value
}

type entry struct {
	item   Item
	values []Value
}

// NewCollector makes an empty Collector.
func NewCollector(q *Query) *Collector {
	return &Collector{q: q, need: q.Offset() + q.Limit, scratch: make([]Value, len(q.Sort))}
}

// Offer takes one item into account: filter, After, order and total. Each item
// must be offered once at most.
func (c *Collector) Offer(item Item) {
	q := c.q
	if q.Filter != nil && !q.Filter.Match(item.JSON) {
		return
	}
	c.matched++
	full := len(c.heap) == c.need
	if q.After == nil {
		c.eligible++
		if full && !c.before(item) {
			return
		}
	} else {
		for i := range q.Sort {
			c.scratch[i] = q.Sort[i].Path.Find(item.JSON)
		}
		if q.compareAfter(c.scratch, item.ID) <= 0 {
			return
		}
		c.eligible++
		if full && !c.before(item) {
			return
		}
	}
	c.keep(item)
}

// Skip tells, from an item's JSON alone, that the item is not on the page
// whatever its id is: it has then been taken into account and must not be offered. Where it
// says false nothing has happened. It does not ask the filter: the item must match.
func (c *Collector) Skip(json []byte) bool {
	if len(c.q.Sort) == 0 || len(c.heap) < c.need {
		return false
	}
	k := &c.q.Sort[0]
	if k.compare(k.Path.Find(json), c.entries[c.heap[0]].values[0]) <= 0 {
		return false
	}
	c.matched++
	c.eligible++ // what comes behind an item that is behind After is so too
	return true
}

// Merge takes into account all that was offered to another Collector of the
// same query, which must not be used afterwards. The page is the same as if
// all had been offered to one.
func (c *Collector) Merge(other *Collector) {
	c.matched += other.matched
	c.eligible += other.eligible
	for _, i := range other.heap {
		if item := other.entries[i].item; len(c.heap) < c.need || c.before(item) {
			c.keep(item)
		}
	}
}

// keep puts an item into the heap, in place of the last in order if it is full.
func (c *Collector) keep(item Item) {
	if len(c.heap) < c.need {
		n := int32(len(c.entries))
		c.entries = append(c.entries, entry{item: item, values: c.find(nil, item)})
		c.heap = append(c.heap, n)
		c.up(len(c.heap) - 1)
		return
	}
	e := &c.entries[c.heap[0]]
	e.item = item
	c.find(e.values, item)
	c.down(0)
}

// find fills dst, or a slice of its own, with the item's sort values.
func (c *Collector) find(dst []Value, item Item) []Value {
	n := len(c.q.Sort)
	if dst == nil && n > 0 {
		if len(c.values) < n {
			c.values = make([]Value, n*min(64, c.need))
		}
		dst, c.values = c.values[:n:n], c.values[n:]
	}
	for i := range dst {
		dst[i] = c.q.Sort[i].Path.Find(item.JSON)
	}
	return dst
}

// before tells whether an item comes before the top of the heap. Mostly its
// first sort value says no, and the others are not looked for.
func (c *Collector) before(item Item) bool {
	top := &c.entries[c.heap[0]]
	for i := range c.q.Sort {
		k := &c.q.Sort[i]
		if order := k.compare(k.Path.Find(item.JSON), top.values[i]); order != 0 {
			return order < 0
		}
	}
	return item.ID.Compare(top.item.ID) < 0
}

// less orders two entries.
func (c *Collector) less(a, b int32) bool {
	x, y := &c.entries[a], &c.entries[b]
	for i := range c.q.Sort {
		if order := c.q.Sort[i].compare(x.values[i], y.values[i]); order != 0 {
			return order < 0
		}
	}
	return x.item.ID.Compare(y.item.ID) < 0
}

func (c *Collector) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !c.less(c.heap[parent], c.heap[i]) {
			return
		}
		c.heap[parent], c.heap[i] = c.heap[i], c.heap[parent]
		i = parent
	}
}

func (c *Collector) down(i int) {
	for {
		last := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(c.heap); child++ {
			if c.less(c.heap[last], c.heap[child]) {
				last = child
			}
		}
		if last == i {
			return
		}
		c.heap[last], c.heap[i] = c.heap[i], c.heap[last]
		i = last
	}
}

// Full tells whether offers that come in the order of the query can no longer
// change the page: a caller that offers in that order may stop, if the query asks
// for no total or if the caller knows it and sets Page.Total itself.
func (c *Collector) Full() bool { return c.eligible > c.need }

// Page is the page, with the items as offered. Call it once, at the end.
func (c *Collector) Page() Page {
	p := Page{Items: []Item{}, Total: -1}
	if c.q.Total {
		p.Total = c.matched
	}
	count := len(c.heap) - c.q.Offset()
	if count <= 0 {
		return p
	}
	p.Items = make([]Item, count)
	for i := count - 1; i >= 0; i-- {
		p.Items[i] = c.entries[c.heap[0]].item
		last := len(c.heap) - 1
		c.heap[0] = c.heap[last]
		c.heap = c.heap[:last]
		c.down(0)
	}
	if c.eligible > c.need {
		p.Next = c.q.Key(p.Items[count-1]).String()
	}
	return p
}
