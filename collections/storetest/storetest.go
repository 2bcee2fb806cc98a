// Package storetest is the suite that every collections.Store must pass. Each
// subtest is named by the promise it holds; a failure says what was broken.
// A fault that one store had becomes a case here, for all of them.
package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"ackbase/collections"
)

// Open opens a new, empty store with these declarations. The suite closes it.
type Open func(t testing.TB, c map[string]collections.Collection) collections.Store

// Options tell what a store can do beside the promises of collections.Store. The
// zero value: nothing.
type Options struct {
	// Reopen closes a store that Open or Reopen gave and opens the same data again,
	// with these declarations. Nil: the store keeps nothing.
	Reopen func(t testing.TB, s collections.Store, c map[string]collections.Collection) collections.Store
}

// wait bounds everything that is awaited; it is reached by a failure only.
const wait = 20 * time.Second

// Run runs the suite. o may be nil.
func Run(t *testing.T, open Open, o *Options) {
	if o == nil {
		o = &Options{}
	}
	groups := []struct {
		name string
		run  func(t *testing.T, open Open)
	}{
		{"Update", testUpdate},
		{"Order", testOrder},
		{"Read", testRead},
		{"Records", testRecords},
		{"Keys", testKeys},
		{"Changes", testChanges},
		{"History", testHistory},
		{"Pruning", testPruning},
		{"Query", testQuery},
		{"Census", testCensus},
		{"Close", testClose},
	}
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) { g.run(t, open) })
	}
	if o.Reopen != nil {
		t.Run("Reopen", func(t *testing.T) { testReopen(t, open, o.Reopen) })
	}
}

// abilities are what a store may lack: see probe.
type abilities struct {
	severalItems bool // an update may write several items, all or nothing
	records      bool // and records together with items
}

// probe finds the abilities out, in one place: a store that lacks one answers
// such an update with an ErrBadRequest.
func probe(t testing.TB, open Open) abilities {
	t.Helper()
	h := start(t, open, nil)
	err := h.update(func(tx collections.Tx) error {
		return errors.Join(set(tx, "probe", number(1), `{"id":1}`), set(tx, "probe", number(2), `{"id":2}`))
	})
	if err != nil && !errors.Is(err, collections.ErrBadRequest) {
		t.Fatalf("an update of two items: %v; a store that cannot do it answers with an ErrBadRequest", err)
	}
	a := abilities{severalItems: err == nil}
	err = h.update(func(tx collections.Tx) error {
		return errors.Join(set(tx, "probe", number(3), `{"id":3}`), tx.PutRecord("probe", "key", []byte("x"), collections.Retention{}))
	})
	if err != nil && !errors.Is(err, collections.ErrBadRequest) {
		t.Fatalf("an update of an item and a record: %v; a store that cannot do it answers with an ErrBadRequest", err)
	}
	a.records = err == nil
	return a
}

// harness is a store in a test.
type harness struct {
	t testing.TB
	collections.Store
}

// start opens a store that is closed when the test ends.
func start(t testing.TB, open Open, c map[string]collections.Collection) *harness {
	t.Helper()
	h := &harness{t: t, Store: open(t, c)}
	t.Cleanup(func() {
		if err := h.Close(); err != nil && !errors.Is(err, collections.ErrUnavailable) {
			t.Errorf("Close: %v", err)
		}
	})
	return h
}

// update runs one update and waits for its done.
func (h *harness) update(fn func(collections.Tx) error) error {
	h.t.Helper()
	done := make(chan error, 2)
	h.Update(h.t.Context(), collections.Writer{}, fn, func(err error) { done <- err })
	return h.await(done)
}

// await takes what done was called with.
func (h *harness) await(done <-chan error) error {
	h.t.Helper()
	select {
	case err := <-done:
		return err
	case <-time.After(wait):
		h.t.Fatal("done was never called")
		return nil
	}
}

// must is update for what has to succeed.
func (h *harness) must(fn func(collections.Tx) error) {
	h.t.Helper()
	if err := h.update(fn); err != nil {
		h.t.Fatalf("Update: %v", err)
	}
}

