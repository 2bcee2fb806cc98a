package collections

import (
	"bytes"
	"slices"
	"strconv"
)

// appendCanonical appends the canonical text of checked JSON: members sorted
// by their names' canonical bytes, numbers as number writes them, texts with no more
// escapes than needed, no white space. It recurses as deep as raw is nested,
// and reads raw once.
func appendCanonical(dst, raw []byte, number func(dst, raw []byte) []byte) []byte {
	c := canonical{raw, number}
	dst, _ = c.append(dst, skipSpace(raw, 0))
	return dst
}

type canonical struct {
	raw    []byte
	number func(dst, raw []byte) []byte
}

// append appends the value that begins at i and tells where it ends.
func (c *canonical) append(dst []byte, i int) (_ []byte, end int) {
	switch c.raw[i] {
	case '"':
		return c.appendText(dst, i)
	case '{':
		return c.appendObject(dst, i)
	case '[':
		el := elements{b: c.raw, i: i}
		from := len(dst)
		for el.next() {
			dst, el.i = c.append(append(dst, ','), el.value)
		}
		return closed(dst, from, '[', ']'), c.behind(i, el.i)
	case 't', 'f', 'n':
		end = skipValue(c.raw, i)
		return append(dst, c.raw[i:end]...), end
	}
	end = skipValue(c.raw, i)
	return c.number(dst, c.raw[i:end]), end
}

func (c *canonical) appendText(dst []byte, i int) (_ []byte, end int) {
	end, escaped := skipString(c.raw, i+1)
	if !escaped {
		return append(dst, c.raw[i:end+1]...), end + 1
	}
	return appendString(dst, appendDecoded(nil, c.raw[i+1:end])), end + 1
}

// appendObject writes the members as they come and then puts them in order.
func (c *canonical) appendObject(dst []byte, i int) (_ []byte, end int) {
	type member struct{ from, value, to int } // in dst: a comma, the name, from value on a colon and the value
	var few [16]member
	all, sorted := few[:0], true
	name := func(m member) []byte { return dst[m.from+2 : m.value-1] }
	compare := func(a, b member) int { return bytes.Compare(name(a), name(b)) }
	m := members{b: c.raw, i: i}
	from := len(dst)
	for m.next() {
		at := member{from: len(dst)}
		dst = append(dst, ',')
		if m.escaped {
			dst = appendString(dst, appendDecoded(nil, m.name))
		} else {
			dst = append(append(append(dst, '"'), m.name...), '"')
		}
		at.value = len(dst)
		dst, m.i = c.append(append(dst, ':'), m.value)
		at.to = len(dst)
		sorted = sorted && (len(all) == 0 || compare(all[len(all)-1], at) < 0)
		all = append(all, at)
	}
	if !sorted {
		slices.SortFunc(all, compare)
		inOrder := make([]byte, 0, len(dst)-from)
		for _, m := range all {
			inOrder = append(inOrder, dst[m.from:m.to]...)
		}
		copy(dst[from:], inOrder)
	}
	return closed(dst, from, '{', '}'), c.behind(i, m.i)
}

// closed puts the brackets around what was written from there on, each with a comma before it.
func closed(dst []byte, from int, opening, closing byte) []byte {
	if len(dst) == from {
		return append(dst, opening, closing)
	}
	dst[from] = opening
	return append(dst, closing)
}

// behind is the place behind the array or object that begins at i, of which the last
// value ends at last; that is i where it is empty.
func (c *canonical) behind(i, last int) int {
	if last == i {
		last++ // the opening bracket
	}
	return skipSpace(c.raw, last) + 1
}

// appendJSNumber appends a number as JavaScript writes it.
func appendJSNumber(dst, raw []byte) []byte { return append(dst, jsNumber(parseNumber(raw))...) }

// appendExactNumber appends a number so that those which equalNumbers holds for equal, and only
// those, have the same text.
func appendExactNumber(dst, raw []byte) []byte {
	if last := raw[len(raw)-1]; !bytes.ContainsAny(raw, ".eE") && last != '0' {
		return append(dst, raw...) // as most are
	}
	d := decimalOf(raw)
	if len(d.digits) == 0 {
		return append(dst, '0')
	}
	if d.negative {
		dst = append(dst, '-')
	}
	dst = append(dst, d.digits...)
	if d.exponent != 0 {
		dst = strconv.AppendInt(append(dst, 'e'), d.exponent, 10)
	}
	return dst
}
