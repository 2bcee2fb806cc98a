package bolt

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"testing"

	"ackbase/collections"
)

func mustID(n int) collections.ID {
	id, err := collections.NumberID(uint64(n))
	if err != nil {
		panic(err) // a fault of the test
	}
	return id
}

// product is the n-th item of a generated catalogue, 150 to 200 bytes.
func product(n int) []byte {
	h := uint64(n) * 0x9E3779B97F4A7C15 >> 20
	return fmt.Appendf(nil, `{"id":%d,"name":"Product number %d","category":"category-%d","price":%d.%02d,"stock":%d,"active":%v,"info":{"brand":"brand-%d","text":"some words on the product %x"}}`,
		n, n, h%20, h%5000, h%100, h%300, h%7 != 0, h%50, h)
}

// fill stores n items, numbered from 1, in large updates.
func fill(t testing.TB, s *Store, collection string, n int) {
	t.Helper()
	const step = 2000
	done := make(chan error, n/step+1)
	calls := 0
	for from := 1; from <= n; from += step {
		calls++
		s.Update(context.Background(), collections.Writer{}, func(tx collections.Tx) error {
			for i := from; i < min(from+step, n+1); i++ {
				if err := tx.Write(&collections.Change{Type: collections.Added, Collection: collection, ID: mustID(i), After: product(i)}); err != nil {
					return err
				}
			}
			return nil
		}, func(err error) { done <- err })
	}
	for range calls {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}

func catalogue(indexes ...collections.Index) map[string]collections.Collection {
	return map[string]collections.Collection{"items": {Indexes: indexes}}
}

// BenchmarkPost is a durable POST: a running number, a look at whether it exists, the write.
func BenchmarkPost(b *testing.B) {
	benchmarkPost(b, &Options{})
}

// BenchmarkPostIndexed is the same with an index on a random value.
func BenchmarkPostIndexed(b *testing.B) {
	benchmarkPost(b, &Options{Collections: catalogue(collections.Index{Paths: []string{"price"}})})
}

func benchmarkPost(b *testing.B, o *Options) {
	for _, inFlight := range []int{1, 64, 256} {
		b.Run(fmt.Sprint(inFlight, "InFlight"), func(b *testing.B) {
			s := open(b, filepath.Join(b.TempDir(), "data.db"), &Options{Collections: o.Collections, Keep: o.Keep})
			b.ReportAllocs()
			slots := make(chan error, inFlight)
			for range inFlight {
				slots <- nil
			}
			b.ResetTimer()
			for range b.N {
				if err := <-slots; err != nil {
					b.Fatal(err)
				}
				s.Update(context.Background(), collections.Writer{}, func(tx collections.Tx) error {
					n, err := tx.NextNumber("items")
					if err != nil {
						return err
					}
					id, err := collections.NumberID(n)
					if err != nil {
						return err
					}
					if _, err := tx.Get("items", id); err == nil {
						return fmt.Errorf("%s exists", id)
					}
					return tx.Write(&collections.Change{Type: collections.Added, Collection: "items", ID: id, After: product(int(n))})
				}, func(err error) { slots <- err })
			}
			for range inFlight {
				if err := <-slots; err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			b.ReportMetric(float64(s.Stats().Updates)/float64(s.Stats().Commits), "updates/commit")
		})
	}
}

func BenchmarkGet(b *testing.B) {
	for _, n := range []int{1_000, 100_000} {
		s := open(b, filepath.Join(b.TempDir(), fmt.Sprint(n, ".db")), nil)
		fill(b, s, "items", n)
		get := func(b *testing.B, r collections.Reader, i int) {
			if _, err := r.Get("items", mustID(i*7919%n+1)); err != nil {
				b.Fatal(err)
			}
		}
		b.Run(fmt.Sprint(n, "Items"), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				_ = s.View(context.Background(), func(r collections.Reader) error { get(b, r, i); return nil }) // get has checked
			}
		})
		b.Run(fmt.Sprint(n, "ItemsOneView"), func(b *testing.B) {
			b.ReportAllocs()
			_ = s.View(context.Background(), func(r collections.Reader) error { // get checks
				for i := 0; b.Loop(); i++ {
					get(b, r, i)
				}
				return nil
			})
		})
	}
}

// BenchmarkOpen opens a file of 100,000 items, which it verifies.
func BenchmarkOpen(b *testing.B) {
	path := filepath.Join(b.TempDir(), "data.db")
	s := open(b, path, nil)
	fill(b, s, "items", 100_000)
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s, err := Open(path, &Options{Logger: quiet()})
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkList(b *testing.B) {
	const n = 100_000
	s := open(b, filepath.Join(b.TempDir(), "data.db"), &Options{Collections: catalogue(
		collections.Index{Paths: []string{"category", "price"}}, collections.Index{Paths: []string{"stock"}})})
	fill(b, s, "items", n)
	plain := open(b, filepath.Join(b.TempDir(), "plain.db"), nil)
	fill(b, plain, "items", n)
	for _, c := range []struct {
		name  string
		store *Store
		query string
	}{
		{"ById", s, `{}`},
		{"ByIdPage1000", s, `{"page":1000}`},
		{"CompoundIndex", s, `{"filters":{"category":"category-3"},"sort":"price"}`},
		{"CompoundIndexDescending", s, `{"filters":{"category":"category-3"},"sort":"-price"}`},
		{"CompoundIndexPage50", s, `{"filters":{"category":"category-3"},"sort":"-price","page":50}`},
		{"CompoundIndexNoTotal", s, `{"filters":{"category":"category-3"},"sort":"price","total":false}`},
		{"SortByIndex", s, `{"sort":"-stock"}`},
		{"RangeByIndex", s, `{"filters":{"stock":{"$gte":100,"$lt":200}},"sort":"stock"}`},
		{"IndexAndScan", s, `{"filters":{"category":"category-3","active":true},"sort":"price"}`},
		{"Scan", plain, `{"filters":{"category":"category-3"},"sort":"price"}`},
		{"ScanRange", plain, `{"filters":{"price":{"$gte":1000}},"sort":"-name"}`},
		{"ScanAll", plain, `{"sort":"price"}`},
		{"ScanStock", plain, `{"filters":{"stock":{"$gt":50}},"sort":"name"}`},
		{"ScanById", plain, `{"filters":{"stock":{"$gt":50}}}`},
		{"ScanTwoFilters", plain, `{"filters":{"category":"category-3","stock":{"$lt":100}},"sort":"-price"}`},
		{"ScanNested", plain, `{"filters":{"info.brand":"brand-7"},"sort":"-info.text"}`},
		{"ScanDeep", plain, `{"sort":"price","page":1000}`},
	} {
		b.Run(c.name, func(b *testing.B) {
			q, err := collections.ParseQuery(json.RawMessage(c.query))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				err := c.store.View(context.Background(), func(r collections.Reader) error {
					page, err := r.List(context.Background(), "items", q)
					if err == nil && len(page.Items) != 50 {
						b.Fatalf("%d items", len(page.Items))
					}
					return err
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
