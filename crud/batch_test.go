package crud_test

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"

	"ackbase/collections"
	"ackbase/collections/bolt"
	"ackbase/crud"
)

// viewed is a store that knows its open views, and that none is while somebody writes.
type viewed struct {
	*bolt.Store
	t            testing.TB
	opened, open atomic.Int64
}

type countedView struct {
	collections.View
	store *viewed
}

func (s *viewed) OpenView(ctx context.Context) (collections.View, error) {
	v, err := s.Store.OpenView(ctx)
	if err != nil {
		return nil, err
	}
	s.opened.Add(1)
	s.open.Add(1)
	return countedView{v, s}, nil
}

func (v countedView) Close() {
	v.store.open.Add(-1)
	v.View.Close()
}

func (s *viewed) Update(ctx context.Context, w collections.Writer, fn func(collections.Tx) error, done func(error)) {
	if s.open.Load() != 0 {
		s.t.Error("a view was open during Update, which may wait for it")
	}
	s.Store.Update(ctx, w, fn, done)
}

// openViewed is open with a store that counts views.
func openViewed(t testing.TB) (*crud.Service, *viewed) {
	t.Helper()
	store, err := bolt.Open(filepath.Join(t.TempDir(), "test.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	counted := &viewed{Store: store, t: t}
	s := crud.New(collections.New(counted, nil), nil)
	t.Cleanup(func() {
		s.Close()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return s, counted
}

// TestBatch holds that the GETs of a batch share a view, that it ends with the batch and
// before whatever may wait, and that no GET reads what is older than its batch.
func TestBatch(t *testing.T) {
	s, store := openViewed(t)
	c, other := dial(s, "c", 2000), dial(s, "other", 100)
	defer c.hangUp()
	defer other.hangUp()
	value := 0
	write := func() {
		value++
		other.call(t, "PUT", "items", map[string]any{"id": 1, "n": value})
	}
	get := func() string {
		t.Helper()
		c.ask(1, "GET", "items", 1)
		return c.next().(answer).result
	}
	// wantViews runs f, which must open so many views and leave none open.
	wantViews := func(want int64, f func()) {
		t.Helper()
		before := store.opened.Load()
		f()
		if opened, open := store.opened.Load()-before, store.open.Load(); opened != want || open != 0 {
			t.Errorf("%d views were opened and %d left open, want %d and 0", opened, open, want)
		}
	}
	want := func(got string) {
		t.Helper()
		if item := fmt.Sprintf(`{"id":1,"n":%d}`, value); got != item {
			t.Errorf("got %s, want %s", got, item)
		}
	}

	write()
	wantViews(3, func() {
		for range 3 {
			want(get())
		}
	})
	wantViews(1, func() {
		write()
		end := c.session.Batch()
		if c.session.Batch() != nil {
			t.Error("a batch began within a batch")
		}
		for range 16 {
			want(get())
		}
		end()
	})
	wantViews(2, func() { // the next batch sees what was written after the one before
		for range 2 {
			write()
			end := c.session.Batch()
			want(get())
			want(get())
			end()
		}
	})
	wantViews(3, func() {
		end := c.session.Batch()
		want(get())
		value++
		c.call(t, "PUT", "items", map[string]any{"id": 1, "n": value})
		want(get()) // its own write was acknowledged
		c.ask(2, "GET", "items", map[string]any{"limit": 1})
		if store.open.Load() != 0 {
			t.Error("the view stays open while a list is read")
		}
		c.next()
		want(get())
		c.call(t, "SUBSCRIBE", "items", 2)
		end()
	})
	wantViews(4, func() {
		end := c.session.Batch()
		for range 1000 {
			want(get())
		}
		end()
	})
	wantViews(1, func() { // refusals are answered from the same view
		end := c.session.Batch()
		for _, id := range []any{1, 7, "a/b", "none", 1} {
			c.ask(1, "GET", "items", id)
			c.next()
		}
		end()
	})
	end := c.session.Batch()
	get()
	s.Close()
	c.ask(1, "GET", "items", 1) // from the view that is there
	c.next()
	end()
	wantViews(0, func() {
		c.ask(1, "GET", "items", 1)
		if a := c.next().(answer); a.result != "null" {
			t.Errorf("after Close a GET got %s", a.result)
		}
	})
}

// TestGetAllocates holds that a GET in a batch allocates nothing but the text of its id.
func TestGetAllocates(t *testing.T) {
	s, _ := open(t, nil)
	c := dial(s, "c", 1<<30)
	defer c.hangUp()
	for id, own := range map[any]int{1: 0, "an id that is a text": 1} {
		c.call(t, "PUT", "items", map[string]any{"id": id, "name": "Clotted cream fudge"})
		raw, _ := json.Marshal(id)
		get, reply := args(`"items"`, string(raw)), crud.Reply(silent{c})
		const gets = 64
		if allocs := testing.AllocsPerRun(100, func() {
			end := c.session.Batch()
			for range gets {
				c.session.Do("GET", get, false, reply)
			}
			end()
		}); allocs > float64(own*gets+gets/4) { // with those of the database's transaction
			t.Errorf("%d GETs of %v in a batch made %.0f allocations, want %d of their own", gets, id, allocs, own*gets)
		}
	}
}
