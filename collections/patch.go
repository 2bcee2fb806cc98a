package collections

import (
	"slices"
	"strings"
)

// Bounds of a JSON Patch, which is a small program written by a stranger.
const (
	MaxPatchOps = 10_000 // operations of one patch

	maxPatchGrowth = 16 << 20 // bytes that its copy operations may make in all
	maxPatchWork   = 64 << 20 // array elements moved aside and bytes measured, in all
)

// ApplyPatch applies a JSON Patch (RFC 6902) to a document and returns the
// result in bytes of its own. Both must have passed CheckJSON. ErrBadRequest: the
// patch is malformed, or the result would be nested deeper than MaxDepth.
// ErrConflict: a test failed or a path does not exist. ErrTooLarge: too many
// operations, or copies of copies. Array indexes count from 0, "-" is the end for add;
// negative ones do not exist.
func ApplyPatch(doc, patch []byte) ([]byte, error) {
	ops, err := parsePatch(patch, false)
	if err != nil {
		return nil, err
	}
	p := patcher{root: rawNode(doc), maxDepth: MaxDepth}
	if err := p.run(ops); err != nil {
		return nil, err
	}
	return CompactJSON(make([]byte, 0, len(doc)+len(patch)), p.root.append(nil)), nil
}

// patchOp is one operation, its pointers split and unescaped.
type patchOp struct {
	name, pathText, fromText string
	path, from               []string
	value                    []byte
}

// parsePatch reads a checked patch, whose bytes it keeps. In one for a
// collection each path begins with an item's id, so that "" is refused.
func parsePatch(patch []byte, collection bool) ([]patchOp, error) {
	v := valueAt(patch, skipSpace(patch, 0))
	if v.Kind != Array {
		return nil, Errorf(ErrBadRequest, "a JSON Patch must be an array of operations (RFC 6902), not %s", v.Kind)
	}
	var ops []patchOp
	for el := (elements{b: v.Raw}); el.next(); el.skip() {
		if len(ops) == MaxPatchOps {
			return nil, Errorf(ErrTooLarge, "the patch has too many operations: at most %d", MaxPatchOps)
		}
		op, err := parseOp(valueAt(v.Raw, el.value), collection)
		if err != nil {
			return nil, Errorf(ErrBadRequest, "operation %d of the patch: %s", len(ops), err)
		}
		ops = append(ops, op)
	}
	return ops, nil
}

func parseOp(v Value, collection bool) (op patchOp, err error) {
	if v.Kind != Object {
		return op, Errorf(ErrBadRequest, `must be an object like {"op": "replace", "path": "/name", "value": "Tea"}, not %s`, v.Kind)
	}
	var path, from Value
	for m := (members{b: v.Raw}); m.next(); {
		m.skip()
		switch m.key() {
		case "op":
			op.name = valueAt(v.Raw, m.value).Text()
		case "path":
			path = valueAt(v.Raw, m.value)
		case "from":
			from = valueAt(v.Raw, m.value)
		case "value":
			op.value = v.Raw[m.value:m.i]
		}
	}
	needsFrom, needsValue := false, false
	switch op.name {
	case "add", "replace", "test":
		needsValue = true
	case "move", "copy":
		needsFrom = true
	case "remove":
	default:
		return op, Errorf(ErrBadRequest, `"op" must be one of add, remove, replace, move, copy, test`)
	}
	if path.Kind != String {
		return op, Errorf(ErrBadRequest, `%s needs a "path", a text like "/name"`, op.name)
	}
	op.pathText = path.Text()
	if op.path, err = parsePointer(op.pathText, collection); err != nil {
		return op, err
	}
	if needsValue && op.value == nil {
		return op, Errorf(ErrBadRequest, `%s needs a "value"; null is one`, op.name)
	}
	if op.name == "remove" && len(op.path) == 0 {
		return op, Errorf(ErrBadRequest, "the whole document cannot be removed by a patch: use DELETE")
	}
	if !needsFrom {
		return op, nil
	}
	if from.Kind != String {
		return op, Errorf(ErrBadRequest, `%s needs a "from", a text like "/name"`, op.name)
	}
	op.fromText = from.Text()
	if op.from, err = parsePointer(op.fromText, collection); err != nil {
		return op, err
	}
	if op.name == "move" && len(op.from) < len(op.path) && slices.Equal(op.from, op.path[:len(op.from)]) {
		return op, Errorf(ErrBadRequest, "%q cannot be moved into itself, to %q", clip(op.fromText), clip(op.pathText))
	}
	return op, nil
}

