package collections

import "encoding/json"

// IfMatch is a condition on the present revision of the item that a write is
// for. nil is no condition; the zero IfMatch is that there is no item.
type IfMatch struct {
	rev Rev  // this one
	any bool // there is an item, of whatever revision
}

// ParseIfMatch reads the option ifMatch of a write: a rev, "*" (the item
// exists) or null (it does not exist). Absent, that is a nil raw, gives nil. Else ErrBadRequest.
func ParseIfMatch(raw json.RawMessage) (*IfMatch, error) {
	if len(raw) == 0 {
		return nil, nil
	}
	if err := CheckJSON(raw, MaxDepth); err != nil {
		return nil, err
	}
	v := valueAt(raw, skipSpace(raw, 0))
	switch {
	case v.Kind == Null:
		return &IfMatch{}, nil
	case v.Kind != String:
		return nil, Errorf(ErrBadRequest, `ifMatch must be a rev, "*" or null, not %s`, v.Kind)
	case v.Text() == "*":
		return &IfMatch{any: true}, nil
	}
	rev, err := ParseRev(v.Text())
	if err != nil {
		return nil, Errorf(ErrBadRequest, `ifMatch: %s; or "*" for any, null for none`, err)
	}
	return &IfMatch{rev: rev}, nil
}

// text is what ParseIfMatch reads; empty for no condition.
func (m *IfMatch) text() string {
	switch {
	case m == nil:
		return ""
	case m.any:
		return `"*"`
	case m.rev.IsZero():
		return "null"
	}
	return `"` + m.rev.String() + `"`
}

// check fails with an ErrPrecondition where the condition does not hold. The
// zero rev is that of no item.
func (m *IfMatch) check(present Rev) error {
	if m == nil || m.any && !present.IsZero() || !m.any && m.rev == present {
		return nil
	}
	e := Errorf(ErrPrecondition, "the item has another revision: take it anew and try again")
	switch {
	case present.IsZero():
		e.Message = "there is no such item, and ifMatch says that there is"
	case m.rev.IsZero():
		e.Message = "the item exists, and ifMatch says that it does not"
	}
	details := PreconditionDetails{}
	if !present.IsZero() {
		rev := present.String()
		details.Rev = &rev
	}
	e.Details = details
	return e
}
