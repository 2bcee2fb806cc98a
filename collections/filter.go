package collections

import (
	"bytes"
	"encoding/json"
	"slices"
)

// Bounds of a filter, so that a stranger's filter costs little and its text,
// which names a room, stays short.
const (
	MaxFilterSize       = 64 << 10 // bytes of its JSON
	MaxFilterDepth      = 16       // $and, $or and $not within each other
	MaxFilterConditions = 256      // operators and values in all; an $in counts as one
	MaxFilterText       = 4096     // bytes of a text to compare with
	MaxFilterIn         = 1000     // values of an $in or $nin
)

// Filter is a parsed condition on items. A nil Filter matches everything. It is
// immutable and may be used concurrently.
//
// What it means: {field: value} and {field: {operator: value, …}}, where all
// must hold; the field is a dotted Path.
//
//   - A value, $eq: a text matches a scalar with that text as JavaScript writes it
//     ("10" matches 10 and "10", "true" matches true and "true", "null" matches null and "null"). A
//     number, boolean or null matches only itself; null does not match a missing field.
//     Numbers compare as float64. Arrays and objects cannot be compared with.
//   - $ne: not $eq, so a missing field matches. $in, $nin: $eq with one of an
//     array of values, or with none of them.
//   - $gt, $gte, $lt, $lte: a number compares with numbers only, a text with texts only,
//     a boolean with booleans; null is only $gte and $lte null. A text that is a JSON number
//     compares with numbers by value and with texts as a text, since texts are all that a URL has.
//   - $exists: true, false, "true" or "false"; a null is there.
//   - $startsWith: a text that begins with this text.
//   - $contains: a text with this text in it, or an array with an element that is $eq to the value.
//   - $not: under a field an object of operators, else a filter. $and, $or: arrays of filters, at least one.
type Filter struct {
	expr       expr
	canonical  string
	conditions int
	size       int
}

// expr is a node of a filter.
type expr struct {
	op   exprOp
	subs []expr // exprAnd, exprOr; one of exprNot

	path   Path
	set    valueSet // exprSet: the field's value is in it; exprContains: the elements that are looked for
	text   []byte   // exprContains: the text looked for
	isText bool     // exprContains
}

type exprOp uint8

const (
	exprAnd exprOp = iota
	exprOr
	exprNot
	exprSet
	exprContains
)

// ParseFilter reads a filter from JSON, which it does not keep. Nothing, null
// and {} give the nil Filter. What is written otherwise is a filter, also where it matches
// everything as {"$and": [{}]} does: whoever names it must find the same again under its
// canonical text. Else an ErrBadRequest which says what would be right.
func ParseFilter(raw json.RawMessage) (*Filter, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	if len(raw) > MaxFilterSize {
		return nil, Errorf(ErrBadRequest, "the filters are too long: at most %d bytes", MaxFilterSize)
	}
	if err := CheckJSON(raw, MaxDepth); err != nil {
		return nil, err
	}
	v := valueAt(raw, skipSpace(raw, 0))
	if v.Kind == Null {
		return nil, nil
	}
	p := filterParser{left: MaxFilterConditions}
	e, err := p.filter(v, 1)
	if err != nil {
		return nil, err
	}
	f := &Filter{expr: e, canonical: string(appendCanonical(nil, raw, appendJSNumber)), conditions: MaxFilterConditions - p.left}
	if f.canonical == everything {
		return nil, nil
	}
	f.size = len(f.canonical) + e.size()
	return f, nil
}

// Size is about how many bytes of memory the filter takes, which can be many times its text. A nil Filter
// takes none.
func (f *Filter) Size() int {
	if f == nil {
		return 0
	}
	return f.size
}

// What the parts of an expr take beside their texts.
const (
	exprSize    = 160
	segmentSize = 48
	rangeSize   = 56
	keySize     = 16 // the least that a key takes
)

func (e *expr) size() int {
	n := exprSize + len(e.path.text) + len(e.path.segments)*segmentSize + len(e.text)
	for _, r := range e.set {
		n += rangeSize + max(len(r.Low), keySize) + max(len(r.High), keySize)
	}
	for i := range e.subs {
		n += e.subs[i].size()
	}
	return n
}

// everything is the canonical text of the nil Filter.
const everything = "{}"

// Conditions is how many conditions there are, for an estimate of what Match costs: each
// may have to go over all of the item. A nil Filter has none.
func (f *Filter) Conditions() int {
	if f == nil {
		return 0
	}
	return f.conditions
}

