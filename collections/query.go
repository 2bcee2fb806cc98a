package collections

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Bounds of a query.
const (
	DefaultLimit = 50
	MaxLimit     = 1000
	MaxOffset    = 1_000_000 // items before a page: to go further, use after
	MaxSortKeys  = 8
	MaxFields    = 64
)

// SortKey is one key of a query's order.
type SortKey struct {
	Path       Path
	Descending bool
}

// Query is a parsed query over the items of one collection. It is immutable
// and may be used concurrently. Make one with ParseQuery.
type Query struct {
	Filter *Filter
	Sort   []SortKey // the id, ascending, breaks ties; empty: by id alone
	Page   int       // from 1; with After it counts from there
	Limit  int       // items of a page, 1 to MaxLimit
	After  *PageKey  // only items behind it in the order; nil: from the first
	Total  bool      // whether Page.Total is asked for; it counts all that match, also those up to After
	Fields []Path    // stores answer with whole items; Project picks the fields

	fields *projection
	hash   uint64 // of filter and sort: see PageKey
}

var queryOptions = []string{"page", "limit", "sort", "filters", "fields", "after", "total"}

// ParseQuery reads a query from JSON, which it does not keep: an object of
//
//	page     number from 1, or its text; 1 if absent
//	limit    number from 1 to 1000, or its text; 50 if absent
//	sort     text: paths with commas between them, "-" before one that descends: "-price,name"
//	filters  see Filter
//	fields   array of paths, or a text of paths with commas between them
//	after    the next of the page before, with the same sort and filters
//	total    boolean, or its text; true if absent
//
// null is absent. Nothing or null instead of the object is the default query.
// Anything else is an ErrBadRequest which says what would be right.
func ParseQuery(raw json.RawMessage) (*Query, error) {
	q := &Query{Page: 1, Limit: DefaultLimit, Total: true}
	var after string
	if len(raw) > 0 {
		if err := CheckJSON(raw, MaxDepth); err != nil {
			return nil, err
		}
		v := valueAt(raw, skipSpace(raw, 0))
		if v.Kind != Object && v.Kind != Null {
			return nil, Errorf(ErrBadRequest, "a query must be an object with some of %s, not %s", strings.Join(queryOptions, ", "), v.Kind)
		}
		for m := (members{b: v.Raw}); v.Kind == Object && m.next(); {
			m.skip()
			key := m.key()
			option := valueAt(v.Raw, m.value)
			if option.Kind == Null && slices.Contains(queryOptions, key) {
				continue
			}
			var err error
			switch key {
			case "page":
				q.Page, err = wholeNumber(key, option, math.MaxInt32)
			case "limit":
				q.Limit, err = wholeNumber(key, option, MaxLimit)
			case "sort":
				q.Sort, err = parseSort(option)
			case "filters":
				q.Filter, err = ParseFilter(v.Raw[m.value:m.i])
			case "fields":
				q.Fields, err = parseFields(option)
			case "after":
				if after = option.Text(); after == "" {
					err = errAfter
				}
			case "total":
				q.Total = option.Kind == True || option.Text() == "true"
				if !q.Total && option.Kind != False && option.Text() != "false" {
					err = Errorf(ErrBadRequest, "total must be true or false, not %s", option.Kind)
				}
			default:
				err = Errorf(ErrBadRequest, "unknown option %q of a query: there are %s", clip(key), strings.Join(queryOptions, ", "))
			}
			if err != nil {
				return nil, err
			}
		}
	}
	if q.Offset() > MaxOffset {
		return nil, Errorf(ErrBadRequest, "page %d with limit %d goes beyond the first %d items: use after with the next of the page before", q.Page, q.Limit, MaxOffset)
	}
	q.fields = newProjection(q.Fields)
	q.hash = q.hashOrder()
	if after != "" {
		k, err := q.parsePageKey(after)
		if err != nil {
			return nil, err
		}
		q.After = k
	}
	return q, nil
}

// wholeNumber reads a number from 1 to max, or its text.
func wholeNumber(name string, v Value, max int) (int, error) {
	f := v.Number
	if v.Kind == String {
		n, err := strconv.Atoi(v.Text())
		if err == nil {
			f = float64(n)
		}
	}
	if f < 1 || f > float64(max) || f != math.Trunc(f) {
		return 0, Errorf(ErrBadRequest, "%s must be a whole number from 1 to %d", name, max)
	}
	return int(f), nil
}

