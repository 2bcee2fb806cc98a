package collections

// Collector makes the page of a query out of items offered in any order. It is
// for one goroutine. It copies nothing: the bytes of offered items must stay
// valid until the Page has been used or copied.
type Collector struct{}

// NewCollector makes an empty Collector.
func NewCollector(q *Query) *Collector { panic("skeleton") }

// Offer takes one item into account: filter, After, order, total.
func (c *Collector) Offer(item Item) { panic("skeleton") }

// Full tells whether offers that come in the order of the query can no longer
// change the page: a caller that offers in that order may stop, if the query
// asks for no total or the caller knows it.
func (c *Collector) Full() bool { panic("skeleton") }

// Page is the page so far, with the items as offered. Call it once, at the end.
func (c *Collector) Page() Page { panic("skeleton") }
