package crud_test

import (
	"fmt"
	"testing"
)

// TestASnapshotThatNeverCame: a snapshot of what is subscribed to already takes the place of events that are on their
// way. When the connection breaks, nobody knows whether it came: then the client is not recovered, but where nothing was on its way.
func TestASnapshotThatNeverCame(t *testing.T) {
	s, _ := open(t, nil)
	writer := dial(s, "writer", 1<<20)
	defer writer.hangUp()
	for n, test := range []struct {
		missed string // the collection of a change that was on its way
		want   bool
	}{{"items", false}, {"others", true}, {"", true}} {
		t.Run(fmt.Sprintf("%q", test.missed), func(t *testing.T) {
			c := dialRecoverable(s, fmt.Sprint("pid", n), 1<<20)
			c.must(t, "SUBSCRIBE", "items")
			put(t, writer, "items", 10*n)
			offset := c.offsetOf(t)
			if test.missed != "" {
				put(t, writer, test.missed, 10*n+1)
			}
			for i := range 2 {
				c.ask(i, "SUBSCRIBE", "items", map[string]any{"snapshot": true})
				for {
					if a, ok := c.next().(answer); ok {
						if a.fault != "null" {
							t.Fatal(a)
						}
						break
					}
				}
			}
			again := c.lose(s, offset) // as it would if neither answer had come
			if got := again != nil; got != test.want {
				t.Fatalf("recovered: %t", got)
			}
			if again == nil {
				return
			}
			defer again.hangUp()
			put(t, writer, "items", 10*n+2)
			again.expect(t, "MODIFIED", fmt.Sprintf(`"n":%d`, 10*n+2))
		})
	}
}