// parsePointer splits a JSON Pointer (RFC 6901); "" gives none.
func parsePointer(s string, collection bool) ([]string, error) {
	if s == "" {
		if collection {
			return nil, Errorf(ErrBadRequest, `a path must begin with an item's id, as in "/1/name"`)
		}
		return nil, nil
	}
	if s[0] != '/' {
		return nil, Errorf(ErrBadRequest, `the path %q must begin with "/"`, clip(s))
	}
	if strings.Count(s, "/") > MaxDepth+1 {
		return nil, Errorf(ErrBadRequest, "the path %q is too deep: at most %d names", clip(s), MaxDepth)
	}
	names := strings.Split(s[1:], "/")
	for i, name := range names {
		if strings.Contains(name, "~") {
			rest := strings.ReplaceAll(strings.ReplaceAll(name, "~0", ""), "~1", "")
			if strings.Contains(rest, "~") {
				return nil, Errorf(ErrBadRequest, `the path %q has a bare "~": write ~0 for it, and ~1 for "/" in a name`, clip(s))
			}
			names[i] = strings.ReplaceAll(strings.ReplaceAll(name, "~1", "/"), "~0", "~")
		}
		if names[i] == "__proto__" || names[i] == "prototype" && i > 0 && names[i-1] == "constructor" {
			return nil, Errorf(ErrBadRequest, "the path %q leads to a name that some readers take for something else", clip(s))
		}
	}
	return names, nil
}

// patcher is a patch being applied.
type patcher struct {
	root       *node
	maxDepth   int  // of the whole document
	collection bool // root's members are items by id: one that is moved or copied whole loses its id and gets that of its new place
	grown      int  // see maxPatchGrowth
	worked     int  // see maxPatchWork
}

func (p *patcher) run(ops []patchOp) error {
	for i := range ops {
		op := &ops[i]
		if err := p.apply(op); err != nil {
			err.Message = Errorf(nil, "operation %d of the patch (%s %q): %s", i, op.name, clip(op.pathText), err.Message).Message
			return err
		}
	}
	return nil
}

func (p *patcher) apply(op *patchOp) *Error {
	switch op.name {
	case "add":
		return p.add(op.path, rawNode(op.value))
	case "remove":
		_, err := p.remove(op.path, op.pathText)
		return err
	case "replace":
		return p.replace(op.path, op.pathText, rawNode(op.value))
	case "test":
		n, err := p.find(op.path, op.pathText)
		if err == nil && !equalNodes(n, rawNode(op.value)) {
			err = Errorf(ErrConflict, "the value there is another one")
		}
		return err
	}
	n, err := p.find(op.from, op.fromText)
	if err != nil || op.name == "move" && slices.Equal(op.from, op.path) {
		return err
	}
	whole := p.collection && len(op.from) == 1 && len(op.path) == 1
	if op.name == "move" {
		if n, err = p.remove(op.from, op.fromText); err != nil {
			return err
		}
	} else {
		n = &node{raw: n.append(nil)}
		if p.grown += len(n.raw); p.grown > maxPatchGrowth {
			return Errorf(ErrTooLarge, "the copies grow too large: at most %d bytes in one patch", maxPatchGrowth)
		}
	}
	if whole && n.isObject() {
		if at := n.open().find("id"); at >= 0 {
			n.kids.remove(at)
			n.kids.changed = true
		}
	}
	return p.add(op.path, n)
}

