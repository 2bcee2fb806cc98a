package collections

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"
	"strconv"
	"unicode/utf8"
)

// MaxDepth is how deep arrays and objects of an item may be nested at the most (Options.MaxDepth): 1 is the item itself.
const MaxDepth = 64

// CheckJSON tells whether raw is one JSON value (RFC 8259) that every reader
// reads the same. Else it is an ErrBadRequest: bad syntax, bytes after the value, arrays
// and objects nested deeper than maxDepth, invalid UTF-8, a lone surrogate escape,
// two members of the same name in one object, a member named "__proto__", or "prototype"
// directly under "constructor", a number beyond what float64 can hold.
//
// It goes over raw once, decodes nothing and does not recurse; it allocates
// for objects with many members or deep nesting only. raw is not kept.
func CheckJSON(raw []byte, maxDepth int) error {
	var (
		c        = checker{raw: raw}
		frameBuf [16]checkFrame
		keyBuf   [32]checkKey
		// Not in c: what is grown through a pointer goes to the heap.
		frames = frameBuf[:0] // the arrays and objects that are open
		keys   = keyBuf[:0]   // the names of the members of all open objects
	)
	underConstructor := false // the next value is that of a member "constructor"
value:
	c.skipSpace()
	if c.i >= len(c.raw) {
		return c.fail("ends where a value should be")
	}
	switch b := c.raw[c.i]; b {
	case '{', '[':
		if len(frames) >= maxDepth {
			return Errorf(ErrBadRequest, "the JSON is nested too deep: at most %d levels of arrays and objects", maxDepth)
		}
		frames = append(frames, checkFrame{object: b == '{', constructor: underConstructor && b == '{', firstKey: len(keys)})
		underConstructor = false
		c.i++
		c.skipSpace()
		if c.i < len(c.raw) && c.raw[c.i] == b+2 { // the closing bracket of the same kind
			goto closing
		}
		if b == '{' {
			goto key
		}
		goto value
	case '"':
		if _, err := c.str(); err != nil {
			return err
		}
	case 't':
		if err := c.literal("true"); err != nil {
			return err
		}
	case 'f':
		if err := c.literal("false"); err != nil {
			return err
		}
	case 'n':
		if err := c.literal("null"); err != nil {
			return err
		}
	default:
		if b != '-' && (b < '0' || b > '9') {
			return c.fail("has no value")
		}
		if err := c.number(); err != nil {
			return err
		}
	}
	underConstructor = false
after:
	c.skipSpace()
	if len(frames) == 0 {
		if c.i < len(c.raw) {
			return c.fail("has something after the value")
		}
		return nil
	}
	if c.i >= len(c.raw) {
		return c.fail("ends too early")
	}
	switch b := c.raw[c.i]; {
	case b == ',':
		c.i++
		if frames[len(frames)-1].object {
			goto key
		}
		goto value
	case b == '}' && frames[len(frames)-1].object, b == ']' && !frames[len(frames)-1].object:
		goto closing
	}
	return c.fail("needs a comma or a closing bracket")
closing:
	{
		f := frames[len(frames)-1]
		if f.object {
			if err := c.duplicates(keys[f.firstKey:]); err != nil {
				return err
			}
			keys = keys[:f.firstKey]
		}
		frames = frames[:len(frames)-1]
		c.i++
		goto after
	}
key:
	c.skipSpace()
	if c.i >= len(c.raw) || c.raw[c.i] != '"' {
		return c.fail("needs a member's name in double quotes")
	}
	{
		k := checkKey{start: c.i + 1}
		escaped, err := c.str()
		if err != nil {
			return err
		}
		k.end = c.i - 1
		name := c.raw[k.start:k.end]
		if escaped {
			k.decoded = appendDecoded(make([]byte, 0, len(name)), name)
			name = k.decoded
		}
		switch string(name) {
		case "__proto__":
			return Errorf(ErrBadRequest, `a member must not be named "__proto__": some readers take it for something else`)
		case "prototype":
			if frames[len(frames)-1].constructor {
				return Errorf(ErrBadRequest, `a member "constructor" must not have a member "prototype": some readers take it for something else`)
			}
		case "constructor":
			underConstructor = true
		}
		keys = append(keys, k)
	}
	c.skipSpace()
	if c.i >= len(c.raw) || c.raw[c.i] != ':' {
		return c.fail("needs a colon after a member's name")
	}
	c.i++
	goto value
}

// checkFrame is an array or object that is still open.
type checkFrame struct {
	object      bool
	constructor bool // the value of a member named "constructor"
	firstKey    int  // where its names begin among all
}

// checkKey is a member's name in an open object.
type checkKey struct {
	start, end int    // in raw, between the quotes
	decoded    []byte // where the name has escapes
}

type checker struct {
	raw []byte
	i   int
}

// fail says where the text stops being JSON.
func (c *checker) fail(what string) error {
	return Errorf(ErrBadRequest, "the JSON %s, at byte %d", what, c.i)
}

func (c *checker) skipSpace() {
	for c.i < len(c.raw) && c.raw[c.i] <= ' ' && isSpace(c.raw[c.i]) {
		c.i++
	}
}

