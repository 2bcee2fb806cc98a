package collections_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"ackbase/collections"
	"ackbase/collections/bolt"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// harness is a DB whose writes wait for their end.
type harness struct {
	*collections.DB
	t    testing.TB
	last *collections.Position // of what has been done
}

func open(t testing.TB, o *collections.Options) harness {
	t.Helper()
	bo := &bolt.Options{}
	if o != nil {
		bo.Collections = o.Collections
	}
	s, err := bolt.Open(filepath.Join(t.TempDir(), "db"), bo)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return harness{collections.New(s, o), t, &collections.Position{}}
}

type outcome struct {
	collections.Result
	err error
}

// wait gives a done function and waits for what it is told, once.
func (h harness) wait(do func(done func(collections.Result, error))) outcome {
	h.t.Helper()
	told := make(chan outcome, 2)
	do(func(r collections.Result, err error) { told <- outcome{r, err} })
	select {
	case o := <-told:
		if len(told) > 0 {
			h.t.Fatal("done was called twice")
		}
		h.saw(o)
		return o
	case <-time.After(20 * time.Second):
		h.t.Fatal("done was never called")
		panic("unreachable")
	}
}

func (h harness) saw(o outcome) {
	if o.Position.Seq > h.last.Seq {
		*h.last = o.Position
	}
}

var ctx = context.Background()

// scratch passes bytes as from a buffer that is used again after the call.
func scratch(s string, f func(b []byte)) {
	b := []byte(s)
	f(b)
	for i := range b {
		b[i] = '#'
	}
}

func (h harness) post(item string, w collections.Write) outcome {
	h.t.Helper()
	return h.wait(func(done func(collections.Result, error)) {
		scratch(item, func(b []byte) { h.Post(ctx, "items", b, w, done) })
	})
}

func (h harness) put(id, item string, w collections.Write) outcome {
	h.t.Helper()
	return h.wait(func(done func(collections.Result, error)) {
		scratch(item, func(b []byte) { h.Put(ctx, "items", decodeID(h.t, id), b, w, done) })
	})
}

func (h harness) merge(id, patch string, w collections.Write) outcome {
	h.t.Helper()
	return h.wait(func(done func(collections.Result, error)) {
		scratch(patch, func(b []byte) { h.Merge(ctx, "items", decodeID(h.t, id), b, w, done) })
	})
}

func (h harness) patch(id, patch string, w collections.Write) outcome {
	h.t.Helper()
	return h.wait(func(done func(collections.Result, error)) {
		scratch(patch, func(b []byte) { h.Patch(ctx, "items", decodeID(h.t, id), b, w, done) })
	})
}

func (h harness) patchAll(patch string, w collections.Write) outcome {
	h.t.Helper()
	return h.wait(func(done func(collections.Result, error)) {
		scratch(patch, func(b []byte) { h.PatchAll(ctx, "items", b, w, done) })
	})
}

func (h harness) remove(id string, w collections.Write) outcome {
	h.t.Helper()
	return h.wait(func(done func(collections.Result, error)) { h.Delete(ctx, "items", decodeID(h.t, id), w, done) })
}

