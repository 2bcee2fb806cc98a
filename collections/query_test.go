package collections

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseQuery(t *testing.T) {
	q := mustQuery(t, ` {"page":"3","limit":20,"sort":" -price, name ","filters":{"a":1},"fields":"id,name","total":"false","after":null}`)
	if q.Page != 3 || q.Limit != 20 || q.Total || q.After != nil || len(q.Fields) != 2 || q.Offset() != 40 {
		t.Errorf("%+v", q)
	}
	if len(q.Sort) != 2 || !q.Sort[0].Descending || q.Sort[0].Path.String() != "price" || q.Sort[1].Descending || q.Sort[1].Path.String() != "name" {
		t.Errorf("%+v", q.Sort)
	}
	for _, s := range []string{"", "null", "{}", `{"page":null,"filters":null,"sort":""}`} {
		if q := mustQuery(t, s); q.Page != 1 || q.Limit != 50 || !q.Total || q.Filter != nil || q.Sort != nil || q.Fields != nil {
			t.Errorf("%q: %+v", s, q)
		}
	}
	for raw, words := range map[string][]string{
		`[]`: {"object"}, `5`: {"object"}, `{"pages":1}`: {"pages", "limit"}, `{"pages":null}`: {"unknown"}, `{"page, limit":null}`: {"unknown"},
		`{"page":0}`: {"page", "from 1"}, `{"page":1.5}`: {"whole"}, `{"page":"x"}`: {"whole"}, `{"page":true}`: {"whole"}, `{"limit":0}`: {"1000"}, `{"limit":1001}`: {"1000"}, `{"page":1e9,"limit":1000}`: {"after"}, `{"page":1e30}`: {"page"},
		`{"sort":1}`: {"sort"}, `{"sort":"a,,b"}`: {"sort"}, `{"sort":"a,-a"}`: {"twice"}, `{"sort":"--a,-"}`: {"sort"}, `{"sort":"a,b,c,d,e,f,g,h,i"}`: {"at most 8"},
		`{"fields":1}`: {"fields"}, `{"fields":[1]}`: {"fields"}, `{"fields":[""]}`: {"fields"}, `{"fields":"` + strings.Repeat("a,", 64) + `a"}`: {"at most 64"},
		`{"after":""}`: {"next"}, `{"after":5}`: {"next"}, `{"after":"x"}`: {"next"}, `{"after":"AAAAAAAAAAAAAAAA"}`: {"next"},
		`{"total":1}`: {"total"}, `{"filters":[]}`: {"filters"}, `{"page":1,"page":2}`: {"twice"}, `{`: {"JSON"},
	} {
		_, err := ParseQuery(json.RawMessage(raw))
		if err == nil {
			t.Errorf("%.100s passes", raw)
			continue
		}
		wantKind(t, err, ErrBadRequest, words...)
	}
}

func TestAfterIsBoundToItsQuery(t *testing.T) {
	key := mustQuery(t, `{"sort":"a","filters":{"b":1}}`).Key(Item{ID: ID{number: 1}, JSON: []byte(`{"id":1,"a":"x"}`)}).String()
	mustQuery(t, `{"filters":{"b":1.0},"sort":"a","limit":7,"after":"`+key+`"}`)
	for _, raw := range []string{`"sort":"-a","filters":{"b":1}`, `"sort":"a"`, `"filters":{"b":1}`, `"sort":"a","filters":{"b":2}`, `"sort":"a,b","filters":{"b":1}`} {
		_, err := ParseQuery(json.RawMessage(`{` + raw + `,"after":"` + key + `"}`))
		wantKind(t, err, ErrBadRequest, "same sort and filters")
	}
}

var sorts = []string{"", "a", "-a", "a,-b", "-b,a", "id", "-id", "a.b,a.0", "missing"}

// randomItems draws items with ids of both types.
func randomItems(t *rapid.T) (items []Item, docs map[ID]any) {
	docs = map[ID]any{}
	taken := map[string]bool{}
	for range rapid.IntRange(0, 25).Draw(t, "items") {
		id := rapid.OneOf(rapid.Map(rapid.Uint64Range(1, 30), func(n uint64) ID { return ID{number: n} }), rapid.Map(rapid.StringMatching("[a-c0-9]{1,3}"), func(s string) ID { return ID{text: s} })).Draw(t, "id")
		if taken[id.Text()] {
			continue
		}
		taken[id.Text()] = true
		doc := randomItem().Draw(t, "item")
		if id.IsNumber() {
			doc["id"] = json.Number(id.Text())
		} else {
			doc["id"] = id.Text()
		}
		docs[id] = doc
		items = append(items, Item{ID: id, Rev: Rev{Seq: 1, Tag: 1}, JSON: spell(t, doc)})
	}
	return items, docs
}

