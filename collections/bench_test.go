package collections

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/tidwall/gjson"
)

// catalogue is n items of about 190 bytes.
func catalogue(n int) []Item {
	r := rand.New(rand.NewPCG(1, 2))
	items := make([]Item, n)
	for i := range items {
		items[i] = Item{ID: ID{number: uint64(i + 1)}, Rev: Rev{Seq: uint64(i + 1), Tag: 7}, JSON: fmt.Appendf(nil,
			`{"id":%d,"name":"Product %06d of the house","category":"category %d","rrp":%d.%02d,"stock":%d,"active":true,"info":{"weight":%d,"origin":"Ghana"},"tags":["dark","fair"]}`,
			i+1, r.IntN(1_000_000), r.IntN(20), r.IntN(1000), r.IntN(100), r.IntN(500), r.IntN(5000))}
	}
	return items
}

func mustQuery(t testing.TB, raw string) *Query {
	t.Helper()
	q, err := ParseQuery([]byte(raw))
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func BenchmarkFind(b *testing.B) {
	items := catalogue(1000)
	for _, text := range []string{"name", "rrp", "info.weight"} {
		p, _ := ParsePath(text)
		b.Run(text, func(b *testing.B) {
			for i := range b.N {
				if p.Find(items[i%1000].JSON).Kind == Missing {
					b.Fatal("missing")
				}
			}
		})
		b.Run(text+"/gjson", func(b *testing.B) {
			for i := range b.N {
				if !gjson.GetBytes(items[i%1000].JSON, text).Exists() {
					b.Fatal("missing")
				}
			}
		})
	}
}

// A page of 50 with its total over a scan of 100,000 items.
func BenchmarkCollector(b *testing.B) {
	items := catalogue(100_000)
	for name, raw := range map[string]string{
		"all":           `{}`,
		"filter":        `{"filters":{"category":"category 7"}}`,
		"filter+sort":   `{"filters":{"category":"category 7"},"sort":"-rrp,name"}`,
		"range+sort":    `{"filters":{"rrp":{"$gt":500}},"sort":"name"}`,
		"contains+sort": `{"filters":{"name":{"$contains":"99"}},"sort":"info.weight"}`,
	} {
		q := mustQuery(b, raw)
		b.Run(name, func(b *testing.B) {
			for range b.N {
				c := NewCollector(q)
				for _, item := range items {
					c.Offer(item)
				}
				if len(c.Page().Items) != 50 {
					b.Fatal("no page")
				}
			}
		})
	}
}

func BenchmarkCheckJSON(b *testing.B) {
	raw := []byte(product)
	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()
	for range b.N {
		if CheckJSON(raw, MaxDepth) != nil {
			b.Fatal("refused")
		}
	}
}

func BenchmarkDiff(b *testing.B) {
	after, _ := MergePatch([]byte(product), []byte(`{"rrp":2.99,"info":{"weight":101}}`))
	b.ReportAllocs()
	for range b.N {
		if _, err := Diff([]byte(product), after); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMergePatch(b *testing.B) {
	b.ReportAllocs()
	for range b.N {
		if _, err := MergePatch([]byte(product), []byte(`{"rrp":2.99,"info":{"weight":101}}`)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkApplyPatch(b *testing.B) {
	b.ReportAllocs()
	for range b.N {
		if _, err := ApplyPatch([]byte(product), []byte(`[{"op":"replace","path":"/rrp","value":2.99},{"op":"add","path":"/tags/-","value":"new"}]`)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParseQuery(b *testing.B) {
	b.ReportAllocs()
	for range b.N {
		mustQuery(b, `{"filters":{"category":"category 7","rrp":{"$gt":"10"}},"sort":"-rrp,name","page":2}`)
	}
}
