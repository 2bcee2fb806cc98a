package packet

import (
	"encoding/json"
	"errors"
	"strconv"
	"unicode/utf8"
)

// MaxDepth is how deep the arrays and objects of a packet may be nested, the array of its arguments
// included.
const MaxDepth = 1000

// What makes a packet's data unparseable.
var (
	ErrJSON     = errors.New("the data is not valid JSON")
	ErrDepth    = errors.New("the data is nested too deeply")
	ErrNotArray = errors.New("the data is not an array")
	ErrName     = errors.New("an event's first element must be its name: a string that is not reserved, or a number")
)

// Args splits the JSON array in data into its elements and appends them to dst, which may be nil.
// Each element is the raw JSON without surrounding white space and points into data; nothing is
// decoded. The whole array is checked for JSON's syntax (RFC 8259), iteratively, to MaxDepth. What
// is valid syntax but read differently by different readers (duplicate members, lone surrogates,
// invalid UTF-8) passes.
//
// It returns dst unchanged with ErrNotArray, ErrDepth or ErrJSON. It allocates only to grow dst.
func Args(dst []json.RawMessage, data []byte) ([]json.RawMessage, error) {
	args := dst
	i := skipSpace(data, 0)
	if i == len(data) || data[i] != '[' {
		return dst, ErrNotArray
	}
	i = skipSpace(data, i+1)
	if i < len(data) && data[i] == ']' {
		if skipSpace(data, i+1) != len(data) {
			return dst, ErrJSON
		}
		return args, nil
	}
	for {
		end, err := scanValue(data, i, 1)
		if err != nil {
			return dst, err
		}
		args = append(args, json.RawMessage(data[i:end:end]))
		i = skipSpace(data, end)
		if i == len(data) {
			return dst, ErrJSON
		}
		switch data[i] {
		case ',':
			i = skipSpace(data, i+1)
		case ']':
			if skipSpace(data, i+1) != len(data) {
				return dst, ErrJSON
			}
			return args, nil
		default:
			return dst, ErrJSON
		}
	}
}

// Valid reports what kind of JSON value data holds, by its first byte: '{', '[', '"', '0' for a number,
// 't', 'f' or 'n'. It refuses what Args refuses, with the same errors.
func Valid(data []byte) (kind byte, err error) {
	i := skipSpace(data, 0)
	end, err := scanValue(data, i, 0)
	if err != nil {
		return 0, err
	}
	if skipSpace(data, end) != len(data) {
		return 0, ErrJSON
	}
	if c := data[i]; c != '-' && (c < '0' || c > '9') {
		return c, nil
	}
	return '0', nil
}

// CheckName tells whether raw, an event's first element, can be an event's name from a client: a
// number, or a string that is none of the names with a meaning of their own in the official server.
// The error is ErrName.
func CheckName(raw []byte) error {
	if len(raw) == 0 {
		return ErrName
	}
	if raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9' {
		return nil
	}
	if raw[0] != '"' {
		return ErrName
	}
	plain, ok := plainString(raw)
	if !ok {
		var decoded string
		if json.Unmarshal(raw, &decoded) != nil {
			return ErrName
		}
		plain = []byte(decoded)
	}
	if Reserved(string(plain)) {
		return ErrName
	}
	return nil
}

// Reserved reports whether name must not be used for an event: the names that the official client
// and server give a meaning of their own.
func Reserved(name string) bool {
	switch name {
	case "connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener":
		return true
	}
	return false
}

// PlainName gives an event's name where raw, its first element, is a string without escapes: the
// bytes between the quotes, pointing into raw. Otherwise ok is false and Name decodes it.
func PlainName(raw []byte) (name []byte, ok bool) { return plainString(raw) }