// put stores an item.
func (h *harness) put(collection string, id collections.ID, json string) {
	h.t.Helper()
	h.must(func(tx collections.Tx) error { return set(tx, collection, id, json) })
}

// remove deletes an item.
func (h *harness) remove(collection string, id collections.ID) {
	h.t.Helper()
	h.must(func(tx collections.Tx) error { return unset(tx, collection, id) })
}

// get reads an item's JSON as of now, empty if there is none.
func (h *harness) get(collection string, id collections.ID) string {
	h.t.Helper()
	var text string
	h.view(func(r collections.Reader) {
		item, err := r.Get(collection, id)
		if err != nil && !errors.Is(err, collections.ErrNotFound) {
			h.t.Fatalf("Get: %v", err)
		}
		text = string(item.JSON)
	})
	return text
}

func (h *harness) view(fn func(collections.Reader)) {
	h.t.Helper()
	err := h.View(h.t.Context(), func(r collections.Reader) error { fn(r); return nil })
	if err != nil {
		h.t.Fatalf("View: %v", err)
	}
}

// list answers a query; the page's items are copies.
func (h *harness) list(collection, query string) (collections.Page, *collections.Query) {
	h.t.Helper()
	q, err := collections.ParseQuery(json.RawMessage(query))
	if err != nil {
		h.t.Fatalf("ParseQuery(%s): %v", query, err)
	}
	var page collections.Page
	h.view(func(r collections.Reader) {
		page, err = r.List(h.t.Context(), collection, q)
		if err != nil {
			h.t.Fatalf("List(%s): %v", query, err)
		}
		for i, item := range page.Items {
			page.Items[i].JSON = append(json.RawMessage(nil), item.JSON...)
		}
	})
	return page, q
}

// changes takes n changes after a position, in as many calls as it takes.
func (h *harness) changes(after collections.Position, n int) []*collections.Change {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), wait)
	defer cancel()
	var all []*collections.Change
	for len(all) < n {
		some, err := h.Changes(ctx, after, n-len(all))
		if err != nil {
			h.t.Fatalf("Changes after %d of %d changes: %v", len(all), n, err)
		}
		if len(some) == 0 || len(some) > n-len(all) {
			h.t.Fatalf("Changes gave %d changes: it gives at least one and at most the %d that were asked for", len(some), n-len(all))
		}
		all = append(all, some...)
		after = some[len(some)-1].Position
	}
	return all
}

// set writes an item as the verbs do: with what was there before.
func set(tx collections.Tx, collection string, id collections.ID, text string) error {
	_, err := write(tx, collection, id, text)
	return err
}

// unset deletes an item as the verbs do.
func unset(tx collections.Tx, collection string, id collections.ID) error {
	_, err := write(tx, collection, id, "")
	return err
}

// write writes or, with an empty text, deletes an item, and returns the change; nil
// where there was nothing to delete.
func write(tx collections.Tx, collection string, id collections.ID, text string) (*collections.Change, error) {
	c := &collections.Change{Type: collections.Added, Collection: collection, ID: id}
	before, err := tx.Get(collection, id)
	switch {
	case err == nil:
		c.Type, c.ID, c.Prev, c.Before = collections.Modified, before.ID, before.Rev, before.JSON
	case !errors.Is(err, collections.ErrNotFound):
		return nil, err
	}
	if text != "" {
		c.After = json.RawMessage(text)
		if c.Type == collections.Modified {
			c.Diff = json.RawMessage(`[]`)
		}
	} else {
		if c.Before == nil {
			return nil, nil // it was not there
		}
		c.Type = collections.Deleted
	}
	return c, tx.Write(c)
}

func number(n uint64) collections.ID {
	id, err := collections.NumberID(n)
	if err != nil {
		panic(err) // a fault of the test
	}
	return id
}

func text(s string) collections.ID {
	id, err := collections.TextID(s)
	if err != nil {
		panic(err) // a fault of the test
	}
	return id
}
