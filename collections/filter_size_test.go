package collections

import (
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// TestFilterSize compares what a filter says that it takes with what it takes: a server counts on it that
// strangers' filters do not fill its memory.
func TestFilterSize(t *testing.T) {
	in := func(n int, value func(int) string) string {
		var values []string
		for i := range n {
			values = append(values, value(i))
		}
		return strings.Join(values, ",")
	}
	for name, text := range map[string]string{
		"numbers":       `{"a":{"$in":[` + in(1000, func(i int) string { return fmt.Sprint(i) }) + `]}}`,
		"numeric texts": `{"a":{"$in":[` + in(1000, func(i int) string { return fmt.Sprintf(`"%d"`, i) }) + `]}}`,
		"texts":         `{"a":{"$in":[` + in(300, func(i int) string { return fmt.Sprintf(`"%d%s"`, i, strings.Repeat("x", 100)) }) + `]}}`,
		"conditions":    `{` + in(200, func(i int) string { return fmt.Sprintf(`"field%d":{"$gt":%d}`, i, i) }) + `}`,
		"deep paths":    `{` + in(200, func(i int) string { return fmt.Sprintf(`"%sx%d":1`, strings.Repeat("a.", 50), i) }) + `}`,
		"alternatives":  `{"$or":[` + in(100, func(i int) string { return fmt.Sprintf(`{"a%d":{"$contains":"%d"}}`, i, i) }) + `]}`,
	} {
		list := make([]*Filter, 50)
		before := live()
		for i := range list {
			f, err := ParseFilter(json.RawMessage(text))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			list[i] = f
		}
		took := int(live()-before) / len(list)
		if size := list[0].Size(); took > 2*size || size > 2*took {
			t.Errorf("%s: a filter of %d bytes says that it takes %d, and takes %d", name, len(text), size, took)
		}
		runtime.KeepAlive(list)
	}
	if (*Filter)(nil).Size() != 0 {
		t.Error("no filter takes something")
	}
}

func live() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
