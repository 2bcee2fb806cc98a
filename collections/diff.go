package collections

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// Diff is an RFC 6902 patch from before to after, two checked objects; a nil
// before is {}. Equal ones give []. The error is a fault: one of them is no object.
//
// The patch never has the root path: of objects it goes member by member, so that
// a client which ignores what its applyPatch returns still ends right. It uses
// add, remove and replace only. Of arrays it leaves out what is equal at both ends
// and compares the rest by index: the cost is linear (github.com/wI2L/jsondiff, which finds
// the shortest patch of an array, takes the square of its length). Where the parts would
// take more bytes than the new value as a whole, it replaces the whole.
func Diff(before, after []byte) (json.RawMessage, error) {
	a, b := newObject(), rawNode(after)
	if before != nil {
		a = rawNode(before)
	}
	if !a.isObject() || !b.isObject() {
		return nil, Errorf(nil, "a difference is of two objects")
	}
	d := differ{out: make([]byte, 0, 64), path: make([]byte, 0, 64), bound: math.MaxInt}
	d.objects(a, b)
	if len(d.out) == 0 {
		return json.RawMessage("[]"), nil
	}
	d.out[0] = '['
	return append(d.out, ']'), nil
}

// Patch is the RFC 6902 patch of the change: the stored one for Modified, one
// that makes the item member by member out of {} for Added, nil for Deleted.
func (c *Change) Patch() (json.RawMessage, error) {
	switch {
	case c.Type == Deleted:
		return nil, nil
	case c.Type == Modified && c.Diff != nil:
		return c.Diff, nil
	}
	return Diff(c.Before, c.After)
}

// differ gathers operations, each with a comma before it.
type differ struct {
	out  []byte
	path []byte // the JSON Pointer so far, as it stands between quotes in JSON

	bound int // length of out from which on to replace the present value as a whole is shorter
}

var pointerEscape = strings.NewReplacer("~", "~0", "/", "~1")

// at runs f with one more name in the path.
func (d *differ) at(name string, f func()) {
	n := len(d.path)
	if strings.ContainsAny(name, "~/") {
		name = pointerEscape.Replace(name)
	}
	// The string's first quote makes room for the slash.
	d.path = appendString(d.path, name)
	d.path[n] = '/'
	d.path = d.path[:len(d.path)-1]
	f()
	d.path = d.path[:n]
}

func (d *differ) atIndex(i int, f func()) {
	n := len(d.path)
	d.path = strconv.AppendInt(append(d.path, '/'), int64(i), 10)
	f()
	d.path = d.path[:n]
}

// op writes an operation at the present path; v is nil for remove.
func (d *differ) op(name string, v *node) {
	d.out = append(d.out, `,{"op":"`...)
	d.out = append(d.out, name...)
	d.out = append(d.out, `","path":"`...)
	d.out = append(d.out, d.path...)
	d.out = append(d.out, '"')
	if v != nil {
		d.out = append(d.out, `,"value":`...)
		d.out = v.append(d.out)
	}
	d.out = append(d.out, '}')
}

// values writes what makes b out of a, at the present path, which is not the root.
func (d *differ) values(a, b *node) {
	if equalNodes(a, b) {
		return
	}
	const frame = len(`,{"op":"replace","path":"","value":}`)
	from, outer := len(d.out), d.bound
	d.bound = from + frame + len(d.path) + len(b.raw)
	switch {
	case a.isObject() && b.isObject():
		d.objects(a, b)
	case a.isArray() && b.isArray():
		d.arrays(a.open().elems, b.open().elems)
	default:
		d.op("replace", b)
	}
	if len(d.out) > d.bound {
		d.out = d.out[:from]
		d.op("replace", b)
	}
	d.bound = outer
}

// enough tells whether what is written is already longer than the bound, so
// that the rest need not be.
func (d *differ) enough() bool { return len(d.out) > d.bound }

func (d *differ) objects(a, b *node) {
	x, y := a.open(), b.open()
	for i, name := range x.names {
		if d.enough() {
			return
		}
		other := y.get(name)
		d.at(name, func() {
			if other == nil {
				d.op("remove", nil)
			} else {
				d.values(x.elems[i], other)
			}
		})
	}
	for i, name := range y.names {
		if d.enough() {
			return
		}
		if x.get(name) == nil {
			d.at(name, func() { d.op("add", y.elems[i]) })
		}
	}
}

func (d *differ) arrays(a, b []*node) {
	start := 0
	for len(a) > 0 && len(b) > 0 && equalNodes(a[0], b[0]) {
		a, b = a[1:], b[1:]
		start++
	}
	for len(a) > 0 && len(b) > 0 && equalNodes(a[len(a)-1], b[len(b)-1]) {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	both := min(len(a), len(b))
	for i := 0; i < both && !d.enough(); i++ {
		d.atIndex(start+i, func() { d.values(a[i], b[i]) })
	}
	// From the last on, so that the indexes of those before stay right.
	for i := len(a) - 1; i >= both && !d.enough(); i-- {
		d.atIndex(start+i, func() { d.op("remove", nil) })
	}
	for i := both; i < len(b) && !d.enough(); i++ {
		d.atIndex(start+i, func() { d.op("add", b[i]) })
	}
}
