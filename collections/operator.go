package collections

import (
	"math"
	"strconv"
	"strings"
)

// filterParser reads filters; left is how many conditions may still come.
type filterParser struct{ left int }

const operators = "$eq $ne $gt $gte $lt $lte $in $nin $exists $contains $startsWith $not"

// filter reads an object of fields, $and, $or and $not.
func (p *filterParser) filter(v Value, depth int) (expr, error) {
	if v.Kind != Object {
		return expr{}, Errorf(ErrBadRequest, `filters must be an object of fields, as in {"name": "Tea", "price": {"$gt": 10}}, not %s`, v.Kind)
	}
	if err := p.enter(depth); err != nil {
		return expr{}, err
	}
	var subs []expr
	for m := (members{b: v.Raw}); m.next(); m.skip() {
		e, err := p.member(m.key(), valueAt(v.Raw, m.value), depth)
		if err != nil {
			return expr{}, err
		}
		subs = append(subs, e)
	}
	return and(subs), nil
}

func (p *filterParser) enter(depth int) error {
	if depth > MaxFilterDepth {
		return Errorf(ErrBadRequest, "the filters are nested too deep: at most %d levels of $and, $or and $not", MaxFilterDepth)
	}
	return nil
}

func (p *filterParser) count() error {
	if p.left--; p.left < 0 {
		return Errorf(ErrBadRequest, "the filters have too many conditions: at most %d", MaxFilterConditions)
	}
	return nil
}

func (p *filterParser) member(key string, v Value, depth int) (expr, error) {
	switch {
	case key == "$and" || key == "$or":
		return p.list(key, v, depth)
	case key == "$not":
		e, err := p.filter(v, depth+1)
		return not(e), err
	case strings.HasPrefix(key, "$"):
		if strings.Contains(" "+operators+" ", " "+key+" ") {
			return expr{}, Errorf(ErrBadRequest, `%s belongs under a field, as in {"price": {%q: …}}`, key, key)
		}
		return expr{}, Errorf(ErrBadRequest, "unknown operator %q: beside fields there are $and, $or and $not; under a field %s", clip(key), operators)
	}
	path, err := ParsePath(key)
	if err != nil {
		return expr{}, err
	}
	switch v.Kind {
	case Object:
		return p.operators(path, v, depth)
	case Array:
		return expr{}, Errorf(ErrBadRequest, `the filter of %q must not be an array: use {"$in": […]} for one of several values, {"$contains": value} for an array with an element`, clip(key))
	}
	if err := p.count(); err != nil {
		return expr{}, err
	}
	set, err := equal("the filter of "+strconv.Quote(clip(key)), v)
	return expr{op: exprSet, path: path, set: set}, err
}

// list reads $and and $or.
func (p *filterParser) list(key string, v Value, depth int) (expr, error) {
	var subs []expr
	if v.Kind == Array {
		for el := (elements{b: v.Raw}); el.next(); el.skip() {
			if err := p.count(); err != nil {
				return expr{}, err
			}
			e, err := p.filter(valueAt(v.Raw, el.value), depth+1)
			if err != nil {
				return expr{}, err
			}
			subs = append(subs, e)
		}
	}
	switch {
	case len(subs) == 0:
		return expr{}, Errorf(ErrBadRequest, "%s needs an array of at least one filter", key)
	case key == "$and":
		return and(subs), nil
	}
	return or(subs), nil
}

// operators reads what stands under a field, {"$gt": 10, "$lt": 20}.
func (p *filterParser) operators(path Path, v Value, depth int) (expr, error) {
	if err := p.enter(depth); err != nil {
		return expr{}, err
	}
	var subs []expr
	for m := (members{b: v.Raw}); m.next(); m.skip() {
		key := m.key()
		if !strings.HasPrefix(key, "$") {
			return expr{}, Errorf(ErrBadRequest, "the filter of %q must be a value or an object of operators, and %q is none: to look into an object use a dotted path, %q", path.text, clip(key), clip(path.text+"."+key))
		}
		if err := p.count(); err != nil {
			return expr{}, err
		}
		e, err := p.operator(path, key, valueAt(v.Raw, m.value), depth)
		if err != nil {
			return expr{}, err
		}
		subs = append(subs, e)
	}
	if len(subs) == 0 {
		return expr{}, Errorf(ErrBadRequest, "the filter of %q is an empty object: give a value, or one of the operators %s", path.text, operators)
	}
	return and(subs), nil
}