// decodeID reads an id, where "" is none.
func decodeID(t testing.TB, raw string) collections.ID {
	t.Helper()
	if raw == "" {
		return collections.ID{}
	}
	id, err := collections.DecodeID(json.RawMessage(raw))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (h harness) get(id string) string {
	h.t.Helper()
	item, _, err := h.Get(ctx, "items", decodeID(h.t, id))
	if err != nil {
		return err.Error()
	}
	return string(item.JSON)
}

// changes is the whole log up to what has been done. It waits for the changes
// to be announced, which comes after done.
func (h harness) changes() []*collections.Change {
	h.t.Helper()
	var all []*collections.Change
	for at := (collections.Position{Epoch: h.last.Epoch}); at != *h.last; {
		some, err := h.Changes(ctx, at, 1000)
		if err != nil {
			h.t.Fatal(err)
		}
		all = append(all, some...)
		at = some[len(some)-1].Position
	}
	return all
}

func (o outcome) ok(t testing.TB, item string) outcome {
	t.Helper()
	if o.err != nil || string(o.Item.JSON) != item {
		t.Fatalf("%s, %v: want %s", o.Item.JSON, o.err, item)
	}
	if o.Position.Seq == 0 {
		t.Fatal("no position")
	}
	return o
}

func (o outcome) fails(t testing.TB, kind error, words ...string) outcome {
	t.Helper()
	if !errors.Is(o.err, kind) {
		t.Fatalf("%v: want %v", o.err, kind)
	}
	for _, w := range words {
		if !strings.Contains(o.err.Error(), w) {
			t.Fatalf("%q should mention %q", o.err, w)
		}
	}
	return o
}

var none collections.Write

func TestPost(t *testing.T) {
	h := open(t, nil)
	first := h.post(` { "name" : "Tea" } `, collections.Write{Reason: "stock", By: "ann"}).ok(t, `{"id":1,"name":"Tea"}`)
	if !first.Created || first.Existed || first.Item.Rev.IsZero() || first.Item.ID.Text() != "1" {
		t.Errorf("%+v", first)
	}
	h.post(`{"id":3}`, none).ok(t, `{"id":3}`)
	h.post(`{"id":"4","x":1}`, none).ok(t, `{"id":"4","x":1}`)
	h.post(`{"id":null}`, none).fails(t, collections.ErrBadRequest, "leave it out")
	h.post(`{}`, none).ok(t, `{"id":2}`)
	h.post(`{}`, none).ok(t, `{"id":5}`) // 3 and "4" exist
	h.post(`{"id":4}`, none).fails(t, collections.ErrConflict, "PUT")
	h.post(`{"id":"1"}`, none).fails(t, collections.ErrConflict)
	h.remove(`5`, none)
	h.post(`{}`, none).ok(t, `{"id":6}`) // never used again

	for raw, word := range map[string]string{`[]`: "object", `1`: "object", `{"a":1,"a":2}`: "twice", `{`: "JSON", `{"id":0}`: "whole", `{"id":true}`: "id", `{"id":""}`: "empty", `{"id":"a/b"}`: "/", `{"__proto__":1}`: "__proto__", strings.Repeat(`{"a":`, 70): "deep"} {
		h.post(raw, none).fails(t, collections.ErrBadRequest, word)
	}
	h.post(`{}`, collections.Write{Reason: strings.Repeat("x", collections.MaxReason+1)}).fails(t, collections.ErrBadRequest, "reason")
	log := h.changes()
	if len(log) != 7 {
		t.Fatalf("%d changes", len(log))
	}
	if c := log[0]; c.Type != collections.Added || c.Reason != "stock" || c.By != "ann" || c.Before != nil || !c.Prev.IsZero() || c.Rev() != first.Item.Rev || c.Position != first.Position || c.Collection != "items" {
		t.Errorf("%+v", c)
	}
}

func TestIDSchemes(t *testing.T) {
	h := open(t, &collections.Options{Collections: map[string]collections.Collection{"tokens": {IDs: "uuid"}, "parts": {IDs: "prefix:A"}, "odd": {IDs: "random"}}})
	post := func(collection, item string) outcome {
		return h.wait(func(done func(collections.Result, error)) { h.Post(ctx, collection, []byte(item), none, done) })
	}
	id := post("tokens", `{}`).Item.ID
	if u, err := uuid.Parse(id.Text()); err != nil || u.Version() != 7 {
		t.Errorf("%v, %v", id, err)
	}
	post("parts", `{}`).ok(t, `{"id":"A1"}`)
	post("parts", `{"id":"A2"}`).ok(t, `{"id":"A2"}`)
	post("parts", `{"id":7}`).ok(t, `{"id":7}`)
	post("parts", `{}`).ok(t, `{"id":"A3"}`)
	if o := post("odd", `{}`); o.err == nil || errors.Is(o.err, collections.ErrBadRequest) {
		t.Errorf("%v: a wrong scheme is not the client's fault", o.err)
	}
	for scheme, good := range map[collections.IDScheme]bool{"": true, "number": true, "uuid": true, "prefix:A": true, "prefix:": false, "prefix:1": false, "prefix:a/b": false, "x": false} {
		o := &collections.Options{Collections: map[string]collections.Collection{"a": {IDs: scheme}}}
		if err := o.Check(); (err == nil) != good {
			t.Errorf("%s: %v", scheme, err)
		}
	}
	for _, c := range []map[string]collections.Collection{{"1": {}}, {"a": {Indexes: []collections.Index{{}}}}, {"a": {Indexes: []collections.Index{{Paths: []string{"a..b"}}}}}} {
		if (&collections.Options{Collections: c}).Check() == nil {
			t.Errorf("%v passes", c)
		}
	}
}

func TestPut(t *testing.T) {
	h := open(t, nil)
	made := h.put(`1`, `{"a":1}`, none).ok(t, `{"id":1,"a":1}`)
	if !made.Created || made.Existed {
		t.Errorf("%+v", made)
	}
	again := h.put(`"1"`, `{"a":2,"id":"1"}`, none).ok(t, `{"a":2,"id":1}`) // keeps the type it was created with
	if again.Created || !again.Existed || again.Item.Rev == made.Item.Rev {
		t.Errorf("%+v", again)
	}
	equal := h.put(``, ` {"id":1.0, "a":2.0}`, none)
	if equal.err != nil || equal.Item.Rev != again.Item.Rev || equal.Position != again.Position || equal.Created || string(equal.Item.JSON) != `{"a":2,"id":1}` {
		t.Errorf("%+v", equal)
	}
	h.put(`"2"`, `{}`, none).ok(t, `{"id":"2"}`)
	h.put(`2`, `{"b":1}`, none).ok(t, `{"id":"2","b":1}`)
	h.put(`5`, `{"id":"5"}`, none).ok(t, `{"id":"5"}`) // the item's own id is text
	h.put(`1`, `{"id":2}`, none).fails(t, collections.ErrBadRequest, "differ")
	h.put(``, `{}`, none).fails(t, collections.ErrBadRequest, "id is needed")
	h.put(``, `{"id":null}`, none).fails(t, collections.ErrBadRequest, "id is null")
	h.put(`1`, `{"id":null}`, none).fails(t, collections.ErrBadRequest, "id is null")
	h.put(`1`, `[]`, none).fails(t, collections.ErrBadRequest, "object")
	log := h.changes()
	if len(log) != 5 {
		t.Fatalf("%d changes", len(log))
	}
	if c := log[1]; c.Type != collections.Modified || string(c.Before) != `{"id":1,"a":1}` || string(c.Diff) != `[{"op":"replace","path":"/a","value":2}]` || c.Prev != made.Item.Rev {
		t.Errorf("%+v", c)
	}
}

func TestIfMatch(t *testing.T) {
	h := open(t, nil)
	match := func(raw string) collections.Write {
		m, err := collections.ParseIfMatch(json.RawMessage(raw))
		if err != nil {
			t.Fatal(err)
		}
		return collections.Write{IfMatch: m}
	}
	details := func(o outcome) *string {
		t.Helper()
		var e *collections.Error
		if !errors.As(o.fails(t, collections.ErrPrecondition).err, &e) {
			t.Fatal(o.err)
		}
		return e.Details.(collections.PreconditionDetails).Rev
	}
	if rev := details(h.put(`1`, `{}`, match(`"*"`))); rev != nil {
		t.Error(*rev)
	}
	made := h.put(`1`, `{"a":1}`, match(`null`)).ok(t, `{"id":1,"a":1}`)
	rev := made.Item.Rev.String()
	if got := details(h.put(`1`, `{}`, match(`null`))); got == nil || *got != rev {
		t.Error(got)
	}
	now := h.put(`1`, `{"a":2}`, match(`"`+rev+`"`)).ok(t, `{"id":1,"a":2}`)
	if got := details(h.put(`1`, `{}`, match(`"`+rev+`"`))); got == nil || *got != now.Item.Rev.String() {
		t.Error(got)
	}
	details(h.merge(`1`, `{"a":3}`, match(`"`+rev+`"`)))
	details(h.patch(`1`, `[]`, match(`"`+rev+`"`)))
	details(h.remove(`1`, match(`"`+rev+`"`)))
	details(h.remove(`9`, match(`"*"`)))
	details(h.merge(`9`, `{"a":3}`, match(`"`+rev+`"`)))
	details(h.post(`{"id":10}`, match(`"*"`)))
	h.post(`{"id":10}`, match(`null`)).ok(t, `{"id":10}`)
	h.merge(`9`, `{}`, match(`null`)).fails(t, collections.ErrNotFound)
	h.merge(`1`, `{"a":3}`, match(`"*"`)).ok(t, `{"id":1,"a":3}`)
	h.patchAll(`[]`, match(`"*"`)).fails(t, collections.ErrBadRequest, "one item")
	for _, raw := range []string{`1`, `""`, `"x"`, `{}`, `x`} {
		if _, err := collections.ParseIfMatch(json.RawMessage(raw)); !errors.Is(err, collections.ErrBadRequest) {
			t.Errorf("%s: %v", raw, err)
		}
	}
	if m, err := collections.ParseIfMatch(nil); m != nil || err != nil {
		t.Error(m, err)
	}
}

func TestMerge(t *testing.T) {
	h := open(t, nil)
	h.put(`"7"`, `{"a":1,"o":{"x":1,"y":2}}`, none)
	h.merge(``, `{"id":7,"a":null,"o":{"x":null,"z":{"n":null}}}`, none).ok(t, `{"id":"7","o":{"y":2,"z":{}}}`)
	same := h.merge(`7`, `{"a":null}`, none).ok(t, `{"id":"7","o":{"y":2,"z":{}}}`)
	if n := len(h.changes()); n != 2 || same.Created || !same.Existed {
		t.Errorf("%d changes", n)
	}
	h.merge(`8`, `{"a":1}`, none).fails(t, collections.ErrNotFound, "8")
	h.merge(``, `{"a":1}`, none).fails(t, collections.ErrBadRequest, "id is needed")
	h.merge(`7`, `{"id":8}`, none).fails(t, collections.ErrBadRequest, "differ")
	h.merge(`7`, `{"id":null}`, none).fails(t, collections.ErrBadRequest, "id")
	h.merge(`7`, `[]`, none).fails(t, collections.ErrBadRequest, "merge patch")
	h.merge(`7`, `{"constructor":{"a":1}}`, none)
	h.merge(`7`, `{"constructor":{"prototype":1}}`, none).fails(t, collections.ErrBadRequest, "prototype")
}

func TestPatch(t *testing.T) {
	h := open(t, nil)
	h.put(`1`, `{"a":[1,2],"constructor":{},"p":{"prototype":1}}`, none)
	h.patch(`"1"`, `[{"op":"test","path":"/id","value":1},{"op":"add","path":"/a/-","value":3}]`, none).ok(t, `{"id":1,"a":[1,2,3],"constructor":{},"p":{"prototype":1}}`)
	h.patch(`1`, `[{"op":"remove","path":"/a"},{"op":"test","path":"/x","value":1}]`, none).fails(t, collections.ErrConflict, "operation 1")
	h.patch(`1`, `[{"op":"replace","path":"/id","value":2}]`, none).fails(t, collections.ErrBadRequest, "id")
	h.patch(`1`, `[{"op":"remove","path":"/id"}]`, none).fails(t, collections.ErrBadRequest, "id")
	h.patch(`1`, `[{"op":"replace","path":"","value":[1]}]`, none).fails(t, collections.ErrBadRequest, "object")
	h.patch(`1`, `[{"op":"replace","path":"","value":{"id":"1"}},{"op":"add","path":"/b","value":1}]`, none).ok(t, `{"id":1,"b":1}`)
	h.put(`1`, `{"constructor":{},"p":{"prototype":1}}`, none)
	h.patch(`1`, `[{"op":"move","from":"/p","path":"/constructor"}]`, none).fails(t, collections.ErrBadRequest, "prototype")
	h.patch(`2`, `[]`, none).fails(t, collections.ErrNotFound)
	h.patch(``, `[]`, none).fails(t, collections.ErrBadRequest, "id")
	h.patch(`1`, `{}`, none).fails(t, collections.ErrBadRequest, "array")
	h.patch(`1`, `[{"op":"add","path":"/x","value":{"a":1,"a":2}}]`, none).fails(t, collections.ErrBadRequest, "twice")
	if n := len(h.changes()); n != 4 {
		t.Errorf("%d changes", n)
	}
}

func TestPatchAll(t *testing.T) {
	h := open(t, nil)
	h.put(`1`, `{"n":10,"name":"tea"}`, none)
	h.put(`"2"`, `{"n":5}`, none)
	h.put(``, `{"id":"A~2","n":0}`, none)
	before := len(h.changes())
	texts := func(o outcome) string {
		t.Helper()
		if o.err != nil {
			t.Fatal(o.err)
		}
		var b []string
		for _, i := range o.Items {
			if i.Rev.IsZero() {
				t.Errorf("%s has no revision", i.JSON)
			}
			b = append(b, string(i.JSON))
		}
		return strings.Join(b, " ")
	}
	// Across items: what one loses the other gets.
	got := texts(h.patchAll(`[{"op":"test","path":"/1/n","value":10},{"op":"replace","path":"/1/n","value":8},{"op":"replace","path":"/2/n","value":7},{"op":"move","from":"/1/name","path":"/A~02/name"}]`, collections.Write{Reason: "moved"}))
	if got != `{"id":1,"n":8} {"id":"2","n":7} {"id":"A~2","n":0,"name":"tea"}` {
		t.Error(got)
	}
	log := h.changes()[before:]
	if len(log) != 3 || log[0].Reason != "moved" || string(log[2].Diff) != `[{"op":"add","path":"/name","value":"tea"}]` {
		t.Errorf("%d changes", len(log))
	}
	// Creating, deleting, copying and moving whole items; only one change for each.
	if got := texts(h.patchAll(`[{"op":"add","path":"/9","value":{"x":1}},{"op":"add","path":"/10","value":{"id":"10"}},{"op":"add","path":"/B","value":{"id":"B"}},{"op":"remove","path":"/2"},{"op":"copy","from":"/1","path":"/11"},{"op":"replace","path":"/11/n","value":1}]`, none)); got != `{"id":9,"x":1} {"id":"10"} {"id":"B"} {"id":11,"n":1}` {
		t.Error(got)
	}
	if got := h.get(`2`); !strings.Contains(got, "no") {
		t.Error(got)
	}
	if got := texts(h.patchAll(`[{"op":"move","from":"/11","path":"/12"},{"op":"add","path":"/13","value":{}},{"op":"remove","path":"/13"}]`, none)); got != `{"id":12,"n":1}` {
		t.Error(got)
	}
	if got := texts(h.patchAll(`[{"op":"remove","path":"/12"},{"op":"add","path":"/12","value":{"n":2}}]`, none)); got != `{"id":12,"n":2}` {
		t.Error(got)
	}
	if last := h.changes(); last[len(last)-1].Type != collections.Modified {
		t.Error("deleted and added again in one patch is one change")
	}
	count := len(h.changes())
	nothing := h.patchAll(`[{"op":"test","path":"/1/n","value":8},{"op":"replace","path":"/12/n","value":2.0}]`, none)
	if texts(nothing) != `{"id":12,"n":2}` || len(h.changes()) != count || nothing.Position != *h.last {
		t.Errorf("%+v", nothing)
	}
	if o := h.patchAll(`[]`, none); o.err != nil || o.Items == nil || len(o.Items) != 0 {
		t.Errorf("%+v", o)
	}
	for patch, kind := range map[string]error{
		`[{"op":"replace","path":"/1/n","value":0},{"op":"test","path":"/9/x","value":2}]`: collections.ErrConflict,
		`[{"op":"replace","path":"/1/n","value":0},{"op":"remove","path":"/99"}]`:          collections.ErrConflict,
		`[{"op":"replace","path":"/99/n","value":0}]`:                                      collections.ErrConflict,
		`[{"op":"add","path":"","value":{}}]`:                                              collections.ErrBadRequest,
		`[{"op":"copy","from":"","path":"/5"}]`:                                            collections.ErrBadRequest,
		`[{"op":"add","path":"/5","value":1}]`:                                             collections.ErrBadRequest,
		`[{"op":"add","path":"/5","value":{"id":6}}]`:                                      collections.ErrBadRequest,
		`[{"op":"replace","path":"/1/id","value":6}]`:                                      collections.ErrBadRequest,
		`[{"op":"add","path":"/a~1b","value":{}}]`:                                         collections.ErrBadRequest,
		`[{"op":"add","path":"/","value":{}}]`:                                             collections.ErrBadRequest,
		`{}`:                                                                               collections.ErrBadRequest,
	} {
		h.patchAll(patch, none).fails(t, kind)
	}
	if len(h.changes()) != count || h.get(`1`) != `{"id":1,"n":8}` {
		t.Error("a failed patch left something behind")
	}
}

func TestDelete(t *testing.T) {
	h := open(t, nil)
	made := h.put(`1`, `{"a":1}`, none)
	gone := h.remove(`"1"`, collections.Write{By: "bob"})
	if gone.err != nil || !gone.Existed || string(gone.Item.JSON) != `{"id":1,"a":1}` {
		t.Errorf("%+v", gone)
	}
	again := h.remove(`1`, none)
	if again.err != nil || again.Existed || again.Position != gone.Position {
		t.Errorf("%+v", again)
	}
	h.remove(``, none).fails(t, collections.ErrBadRequest, "id")
	log := h.changes()
	if c := log[len(log)-1]; len(log) != 2 || c.Type != collections.Deleted || c.After != nil || string(c.Before) != `{"id":1,"a":1}` || c.Prev != made.Item.Rev || c.By != "bob" || c.ID != made.Item.ID {
		t.Errorf("%+v", c)
	}
	_, _, err := h.Get(ctx, "items", made.Item.ID)
	outcome{err: err}.fails(t, collections.ErrNotFound)
}

func TestSizes(t *testing.T) {
	h := open(t, &collections.Options{MaxItem: 100})
	big := strings.Repeat("x", 80)
	h.post(`{"a":"`+strings.Repeat("x", 100)+`"}`, none).fails(t, collections.ErrTooLarge, "100")
	h.put(`"`+strings.Repeat("i", 50)+`"`, `{"a":"`+big+`"}`, none).fails(t, collections.ErrTooLarge)
	h.put(`1`, strings.Repeat(" ", 200)+`{"a":"`+big+`"}`, none).ok(t, `{"id":1,"a":"`+big+`"}`)
	h.merge(`1`, `{"b":"1234567890"}`, none).fails(t, collections.ErrTooLarge)
	h.patch(`1`, `[{"op":"copy","from":"/a","path":"/b"}]`, none).fails(t, collections.ErrTooLarge)
	h.patchAll(`[{"op":"copy","from":"/1/a","path":"/1/b"}]`, none).fails(t, collections.ErrTooLarge)
	if n := len(h.changes()); n != 1 {
		t.Errorf("%d changes", n)
	}
}

func TestDeclared(t *testing.T) {
	h := open(t, &collections.Options{Declared: true, Collections: map[string]collections.Collection{"items": {}}})
	h.post(`{}`, none).ok(t, `{"id":1}`)
	h.wait(func(done func(collections.Result, error)) { h.Post(ctx, "others", []byte(`{}`), none, done) }).fails(t, collections.ErrNotFound, "others")
	h.wait(func(done func(collections.Result, error)) {
		h.PatchAll(ctx, "others", []byte(`[]`), none, done)
	}).fails(t, collections.ErrNotFound)
	h.wait(func(done func(collections.Result, error)) { h.Delete(ctx, "a b", collections.ID{}, none, done) }).fails(t, collections.ErrBadRequest, "name")
	_, _, err := h.List(ctx, "others", nil)
	outcome{err: err}.fails(t, collections.ErrNotFound)
	_, _, err = h.Get(ctx, "", collections.ID{})
	outcome{err: err}.fails(t, collections.ErrBadRequest)
}

func TestList(t *testing.T) {
	h := open(t, nil)
	for i := range 7 {
		h.post(fmt.Sprintf(`{"n":%d,"even":%v}`, 10-i, i%2 == 0), none)
	}
	q, err := collections.ParseQuery(json.RawMessage(`{"filters":{"even":"true"},"sort":"n","limit":3,"fields":"n"}`))
	if err != nil {
		t.Fatal(err)
	}
	page, at, err := h.List(ctx, "items", q)
	if err != nil || at != *h.last || page.Total != 4 || page.Next == "" || len(page.Items) != 3 {
		t.Fatalf("%+v, %v, %v", page, at, err)
	}
	if got := string(page.Items[0].JSON); got != `{"id":7,"n":4}` {
		t.Error(got)
	}
}

// The revisions that Result and the store tell are the same, also for writes
// that are committed together.
func TestManyWritersAtOnce(t *testing.T) {
	h := open(t, nil)
	const writers, each = 8, 25
	results := make(chan outcome, writers*each)
	for w := range writers {
		for i := range each {
			h.Merge(ctx, "items", collections.ID{}, fmt.Appendf(nil, `{"id":1,"w":%d,"i":%d}`, w, i), collections.Write{Writer: collections.Writer{Conn: fmt.Sprint(w), Request: uint64(i)}}, func(r collections.Result, err error) { results <- outcome{r, err} })
			if w == 0 && i == 0 {
				h.post(`{"id":1}`, none).ok(t, `{"id":1}`)
			}
		}
	}
	revs := map[collections.Rev]string{}
	for range writers * each {
		select {
		case o := <-results:
			h.saw(o)
			if errors.Is(o.err, collections.ErrNotFound) {
				continue
			}
			if o.err != nil {
				t.Fatal(o.err)
			}
			if other, ok := revs[o.Item.Rev]; ok && other != string(o.Item.JSON) {
				t.Fatalf("%s and %s have one revision", other, o.Item.JSON)
			}
			revs[o.Item.Rev] = string(o.Item.JSON)
		case <-time.After(20 * time.Second):
			t.Fatal("a write was never done")
		}
	}
	var prev *collections.Change
	for _, c := range h.changes() {
		if prev != nil && (c.Prev != prev.Rev() || string(c.Before) != string(prev.After)) {
			t.Fatalf("a change does not follow on the one before: %+v after %+v", c, prev)
		}
		if prev != nil && revs[c.Rev()] != string(c.After) {
			t.Fatalf("the writer of %s was told %s", c.After, revs[c.Rev()])
		}
		prev = c
	}
}