// Match tells whether an item, checked JSON, matches. It allocates only to
// search a text with escapes that is longer than 256 bytes.
func (f *Filter) Match(item []byte) bool {
	return f == nil || f.expr.match(item)
}

func (e *expr) match(item []byte) bool {
	switch e.op {
	case exprAnd:
		for i := range e.subs {
			if !e.subs[i].match(item) {
				return false
			}
		}
		return true
	case exprOr:
		for i := range e.subs {
			if e.subs[i].match(item) {
				return true
			}
		}
		return false
	case exprNot:
		return !e.subs[0].match(item)
	case exprSet:
		return e.set.contains(e.path.Find(item))
	}
	return e.contains(e.path.Find(item))
}

// contains is $contains.
func (e *expr) contains(v Value) bool {
	switch v.Kind {
	case String:
		if !e.isText {
			return false
		}
		if !v.escaped {
			return bytes.Contains(v.Raw, e.text)
		}
		var buf [256]byte
		return bytes.Contains(appendDecoded(buf[:0], v.Raw), e.text)
	case Array:
		el := elements{b: v.Raw}
		for el.next() {
			if e.set.contains(valueAt(el.b, el.value)) {
				return true
			}
			el.skip()
		}
	}
	return false
}

// Canonical is one text for each filter that is equal as a JSON value: members
// sorted, numbers as JavaScript writes them, no white space. "{}" for nil alone. Filters
// that say the same in different words ({a: 1} and {a: {$eq: 1}}) have different ones.
func (f *Filter) Canonical() string {
	if f == nil {
		return everything
	}
	return f.canonical
}

// Bounds tells a planner which values the path has in every item that matches:
// those of the ranges, disjoint and ascending. They come from the conditions that
// must all hold, several on the path taken together. ok is false where the filter
// says nothing of the path, so that any value is possible. No ranges with ok true:
// nothing matches. A text operand gives more than one range ("10": the number and the text).
func (f *Filter) Bounds(p Path) (ranges []Range, ok bool) {
	if f == nil {
		return nil, false
	}
	for _, e := range f.all() {
		if e.op == exprSet && e.path.text == p.text {
			return e.set.points(), true
		}
	}
	return nil, false
}

// Covered tells whether the filter says nothing beyond the Bounds of these
// paths: every item whose values are within them matches, so that Match need not
// be asked and a count of index entries is a count of matches.
func (f *Filter) Covered(paths []Path) bool {
	if f == nil {
		return true
	}
	for _, e := range f.all() {
		if e.op != exprSet || !slices.ContainsFunc(paths, func(p Path) bool { return p.text == e.path.text }) {
			return false
		}
	}
	return true
}

// all is the conditions of which each must hold.
func (f *Filter) all() []expr {
	if f.expr.op == exprAnd {
		return f.expr.subs
	}
	return []expr{f.expr}
}

// and is the conjunction in its simplest form: nested ones are taken in, and
// there is one set for each path.
func and(subs []expr) expr {
	var flat []expr
	for _, e := range subs {
		inner := []expr{e}
		if e.op == exprAnd {
			inner = e.subs
		}
		for _, e := range inner {
			i := slices.IndexFunc(flat, func(o expr) bool {
				return e.op == exprSet && o.op == exprSet && o.path.text == e.path.text
			})
			if i >= 0 {
				flat[i].set = flat[i].set.intersect(e.set)
			} else {
				flat = append(flat, e)
			}
		}
	}
	if len(flat) == 1 {
		return flat[0]
	}
	return expr{op: exprAnd, subs: flat}
}

// or is the disjunction in its simplest form: where all say something of one
// and the same path, it is one set, which an index can serve.
func or(subs []expr) expr {
	if len(subs) == 1 {
		return subs[0]
	}
	sets := make([]valueSet, 0, len(subs))
	for _, e := range subs {
		if e.op != exprSet || e.path.text != subs[0].path.text {
			return expr{op: exprOr, subs: subs}
		}
		sets = append(sets, e.set)
	}
	return expr{op: exprSet, path: subs[0].path, set: union(sets...)}
}

func not(e expr) expr {
	switch e.op {
	case exprNot:
		return e.subs[0]
	case exprSet:
		e.set = e.set.complement()
		return e
	}
	return expr{op: exprNot, subs: []expr{e}}
}
