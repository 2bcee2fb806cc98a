package storetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ackbase/collections"
)

// longText begins texts that are longer than any index keeps whole.
var longText = strings.Repeat("long ", 80)

var (
	paths     = []string{"a", "b", "n.x", "c"}
	sortPaths = []string{"a", "b", "n.x", "c", "id"}

	// scalars are few, so that equal values and ties are many.
	scalars = []any{nil, true, false, 0.0, 1.0, 2.0, 10.0, -1.5, 1e300, "", "1", "2", "10", "true", "null", "x", "xy", "y", "ü", "𝄞", longText + "1", longText + "2", longText}
	values  = append([]any{absent{}, []any{1.0}, []any{}, map[string]any{"x": 1.0}}, scalars...)
)

func drawDoc(t *rapid.T, id collections.ID) doc {
	d := doc{id: id, value: map[string]any{}}
	for _, name := range []string{"a", "b", "c"} {
		if v := rapid.SampledFrom(values).Draw(t, name); v != (any)(absent{}) {
			d.value[name] = v
		}
	}
	if v := rapid.SampledFrom(values).Draw(t, "n"); v != (any)(absent{}) {
		d.value["n"] = map[string]any{"x": v}
	}
	if id.IsNumber() {
		d.value["id"] = float64(id.Number())
	} else {
		d.value["id"] = id.Text()
	}
	return d
}

func drawCondition(t *rapid.T, paths []string) condition {
	c := condition{path: rapid.SampledFrom(paths).Draw(t, "path")}
	c.op = rapid.SampledFrom([]string{"$eq", "$eq", "$eq", "$ne", "$in", "$nin", "$exists", "$gt", "$gte", "$lt", "$lte", "$startsWith"}).Draw(t, "op")
	switch c.op {
	case "$eq", "$ne":
		c.operand = rapid.SampledFrom(scalars).Draw(t, "operand")
	case "$in", "$nin":
		c.operand = rapid.SliceOfN(rapid.SampledFrom(scalars), 0, 4).Draw(t, "operands")
	case "$exists":
		c.operand = rapid.Bool().Draw(t, "exists")
	case "$startsWith":
		c.operand = rapid.SampledFrom([]string{"", "x", "1", longText, longText[:250]}).Draw(t, "beginning")
	default:
		c.operand = rapid.SampledFrom([]any{0.0, 1.0, 5.0, -2.0, "x", "y", "xz", longText, longText + "1"}).Draw(t, "bound")
	}
	return c
}

func drawQuestion(t *rapid.T) question {
	q := question{
		page:  rapid.IntRange(1, 3).Draw(t, "page"),
		limit: rapid.SampledFrom([]int{1, 3, 10, 100}).Draw(t, "limit"),
		total: rapid.Bool().Draw(t, "total"),
	}
	// Conditions on the paths that indexes begin with come often, so that indexes are used.
	for range rapid.IntRange(0, 2).Draw(t, "conditions") {
		q.all = append(q.all, drawCondition(t, slices.Concat(paths, []string{"a", "a", "b", "id"})))
	}
	if rapid.IntRange(0, 3).Draw(t, "or") == 0 {
		for range rapid.IntRange(1, 3).Draw(t, "alternatives") {
			q.either = append(q.either, drawCondition(t, paths))
		}
	}
	for range rapid.IntRange(0, 3).Draw(t, "sort keys") {
		path := rapid.SampledFrom(sortPaths).Draw(t, "sort path")
		if !slices.ContainsFunc(q.sort, func(k sortKey) bool { return k.path == path }) {
			q.sort = append(q.sort, sortKey{path, rapid.Bool().Draw(t, "descending")})
		}
	}
	return q
}

func testRandomQueries(t *testing.T, open Open) {
	stores := map[string]*harness{
		"with indexes":          start(t, open, declare("a", "b", "a+b", "b+a", "n.x", "c+a+b", "n.x+c")),
		"with compound indexes": start(t, open, declare("a+c", "c+n.x+b")),
		"without indexes":       start(t, open, nil),
	}
	docs := make(map[collections.ID]doc)
	ids := []collections.ID{text("x"), text("y"), text("1a"), text("ü")}
	for i := range 40 {
		ids = append(ids, number(uint64(i*i+1)))
	}
	rapid.Check(t, func(rt *rapid.T) {
		// Some items are replaced, added and deleted, the rest stays from the round before:
		// so the indexes see every way of changing.
		changed := make(map[collections.ID]string)
		for range rapid.IntRange(1, 25).Draw(rt, "writes") {
			id := rapid.SampledFrom(ids).Draw(rt, "id")
			if rapid.IntRange(0, 3).Draw(rt, "delete") == 0 {
				delete(docs, id)
				changed[id] = ""
				continue
			}
			d := drawDoc(rt, id)
			raw, err := json.Marshal(d.value)
			if err != nil {
				rt.Fatal(err)
			}
			docs[id] = d
			changed[id] = string(raw)
		}
		for name, h := range stores {
			done := make(chan error, len(changed))
			for id, text := range changed {
				h.Update(t.Context(), collections.Writer{}, func(tx collections.Tx) error { return set(tx, "items", id, text) }, func(err error) { done <- err })
			}
			for range changed {
				if err := h.await(done); err != nil {
					rt.Fatalf("%s: %v", name, err)
				}
			}
		}
		for range 8 {
			q := drawQuestion(rt)
			want := q.answer(docs)
			for name, h := range stores {
				checkAnswer(rt, h, name, q, want)
			}
		}
	})
}

// checkAnswer asks a store for the question's page, then for all that follows it by after.
func checkAnswer(t *rapid.T, h *harness, name string, q question, want []doc) {
	page, _ := h.list("items", q.json(""))
	from := min((q.page-1)*q.limit, len(want))
	checkPage(t, name, q, page, want, from)
	q.page = 1
	for after := page.Next; after != ""; after = page.Next {
		from += len(page.Items)
		page, _ = h.list("items", q.json(after))
		checkPage(t, name+" after the page before", q, page, want, from)
		if len(page.Items) == 0 {
			t.Fatalf("%s: %s\nthe page before told of a next one, which is empty", name, q.json(after))
		}
	}
}

func checkPage(t *rapid.T, name string, q question, page collections.Page, want []doc, from int) {
	expect := collections.Page{Total: -1}
	if q.total {
		expect.Total = len(want)
	}
	end := min(from+q.limit, len(want))
	for _, d := range want[from:end] {
		expect.Items = append(expect.Items, collections.Item{ID: d.id})
	}
	if end < len(want) && end > from {
		expect.Next = "more"
	}
	if got, wanted := describe(page), describe(expect); got != wanted {
		var all strings.Builder
		for _, d := range want {
			raw, _ := json.Marshal(d.value) // plain values only
			fmt.Fprintf(&all, "  %s\n", raw)
		}
		t.Fatalf("%s: %s\ngave   %s\nwanted %s\nmatches in order:\n%s", name, q.json(""), got, wanted, all.String())
	}
	for i, item := range page.Items {
		var got map[string]any
		if err := json.Unmarshal(item.JSON, &got); err != nil || fmt.Sprint(got["id"]) != fmt.Sprint(want[from+i].value["id"]) {
			t.Fatalf("%s: the item %s has the content %s", name, item.ID, item.JSON)
		}
	}
}
