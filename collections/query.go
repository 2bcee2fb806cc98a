package collections

import "encoding/json"

// SortKey is one key of a query's order.
type SortKey struct {
	Path       Path
	Descending bool
}

// Query is a parsed query over the items of one collection. It is immutable
// and may be used concurrently.
type Query struct {
	Filter *Filter
	Sort   []SortKey // the id, ascending, breaks ties; empty: by id alone
	Page   int       // from 1; with After it counts from there
	Limit  int       // items of a page
	After  *PageKey  // only items behind it in the order; nil: from the first
	Total  bool      // whether Page.Total is asked for; it counts all that match, also those up to After
	Fields []Path    // stores answer with whole items; Project picks the fields
}

// ParseQuery reads a query from JSON; nil or null is the default query.
func ParseQuery(raw json.RawMessage) (*Query, error) { panic("skeleton") }

// Offset is how many items, counted from After, come before the page.
func (q *Query) Offset() int { return (q.Page - 1) * q.Limit }

// PageKey is the place of an item in the order of a query.
type PageKey struct {
	Values []Value // one for each sort key
	ID     ID

	query uint64 // tells the sort and filter it belongs to
}

// String is the opaque text of a PageKey, as in Page.Next.
func (k PageKey) String() string { panic("skeleton") }

// Key is the place of an item in the order of the query. It holds no bytes of the item.
func (q *Query) Key(item Item) PageKey { panic("skeleton") }

// Compare orders two items as the query does.
func (q *Query) Compare(a, b Item) int { panic("skeleton") }

// Project appends the item with only the query's fields and the id; all of it where there are no Fields.
func (q *Query) Project(dst []byte, item []byte) []byte { panic("skeleton") }
