package collections

import (
	"bytes"
	"math"
	"slices"
)

// node is a JSON value that patches change. An array or object is taken apart
// only when something in it is looked at, and what was never changed is written
// out as the bytes it came in: numbers keep their digits, members their order.
//
// It is our own and not that of github.com/evanphx/json-patch/v5 (v5.9.11, tried),
// because a patch is a stranger's program and here every step is bounded, and because
// that library takes -1 for an index and a missing member for null in a test, holds
// 1 and 1.0 for different, writes "<" as "\u003c" and adds nothing, without an error, below a
// member named "". The tests apply our
// differences with it, too. github.com/wI2L/jsondiff (v0.7.1) sees no difference
// between 9007199254740992 and 9007199254740993, and its cost grows with the square of an array.
type node struct {
	raw  []byte // the value's JSON text; for an array or object that was changed, stale
	kids *kids  // of an array or object that was taken apart; else nil
}

// kids are what is in an array or object.
type kids struct {
	object  bool
	changed bool // the node's raw is stale, or that of a node below it
	elems   []*node
	names   []string       // of an object, one for each of elems
	byName  map[string]int // of an object with many members: where the name is
	gone    int            // how many of an object's elems are nil, which is how members are removed
}

// manyMembers is from how many members on an object is worth a map.
const manyMembers = 16

// rawNode is the node of checked JSON.
func rawNode(raw []byte) *node {
	raw = raw[skipSpace(raw, 0):]
	return &node{raw: raw[:skipValue(raw, 0)]}
}

func newObject() *node { return &node{raw: []byte("{}")} }

func (n *node) isObject() bool { return n.raw[0] == '{' }
func (n *node) isArray() bool  { return n.raw[0] == '[' }
func (n *node) isNull() bool   { return n.raw[0] == 'n' }

// open takes an array or object apart.
func (n *node) open() *kids {
	if n.kids != nil {
		return n.kids
	}
	k := &kids{object: n.isObject()}
	var slab []node // nodes are made a few at a time
	add := func(raw []byte) {
		if len(slab) == 0 {
			slab = make([]node, min(8+len(k.elems), 256))
		}
		slab[0].raw = raw
		k.elems = append(k.elems, &slab[0])
		slab = slab[1:]
	}
	if k.object {
		k.elems, k.names = make([]*node, 0, 8), make([]string, 0, 8)
		for m := (members{b: n.raw}); m.next(); {
			m.skip()
			k.names = append(k.names, m.key())
			add(n.raw[m.value:m.i])
		}
	} else {
		for e := (elements{b: n.raw}); e.next(); {
			e.skip()
			add(n.raw[e.value:e.i])
		}
	}
	n.kids = k
	return k
}

// size is how many members or elements there are.
func (k *kids) size() int { return len(k.elems) - k.gone }

// find is where the member with this name is, or -1.
func (k *kids) find(name string) int {
	if len(k.names) < manyMembers {
		for i, s := range k.names {
			if s == name && k.elems[i] != nil {
				return i
			}
		}
		return -1
	}
	if k.byName == nil {
		k.byName = make(map[string]int, len(k.names))
		for i, s := range k.names {
			if k.elems[i] != nil {
				k.byName[s] = i
			}
		}
	}
	if i, ok := k.byName[name]; ok {
		return i
	}
	return -1
}

// get is the member with this name, or nil.
func (k *kids) get(name string) *node {
	if i := k.find(name); i >= 0 {
		return k.elems[i]
	}
	return nil
}

// set adds or replaces a member. The caller marks the change.
func (k *kids) set(name string, v *node) {
	if i := k.find(name); i >= 0 {
		k.elems[i] = v
		return
	}
	if k.byName != nil {
		k.byName[name] = len(k.names)
	}
	k.names = append(k.names, name)
	k.elems = append(k.elems, v)
}

// remove takes the member at i out. The caller marks the change.
func (k *kids) remove(i int) {
	if k.byName != nil {
		delete(k.byName, k.names[i])
	}
	k.elems[i] = nil
	k.gone++
}

