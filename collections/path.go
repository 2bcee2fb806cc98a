package collections

import (
	"strings"
	"unicode/utf8"
)

// maxPath is the longest dotted path in bytes.
const maxPath = 512

// Path is a dotted path into an item. The zero Path finds nothing.
type Path struct {
	text     string
	segments []segment
}

type segment struct {
	name  string
	plain bool // the name looks the same between the quotes of JSON, where that has no escapes
	index int  // of an array's element; -1 where the name is none
}

// ParsePath reads a dotted path: "info.tags.0" is the first element of the
// array "tags" in the object "info". Members are found by their decoded name;
// a name with a dot in it cannot be addressed. An ErrBadRequest for an empty path or
// segment, over 512 bytes, over MaxDepth segments, or invalid UTF-8.
func ParsePath(s string) (Path, error) {
	if s == "" || len(s) > maxPath || !utf8.ValidString(s) {
		return Path{}, Errorf(ErrBadRequest, "%q is no path of a field: names with dots between them, 1 to %d bytes of UTF-8", clip(s), maxPath)
	}
	names := strings.Split(s, ".")
	if len(names) > MaxDepth {
		return Path{}, Errorf(ErrBadRequest, "the path %q is too deep: at most %d names", clip(s), MaxDepth)
	}
	p := Path{text: s, segments: make([]segment, len(names))}
	for i, name := range names {
		if name == "" {
			return Path{}, Errorf(ErrBadRequest, "the path %q has an empty name between its dots", clip(s))
		}
		p.segments[i] = segment{name: name, plain: !strings.ContainsAny(name, `"\\`), index: arrayIndex(name)}
	}
	return p, nil
}

// arrayIndex is the index that a text names, by the rule of RFC 6901: no
// leading zeros. -1 where it is none.
func arrayIndex(s string) int {
	if s == "" || len(s) > 9 || s[0] == '0' && len(s) > 1 {
		return -1
	}
	n := 0
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return -1
		}
		n = n*10 + int(s[i]-'0')
	}
	return n
}

// String is the path's text.
func (p Path) String() string { return p.text }

// Find is the value at the path in a checked JSON text; its Kind is Missing
// where there is none. It does not allocate.
func (p Path) Find(item []byte) Value {
	if len(p.segments) == 0 {
		return Value{}
	}
	i := skipSpace(item, 0)
	for s := range p.segments {
		switch item[i] {
		case '{':
			i = findMember(item, i, &p.segments[s])
		case '[':
			i = findElement(item, i, p.segments[s].index)
		default:
			return Value{}
		}
		if i < 0 {
			return Value{}
		}
	}
	return valueAt(item, i)
}

// findMember is where the value of the member with this name begins in the
// object at i, or -1.
func findMember(b []byte, i int, seg *segment) int {
	name := seg.name
	for i++; ; i++ {
		if b[i] <= ' ' {
			i = skipSpace(b, i)
		}
		if b[i] == '}' {
			return -1 // only {} comes here
		}
		i++
		// An equal name can be seen without going over it first.
		end := i + len(name)
		found := seg.plain && end < len(b) && b[end] == '"' && string(b[i:end]) == name
		if !found {
			from, escaped := i, false
			end, escaped = skipString(b, i)
			found = escaped && equalText(b[from:end], name)
		}
		i = end + 1
		if b[i] != ':' {
			i = skipSpace(b, i)
		}
		i++
		if b[i] <= ' ' {
			i = skipSpace(b, i)
		}
		if found {
			return i
		}
		i = skipValue(b, i)
		if b[i] <= ' ' {
			i = skipSpace(b, i)
		}
		if b[i] == '}' {
			return -1
		}
	}
}

// findElement is where the element with this index begins in the array at i, or -1.
func findElement(b []byte, i, index int) int {
	e := elements{b: b, i: i}
	for n := 0; n <= index && e.next(); n++ {
		if n == index {
			return e.value
		}
		e.skip()
	}
	return -1
}
