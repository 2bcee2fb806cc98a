package collections

import (
	"bytes"
	"encoding/binary"
	"math/bits"
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
	word  bool // the name is letters, digits, '_' and '-' alone: see lookFor
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
		p.segments[i] = segment{name: name, plain: !strings.ContainsAny(name, `"\\`), word: isWord(name), index: arrayIndex(name)}
	}
	return p, nil
}

func isWord(name string) bool {
	for i := range len(name) {
		c := name[i]
		if letter := c|0x20 >= 'a' && c|0x20 <= 'z'; !letter && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return name != ""
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
	i, first := 0, 0
	if p.segments[0].word && len(item) >= 8 && item[0] == '{' {
		switch at := lookFor(item, p.segments[0].name); {
		case at == 0:
			return Value{}
		case at > 0:
			i, first = at, 1
		}
	}
	if first == 0 {
		i = skipSpace(item, 0)
	}
	for s := first; s < len(p.segments); s++ {
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

// lookFor is where the value of the member with this name, a word, begins in the
// object b, of at least 8 bytes; 0 where there is none, -1 where that takes a
// closer look. Instead of going over each value it goes from colon to colon.
//
// That is right because a quote without a backslash before it opens or closes a string, and
// a letter cannot follow one that closes. So "name": is a member's name wherever it stands, and
// one of this object's own where no other object has begun before. It is not there if no
// object is within this one, no backslash could spell the name in another way, and
// a quote stands right before every colon.
func lookFor(b []byte, name string) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	sure := true
	for i := 0; i < len(b); i += 8 {
		i = min(i, len(b)-8)
		x := binary.LittleEndian.Uint64(b[i:]) ^ ones*':'
		// A bit for each colon; above one also for a semicolon right behind it.
		for hit := (x - ones) &^ x & highs; hit != 0; hit &= hit - 1 {
			at := i + bits.TrailingZeros64(hit)>>3
			if at == 0 || b[at-1] != '"' {
				sure = false
				continue
			}
			from := at - 1 - len(name)
			if from < 2 || b[from-1] != '"' || b[at] != ':' || b[from-2] == '\\' || string(b[from:at-1]) != name {
				continue
			}
			if bytes.IndexByte(b[1:from], '{') >= 0 {
				return -1
			}
			return skipSpace(b, at+1)
		}
	}
	if sure && bytes.IndexByte(b[1:], '{') < 0 && bytes.IndexByte(b, '\\') < 0 {
		return 0
	}
	return -1
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
