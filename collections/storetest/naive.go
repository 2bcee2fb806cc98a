package storetest

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"ackbase/collections"
)

// The naive evaluator: queries as the contract tells them, over decoded
// values, sharing no code with the stores.

// doc is an item of the naive evaluator.
type doc struct {
	id    collections.ID
	value map[string]any
}

// absent is the value of a path that leads nowhere.
type absent struct{}

// find follows a dotted path through objects.
func (d doc) find(path string) any {
	var v any = d.value
	for name := range strings.SplitSeq(path, ".") {
		object, ok := v.(map[string]any)
		if !ok {
			return absent{}
		}
		if v, ok = object[name]; !ok {
			return absent{}
		}
	}
	return v
}

// rank is the place of a value's kind in the order of kinds.
func rank(v any) int {
	switch v := v.(type) {
	case absent:
		return 0
	case nil:
		return 1
	case bool:
		if v {
			return 3
		}
		return 2
	case float64:
		return 4
	case string:
		return 5
	case []any:
		return 6
	}
	return 7
}

// compareValues orders two values.
func compareValues(a, b any) int {
	if c := cmp.Compare(rank(a), rank(b)); c != 0 {
		return c
	}
	switch a := a.(type) {
	case float64:
		return cmp.Compare(a, b.(float64))
	case string:
		return strings.Compare(a, b.(string))
	}
	return 0
}

// sortKey is one key of an order.
type sortKey struct {
	path       string
	descending bool
}

// condition is one operator on one path. Its operand is a string, float64, bool, nil, or
// for $in and $nin a []any of these.
type condition struct {
	path, op string
	operand  any
}

// equals is what a value in a filter matches.
func equals(v, operand any) bool {
	text, ok := operand.(string)
	if !ok {
		return rank(v) == rank(operand) && compareValues(v, operand) == 0
	}
	switch v := v.(type) {
	case string:
		return v == text
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64) == text
	case bool:
		return strconv.FormatBool(v) == text
	case nil:
		return text == "null"
	}
	return false
}

func (c condition) holds(d doc) bool {
	v := d.find(c.path)
	oneOf := func() bool {
		return slices.ContainsFunc(c.operand.([]any), func(o any) bool { return equals(v, o) })
	}
	sameKind := rank(v) == rank(c.operand)
	switch c.op {
	case "$eq":
		return equals(v, c.operand)
	case "$ne":
		return !equals(v, c.operand)
	case "$in":
		return oneOf()
	case "$nin":
		return !oneOf()
	case "$exists":
		return (rank(v) > 0) == c.operand.(bool)
	case "$gt":
		return sameKind && compareValues(v, c.operand) > 0
	case "$gte":
		return sameKind && compareValues(v, c.operand) >= 0
	case "$lt":
		return sameKind && compareValues(v, c.operand) < 0
	case "$lte":
		return sameKind && compareValues(v, c.operand) <= 0
	case "$startsWith":
		text, ok := v.(string)
		return ok && strings.HasPrefix(text, c.operand.(string))
	}
	panic("unknown operator " + c.op) // a fault of the test
}

// question is a query of the naive evaluator: all conditions must hold, and, if there are
// any, one of either.
type question struct {
	all, either []condition
	sort        []sortKey
	page, limit int
	total       bool
}

func (q question) matches(d doc) bool {
	for _, c := range q.all {
		if !c.holds(d) {
			return false
		}
	}
	return len(q.either) == 0 || slices.ContainsFunc(q.either, func(c condition) bool { return c.holds(d) })
}

// answer is all matching documents in order.
func (q question) answer(docs map[collections.ID]doc) []doc {
	var found []doc
	for _, d := range docs {
		if q.matches(d) {
			found = append(found, d)
		}
	}
	slices.SortFunc(found, func(a, b doc) int {
		for _, key := range q.sort {
			c := compareValues(a.find(key.path), b.find(key.path))
			if key.descending {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return a.id.Compare(b.id)
	})
	return found
}

// json is the query as a client sends it.
func (q question) json(after string) string {
	m := map[string]any{"limit": q.limit, "page": q.page, "total": q.total}
	if len(q.sort) > 0 {
		var keys []string
		for _, key := range q.sort {
			if key.descending {
				keys = append(keys, "-"+key.path)
			} else {
				keys = append(keys, key.path)
			}
		}
		m["sort"] = strings.Join(keys, ",")
	}
	object := func(c condition) map[string]any {
		return map[string]any{c.path: map[string]any{c.op: c.operand}}
	}
	var parts []any
	for _, c := range q.all {
		parts = append(parts, object(c))
	}
	if len(q.either) > 0 {
		var either []any
		for _, c := range q.either {
			either = append(either, object(c))
		}
		parts = append(parts, map[string]any{"$or": either})
	}
	if len(parts) > 0 {
		m["filters"] = map[string]any{"$and": parts}
	}
	if after != "" {
		m["after"] = after
	}
	raw, err := json.Marshal(m)
	if err != nil {
		panic(err) // plain values only
	}
	return string(raw)
}
