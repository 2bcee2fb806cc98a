package collections

// MergePatch applies a JSON Merge Patch (RFC 7396) to a document and returns
// the result in bytes of its own. Both must have passed CheckJSON. A patch that is no
// object is itself the result; members of doc keep their place and their bytes.
func MergePatch(doc, patch []byte) ([]byte, error) {
	merged := mergeNodes(rawNode(doc), rawNode(patch))
	return CompactJSON(make([]byte, 0, len(doc)+len(patch)), merged.append(nil)), nil
}

// mergeNodes is MergePatch of RFC 7396, section 2. It recurses as deep as the
// patch is nested. It may change and return target.
func mergeNodes(target, patch *node) *node {
	if !patch.isObject() {
		return patch
	}
	if target == nil || !target.isObject() {
		target = newObject()
	}
	k := target.open()
	p := patch.open()
	for i, name := range p.names {
		k.changed = true
		v := p.elems[i]
		if v.isNull() {
			if at := k.find(name); at >= 0 {
				k.remove(at)
			}
			continue
		}
		k.set(name, mergeNodes(k.get(name), v))
	}
	return target
}
