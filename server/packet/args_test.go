package packet

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ackbase/server/hostile"
)

func TestArgs(t *testing.T) {
	for text, want := range map[string][]string{
		`[]`:                            nil,
		` [ ] `:                         nil,
		`["GET","items",1]`:             {`"GET"`, `"items"`, `1`},
		`[ "a" , { "b" : [ 1 , 2 ] } ]`: {`"a"`, `{ "b" : [ 1 , 2 ] }`},
		`[1,-0,1.5e+3,true,false,null]`: {`1`, `-0`, `1.5e+3`, `true`, `false`, `null`},
		`["\"]\\",{"]":"}"}]`:           {`"\"]\\"`, `{"]":"}"}`},
		`[[],{},[{}],{"a":[]}]`:         {`[]`, `{}`, `[{}]`, `{"a":[]}`},
		`["\ud800",{"a":1,"a":2}]`:      {`"\ud800"`, `{"a":1,"a":2}`},
		"[\"\xff\"]":                    {"\"\xff\""},
	} {
		args, err := Args(nil, []byte(text))
		if err != nil {
			t.Errorf("Args(%q): %v", text, err)
		}
		var got []string
		for _, a := range args {
			got = append(got, string(a))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Args(%q): %s", text, diff)
		}
	}
	for text, want := range map[string]error{
		``:           ErrNotArray,
		`{}`:         ErrNotArray,
		`"x"`:        ErrNotArray,
		`abc["x"]`:   ErrNotArray,
		`[`:          ErrJSON,
		`[1`:         ErrJSON,
		`[1,]`:       ErrJSON,
		`[,1]`:       ErrJSON,
		`[1 2]`:      ErrJSON,
		`[1]]`:       ErrJSON,
		`[1]x`:       ErrJSON,
		`[01]`:       ErrJSON,
		`[1.]`:       ErrJSON,
		`[.5]`:       ErrJSON,
		`[1e]`:       ErrJSON,
		`[+1]`:       ErrJSON,
		`[-]`:        ErrJSON,
		`[tru]`:      ErrJSON,
		`[NaN]`:      ErrJSON,
		`['a']`:      ErrJSON,
		`["a]`:       ErrJSON,
		"[\"a\nb\"]": ErrJSON,
		`["\x"]`:     ErrJSON,
		`["\u12g4"]`: ErrJSON,
		`["\u12`:     ErrJSON,
		`["\`:        ErrJSON,
		`[{]`:        ErrJSON,
		`[{"a"}]`:    ErrJSON,
		`[{"a":}]`:   ErrJSON,
		`[{"a":1,}]`: ErrJSON,
		`[{1:1}]`:    ErrJSON,
		`[{"a":1]]`:  ErrJSON,
		`[[1}]`:      ErrJSON,
		`[{"a":1`:    ErrJSON,
		"[1]\x00":    ErrJSON,
	} {
		if args, err := Args(nil, []byte(text)); !errors.Is(err, want) || args != nil {
			t.Errorf("Args(%q) = %q, %v, want %v", text, args, err, want)
		}
	}
}

func TestArgsDepth(t *testing.T) {
	nested := func(depth int) []byte {
		return []byte(strings.Repeat("[", depth) + strings.Repeat("]", depth))
	}
	if _, err := Args(nil, nested(MaxDepth)); err != nil {
		t.Errorf("%d arrays: %v", MaxDepth, err)
	}
	if _, err := Args(nil, nested(MaxDepth+1)); !errors.Is(err, ErrDepth) {
		t.Errorf("%d arrays: %v, want ErrDepth", MaxDepth+1, err)
	}
	if _, err := Valid(nested(MaxDepth)); err != nil {
		t.Errorf("Valid of %d arrays: %v", MaxDepth, err)
	}
	// A million brackets cost one pass at most, and no stack.
	if _, err := Args(nil, bytes.Repeat([]byte(`[{"a":`), 1<<20)); !errors.Is(err, ErrDepth) {
		t.Errorf("a million brackets: %v", err)
	}
}

func TestNames(t *testing.T) {
	for raw, want := range map[string]string{
		`"message"`: "message", `""`: "", `"a\nb"`: "a\nb", `"\u0061"`: "a", `1`: "1", `-0`: "0", `1.0`: "1", `1e3`: "1000", `0.5`: "0.5",
	} {
		if err := CheckName([]byte(raw)); err != nil {
			t.Errorf("CheckName(%s): %v", raw, err)
		}
		if got := Name([]byte(raw)); got != want {
			t.Errorf("Name(%s) = %q, want %q", raw, got, want)
		}
	}
	for _, raw := range []string{
		`"connect"`, `"connect_error"`, `"disconnect"`, `"disconnecting"`, `"newListener"`, `"removeListener"`,
		`"\u0063onnect"`, `null`, `true`, `{}`, `[]`, ``,
	} {
		if CheckName([]byte(raw)) == nil {
			t.Errorf("CheckName(%s) passed", raw)
		}
	}
}

func TestPlaceholders(t *testing.T) {
	for arg, want := range map[string]string{
		`1`:                             `1`,
		`"x"`:                           `"x"`,
		`{"_placeholder":true,"num":0}`: `#0`,
		`{"num":1,"_placeholder":true}`: `#1`,
		`{"a":[1,{"_placeholder":true,"num":1}],"b":{"_placeholder":true,"num":0}}`: `{"a":[1,#1],"b":#0}`,
		`{"\u005fplaceholder":true,"num":1}`:                                        `#1`,
		`{"_placeholder":false,"num":7}`:                                            `{"_placeholder":false,"num":7}`,
		`{"_placeholder":"true"}`:                                                   `{"_placeholder":"true"}`,
		`"_placeholder"`:                                                            `"_placeholder"`,
		`{"_placeholder":true,"num":9,"num":1}`:                                     `#1`,
		`[{"x":{"_placeholder":true,"num":1.0}} , {"_placeholder":true,"num":1}]`:   `[{"x":#1} , #1]`,
	} {
		got, err := ReplacePlaceholders(nil, []byte(arg), 2, func(dst []byte, num int) []byte {
			return append(dst, '#', '0'+byte(num))
		})
		if err != nil || string(got) != want {
			t.Errorf("%s became %s (%v), want %s", arg, got, err, want)
		}
	}
	for _, arg := range []string{
		`{"_placeholder":true}`, `{"_placeholder":true,"num":2}`, `{"_placeholder":true,"num":-1}`, `{"_placeholder":true,"num":"0"}`,
		`{"_placeholder":true,"num":0.5}`, `{"_placeholder":true,"num":1e400}`, `[[{"a":{"_placeholder":true,"num":[0]}}]]`,
		`{"_placeholder":true,"num":0,"num":null}`,
	} {
		if err := CheckPlaceholders([]byte(arg), 2); !errors.Is(err, ErrPlaceholder) {
			t.Errorf("%s: %v, want ErrPlaceholder", arg, err)
		}
	}
	if got := string(AppendPlaceholder(nil, 12)); got != `{"_placeholder":true,"num":12}` {
		t.Error(got)
	}
}

// data gives the JSON of the hostile corpus's packets.
func data() (list [][]byte) {
	for _, packets := range hostile.Packets() {
		for _, text := range strings.Split(packets, "\n") {
			if p, err := Parse([]byte(strings.TrimPrefix(text, "4")), 1000); err == nil && p.Data != nil {
				list = append(list, p.Data)
			}
		}
	}
	return list
}

func FuzzArgs(f *testing.F) {
	for _, seed := range []string{
		`[]`, `["GET","items",1]`, `[{"a":[1,2,{"b":null}]},"\u00e9\\"]`, `[1e5,-0.1,true]`, `[[[[]]]]`, `[1,]`, "[\"\xff\"]", `{"a":1}`, ` [ "a" ] `, `[{"":{}}]`,
	} {
		f.Add([]byte(seed))
	}
	for _, seed := range data() {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var want []json.RawMessage
		oracle := json.Unmarshal(data, &want)
		args, err := Args(nil, data)
		switch {
		case errors.Is(err, ErrDepth):
			if bytes.Count(data, []byte("["))+bytes.Count(data, []byte("{")) <= MaxDepth {
				t.Fatalf("%q is said to be too deep", data)
			}
			return
		case err == nil && oracle != nil:
			t.Fatalf("%q passed, encoding/json says %v", data, oracle)
		case err != nil && oracle == nil && want != nil: // null is a nil slice to encoding/json
			t.Fatalf("%q: %v, encoding/json takes it", data, err)
		}
		if err == nil {
			if len(args) != len(want) {
				t.Fatalf("%q: %d elements, want %d", data, len(args), len(want))
			}
			for i := range args {
				if !bytes.Equal(args[i], want[i]) {
					t.Fatalf("%q: element %d is %q, want %q", data, i, args[i], want[i])
				}
				if err := CheckPlaceholders(args[i], 1); err != nil && !errors.Is(err, ErrPlaceholder) {
					t.Fatalf("%q: placeholders of a valid element: %v", args[i], err)
				}
				if CheckName(args[i]) == nil {
					_ = Name(args[i])
				}
			}
		}
		if kind, err := Valid(data); (err == nil) != json.Valid(data) && !errors.Is(err, ErrDepth) {
			t.Fatalf("Valid(%q) = %c, %v", data, kind, err)
		}
	})
}

func FuzzPlaceholders(f *testing.F) {
	for _, seed := range []string{
		`{"_placeholder":true,"num":0}`, `[{"a":{"_placeholder":true,"num":1}},2]`, `{"_placeholder":true,"num":{"_placeholder":true,"num":0}}`, `{"\u005fplaceholder":true,"num":1}`,
	} {
		f.Add([]byte(seed))
	}
	for _, seed := range data() {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := Valid(data); err != nil {
			return
		}
		var value any
		if json.Unmarshal(data, &value) != nil {
			return // a number beyond float64
		}
		got, err := ReplacePlaceholders(nil, data, 2, func(dst []byte, num int) []byte { return append(dst, "null"...) })
		if err != nil {
			return
		}
		var replaced any
		if err := json.Unmarshal(got, &replaced); err != nil {
			t.Fatalf("%q became %q: %v", data, got, err)
		}
		if !reflect.DeepEqual(withoutPlaceholders(value), replaced) { // what is nested deeply takes cmp.Diff forever
			t.Fatalf("%q became %q", data, got)
		}
	})
}

// withoutPlaceholders is the slow and obvious form of what ReplacePlaceholders does.
func withoutPlaceholders(value any) any {
	switch v := value.(type) {
	case map[string]any:
		if v["_placeholder"] == true {
			return nil
		}
		for k := range v {
			v[k] = withoutPlaceholders(v[k])
		}
	case []any:
		for i := range v {
			v[i] = withoutPlaceholders(v[i])
		}
	}
	return value
}

func BenchmarkParse(b *testing.B) {
	text := []byte(`213["PUT","items",1,{"id":1,"name":"A thing with a name","price":12.5,"tags":["a","b"]}]`)
	var args []json.RawMessage
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		p, err := Parse(text, 10)
		if err != nil {
			b.Fatal(err)
		}
		if args, err = Args(args[:0], p.Data); err != nil {
			b.Fatal(err)
		}
	}
}
