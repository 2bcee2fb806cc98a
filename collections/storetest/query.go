package storetest

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"ackbase/collections"
)

// declare declares indexes of the collection "items": each a path, or several with + between them.
func declare(indexes ...string) map[string]collections.Collection {
	var c collections.Collection
	for _, x := range indexes {
		c.Indexes = append(c.Indexes, collections.Index{Paths: strings.Split(x, "+")})
	}
	return map[string]collections.Collection{"items": c}
}

// describe is a page in words, to compare and to show.
func describe(p collections.Page) string {
	var b strings.Builder
	for i, item := range p.Items {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(item.ID.String())
	}
	return fmt.Sprintf("[%s] of %d, more: %v", b.String(), p.Total, p.Next != "")
}

func testQuery(t *testing.T, open Open) {
	indexed := func(name string, run func(t *testing.T, c map[string]collections.Collection)) {
		t.Run(name, func(t *testing.T) {
			t.Run("with indexes", func(t *testing.T) { run(t, declare("a", "b", "a+b", "b+a", "n.x")) })
			t.Run("without indexes", func(t *testing.T) { run(t, nil) })
		})
	}

	indexed("a collection that nobody has written to is empty", func(t *testing.T, c map[string]collections.Collection) {
		h := start(t, open, c)
		for query, total := range map[string]int{`{}`: 0, `{"total":false}`: -1, `{"sort":"-a","filters":{"b":1}}`: 0} {
			if page, _ := h.list("items", query); len(page.Items) != 0 || page.Total != total || page.Next != "" {
				t.Errorf("%s: %s, total %d", query, describe(page), page.Total)
			}
		}
		h.put("items", number(1), `{"id":1,"a":1}`)
		h.remove("items", number(1))
		if page, _ := h.list("items", `{"sort":"-a"}`); len(page.Items) != 0 || page.Total != 0 {
			t.Errorf("after its only item was deleted: %s", describe(page))
		}
	})

	indexed("fixed questions have fixed answers", func(t *testing.T, c map[string]collections.Collection) {
		h := start(t, open, c)
		long := strings.Repeat("x", 5000)
		for id, item := range map[uint64]string{
			1: `{"id":1,"a":3,"b":"x"}`,
			2: `{"id":2,"a":1,"b":"y"}`,
			3: `{"id":3,"a":3,"b":"y","n":{"x":5}}`,
			4: `{"id":4,"b":"x","n":{"x":"5"}}`,
			5: `{"id":5,"a":"3","b":null}`,
			6: `{"id":6,"a":"` + long + `2","b":"z"}`,
			7: `{"id":7,"a":"` + long + `1","b":"z"}`,
			8: `{"id":8,"a":[1],"b":true}`,
		} {
			h.put("items", number(id), item)
		}
		h.put("items", text("t"), `{"id":"t","a":3,"b":"x"}`)
		for query, want := range map[string]string{
			`{}`:                                      `[1 2 3 4 5 6 7 8 "t"] of 9, more: false`,
			`{"sort":"-id"}`:                          `["t" 8 7 6 5 4 3 2 1] of 9, more: false`,
			`{"sort":"a"}`:                            `[4 2 1 3 "t" 5 7 6 8] of 9, more: false`,
			`{"sort":"-a"}`:                           `[8 6 7 5 1 3 "t" 2 4] of 9, more: false`,
			`{"sort":"-a","limit":4,"page":2}`:        `[1 3 "t" 2] of 9, more: true`,
			`{"sort":"-a,-id"}`:                       `[8 6 7 5 "t" 3 1 2 4] of 9, more: false`,
			`{"sort":"a,-b"}`:                         `[4 2 3 1 "t" 5 7 6 8] of 9, more: false`,
			`{"sort":"b,a","limit":3}`:                `[5 8 4] of 9, more: true`,
			`{"filters":{"a":"3"},"sort":"b"}`:        `[5 1 "t" 3] of 4, more: false`,
			`{"filters":{"a":3},"sort":"-b"}`:         `[3 1 "t"] of 3, more: false`,
			`{"filters":{"n.x":"5"}}`:                 `[3 4] of 2, more: false`,
			`{"filters":{"a":"` + long[:4000] + `"}}`: `[] of 0, more: false`,
			`{"filters":{"a":{"$startsWith":"` + long[:4000] + `"}},"sort":"a"}`: `[7 6] of 2, more: false`,
			`{"filters":{"a":{"$gt":"` + long[:4000] + `"}},"total":false}`:      `[6 7] of -1, more: false`,
			`{"filters":{"b":"z","a":{"$gte":2}}}`:                               `[] of 0, more: false`,
			`{"filters":{"id":{"$gt":6}}}`:                                       `[7 8] of 2, more: false`,
			`{"filters":{"id":"t"}}`:                                             `["t"] of 1, more: false`,
			`{"filters":{"$and":[{}]},"limit":3}`:                                `[1 2 3] of 9, more: true`,
			`{"filters":{"$or":[{}]},"sort":"-id"}`:                              `["t" 8 7 6 5 4 3 2 1] of 9, more: false`,
			`{"filters":{"$not":{"$not":{}}},"sort":"-a","limit":4,"page":2}`:    `[1 3 "t" 2] of 9, more: true`,
			`{"filters":{"$not":{}}}`:                                            `[] of 0, more: false`,
			`{"page":100}`:                                                       `[] of 9, more: false`,
		} {
			if page, _ := h.list("items", query); describe(page) != want {
				t.Errorf("%.200s\n gave %s\nwanted %s", query, describe(page), want)
			}
		}
	})

	indexed("pages by after cover everything once while others write", func(t *testing.T, c map[string]collections.Collection) {
		h := start(t, open, c)
		const stay = 120
		for i := range stay {
			h.put("items", number(uint64(i+1)), fmt.Sprintf(`{"id":%d,"a":%d,"b":%d}`, i+1, i%7, i%3))
		}
		stop := make(chan struct{})
		var writer sync.WaitGroup
		writer.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				id := number(uint64(1000 + i%50))
				h.put("items", id, fmt.Sprintf(`{"id":%d,"a":%d,"b":%d}`, id.Number(), i%9, i%2))
				h.remove("items", id)
			}
		})
		for _, sort := range []string{"", "a", "-a", "-a,-id", "b,a", "-b,-a", "a,-b"} {
			seen := make(map[collections.ID]int)
			after := ""
			for pages := 0; ; pages++ {
				query := map[string]any{"limit": 7, "sort": sort, "total": false}
				if sort == "" {
					delete(query, "sort")
				}
				if after != "" {
					query["after"] = after
				}
				raw, err := json.Marshal(query)
				if err != nil {
					t.Fatal(err)
				}
				page, q := h.list("items", string(raw))
				for i, item := range page.Items {
					seen[item.ID]++
					if i > 0 && q.Compare(page.Items[i-1], item) >= 0 {
						t.Errorf("sort %q: %s came before %s", sort, page.Items[i-1].JSON, item.JSON)
					}
				}
				if after = page.Next; after == "" {
					break
				}
				if pages > 10*stay {
					t.Fatalf("sort %q: there is no end of pages", sort)
				}
			}
			for i := range stay {
				if n := seen[number(uint64(i+1))]; n != 1 {
					t.Errorf("sort %q: the item %d, which nobody touched, came %d times", sort, i+1, n)
				}
			}
		}
		close(stop)
		writer.Wait()
	})

	t.Run("random queries have the answers of a naive evaluator, with and without indexes", func(t *testing.T) {
		testRandomQueries(t, open)
	})
}
