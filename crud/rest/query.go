package rest

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxFilterParts bounds the names of one filter parameter, as in filters[a][b].
const maxFilterParts = 40

// writeOptions makes the options of a write from the headers and from ?reason=;
// nil where there are none.
func writeOptions(header http.Header, query url.Values) (json.RawMessage, error) {
	options := map[string]any{}
	for name, values := range query {
		switch {
		case name != "reason":
			return nil, fmt.Errorf("a write knows no parameter %q: it knows reason; conditions and keys are headers (If-Match, If-None-Match, Idempotency-Key)", name)
		case len(values) > 1:
			return nil, errRepeated(name, values)
		case !utf8.ValidString(values[0]):
			return nil, errNoText(name)
		}
		options["reason"] = values[0]
	}
	match, none := header.Values("If-Match"), header.Values("If-None-Match")
	switch {
	case len(match)+len(none) > 1:
		return nil, errors.New("a write takes one condition: If-Match with one revision or *, or If-None-Match: *")
	case len(match) == 1:
		rev, err := entityTag(match[0])
		if err != nil {
			return nil, fmt.Errorf(`If-Match is one revision in quotes, as an ETag gave it, or *: %w`, err)
		}
		options["ifMatch"] = rev
	case len(none) == 1:
		if strings.TrimSpace(none[0]) != "*" {
			return nil, errors.New("If-None-Match of a write is *: only if there is no such item")
		}
		options["ifMatch"] = nil
	}
	switch keys := header.Values("Idempotency-Key"); {
	case len(keys) > 1:
		return nil, fmt.Errorf("the header Idempotency-Key is there %d times: a write has one key", len(keys))
	case len(keys) == 1:
		key := keys[0]
		if !utf8.ValidString(key) { // two keys in Latin-1 must not become the same one
			return nil, errors.New("the header Idempotency-Key is no UTF-8: take a key of ASCII characters, such as a UUID")
		}
		// The header is a quoted string by its draft, and a bare one in practice.
		if len(key) >= 2 && key[0] == '"' && key[len(key)-1] == '"' {
			key = key[1 : len(key)-1]
		}
		options["key"] = key
	}
	if len(options) == 0 {
		return nil, nil
	}
	return json.Marshal(options)
}

// entityTag is the text of a strong entity tag (RFC 9110, 8.8.3), or *.
func entityTag(s string) (string, error) {
	s = strings.TrimSpace(s)
	if s == "*" {
		return s, nil
	}
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' || strings.Contains(s[1:len(s)-1], `"`) {
		return "", fmt.Errorf("got %q", s)
	}
	return s[1 : len(s)-1], nil
}

// readOptions makes the query of a list, or the options of a GET by id, from a
// URL's parameters; nil where there are none.
func readOptions(query url.Values, byID bool) (json.RawMessage, error) {
	options := map[string]any{}
	filters := &node{}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		values := query[name]
		for _, text := range append([]string{name}, values...) {
			if !utf8.ValidString(text) {
				return nil, errNoText(name)
			}
		}
		base, path, err := splitName(name)
		if err != nil {
			return nil, err
		}
		if base == "filters" {
			if err := filters.add(name, path, values); err != nil {
				return nil, err
			}
			continue
		}
		if len(path) > 0 {
			return nil, fmt.Errorf("the parameter %q has brackets: only filters has", name)
		}
		if len(values) > 1 {
			return nil, errRepeated(name, values)
		}
		options[base] = values[0]
		if base == "total" || base == "patch" {
			if options[base], err = boolean(name, values[0]); err != nil {
				return nil, err
			}
		}
	}
	if filters.members != nil || filters.raw != nil {
		if byID {
			return nil, errors.New("filters are for a list, not for one item")
		}
		options["filters"] = filters
	}
	if len(options) == 0 {
		return nil, nil
	}
	return json.Marshal(options)
}

func errRepeated(name string, values []string) error {
	return fmt.Errorf("the parameter %q is there %d times", name, len(values))
}

// errNoText is for what encoding/json would replace without a word.
func errNoText(name string) error {
	return fmt.Errorf("the parameter %q is no UTF-8, percent-encoded", name)
}

func boolean(name, value string) (bool, error) {
	if value != "true" && value != "false" {
		return false, fmt.Errorf("%s is true or false, not %q", name, value)
	}
	return value == "true", nil
}

// splitName cuts filters[a.b][$gt] into filters and its parts.
func splitName(name string) (base string, path []string, err error) {
	base, rest, _ := strings.Cut(name, "[")
	if len(rest) == 0 && base == name {
		return base, nil, nil
	}
	for rest = "[" + rest; rest != ""; {
		part, tail, ok := strings.Cut(rest[1:], "]")
		if !ok || tail != "" && tail[0] != '[' {
			return "", nil, fmt.Errorf("the parameter %q is malformed: brackets come in pairs, as in filters[price][$gt]", name)
		}
		path, rest = append(path, part), tail
	}
	if len(path) > maxFilterParts {
		return "", nil, fmt.Errorf("a filter parameter has %d names in brackets at the most", maxFilterParts)
	}
	return base, path, nil
}

// node is a part of the filters: a value, several values, members, or a JSON text.
type node struct {
	raw     json.RawMessage // ?filters={…}
	values  []any
	several bool // it is an array even with one value
	members map[string]*node
}

// add puts the values of one parameter at its place.
func (n *node) add(name string, path, values []string) error {
	if len(path) == 0 {
		if len(values) != 1 || n.members != nil || !json.Valid([]byte(values[0])) {
			return errors.New(`filters is one JSON object, ?filters={"price":{"$gt":10}}, or parameters with brackets, ?filters[price][$gt]=10`)
		}
		n.raw = json.RawMessage(values[0])
		return nil
	}
	if n.raw != nil {
		return errors.New("filters come as one JSON object or with brackets, not both")
	}
	last := ""
	for i, part := range path {
		if n.values != nil {
			return errTwice(name)
		}
		if part == "" { // filters[tag][$in][]=a
			if i == 0 || i != len(path)-1 {
				return fmt.Errorf("the parameter %q has empty brackets where a name belongs", name)
			}
			n.several = true
			break
		}
		if n.members == nil {
			n.members = map[string]*node{}
		}
		if n.members[part] == nil {
			n.members[part] = &node{}
		}
		n, last = n.members[part], part
	}
	if n.members != nil || n.values != nil {
		return errTwice(name)
	}
	for _, value := range values {
		if last == "$exists" {
			b, err := boolean(name, value)
			if err != nil {
				return err
			}
			n.values = append(n.values, b)
		} else {
			n.values = append(n.values, value)
		}
	}
	n.several = n.several || last == "$in" || last == "$nin"
	if len(values) > 1 && !n.several {
		return fmt.Errorf("the parameter %q is there %d times: for one of several values it is %s[$in]", name, len(values), name)
	}
	return nil
}

func errTwice(name string) error {
	return fmt.Errorf("the parameter %q stands where another one has put something", name)
}

// MarshalJSON makes what the verbs take. Members named 0, 1, 2 … are an array.
func (n *node) MarshalJSON() ([]byte, error) {
	switch {
	case n.raw != nil:
		return n.raw, nil
	case n.several:
		return json.Marshal(n.values)
	case n.members == nil:
		return json.Marshal(n.values[0])
	}
	list := make([]*node, len(n.members))
	for name, member := range n.members {
		i, err := strconv.Atoi(name)
		if err != nil || i < 0 || i >= len(list) || strconv.Itoa(i) != name {
			return json.Marshal(n.members)
		}
		list[i] = member
	}
	return json.Marshal(list)
}