func parseSort(v Value) ([]SortKey, error) {
	if v.Kind != String {
		return nil, Errorf(ErrBadRequest, `sort must be a text like "-price,name", not %s`, v.Kind)
	}
	text := v.Text()
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	var keys []SortKey
	for part := range strings.SplitSeq(text, ",") {
		part, descending := strings.CutPrefix(strings.TrimSpace(part), "-")
		path, err := ParsePath(part)
		if err != nil {
			return nil, Errorf(ErrBadRequest, "sort: %s", err)
		}
		if slices.ContainsFunc(keys, func(k SortKey) bool { return k.Path.text == part }) {
			return nil, Errorf(ErrBadRequest, "sort names %q twice", clip(part))
		}
		if len(keys) == MaxSortKeys {
			return nil, Errorf(ErrBadRequest, "sort has too many fields: at most %d", MaxSortKeys)
		}
		keys = append(keys, SortKey{Path: path, Descending: descending})
	}
	return keys, nil
}

func parseFields(v Value) ([]Path, error) {
	var names []string
	switch v.Kind {
	case String:
		for name := range strings.SplitSeq(v.Text(), ",") {
			names = append(names, strings.TrimSpace(name))
		}
	case Array:
		for el := (elements{b: v.Raw}); el.next(); el.skip() {
			name := valueAt(v.Raw, el.value)
			if name.Kind != String {
				return nil, Errorf(ErrBadRequest, `fields must be texts, as in ["id", "name"], not %s`, name.Kind)
			}
			if len(names) > MaxFields {
				break
			}
			names = append(names, name.Text())
		}
	default:
		return nil, Errorf(ErrBadRequest, `fields must be an array like ["id", "name"], not %s`, v.Kind)
	}
	if len(names) > MaxFields {
		return nil, Errorf(ErrBadRequest, "there are too many fields: at most %d", MaxFields)
	}
	paths := make([]Path, len(names))
	for i, name := range names {
		p, err := ParsePath(name)
		if err != nil {
			return nil, Errorf(ErrBadRequest, "fields: %s", err)
		}
		paths[i] = p
	}
	return paths, nil
}

// Offset is how many items, counted from After, come before the page.
func (q *Query) Offset() int { return (q.Page - 1) * q.Limit }

// Compare orders two items as the query does: negative if a comes first, zero
// for the same item only.
func (q *Query) Compare(a, b Item) int {
	for _, k := range q.Sort {
		if c := k.compare(k.Path.Find(a.JSON), k.Path.Find(b.JSON)); c != 0 {
			return c
		}
	}
	return a.ID.Compare(b.ID)
}

func (k *SortKey) compare(a, b Value) int {
	if k.Descending {
		a, b = b, a
	}
	return a.Compare(b)
}

// projection is the fields of a query as a tree of names.
type projection struct {
	whole    bool // all below it
	children map[string]*projection
	elements bool // a child is an index
}

// newProjection is nil for no fields: the whole item.
func newProjection(fields []Path) *projection {
	if len(fields) == 0 {
		return nil
	}
	root := &projection{children: map[string]*projection{"id": {whole: true}}}
	for _, p := range fields {
		at := root
		for _, s := range p.segments {
			if at.children == nil {
				at.children = map[string]*projection{}
			}
			if at.children[s.name] == nil {
				at.children[s.name] = &projection{}
			}
			at.elements = at.elements || s.index >= 0
			at = at.children[s.name]
		}
		at.whole = true
	}
	return root
}

// Project appends an item, checked JSON, with only the query's fields and the
// id; all of it where the query has no Fields. Members keep their order; what is not
// there is left out. A field within an array picks the whole array, since an
// element alone would change its index.
func (q *Query) Project(dst []byte, item []byte) []byte {
	if q.fields == nil {
		return append(dst, item...)
	}
	dst, picked := q.fields.append(dst, item[skipSpace(item, 0):])
	if !picked {
		dst = append(dst, "{}"...)
	}
	return dst
}

// append writes what is picked of the value that raw begins with; false if nothing.
func (p *projection) append(dst, raw []byte) ([]byte, bool) {
	if p.whole || p.elements && raw[0] == '[' {
		return append(dst, raw[:skipValue(raw, 0)]...), true
	}
	if raw[0] != '{' {
		return dst, false
	}
	start := len(dst)
	dst = append(dst, '{')
	for m := (members{b: raw}); m.next(); m.skip() {
		child := p.children[string(m.name)]
		if m.escaped {
			child = p.children[m.key()]
		}
		if child == nil {
			continue
		}
		before := len(dst)
		if before > start+1 {
			dst = append(dst, ',')
		}
		dst = append(dst, '"')
		dst = append(dst, m.name...)
		dst = append(dst, '"', ':')
		picked := false
		if dst, picked = child.append(dst, raw[m.value:]); !picked {
			dst = dst[:before]
		}
	}
	if len(dst) == start+1 {
		return dst[:start], false
	}
	return append(dst, '}'), true
}
