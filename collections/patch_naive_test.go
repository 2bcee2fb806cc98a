package collections

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var errNaive = errors.New("does not apply")

// deepCopy shares no arrays and objects with v.
func deepCopy(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = deepCopy(v[i])
		}
		return out
	case map[string]any:
		out := maps.Clone(v)
		for k := range out {
			out[k] = deepCopy(out[k])
		}
		return out
	}
	return v
}

func naiveIndex(s string, n int) (int, error) {
	i, err := strconv.Atoi(s)
	if err != nil || strconv.Itoa(i) != s || i < 0 || i >= n {
		return 0, errNaive
	}
	return i, nil
}

func naiveGet(doc any, path []string) (any, error) {
	for _, name := range path {
		switch at := doc.(type) {
		case map[string]any:
			v, ok := at[name]
			if !ok {
				return nil, errNaive
			}
			doc = v
		case []any:
			i, err := naiveIndex(name, len(at))
			if err != nil {
				return nil, err
			}
			doc = at[i]
		default:
			return nil, errNaive
		}
	}
	return doc, nil
}

// naiveSet is add (insert), replace, or remove (v is removed{}) on a document that may be changed.
func naiveSet(doc any, path []string, v any, insert bool) (any, error) {
	_, remove := v.(removed)
	if len(path) == 0 {
		return v, nil
	}
	name := path[0]
	switch at := doc.(type) {
	case map[string]any:
		if len(path) == 1 {
			if _, there := at[name]; !there && !insert {
				return nil, errNaive
			}
			at[name] = v
			if remove {
				delete(at, name)
			}
			return at, nil
		}
		below, there := at[name]
		if !there {
			return nil, errNaive
		}
		var err error
		at[name], err = naiveSet(below, path[1:], v, insert)
		return at, err
	case []any:
		if len(path) == 1 && insert {
			if name == "-" {
				return append(at, v), nil
			}
			i, err := naiveIndex(name, len(at)+1)
			if err != nil {
				return nil, err
			}
			return slices.Insert(at, i, v), nil
		}
		i, err := naiveIndex(name, len(at))
		switch {
		case err != nil:
			return nil, err
		case len(path) == 1 && remove:
			return slices.Delete(at, i, i+1), nil
		case len(path) == 1:
			at[i] = v
			return at, nil
		}
		at[i], err = naiveSet(at[i], path[1:], v, insert)
		return at, err
	}
	return nil, errNaive
}

type removed struct{}

func naivePointer(s string) []string {
	if s == "" {
		return nil
	}
	names := strings.Split(s[1:], "/")
	for i := range names {
		names[i] = strings.NewReplacer("~1", "/", "~0", "~").Replace(names[i])
	}
	return names
}

// naivePatch is RFC 6902 over decoded values.
func naivePatch(doc any, ops []any) (any, error) {
	doc = deepCopy(doc)
	for _, o := range ops {
		op := o.(map[string]any)
		path := naivePointer(op["path"].(string))
		value := deepCopy(op["value"])
		var err error
		switch op["op"] {
		case "test":
			v, e := naiveGet(doc, path)
			if err = e; err == nil && !same(v, value) {
				err = errNaive
			}
		case "add":
			doc, err = naiveSet(doc, path, value, true)
		case "replace":
			doc, err = naiveSet(doc, path, value, false)
		case "remove":
			doc, err = naiveSet(doc, path, removed{}, false)
		default:
			from := naivePointer(op["from"].(string))
			v, e := naiveGet(doc, from)
			v = deepCopy(v)
			if err = e; err == nil && op["op"] == "move" {
				if slices.Equal(from, path) {
					continue
				}
				doc, err = naiveSet(doc, from, removed{}, false)
			}
			if err == nil {
				doc, err = naiveSet(doc, path, v, true)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return doc, nil
}

// pointers are the paths of all values in a document, and of some that are not there.
func pointers(v any, path string) []string {
	out := []string{path, path + "/x", path + "/-"}
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			out = append(out, pointers(v[k], path+"/"+pointerEscape.Replace(k))...)
		}
	case []any:
		for i := range v {
			out = append(out, pointers(v[i], fmt.Sprintf("%s/%d", path, i))...)
		}
		out = append(out, fmt.Sprintf("%s/%d", path, len(v)))
	}
	return out
}

func TestApplyPatchAgainstNaive(t *testing.T) {
	applied := 0
	rapid.Check(t, func(t *rapid.T) {
		doc := randomObject(2).Draw(t, "doc")
		if rapid.Bool().Draw(t, "many members") { // then they are looked up in another way
			for i := range 30 {
				doc[fmt.Sprint("m", i)] = json.Number(fmt.Sprint(i))
			}
		}
		var ops []any
		now := any(doc)
		for range rapid.IntRange(1, 8).Draw(t, "operations") {
			where := rapid.SampledFrom(pointers(now, ""))
			op := map[string]any{"op": rapid.SampledFrom([]string{"add", "remove", "replace", "move", "copy", "test"}).Draw(t, "op"), "path": where.Draw(t, "path")}
			switch op["op"] {
			case "add", "replace":
				op["value"] = randomJSON(1).Draw(t, "value")
			case "test":
				v, _ := naiveGet(now, naivePointer(op["path"].(string)))
				op["value"] = v
				if rapid.IntRange(0, 5).Draw(t, "other") == 0 {
					op["value"] = randomJSON(0).Draw(t, "value")
				}
			case "remove":
				if op["path"] == "" {
					continue
				}
			default:
				op["from"] = where.Draw(t, "from")
				if op["op"] == "move" && op["path"] != op["from"] && strings.HasPrefix(op["path"].(string)+"/", op["from"].(string)+"/") {
					continue
				}
			}
			ops = append(ops, op)
			next, err := naivePatch(now, []any{op})
			if err != nil {
				break // the last one, which fails
			}
			now = next
		}
		x, patch := spell(t, doc), spell(t, append([]any{}, ops...))
		want, wantErr := naivePatch(doc, ops)
		got, err := ApplyPatch(x, patch)
		switch {
		case wantErr != nil && !errors.Is(err, ErrConflict):
			t.Fatalf("%s on %s gives %s, %v: want a conflict", patch, x, got, err)
		case wantErr != nil:
			return
		case err != nil:
			t.Fatalf("%s on %s: %v", patch, x, err)
		}
		applied++
		if s := spell(t, want); !EqualJSON(got, s) {
			t.Fatalf("%s on %s gives %s, want %s", patch, x, got, s)
		}
	})
	if applied == 0 {
		t.Error("no patch applied")
	}
}
