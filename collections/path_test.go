package collections

import (
	"encoding/json"
	"testing"
)

// closely is what lookFor must agree with, wherever it says something.
func closely(b []byte, name string) int {
	return max(0, findMember(b, 0, &segment{name: name, plain: true}))
}

func TestLookFor(t *testing.T) {
	for _, c := range []struct {
		item string
		sure bool // it need not look closer
	}{
		{`{"id":12,"a":1}`, true},
		{`{"id":1,"b":2,"c":3}`, true},
		{`{"a":1,"b":{"c":2}}`, true},
		{`{"b":[1,"a"],"c":"a","a":5}`, true},
		{`{"b":"x;:","a":":","c":1}`, true},
		{`{"a":{"b":1},"c":2}`, true},
		{`{"b":[{"a":1}],"c":3}`, false},
		{`{"b":[{"a":1}],"a":3}`, false},
		{`{"b":{"a":1},"c":33}`, false},
		{`{"b":"{","c":"yes","a":1}`, false},
		{`{"a" : 1,"b":2}`, false},
		{`{"b":"10:30","c":1}`, false},
		{`{"\u0061":1,"b":2}`, false},
		{`{"b\"a":1,"c":2}`, false},
		{`{"b\\":1,"a":22}`, true},
		{`{"b":"\"a\":1","c":1}`, false},
		{`{"b":"\"a","c":"x"}`, false},
		{`{"aa":1,"ba":2,"Xa":3}`, true},
		{`{"b":1,":;a":2,"a":3}`, true},
		{`{"b":"x","a":"a:;"}`, true},
	} {
		got, want := lookFor([]byte(c.item), "a"), closely([]byte(c.item), "a")
		if c.sure && got != want || !c.sure && got != -1 {
			t.Errorf("%s: found a at %d, it is at %d, sure: %v", c.item, got, want, c.sure)
		}
	}
}

// FuzzLookFor compares it with going over each member of checked JSON.
func FuzzLookFor(f *testing.F) {
	for _, item := range []string{
		`{"id":1,"name":"Tea","stock":5,"tags":["a","b"],"info":{"name":"x"}}`,
		`{"info":{"name":"x"},"name":1}`, `{"a":"\"name\":","n\u0061me":1}`, `{ "a" : ":" , "name" : ";" }`, `{"\\":"","name":{"a":1}}`,
	} {
		f.Add([]byte(item), "name")
		f.Add([]byte(item), "a")
	}
	f.Fuzz(func(t *testing.T, item []byte, name string) {
		if !isWord(name) || len(item) < 8 || item[0] != '{' || !json.Valid(item) || CheckJSON(item, MaxDepth) != nil {
			return
		}
		if got, want := lookFor(item, name), closely(item, name); got >= 0 && got != want {
			t.Errorf("%s: found %s at %d, it is at %d", item, name, got, want)
		}
	})
}
