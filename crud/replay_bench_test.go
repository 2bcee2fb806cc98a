package crud_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"ackbase/collections"
	"ackbase/collections/bolt"
	"ackbase/crud"
)

// missed is a connection that looks at the clock for the first event and for the BOOKMARK that ends
// what was missed.
type missed struct {
	silent
	events int
	first  time.Time
	over   chan time.Time
}

func (m *missed) Send(f crud.Frame) error {
	if m.events++; m.events == 1 {
		m.first = time.Now()
	}
	if f.(event).name == "BOOKMARK" {
		m.over <- time.Now()
	}
	return nil
}

// BenchmarkReplay is what a client costs that missed 10,000 changes of a log of 1,000,000, without the
// network: how long it waits for the first of them, and how many a second follow. It is as after a
// restart: all comes from the file. NoSince is a client that missed nothing, beside it the same on an empty log.
func BenchmarkReplay(b *testing.B) {
	const logged, away = 1_000_000, 10_000
	path := filepath.Join(b.TempDir(), "data.db")
	store, err := bolt.Open(path, nil)
	if err != nil {
		b.Fatal(err)
	}
	done := make(chan error, 1)
	var since collections.Position
	for n := 0; n < logged; {
		store.Update(context.Background(), collections.Writer{}, func(tx collections.Tx) error {
			for range 1000 {
				if n++; n == logged-away+1 {
					since = tx.Position()
				}
				c := &collections.Change{Type: collections.Added, Collection: "items", After: fmt.Appendf(nil, `{"id":%d,"name":"Clotted cream fudge","category":"confectionery","rrp":4.49}`, n)}
				c.ID, _ = collections.NumberID(uint64(n))
				if err := tx.Write(c); err != nil {
					return err
				}
			}
			return nil
		}, func(err error) { done <- err })
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	if err := store.Close(); err != nil {
		b.Fatal(err)
	}

	for _, patch := range []bool{false, true} {
		b.Run(fmt.Sprintf("Patch=%v", patch), func(b *testing.B) {
			store, err := bolt.Open(path, nil) // so that the store has nothing of it in memory
			if err != nil {
				b.Fatal(err)
			}
			defer store.Close()
			s := crud.New(collections.New(store, nil), nil)
			defer s.Close()
			var wait, took time.Duration
			for b.Loop() {
				m := &missed{silent: silent{dial(s, "bench", 1<<30)}, over: make(chan time.Time, 1)}
				m.session = s.Open(m)
				began := time.Now()
				m.session.Do("SUBSCRIBE", args(`"items"`, fmt.Sprintf(`{"since":"%s","patch":%v}`, since.Cursor(), patch)), false, silent{m.client})
				end := <-m.over
				if m.events != away+1 {
					b.Fatalf("%d events instead of %d", m.events, away+1)
				}
				wait += m.first.Sub(began)
				took += end.Sub(began)
				m.hangUp()
			}
			b.ReportMetric(float64(wait.Microseconds())/float64(b.N), "µs-to-first")
			b.ReportMetric(float64(b.N*away)/took.Seconds(), "changes/s")
		})
	}
	for _, empty := range []bool{false, true} {
		b.Run(fmt.Sprintf("NoSince,EmptyLog=%v", empty), func(b *testing.B) {
			at := path
			if empty {
				at = filepath.Join(b.TempDir(), "empty.db")
			}
			store, err := bolt.Open(at, nil)
			if err != nil {
				b.Fatal(err)
			}
			defer store.Close()
			s := crud.New(collections.New(store, nil), nil)
			defer s.Close()
			for b.Loop() {
				c := silent{dial(s, "bench", 1<<30)}
				c.session = s.Open(c)
				c.session.Do("SUBSCRIBE", args(`"items"`), false, c)
				c.hangUp()
			}
		})
	}
}
