package hostile

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// expand replaces what stands between << and >>. round is the number that <<i>> stands
// for; named gives the value of a name.
func expand(text string, round int, named func(string) (string, bool)) (string, error) {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(text, "<<")
		out.WriteString(before)
		if !found {
			return out.String(), nil
		}
		end := matching(rest)
		if end < 0 {
			return "", fmt.Errorf("<< without its >> in %.80q", text)
		}
		inner := rest[:end]
		text = rest[end+2:]
		if digits, ok := strings.CutPrefix(inner, "hex "); ok {
			raw, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
			if err != nil {
				return "", fmt.Errorf("<<%s>>: %w", inner, err)
			}
			out.Write(raw)
			continue
		}
		if pack, ok := packers[firstWord(inner)]; ok {
			_, plain, _ := strings.Cut(inner, " ")
			plain, err := expand(plain, round, named)
			if err != nil {
				return "", err
			}
			out.WriteString(pack(plain))
			continue
		}
		if inner == "i" {
			out.WriteString(strconv.Itoa(round))
			continue
		}
		if count, body, ok := strings.Cut(inner, "*"); ok {
			n, err := strconv.Atoi(count)
			if err != nil {
				return "", fmt.Errorf("<<%.40s>>: %w", inner, err)
			}
			if !strings.Contains(body, "<<") {
				out.WriteString(strings.Repeat(body, n))
				continue
			}
			for i := range n {
				part, err := expand(body, i, named)
				if err != nil {
					return "", err
				}
				out.WriteString(part)
			}
			continue
		}
		value, ok := named(inner)
		if !ok {
			return "", fmt.Errorf("<<%.40s>> stands for nothing", inner)
		}
		out.WriteString(value)
	}
}

// packers are what compresses: a message of permessage-deflate, and a body.
var packers = map[string]func(plain string) string{
	"deflate": func(plain string) string {
		var out bytes.Buffer
		w, err := flate.NewWriter(&out, flate.BestSpeed)
		if err != nil {
			panic(err) // the level exists
		}
		_, _ = w.Write([]byte(plain)) // a buffer takes everything
		_ = w.Flush()
		return strings.TrimSuffix(out.String(), "\x00\x00\xff\xff") // RFC 7692, 7.2.1
	},
	"gzip": func(plain string) string {
		var out bytes.Buffer
		w := gzip.NewWriter(&out)
		_, _ = w.Write([]byte(plain))
		_ = w.Close()
		return out.String()
	},
}

func firstWord(text string) string {
	word, _, _ := strings.Cut(text, " ")
	return word
}

// matching finds the >> that belongs to a << before text.
func matching(text string) int {
	for i, depth := 0, 1; i+1 < len(text); i++ {
		switch text[i : i+2] {
		case "<<":
			depth++
			i++
		case ">>":
			if depth--; depth == 0 {
				return i
			}
			i++
		}
	}
	return -1
}

// matches tells whether a text fits a pattern, in which * is any text.
func matches(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == text
	}
	text, ok := strings.CutPrefix(text, parts[0])
	if !ok {
		return false
	}
	last := parts[len(parts)-1]
	for _, part := range parts[1 : len(parts)-1] {
		if _, text, ok = strings.Cut(text, part); !ok {
			return false
		}
	}
	return strings.HasSuffix(text, last)
}