// Name decodes an event's name. A number becomes the text that JavaScript makes of it for integers
// that it holds exactly, and otherwise the shortest decimal text of the same number.
func Name(raw []byte) string {
	if plain, ok := plainString(raw); ok {
		return string(plain)
	}
	if len(raw) > 0 && raw[0] == '"' {
		var decoded string
		_ = json.Unmarshal(raw, &decoded) // its syntax has been checked
		return decoded
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil {
		return string(raw)
	}
	if f == 0 {
		return "0" // also for -0
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

// plainString gives what stands between the quotes of a JSON string without escapes and with valid UTF-8.
func plainString(raw []byte) ([]byte, bool) {
	if len(raw) < 2 || raw[0] != '"' {
		return nil, false
	}
	inner := raw[1 : len(raw)-1]
	ascii := true
	for _, c := range inner {
		if c == '\\' {
			return nil, false
		}
		ascii = ascii && c < utf8.RuneSelf
	}
	return inner, ascii || utf8.Valid(inner)
}

func skipSpace(data []byte, i int) int {
	for i < len(data) && (data[i] == ' ' || data[i] == '\t' || data[i] == '\n' || data[i] == '\r') {
		i++
	}
	return i
}

// scanValue finds the end of the JSON value that begins at data[i] and checks its syntax. depth is
// how many arrays and objects surround it. The stack of open containers is a bit set, so that no
// input makes it recurse or allocate.
func scanValue(data []byte, i, depth int) (int, error) {
	var objects [MaxDepth/64 + 1]uint64 // bit d is set where the container at depth d is an object
	base := depth
	for {
		// A value begins at i.
		if i >= len(data) {
			return 0, ErrJSON
		}
		opened := false
		switch c := data[i]; c {
		case '{', '[':
			if depth == MaxDepth {
				return 0, ErrDepth
			}
			bit := uint64(1) << (depth % 64)
			if c == '{' {
				objects[depth/64] |= bit
			} else {
				objects[depth/64] &^= bit
			}
			depth++
			i = skipSpace(data, i+1)
			if i == len(data) {
				return 0, ErrJSON
			}
			opened = data[i] != c+2 // ']' and '}' both stand two after their opening bracket
		default:
			if i = scanScalar(data, i); i < 0 {
				return 0, ErrJSON
			}
		}
		// After a value, close what ends here; then either all is done, or another value follows.
		for !opened {
			if depth == base {
				return i, nil
			}
			i = skipSpace(data, i)
			if i == len(data) {
				return 0, ErrJSON
			}
			inObject := objects[(depth-1)/64]>>((depth-1)%64)&1 == 1
			switch {
			case data[i] == ',':
				i = skipSpace(data, i+1)
				opened = true
			case data[i] == '}' && inObject, data[i] == ']' && !inObject:
				i++
				depth--
			default:
				return 0, ErrJSON
			}
		}
		if objects[(depth-1)/64]>>((depth-1)%64)&1 == 1 {
			if i == len(data) || data[i] != '"' {
				return 0, ErrJSON
			}
			if i = scanString(data, i); i < 0 {
				return 0, ErrJSON
			}
			i = skipSpace(data, i)
			if i == len(data) || data[i] != ':' {
				return 0, ErrJSON
			}
			i = skipSpace(data, i+1)
		}
	}
}

// scanScalar gives the end of the string, number or literal at data[i], or -1.
func scanScalar(data []byte, i int) int {
	switch data[i] {
	case '"':
		return scanString(data, i)
	case 't':
		return scanLiteral(data, i, "true")
	case 'f':
		return scanLiteral(data, i, "false")
	case 'n':
		return scanLiteral(data, i, "null")
	}
	return scanNumber(data, i)
}

func scanLiteral(data []byte, i int, literal string) int {
	if len(data)-i < len(literal) || string(data[i:i+len(literal)]) != literal {
		return -1
	}
	return i + len(literal)
}

func scanString(data []byte, i int) int {
	for i++; i < len(data); i++ {
		switch c := data[i]; {
		case c == '"':
			return i + 1
		case c < 0x20:
			return -1
		case c == '\\':
			i++
			if i == len(data) {
				return -1
			}
			switch data[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				if len(data)-i < 5 {
					return -1
				}
				for _, h := range data[i+1 : i+5] {
					if (h < '0' || h > '9') && (h|0x20 < 'a' || h|0x20 > 'f') {
						return -1
					}
				}
				i += 4
			default:
				return -1
			}
		}
	}
	return -1
}

func scanNumber(data []byte, i int) int {
	if i < len(data) && data[i] == '-' {
		i++
	}
	start := i
	i = skipDigits(data, i)
	if i == start || data[start] == '0' && i > start+1 {
		return -1
	}
	if i < len(data) && data[i] == '.' {
		start = i + 1
		if i = skipDigits(data, start); i == start {
			return -1
		}
	}
	if i < len(data) && data[i]|0x20 == 'e' {
		i++
		if i < len(data) && (data[i] == '+' || data[i] == '-') {
			i++
		}
		start = i
		if i = skipDigits(data, start); i == start {
			return -1
		}
	}
	return i
}

func skipDigits(data []byte, i int) int {
	for i < len(data) && data[i] >= '0' && data[i] <= '9' {
		i++
	}
	return i
}
