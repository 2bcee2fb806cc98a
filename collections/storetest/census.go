package storetest

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ackbase/collections"
)

// testCensus is for stores whose readers are a collections.Census.
func testCensus(t *testing.T, open Open) {
	h := start(t, open, nil)
	// census is nil where the store is none.
	census := func(after string, max int) (list []collections.Size, is bool) {
		h.view(func(r collections.Reader) {
			c, ok := r.(collections.Census)
			if !ok {
				return
			}
			found, err := c.Collections(after, max)
			if err != nil {
				t.Errorf("Collections(%q, %d): %v", after, max, err)
			}
			list, is = found, true
		})
		return list, is
	}
	empty, is := census("", 10)
	if !is {
		return // an ability that a store may lack
	}
	if len(empty) > 0 {
		t.Errorf("nobody has written and there are the collections %v", empty)
	}
	for i := range 3 {
		h.put("b-things", number(uint64(i+1)), fmt.Sprintf(`{"id":%d}`, i+1))
	}
	h.put("C", number(1), `{"id":1}`)
	h.put("a", text("x"), `{"id":"x"}`)
	h.put("a", text("x"), `{"id":"x","again":true}`)
	h.remove("b-things", number(2))
	for _, c := range []struct {
		after string
		max   int
		want  []collections.Size
	}{
		{"", 10, []collections.Size{{Collection: "C", Items: 1}, {Collection: "a", Items: 1}, {Collection: "b-things", Items: 2}}},
		{"", 2, []collections.Size{{Collection: "C", Items: 1}, {Collection: "a", Items: 1}}},
		{"a", 2, []collections.Size{{Collection: "b-things", Items: 2}}},
		{"aa", 2, []collections.Size{{Collection: "b-things", Items: 2}}},
		{"b-things", 2, nil},
	} {
		if got, _ := census(c.after, c.max); !cmp.Equal(c.want, got) {
			t.Errorf("Collections(%q, %d) are %v, want %v", c.after, c.max, got, c.want)
		}
	}
}