// work counts effort that a patch could otherwise multiply at will.
func (p *patcher) work(n int) *Error {
	if p.worked += n; p.worked > maxPatchWork {
		return Errorf(ErrTooLarge, "the patch moves too much about: split it up")
	}
	return nil
}

// find is the value at a path.
func (p *patcher) find(path []string, text string) (*node, *Error) {
	n := p.root
	for _, name := range path {
		if n = n.child(name); n == nil {
			return nil, Errorf(ErrConflict, "there is nothing at %q", clip(text))
		}
	}
	return n, nil
}

// child is the member or element that a name of a path leads to, or nil.
func (n *node) child(name string) *node {
	switch {
	case n.isObject():
		return n.open().get(name)
	case n.isArray():
		if i := arrayIndex(name); i >= 0 && i < len(n.open().elems) {
			return n.kids.elems[i]
		}
	}
	return nil
}

// parent finds what the last name of a path is looked up in, and marks it and
// all above it as changed.
func (p *patcher) parent(path []string) (*kids, *Error) {
	n := p.root
	for _, name := range path[:len(path)-1] {
		c := n.child(name)
		if c == nil {
			return nil, Errorf(ErrConflict, "the path does not exist: there is no %q in it", clip(name))
		}
		n.kids.changed = true
		n = c
	}
	if !n.isObject() && !n.isArray() {
		return nil, Errorf(ErrConflict, "the path does not exist: %q can only be in an object or an array", clip(path[len(path)-1]))
	}
	k := n.open()
	k.changed = true
	return k, nil
}

func (p *patcher) add(path []string, v *node) *Error {
	if err := p.fits(path, v); err != nil {
		return err
	}
	if len(path) == 0 {
		p.root = v
		return nil
	}
	k, err := p.parent(path)
	if err != nil {
		return err
	}
	last := path[len(path)-1]
	if k.object {
		k.set(last, v)
		return nil
	}
	i := arrayIndex(last)
	if last == "-" {
		i = len(k.elems)
	}
	if i < 0 || i > len(k.elems) {
		return Errorf(ErrConflict, "%q is no place in an array of %d", clip(last), len(k.elems))
	}
	if err := p.work(len(k.elems) - i); err != nil {
		return err
	}
	k.elems = slices.Insert(k.elems, i, v)
	return nil
}

// fits tells whether the document stays within its depth with v at the path.
func (p *patcher) fits(path []string, v *node) *Error {
	if err := p.work(len(v.raw)); err != nil {
		return err
	}
	if len(path)+v.depth() > p.maxDepth {
		return Errorf(ErrBadRequest, "the result would be nested too deep: at most %d levels of arrays and objects", MaxDepth)
	}
	return nil
}

func (p *patcher) remove(path []string, text string) (*node, *Error) {
	n, err := p.find(path, text)
	if err != nil {
		return nil, err
	}
	if len(path) == 0 {
		return nil, Errorf(ErrBadRequest, "the whole document cannot be removed by a patch")
	}
	k, err := p.parent(path)
	if err != nil {
		return nil, err
	}
	last := path[len(path)-1]
	if k.object {
		k.remove(k.find(last))
		return n, nil
	}
	i := arrayIndex(last)
	if err := p.work(len(k.elems) - i); err != nil {
		return nil, err
	}
	k.elems = slices.Delete(k.elems, i, i+1)
	return n, nil
}

func (p *patcher) replace(path []string, text string, v *node) *Error {
	if _, err := p.find(path, text); err != nil {
		return err
	}
	if err := p.fits(path, v); err != nil {
		return err
	}
	if len(path) == 0 {
		p.root = v
		return nil
	}
	k, err := p.parent(path)
	if err != nil {
		return err
	}
	if last := path[len(path)-1]; k.object {
		k.elems[k.find(last)] = v
	} else {
		k.elems[arrayIndex(last)] = v
	}
	return nil
}