// naiveList is the whole answer to a query, in order: all that match.
func naiveList(items []Item, docs map[ID]any, filter map[string]any, sort string) []Item {
	var out []Item
	for _, item := range items {
		if naiveMatch(docs[item.ID], filter) {
			out = append(out, item)
		}
	}
	slices.SortFunc(out, func(a, b Item) int {
		for part := range strings.SplitSeq(sort, ",") {
			if part == "" {
				continue
			}
			path, down := strings.CutPrefix(part, "-")
			v, vok := naiveFind(docs[a.ID], path)
			w, wok := naiveFind(docs[b.ID], path)
			c := naiveCompare(v, vok, w, wok)
			if down {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return a.ID.Compare(b.ID)
	})
	return out
}

func ids(items []Item) string {
	var b []string
	for _, i := range items {
		b = append(b, i.ID.String())
	}
	return strings.Join(b, " ")
}

// Pages by number and pages by after, both from items in any order, are the
// pieces of what a naive evaluator gives.
func TestCollectorAgainstNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		items, docs := randomItems(t)
		filter := map[string]any{}
		if rapid.Bool().Draw(t, "filtered") {
			filter = randomFilter(1).Draw(t, "filter")
		}
		sort := rapid.SampledFrom(sorts).Draw(t, "sort")
		want := naiveList(items, docs, filter, sort)
		limit := rapid.IntRange(1, 7).Draw(t, "limit")
		offered := rapid.Permutation(items).Draw(t, "order")
		ask := map[string]any{"sort": sort, "filters": filter, "limit": json.Number(jsNumber(float64(limit)))}
		var paged, chained []Item
		for page := 1; page <= 30; page++ {
			ask["page"] = json.Number(jsNumber(float64(page)))
			p := collect(t, ask, offered, want)
			if len(p.Items) == 0 {
				break
			}
			paged = append(paged, p.Items...)
			if (p.Next == "") != (len(paged) >= len(want)) {
				t.Fatalf("page %d of %d items has the next %q", page, len(want), p.Next)
			}
		}
		if ids(paged) != ids(want) {
			t.Fatalf("sort %q, filter %v: pages give %s, want %s", sort, filter, ids(paged), ids(want))
		}
		delete(ask, "page")
		for range 30 {
			p := collect(t, ask, offered, want)
			chained = append(chained, p.Items...)
			if p.Next == "" {
				break
			}
			ask["after"] = p.Next
		}
		if ids(chained) != ids(want) {
			t.Fatalf("sort %q: after gives %s, want %s", sort, ids(chained), ids(want))
		}
	})
}

func collect(t *rapid.T, ask map[string]any, offered, want []Item) Page {
	q, err := ParseQuery(spell(t, ask))
	if err != nil {
		t.Fatal(err)
	}
	c := NewCollector(q)
	for _, item := range offered {
		c.Offer(item)
	}
	p := c.Page()
	if p.Total != len(want) {
		t.Fatalf("the total is %d, want %d", p.Total, len(want))
	}
	for i := 1; i < len(p.Items); i++ {
		if q.Compare(p.Items[i-1], p.Items[i]) >= 0 {
			t.Fatalf("%v does not come before %v", p.Items[i-1], p.Items[i])
		}
	}
	// Offered to several, of which one asks whether to skip, and merged, it is the same.
	apart := [3]*Collector{}
	for i := range apart {
		apart[i] = NewCollector(q)
	}
	for i, item := range offered {
		c := apart[(i*i+i/3)%3]
		if i%2 == 0 || !q.Filter.Match(item.JSON) || !c.Skip(item.JSON) {
			c.Offer(item)
		}
	}
	apart[0].Merge(apart[1])
	apart[0].Merge(apart[2])
	if m := apart[0].Page(); ids(m.Items) != ids(p.Items) || m.Next != p.Next || m.Total != p.Total {
		t.Fatalf("merged: %s of %d, next %q, want %s of %d, next %q", ids(m.Items), m.Total, m.Next, ids(p.Items), p.Total, p.Next)
	}
	// Offered in order, it may stop as soon as it is full.
	early := NewCollector(q)
	for _, item := range want {
		if early.Full() {
			break
		}
		early.Offer(item)
	}
	if e := early.Page(); ids(e.Items) != ids(p.Items) || e.Next != p.Next {
		t.Fatalf("stopped when full: %s %q, want %s %q", ids(e.Items), e.Next, ids(p.Items), p.Next)
	}
	return p
}