// append writes the value out.
func (n *node) append(dst []byte) []byte {
	k := n.kids
	if k == nil || !k.changed {
		return append(dst, n.raw...)
	}
	first := true
	comma := func() {
		if !first {
			dst = append(dst, ',')
		}
		first = false
	}
	if !k.object {
		dst = append(dst, '[')
		for _, e := range k.elems {
			comma()
			dst = e.append(dst)
		}
		return append(dst, ']')
	}
	dst = append(dst, '{')
	for i, e := range k.elems {
		if e == nil {
			continue
		}
		comma()
		dst = append(appendString(dst, k.names[i]), ':')
		dst = e.append(dst)
	}
	return append(dst, '}')
}

// depth is how deep arrays and objects are nested: 0 for a scalar.
func (n *node) depth() int {
	if n.kids == nil || !n.kids.changed {
		return rawDepth(n.raw)
	}
	deepest := 0
	for _, e := range n.kids.elems {
		if e != nil {
			deepest = max(deepest, e.depth())
		}
	}
	return deepest + 1
}

func rawDepth(raw []byte) int {
	deepest, depth := 0, 0
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			i, _ = skipString(raw, i+1)
		case '{', '[':
			depth++
			deepest = max(deepest, depth)
		case '}', ']':
			depth--
		}
	}
	return deepest
}

// equalNodes tells whether two values are equal: see EqualJSON. Its recursion
// is as deep as the shallower of the two.
func equalNodes(a, b *node) bool {
	changed := a.kids != nil && a.kids.changed || b.kids != nil && b.kids.changed
	if !changed && bytes.Equal(a.raw, b.raw) {
		return true
	}
	switch c := a.raw[0]; c {
	case '{':
		if !b.isObject() {
			return false
		}
		x, y := a.open(), b.open()
		if x.size() != y.size() {
			return false
		}
		for i, e := range x.elems {
			if e == nil {
				continue
			}
			// Mostly the order is the same.
			other := (*node)(nil)
			if i < len(y.names) && y.names[i] == x.names[i] {
				other = y.elems[i]
			}
			if other == nil {
				other = y.get(x.names[i])
			}
			if other == nil || !equalNodes(e, other) {
				return false
			}
		}
		return true
	case '[':
		if !b.isArray() {
			return false
		}
		return slices.EqualFunc(a.open().elems, b.open().elems, equalNodes)
	case '"':
		if b.raw[0] != '"' {
			return false
		}
		x, y := valueAt(a.raw, 0), valueAt(b.raw, 0)
		return compareText(x, y) == 0
	case 't', 'f', 'n':
		return b.raw[0] == c
	default:
		return (b.raw[0] == '-' || b.raw[0] >= '0' && b.raw[0] <= '9') && equalNumbers(a.raw, b.raw)
	}
}

// equalNumbers compares two numbers exactly: 1, 1.0 and 10e-1 are equal, and so are 0 and -0.
func equalNumbers(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	x, y := decimalOf(a), decimalOf(b)
	return x.negative == y.negative && x.exponent == y.exponent && bytes.Equal(x.digits, y.digits)
}

// decimal is digits (without zeros at either end; none for zero) times ten to the exponent.
type decimal struct {
	negative bool
	digits   []byte
	exponent int64
}

func decimalOf(raw []byte) decimal {
	var d decimal
	if raw[0] == '-' {
		d.negative, raw = true, raw[1:]
	}
	mantissa := raw
	if i := bytes.IndexAny(raw, "eE"); i >= 0 {
		mantissa = raw[:i]
		d.exponent = exponentOf(raw[i+1:])
	}
	if i := bytes.IndexByte(mantissa, '.'); i >= 0 {
		d.exponent -= int64(len(mantissa) - i - 1)
		mantissa = append(bytes.Clone(mantissa[:i]), mantissa[i+1:]...)
	}
	mantissa = bytes.TrimLeft(mantissa, "0")
	d.digits = bytes.TrimRight(mantissa, "0")
	d.exponent += int64(len(mantissa) - len(d.digits))
	if len(d.digits) == 0 {
		return decimal{}
	}
	return d
}

// exponentOf reads an exponent. Beyond what any number can need it stops
// growing; such numbers have so many digits that they are equal as text or not at all.
func exponentOf(raw []byte) int64 {
	var n int64
	for _, c := range raw {
		if c >= '0' && c <= '9' && n < math.MaxInt64/100 {
			n = n*10 + int64(c-'0')
		}
	}
	if raw[0] == '-' {
		return -n
	}
	return n
}
