package crud_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"ackbase/crud"
)

// holder is a client of which is known what its subscriptions hold.
type holder struct {
	*client
	held atomic.Int64
}

func (h *holder) Hold(bytes int) { h.held.Add(int64(bytes)) }

// TestFiltersTakeMemory: a filter can take many times its text, and there may be many of them: what the subscriptions of
// one session take has a bound and is told, however they are asked for, and comes back.
func TestFiltersTakeMemory(t *testing.T) {
	for name, recoverable := range map[string]bool{"kept": true, "not kept": false} {
		t.Run(name, func(t *testing.T) {
			s, _ := open(t, &crud.Options{MaxFilterBytes: 100_000})
			c := &holder{client: newClient("a", 1000)}
			if recoverable {
				c.wire, c.identity = offsetWire{}, crud.Identity{PID: "pid", Scope: "/"}
				c.session = s.OpenRecoverable(c, c.identity)
			} else {
				c.session = s.Open(c)
			}
			filter := func(n int) map[string]any {
				values := make([]int, 200)
				for i := range values {
					values[i] = 1000*n + 2*i
				}
				return map[string]any{"n": map[string]any{"$in": values}}
			}
			options := func(n int) map[string]any {
				o := map[string]any{"filters": filter(n)}
				if n%3 == 1 {
					o["snapshot"] = true
				}
				return o
			}
			const asked = 50
			granted, refused := map[string]int{}, 0
			take := func() {
				switch a := c.next().(type) {
				case answer:
					if a.fault == "null" {
						granted[a.meta] = a.request
						return
					}
					refused++
					if !strings.Contains(a.fault, "BAD_REQUEST") || !strings.Contains(a.fault, "100000 bytes") || !strings.Contains(a.fault, "UNSUBSCRIBE") {
						t.Errorf("one filter too many was answered %s", a.fault)
					}
				default:
					t.Fatalf("%v came", a)
				}
			}
			for n := range asked { // all at once
				c.ask(n, "SUBSCRIBE", "items", options(n))
			}
			for range asked {
				take()
			}
			if len(granted) < 3 || refused < asked/2 {
				t.Errorf("of %d filters %d were taken and %d refused", asked, len(granted), refused)
			}
			full := c.held.Load()
			if full > 100_000 || full < 80_000 {
				t.Errorf("%d bytes are held", full)
			}
			for _, n := range granted {
				// What is held already may be asked for once more, whatever is full.
				if a := c.call(t, "SUBSCRIBE", "items", options(n)); a.fault != "null" {
					t.Errorf("what is held was answered %s", a.fault)
				}
				if n%3 == 1 && recoverable { // the BOOKMARK behind the new snapshot
					if e, ok := c.next().(event); !ok || e.name != "BOOKMARK" {
						t.Errorf("%v came", e)
					}
				}
			}
			if again := c.held.Load(); again != full {
				t.Errorf("%d bytes are held, and %d after the same was asked for again", full, again)
			}
			for _, n := range granted {
				if a := c.call(t, "UNSUBSCRIBE", "items", map[string]any{"filters": filter(n)}); a.result != "true" {
					t.Errorf("UNSUBSCRIBE was answered %v", a)
				}
			}
			if c.held.Load() != 0 {
				t.Errorf("%d bytes are held of nothing", c.held.Load())
			}
			for n := range 3 {
				if a := c.call(t, "SUBSCRIBE", "items", map[string]any{"filters": map[string]any{"k": fmt.Sprint(n)}}); a.fault != "null" {
					t.Errorf("with room again: %s", a.fault)
				}
			}
			c.hangUp()
			s.Close()
			if c.held.Load() != 0 {
				t.Errorf("%d bytes are held of a session that has ended", c.held.Load())
			}
		})
	}
}