func TestCollectorWithoutTotal(t *testing.T) {
	q := mustQuery(t, `{"total":false}`)
	if p := NewCollector(q).Page(); p.Total != -1 || p.Items == nil || p.Next != "" {
		t.Errorf("%+v", p)
	}
}

// A deep page must not cost more than what comes before it.
func TestPageKeyKeepsNoBytes(t *testing.T) {
	raw := []byte(`{"id":1,"a":"x","b":[1],"c":"\u0000"}`)
	q := mustQuery(t, `{"sort":"a,b,-c"}`)
	k := q.Key(Item{ID: ID{text: "é"}, JSON: raw})
	text := k.String()
	for i := range raw {
		raw[i] = '!'
	}
	if k.String() != text {
		t.Error("the key changes with the item's bytes")
	}
	back, err := q.parsePageKey(text)
	if err != nil || back.String() != text || back.ID != k.ID || len(back.Values) != 3 {
		t.Errorf("%+v, %v", back, err)
	}
}

func TestProject(t *testing.T) {
	item := []byte(`{"name":"x","id":7,"info":{"w":1,"o":{"p":2},"e":{}},"tags":["a",{"b":1}],"\u0061":1,"n":null}`)
	for fields, want := range map[string]string{
		`["name"]`:              `{"name":"x","id":7}`,
		`["id"]`:                `{"id":7}`,
		`["nothing","name.x"]`:  `{"id":7}`,
		`["info.w","info.o.p"]`: `{"id":7,"info":{"w":1,"o":{"p":2}}}`,
		`["info.o","info"]`:     `{"id":7,"info":{"w":1,"o":{"p":2},"e":{}}}`,
		`["info.x","n"]`:        `{"id":7,"n":null}`,
		`["info.e"]`:            `{"id":7,"info":{"e":{}}}`,
		`["tags.1.b","a"]`:      `{"id":7,"tags":["a",{"b":1}],"\u0061":1}`,
		`["tags.b"]`:            `{"id":7}`,
		`[]`:                    string(item),
	} {
		q := mustQuery(t, `{"fields":`+fields+`}`)
		got := q.Project([]byte("["), item)
		if string(got) != "["+want {
			t.Errorf("%s: %s, want %s", fields, got, want)
		}
		if err := CheckJSON(got[1:], MaxDepth); err != nil {
			t.Error(err)
		}
	}
}

func FuzzParseQuery(f *testing.F) {
	for _, s := range []string{`{"page":2,"limit":"5","sort":"-a,b.c","filters":{"a":{"$gt":1}},"fields":["a"],"total":false}`, `{"after":"AAAAAAAAAAAEQBwAAAAAAAA"}`, `null`, `{"fields":"a,b.c"}`} {
		f.Add([]byte(s), []byte(product))
	}
	f.Fuzz(func(t *testing.T, raw, item []byte) {
		q, err := ParseQuery(raw)
		if err != nil {
			wantKind(t, err, ErrBadRequest)
			return
		}
		if q.Page < 1 || q.Limit < 1 || q.Limit > MaxLimit || q.Offset() > MaxOffset || len(q.Sort) > MaxSortKeys || len(q.Fields) > MaxFields {
			t.Fatalf("%s: %+v", raw, q)
		}
		if CheckJSON(item, MaxDepth) != nil || item[skipSpace(item, 0)] != '{' {
			return
		}
		k := q.Key(Item{ID: ID{number: 1}, JSON: item})
		back, err := q.parsePageKey(k.String())
		if err != nil || back.String() != k.String() {
			t.Fatalf("%s: %v", k, err)
		}
		if out := q.Project(nil, item); CheckJSON(out, MaxDepth) != nil || !bytes.HasPrefix(bytes.TrimSpace(out), []byte("{")) {
			t.Fatalf("%s projects %s to %s", raw, item, out)
		}
	})
}
