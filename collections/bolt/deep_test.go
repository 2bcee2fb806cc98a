package bolt

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"ackbase/collections"
)

// smallPages makes an empty file of a quarter of the usual pages, so that few items make trees of many levels.
func smallPages(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{PageSize: minPage})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestDeepPages compares pages far into large results: skipped by counting in
// an index of several levels, out of a scan of the pages, and out of one by the cursor.
func TestDeepPages(t *testing.T) {
	const n = 4_000 // as many as four workers share
	indexed := open(t, smallPages(t, "indexed.db"), &Options{Collections: catalogue(
		collections.Index{Paths: []string{"category", "price"}},
		collections.Index{Paths: []string{"stock"}},
		collections.Index{Paths: []string{"active", "stock", "category"}},
		collections.Index{Paths: []string{"long", "stock"}},
	)})
	severalWorkers(t)
	scanned := open(t, smallPages(t, "scanned.db"), nil)
	plain := open(t, smallPages(t, "plain.db"), &Options{hooks: hooks{countByCursor: true}})
	stores := []*Store{indexed, scanned, plain}
	for _, s := range stores {
		fill(t, s, "items", n)
		done := make(chan error, 1)
		s.Update(t.Context(), collections.Writer{}, func(tx collections.Tx) error {
			for i := 1; i <= n; i += 7 { // some with values too long for an index
				before, err := tx.Get("items", mustID(i))
				if err != nil {
					return err
				}
				after := fmt.Appendf(nil, `{"long":%q,%s`, strings.Repeat("long", 60)+fmt.Sprint(i%5), before.JSON[1:])
				err = tx.Write(&collections.Change{Type: collections.Modified, Collection: "items", ID: before.ID, Prev: before.Rev, Before: before.JSON, After: after})
				if err != nil {
					return err
				}
			}
			return nil
		}, func(err error) { done <- err })
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}

	random := rand.New(rand.NewPCG(3, 4))
	pick := func(of ...string) string { return of[random.IntN(len(of))] }
	afters := 0
	for range 150 {
		query := map[string]any{"limit": 1 + random.IntN(60), "page": 1 + random.IntN(40)}
		if sort := pick("", "price", "-price", "stock", "-stock", "-stock,-id", "active,stock", "-active,-stock,-category", "stock,category", "long", "-long", "-long,-stock", "id", "-id", "-category"); sort != "" {
			query["sort"] = sort
		}
		filters := map[string]any{}
		if random.IntN(2) == 0 {
			filters["category"] = pick("category-1", "category-2", "category-99")
		}
		if random.IntN(3) == 0 {
			filters["active"] = pick("true", "false")
		}
		if random.IntN(3) == 0 {
			filters["stock"] = map[string]any{"$gte": random.IntN(200), "$lt": 100 + random.IntN(200)}
		}
		if random.IntN(5) == 0 {
			filters["name"] = map[string]any{"$contains": "7"}
		}
		if random.IntN(5) == 0 {
			low := random.IntN(n)
			filters["id"] = map[string]any{"$gte": low, "$lt": low + random.IntN(n)}
		}
		if random.IntN(10) == 0 {
			filters["id"] = map[string]any{"$ne": random.IntN(n)}
		}
		query["filters"] = filters
		query["total"] = random.IntN(2) == 0
		for range 3 {
			raw, err := json.Marshal(query)
			if err != nil {
				t.Fatal(err)
			}
			want := listNow(t, plain, string(raw))
			for _, s := range stores[:2] {
				got := listNow(t, s, string(raw))
				for _, p := range []*collections.Page{&got, &want} {
					for i := range p.Items {
						p.Items[i].Rev = collections.Rev{} // its tag is random
					}
				}
				if !reflect.DeepEqual(got, want) {
					t.Fatalf("%s\n%s gives %d items of %d, next %q: %v\nplain.db   %d items of %d, next %q: %v", raw, filepath.Base(s.path),
						len(got.Items), got.Total, got.Next, got.Items, len(want.Items), want.Total, want.Next, want.Items)
				}
			}
			if want.Next == "" {
				break
			}
			afters++
			query["after"], query["page"] = want.Next, 1+random.IntN(5)
		}
	}
	if afters < 50 {
		t.Errorf("only %d pages were asked for by after: the test is not what it should be", afters)
	}
}