func (c *checker) literal(text string) error {
	if len(c.raw)-c.i < len(text) || string(c.raw[c.i:c.i+len(text)]) != text {
		return c.fail("has no value")
	}
	c.i += len(text)
	return nil
}

// str checks a string from its first quote on and goes behind its last.
func (c *checker) str() (escaped bool, err error) {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	i, raw := c.i+1, c.raw
	for i < len(raw) {
		// Eight bytes at once, while none is a quote, a backslash, a control
		// character or beyond ASCII. (A byte after one of these may count as one, too.)
		for i+8 <= len(raw) {
			w := binary.LittleEndian.Uint64(raw[i:])
			x, y := w^(ones*'"'), w^(ones*'\\')
			if hit := ((x-ones)&^x | (y-ones)&^y | (w-ones*' ')&^w | w) & highs; hit != 0 {
				i += bits.TrailingZeros64(hit) >> 3
				break
			}
			i += 8
		}
		if i >= len(raw) {
			break
		}
		switch b := raw[i]; {
		case b == '"':
			c.i = i + 1
			return escaped, nil
		case b == '\\':
			escaped = true
			n := escapeLen(raw[i:])
			if n == 0 {
				c.i = i
				return false, c.fail(`has a bad escape in a string (\u must name a character, surrogates only in pairs)`)
			}
			i += n
		case b < ' ':
			c.i = i
			return false, c.fail("has a control character in a string that must be escaped")
		case b < utf8.RuneSelf:
			i++
		default:
			r, n := utf8.DecodeRune(raw[i:])
			if r == utf8.RuneError && n == 1 {
				c.i = i
				return false, c.fail("has bytes that are not UTF-8")
			}
			i += n
		}
	}
	c.i = i
	return false, c.fail("ends within a string")
}

// escapeLen is how many bytes the escape at the beginning of raw has: 2, 6, 12
// for a pair of surrogates, or 0 for none that is right.
func escapeLen(raw []byte) int {
	if len(raw) < 2 {
		return 0
	}
	switch raw[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		switch r := hexRune(raw); {
		case r < 0, r >= 0xDC00 && r < 0xE000:
			return 0
		case r >= 0xD800 && r < 0xDC00:
			if low := hexRune(raw[6:]); low < 0xDC00 || low >= 0xE000 {
				return 0
			}
			return 12
		}
		return 6
	}
	return 0
}

// hexRune is the code unit of a \uXXXX at the beginning of raw, or -1.
func hexRune(raw []byte) rune {
	if len(raw) < 6 || raw[0] != '\\' || raw[1] != 'u' {
		return -1
	}
	var r rune
	for _, b := range raw[2:6] {
		switch {
		case b >= '0' && b <= '9':
			b -= '0'
		case b|0x20 >= 'a' && b|0x20 <= 'f':
			b = b | 0x20 - 'a' + 10
		default:
			return -1
		}
		r = r<<4 | rune(b)
	}
	return r
}

// number checks a number and goes behind it.
func (c *checker) number() error {
	i, raw := c.i, c.raw
	digits := func() bool {
		from := i
		for i < len(raw) && raw[i] >= '0' && raw[i] <= '9' {
			i++
		}
		return i > from
	}
	bad := func() error {
		c.i = i
		return c.fail("has a number that is not one")
	}
	if raw[i] == '-' {
		i++
	}
	if i < len(raw) && raw[i] == '0' {
		i++
	} else if !digits() {
		return bad()
	}
	whole := i - c.i
	exponent := false
	if i < len(raw) && raw[i] == '.' {
		i++
		if !digits() {
			return bad()
		}
	}
	if i < len(raw) && raw[i]|0x20 == 'e' {
		exponent = true
		i++
		if i < len(raw) && (raw[i] == '+' || raw[i] == '-') {
			i++
		}
		if !digits() {
			return bad()
		}
	}
	// Only these can be over 1.8e308.
	if exponent || whole > 308 {
		if _, err := strconv.ParseFloat(string(raw[c.i:i]), 64); err != nil {
			return Errorf(ErrBadRequest, "the number %s is too large: at most 1.797e308", clip(string(raw[c.i:i])))
		}
	}
	c.i = i
	return nil
}

// duplicates fails if two of an object's names are equal. Many names are
// sorted first, so that a hostile object does not cost the square of its size.
func (c *checker) duplicates(keys []checkKey) error {
	if len(keys) <= 12 {
		for i := 1; i < len(keys); i++ {
			for j := range i {
				if bytes.Equal(c.name(keys[i]), c.name(keys[j])) {
					return duplicate(c.name(keys[i]))
				}
			}
		}
		return nil
	}
	// Sorted by index: what is sorted escapes to the heap, and keys shall not.
	order := make([]int32, len(keys))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return bytes.Compare(c.name(keys[a]), c.name(keys[b])) })
	for i := 1; i < len(order); i++ {
		if name := c.name(keys[order[i]]); bytes.Equal(name, c.name(keys[order[i-1]])) {
			return duplicate(name)
		}
	}
	return nil
}

func (c *checker) name(k checkKey) []byte {
	if k.decoded != nil {
		return k.decoded
	}
	return c.raw[k.start:k.end]
}

func duplicate(name []byte) error {
	return Errorf(ErrBadRequest, "the member %q is there twice in one object: readers would not agree which counts", clip(string(name)))
}
