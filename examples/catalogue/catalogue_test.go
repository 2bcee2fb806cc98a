package catalogue_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"ackbase/collections"
	"ackbase/collections/bolt"
	"ackbase/examples/catalogue"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// product is the shape that the demo page and the documentation count on.
type product struct {
	Name         string   `json:"name"`
	Category     string   `json:"category"`
	RRP          float64  `json:"rrp"`
	Info         string   `json:"info"`
	Stock        *int     `json:"stock"`
	Rating       *float64 `json:"rating"`
	Discontinued bool     `json:"discontinued"`
	Tags         []string `json:"tags"`
}

func check(t *testing.T, raw json.RawMessage) product {
	t.Helper()
	if err := collections.CheckJSON(raw, collections.MaxDepth); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	var p product
	if err := json.Unmarshal(raw, &p); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	if p.Name == "" || p.Info == "" || p.RRP <= 0 || (p.Category != "electronics" && p.Category != "confectionery") {
		t.Errorf("%s: wants a name, an info, a price over 0 and one of the two categories", raw)
	}
	if cents := p.RRP * 100; cents-float64(int(cents+0.5)) > 1e-6 {
		t.Errorf("%s: a price has whole cents", raw)
	}
	return p
}

func TestProductsAreAShopsCatalogue(t *testing.T) {
	products := catalogue.Products()
	if len(products) < 120 {
		t.Errorf("%d products, want at least 120", len(products))
	}
	names, categories := map[string]bool{}, map[string]int{}
	for _, raw := range products {
		p := check(t, raw)
		if names[p.Name] {
			t.Errorf("%q is there twice", p.Name)
		}
		names[p.Name] = true
		categories[p.Category]++
	}
	if categories["electronics"] < 50 || categories["confectionery"] < 50 {
		t.Errorf("products by category: %v, want at least 50 of each", categories)
	}
}

func TestGenerateIsTheSameEachTimeAndVaried(t *testing.T) {
	first, again := slices.Collect(catalogue.Generate(5000)), slices.Collect(catalogue.Generate(5000))
	if diff := cmp.Diff(first, again); diff != "" {
		t.Fatalf("a second run differs:\n%s", diff)
	}
	if shorter := slices.Collect(catalogue.Generate(10)); cmp.Diff(first[:10], shorter) != "" {
		t.Error("a longer list does not begin with the shorter one")
	}
	prices, bytes := map[float64]bool{}, 0
	with := map[string]int{}
	for _, raw := range first {
		p := check(t, raw)
		prices[p.RRP] = true
		bytes += len(raw)
		with[p.Category]++
		if p.Rating == nil {
			with["no rating"]++
		}
		if p.Discontinued {
			with["discontinued"]++
		}
		if len(p.Tags) == 0 {
			with["no tags"]++
		}
	}
	if len(prices) < 1000 {
		t.Errorf("only %d different prices among %d products", len(prices), len(first))
	}
	if mean := bytes / len(first); mean < 150 || mean > 250 {
		t.Errorf("a product has %d bytes at the mean, want 150 to 250 as in a shop", mean)
	}
	for _, what := range []string{"electronics", "confectionery", "no rating", "discontinued", "no tags"} {
		if with[what] == 0 {
			t.Errorf("none of %d products is %q", len(first), what)
		}
	}
}

func open(t *testing.T) *collections.DB {
	t.Helper()
	store, err := bolt.Open(filepath.Join(t.TempDir(), "catalogue.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return collections.New(store, nil)
}

func TestLoadKeepsTheOrderAndLoadsOnce(t *testing.T) {
	db, ctx := open(t), t.Context()
	var heard []int
	const n = 20_500
	stored, loaded, err := catalogue.Load(ctx, db, catalogue.Collection, catalogue.Generate(n), func(stored int) { heard = append(heard, stored) })
	if stored != n || !loaded || err != nil {
		t.Fatalf("Load: %d, %v, %v; want %d, true and no error", stored, loaded, err, n)
	}
	if diff := cmp.Diff([]int{10_000, 20_000}, heard); diff != "" {
		t.Errorf("progress (-want +got):\n%s", diff)
	}
	next, stop := iter.Pull(catalogue.Generate(n))
	defer stop()
	for i := range 100 {
		raw, _ := next()
		id, err := collections.NumberID(uint64(i + 1))
		if err != nil {
			t.Fatal(err)
		}
		item, _, err := db.Get(ctx, catalogue.Collection, id)
		if err != nil {
			t.Fatal(err)
		}
		if want := collections.WithID(raw, id); !collections.EqualJSON(item.JSON, want) {
			t.Fatalf("item %d is %s, want %s", i+1, item.JSON, want)
		}
	}

	stored, loaded, err = catalogue.Load(ctx, db, catalogue.Collection, slices.Values(catalogue.Products()), nil)
	if stored != 0 || loaded || err != nil {
		t.Errorf("Load into a collection with items: %d, %v, %v; want it left alone", stored, loaded, err)
	}
}

func TestLoadStopsAtTheFirstFailure(t *testing.T) {
	db := open(t)
	products := func(yield func(json.RawMessage) bool) {
		for i := range 1_000_000 {
			raw := json.RawMessage(fmt.Sprintf(`{"name":"p%d"}`, i))
			if i == 5 {
				raw = json.RawMessage(`["no product"]`)
			}
			if !yield(raw) {
				return
			}
		}
	}
	stored, _, err := catalogue.Load(t.Context(), db, catalogue.Collection, products, nil)
	if !errors.Is(err, collections.ErrBadRequest) || stored > 5000 {
		t.Errorf("Load: %d stored, %v; want an ErrBadRequest soon after the sixth product", stored, err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := catalogue.Load(ctx, db, "others", catalogue.Generate(1_000_000), nil); err == nil {
		t.Error("Load with a context that has ended: want an error")
	}
}