func (p *filterParser) operator(path Path, key string, v Value, depth int) (expr, error) {
	e := expr{op: exprSet, path: path}
	var err error
	switch key {
	case "$eq":
		e.set, err = equal(key, v)
	case "$ne":
		e.set, err = equal(key, v)
		e.set = e.set.complement()
	case "$in":
		e.set, err = oneOf(key, v)
	case "$nin":
		e.set, err = oneOf(key, v)
		e.set = e.set.complement()
	case "$gt", "$gte", "$lt", "$lte":
		e.set, err = ordered(key, v)
	case "$exists":
		switch text := v.Text(); {
		case v.Kind == True || text == "true":
			e.set = kindSet(Null, Object)
		case v.Kind == False || text == "false":
			e.set = kindSet(Missing, Missing)
		default:
			err = Errorf(ErrBadRequest, "$exists needs true or false, not %s", v.Kind)
		}
	case "$startsWith":
		if v.Kind != String {
			return e, Errorf(ErrBadRequest, "$startsWith needs a text, not %s", v.Kind)
		}
		if err = checkText(key, v); err == nil {
			low := v.appendTextKey([]byte{byte(String)})
			e.set = valueSet{{Low: low, High: setAfter(low)}}
		}
	case "$contains":
		e.op = exprContains
		e.set, err = equal(key, v)
		e.text, e.isText = []byte(v.Text()), v.Kind == String
	case "$not":
		if v.Kind != Object {
			return e, Errorf(ErrBadRequest, `$not needs an object of operators under a field, as in {"price": {"$not": {"$gt": 10}}}; for another value use $ne`)
		}
		e, err = p.operators(path, v, depth+1)
		return not(e), err
	case "$and", "$or":
		return e, Errorf(ErrBadRequest, `%s stands beside fields, not under one: {%q: [{"price": …}, …]}`, key, key)
	default:
		return e, Errorf(ErrBadRequest, "unknown operator %q: there are %s", clip(key), operators)
	}
	return e, err
}

func checkText(what string, v Value) error {
	if len(v.Raw) > MaxFilterText {
		return Errorf(ErrBadRequest, "the text of %s is too long: at most %d bytes", what, MaxFilterText)
	}
	return nil
}

// equal is what a value matches: see Filter.
func equal(what string, v Value) (valueSet, error) {
	switch v.Kind {
	case Array, Object:
		return nil, Errorf(ErrBadRequest, "%s needs a text, a number, a boolean or null, not %s", what, v.Kind)
	case String:
		if err := checkText(what, v); err != nil {
			return nil, err
		}
	default:
		return pointSet(v), nil
	}
	text := v.Text()
	set := pointSet(v)
	switch text {
	case "true":
		return union(set, kindSet(True, True)), nil
	case "false":
		return union(set, kindSet(False, False)), nil
	case "null":
		return union(set, kindSet(Null, Null)), nil
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil && !math.IsNaN(f) && !math.IsInf(f, 0) && jsNumber(f) == text {
		set = union(set, pointSet(Value{Kind: Number, Number: f}))
	}
	return set, nil
}

// oneOf is what an array of values matches.
func oneOf(key string, v Value) (valueSet, error) {
	if v.Kind != Array {
		return nil, Errorf(ErrBadRequest, "%s needs an array of values, not %s", key, v.Kind)
	}
	var sets []valueSet
	for el := (elements{b: v.Raw}); el.next(); el.skip() {
		if len(sets) == MaxFilterIn {
			return nil, Errorf(ErrBadRequest, "%s has too many values: at most %d", key, MaxFilterIn)
		}
		set, err := equal("a value of "+key, valueAt(v.Raw, el.value))
		if err != nil {
			return nil, err
		}
		sets = append(sets, set)
	}
	return union(sets...), nil
}

// ordered is what $gt, $gte, $lt and $lte match.
func ordered(key string, v Value) (valueSet, error) {
	one := func(v Value, first, last Kind) valueSet {
		point := pointSet(v)[0]
		r := kindSet(first, last)[0]
		switch key {
		case "$gt":
			r.Low = point.High
		case "$gte":
			r.Low = point.Low
		case "$lt":
			r.High = point.Low
		case "$lte":
			r.High = point.High
		}
		return valueSet{r}.intersect(kindSet(Missing, Object)) // none, where the range is empty
	}
	switch v.Kind {
	case Array, Object:
		return nil, Errorf(ErrBadRequest, "%s needs a number, a text, a boolean or null, not %s", key, v.Kind)
	case String:
		if err := checkText(key, v); err != nil {
			return nil, err
		}
		set := one(v, String, String)
		if text := v.Text(); CheckJSON([]byte(text), 0) == nil {
			if n := valueAt([]byte(text), skipSpace([]byte(text), 0)); n.Kind == Number {
				set = union(set, one(n, Number, Number))
			}
		}
		return set, nil
	case False, True:
		return one(v, False, True), nil
	}
	return one(v, v.Kind, v.Kind), nil
}
