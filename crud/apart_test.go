package crud_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"ackbase/crud"
)

// TestHeavyFiltersHoldUpNobodyElse: one client has filters of hundreds of conditions, and
// large items change. The others hear of it, and of what comes after, before those filters are
// through; then the one hears of it, too.
func TestHeavyFiltersHoldUpNobodyElse(t *testing.T) {
	const changes = 5
	s, _ := open(t, nil)
	heavy, other, writer := dial(s, "heavy", 1<<30), dial(s, "other", 1<<30), dial(s, "writer", 1<<30)
	other.call(t, "SUBSCRIBE", "other")
	other.call(t, "SUBSCRIBE", "items", map[string]any{"filters": map[string]any{"id": 1}})
	for k := range 3 {
		var conditions strings.Builder
		for i := range 100 {
			fmt.Fprintf(&conditions, `{"x%d":%d},`, i, k)
		}
		filter := json.RawMessage(`{"$or":[` + conditions.String() + `{"id":1}]}`)
		if a := heavy.call(t, "SUBSCRIBE", "items", map[string]any{"filters": filter}); a.fault != "null" {
			t.Fatal(a.fault)
		}
	}
	heavy.call(t, "SUBSCRIBE", "other")

	release := crud.HoldJudging(s)
	for n := range changes {
		writer.call(t, "PUT", "items", map[string]any{"id": 1, "n": n, "text": strings.Repeat("x", 10_000)})
		writer.call(t, "PUT", "other", map[string]any{"id": 1, "n": n})
	}
	for n := range changes {
		for _, room := range []string{`"room":"items?{\"id\":1}"`, `"room":"other"`} {
			if e := other.next().(event); !strings.Contains(e.payload, room) || !strings.Contains(e.payload, fmt.Sprintf(`"n":%d`, n)) {
				t.Errorf("%.300s: want change %d of %s", e.payload, n, room)
			}
		}
	}
	heavy.mu.Lock()
	if early := len(heavy.waiting); early > 0 {
		t.Errorf("%d events were matched with heavy filters where everybody waits for them", early)
	}
	heavy.mu.Unlock()
	release()
	for n := range changes {
		for _, room := range []string{`"room":"items?`, `"room":"items?`, `"room":"items?`, `"room":"other"`} {
			if e := heavy.next().(event); !strings.Contains(e.payload, room) || !strings.Contains(e.payload, fmt.Sprintf(`"n":%d`, n)) {
				t.Errorf("the client with the filters got %.300s: want change %d of %s", e.payload, n, room)
			}
		}
	}
}

// flickering is a client that is full until it is opened, and then once more, for a moment.
type flickering struct {
	*client
	open  bool
	asked int
	at    int // the question that meets the moment
}

func (f *flickering) Writable() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.open {
		return false
	}
	if f.asked++; f.asked == f.at {
		go f.session.Drained()
		return false
	}
	return true
}

// TestCatchUpLosesNothingToAMoment lets a client be full for a moment, at one point after the
// other of its catching up from the store: whatever there was comes, in order.
func TestCatchUpLosesNothingToAMoment(t *testing.T) {
	const changes = 150 // a few pieces
	s, _ := open(t, &crud.Options{RingBytes: 1})
	writer := dial(s, "writer", 1<<30)
	for at := 1; at < changes+10; at += 12 {
		c := &flickering{client: dial(s, "reader", 1<<30), open: true}
		c.session = s.Open(c)
		c.call(t, "SUBSCRIBE", "items")
		c.mu.Lock()
		c.open = false
		c.mu.Unlock()
		for n := range changes {
			writer.call(t, "PUT", "items", map[string]any{"id": 1, "n": n, "at": at})
		}
		c.mu.Lock()
		c.open, c.asked, c.at = true, 0, at
		c.mu.Unlock()
		c.session.Drained()
		for n := range changes {
			if e := c.next().(event); !strings.Contains(e.payload, fmt.Sprintf(`"n":%d`, n)) {
				t.Fatalf("full at question %d: want change %d, got %s", at, n, e.payload)
			}
		}
		c.hangUp()
	}
}
