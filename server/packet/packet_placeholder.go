package packet

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
)

// ErrPlaceholder is what CheckPlaceholders and ReplacePlaceholders return for a placeholder without
// its attachment.
var ErrPlaceholder = errors.New("illegal attachments: a placeholder's num must be the index of one of the packet's attachments")

// AppendPlaceholder appends what stands in a binary packet's arguments for attachment number num, from 0.
func AppendPlaceholder(dst []byte, num int) []byte {
	dst = append(dst, `{"_placeholder":true,"num":`...)
	dst = strconv.AppendInt(dst, int64(num), 10)
	return append(dst, '}')
}

// CheckPlaceholders looks through arg, whose syntax has been checked (by Args), for placeholders:
// objects whose member `_placeholder` is true. The `num` of each must be an integer from 0 to
// attachments-1, else it is ErrPlaceholder, for which the official decoder closes the connection.
// Of members with the same name the last counts, as in JavaScript.
func CheckPlaceholders(arg []byte, attachments int) error {
	return eachPlaceholder(arg, attachments, func(int, int, int) {})
}

// ReplacePlaceholders appends arg to dst, each placeholder in it replaced by what write appends for
// its number. arg's syntax must have been checked. It returns dst unchanged with ErrPlaceholder for
// one without an attachment.
func ReplacePlaceholders(dst, arg []byte, attachments int, write func(dst []byte, num int) []byte) ([]byte, error) {
	out := dst
	last := 0
	err := eachPlaceholder(arg, attachments, func(start, end, num int) {
		out = append(out, arg[last:start]...)
		out = write(out, num)
		last = end
	})
	if err != nil {
		return dst, err
	}
	return append(out, arg[last:]...), nil
}

// openContainer is an array or object that eachPlaceholder is in.
type openContainer struct {
	start       int
	object      bool
	member      byte // which member's value comes next: 'p' for _placeholder, 'n' for num, 0 for another
	placeholder bool
	num         int // -1 where there is none or it is not an integer in range
}

var placeholderName = []byte(`_placeholder`)

// eachPlaceholder calls found with the bounds and the number of each placeholder, in the order of
// their ends. A placeholder within a placeholder is not told, since the outer one replaces it: its
// own members come to nothing in JavaScript too.
func eachPlaceholder(arg []byte, attachments int, found func(start, end, num int)) error {
	// Nearly every argument has none; an escaped name needs a backslash.
	if !bytes.Contains(arg, placeholderName) && bytes.IndexByte(arg, '\\') < 0 {
		return nil
	}
	type span struct{ start, end, num int }
	var spans []span
	var open []openContainer
	key := false // the next string is a member's name
	for i := 0; i < len(arg); {
		var top *openContainer
		if len(open) > 0 {
			top = &open[len(open)-1]
		}
		switch c := arg[i]; c {
		case '{', '[':
			if top != nil {
				top.value(arg[i:i+1], attachments)
			}
			open = append(open, openContainer{start: i, object: c == '{', num: -1})
			key = c == '{'
			i++
		case '}', ']':
			i++
			if top.placeholder {
				if top.num < 0 {
					return ErrPlaceholder
				}
				for len(spans) > 0 && spans[len(spans)-1].start > top.start {
					spans = spans[:len(spans)-1]
				}
				spans = append(spans, span{top.start, i, top.num})
			}
			open = open[:len(open)-1]
			key = false
		case ',':
			key = top.object
			i++
		case ' ', '\t', '\n', '\r', ':':
			i++
		default:
			end := scanScalar(arg, i)
			if end < 0 {
				return ErrJSON
			}
			switch {
			case key:
				top.member = memberOf(arg[i:end])
				key = false
			case top != nil:
				top.value(arg[i:end], attachments)
			}
			i = end
		}
	}
	for _, s := range spans {
		found(s.start, s.end, s.num)
	}
	return nil
}

// value takes note of a member's value: the whole of a scalar, the opening bracket of anything else.
func (c *openContainer) value(raw []byte, attachments int) {
	switch {
	case !c.object:
	case c.member == 'p':
		c.placeholder = string(raw) == "true"
	case c.member == 'n':
		c.num = -1
		if f, err := strconv.ParseFloat(string(raw), 64); err == nil && f >= 0 && f < float64(attachments) && f == float64(int(f)) {
			c.num = int(f)
		}
	}
	c.member = 0
}

func memberOf(name []byte) byte {
	plain, ok := plainString(name)
	if !ok {
		var decoded string
		if json.Unmarshal(name, &decoded) != nil {
			return 0
		}
		plain = []byte(decoded)
	}
	switch string(plain) {
	case "_placeholder":
		return 'p'
	case "num":
		return 'n'
	}
	return 0
}
