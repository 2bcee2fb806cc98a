package collections

import (
	"cmp"
	"slices"
)

// appendCanonical appends the canonical text of checked JSON: members sorted
// by their names' bytes, numbers as JavaScript writes them, texts with no more
// escapes than needed, no white space. It recurses as deep as raw is nested.
func appendCanonical(dst, raw []byte) []byte {
	switch v := valueAt(raw, skipSpace(raw, 0)); v.Kind {
	case Null:
		return append(dst, "null"...)
	case False:
		return append(dst, "false"...)
	case True:
		return append(dst, "true"...)
	case Number:
		return append(dst, jsNumber(v.Number)...)
	case String:
		return appendString(dst, v.Text())
	case Array:
		dst = append(dst, '[')
		for el := (elements{b: v.Raw}); el.next(); el.skip() {
			if el.i > 0 {
				dst = append(dst, ',')
			}
			dst = appendCanonical(dst, v.Raw[el.value:])
		}
		return append(dst, ']')
	default:
		type member struct {
			name  string
			value int
		}
		var all []member
		for m := (members{b: v.Raw}); m.next(); m.skip() {
			all = append(all, member{m.key(), m.value})
		}
		slices.SortFunc(all, func(a, b member) int { return cmp.Compare(a.name, b.name) })
		dst = append(dst, '{')
		for i, m := range all {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = append(appendString(dst, m.name), ':')
			dst = appendCanonical(dst, v.Raw[m.value:])
		}
		return append(dst, '}')
	}
}
