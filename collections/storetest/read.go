package storetest

import (
	"context"
	"errors"
	"testing"

	"ackbase/collections"
)

func testRead(t *testing.T, open Open) {
	t.Run("a missing item is ErrNotFound", func(t *testing.T) {
		h := start(t, open, nil)
		h.put("items", number(1), `{"id":1}`)
		h.view(func(r collections.Reader) {
			for _, c := range []string{"items", "never"} {
				if _, err := r.Get(c, number(2)); !errors.Is(err, collections.ErrNotFound) {
					t.Errorf("Get of a missing item of %s: %v", c, err)
				}
			}
		})
	})

	t.Run(`1 and "1" are one item that keeps its type`, func(t *testing.T) {
		h := start(t, open, nil)
		h.put("items", number(1), `{"id":1}`)
		h.put("items", text("2"), `{"id":"2"}`)
		h.put("items", text("01"), `{"id":"01"}`)
		h.view(func(r collections.Reader) {
			for _, id := range []collections.ID{number(1), text("1")} {
				if item, err := r.Get("items", id); err != nil || item.ID != number(1) {
					t.Errorf("Get(%s) gave the item %s, %v; it was created as 1", id, item.ID, err)
				}
			}
			for _, id := range []collections.ID{number(2), text("2")} {
				if item, err := r.Get("items", id); err != nil || item.ID != text("2") {
					t.Errorf(`Get(%s) gave the item %s, %v; it was created as "2"`, id, item.ID, err)
				}
			}
		})
		h.put("items", text("1"), `{"id":1,"again":true}`)
		page, _ := h.list("items", `{}`)
		if page.Total != 3 {
			t.Errorf(`after writing 1, "2", "01" and "1" there are %d items instead of 3`, page.Total)
		}
		h.remove("items", number(2))
		if got := h.get("items", text("2")); got != "" {
			t.Errorf(`deleting 2 left "2": %s`, got)
		}
	})

	t.Run("a view is of one moment", func(t *testing.T) {
		h := start(t, open, nil)
		h.put("items", number(1), `{"n":1}`)
		reading, written := make(chan struct{}), make(chan struct{})
		go func() {
			<-reading
			h.put("items", number(1), `{"n":2}`)
			h.put("items", number(2), `{}`)
			close(written)
		}()
		h.view(func(r collections.Reader) {
			position := r.Position()
			close(reading)
			<-written
			item, err := r.Get("items", number(1))
			if err != nil || string(item.JSON) != `{"n":1}` {
				t.Errorf("the view began before the write and reads %s, %v", item.JSON, err)
			}
			if _, err := r.Get("items", number(2)); !errors.Is(err, collections.ErrNotFound) {
				t.Errorf("the view sees an item that was added later: %v", err)
			}
			if item.Rev.Seq != position.Seq || r.Position() != position {
				t.Errorf("the view's position went from %v to %v, its item has %v", position, r.Position(), item.Rev)
			}
		})
	})

	t.Run("an open view is of one moment until it is closed", func(t *testing.T) {
		h := start(t, open, nil)
		viewer, ok := h.Store.(collections.Viewer)
		if !ok {
			return // it need not be able to
		}
		const first, second = `{"id":1,"n":1}`, `{"id":1,"n":2}`
		h.put("items", number(1), first)
		openView := func() collections.View {
			v, err := viewer.OpenView(t.Context())
			if err != nil {
				t.Fatalf("OpenView: %v", err)
			}
			return v
		}
		check := func(v collections.View, want string) {
			t.Helper()
			for _, id := range []collections.ID{number(1), number(2), text("1")} {
				item, err := v.Get("items", id)
				if id == number(2) {
					if want == first && !errors.Is(err, collections.ErrNotFound) {
						t.Errorf("the view sees an item that was added later: %v", err)
					}
				} else if err != nil || string(item.JSON) != want {
					t.Errorf("the view reads %s, %v; at its moment the item was %s", item.JSON, err, want)
				}
			}
			if _, err := v.Get("others", number(1)); !errors.Is(err, collections.ErrNotFound) {
				t.Errorf("Get from a collection that nobody has written to: %v", err)
			}
		}
		old := openView()
		position := old.Position()
		h.put("items", number(1), second)
		h.put("items", number(2), `{"id":2}`)
		young := openView()
		for range 2 {
			check(old, first)
			check(young, second)
		}
		if old.Position() != position || young.Position().Seq != position.Seq+2 {
			t.Errorf("the positions are %v, which was %v, and, two changes later, %v", old.Position(), position, young.Position())
		}
		old.Close()
		check(young, second)
		young.Close()
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := viewer.OpenView(t.Context()); !errors.Is(err, collections.ErrUnavailable) {
			t.Errorf("OpenView of a closed store: %v, want an ErrUnavailable", err)
		}
	})

	t.Run("a view's position is not behind the head from before it", func(t *testing.T) {
		h := start(t, open, nil)
		for i := range 20 {
			h.put("items", number(uint64(i+1)), `{}`)
			head := h.Head()
			h.view(func(r collections.Reader) {
				if p := r.Position(); p.Seq < head.Seq || p.Seq < uint64(i+1) {
					t.Errorf("the head was %d, %d items were written, and the view says %d", head.Seq, i+1, p.Seq)
				}
			})
		}
	})

	t.Run("a view's error is its function's", func(t *testing.T) {
		h := start(t, open, nil)
		cause := errors.New("on purpose")
		if err := h.View(t.Context(), func(collections.Reader) error { return cause }); !errors.Is(err, cause) {
			t.Errorf("View returned %v", err)
		}
	})

	t.Run("a list ends with its context", func(t *testing.T) {
		h := start(t, open, nil)
		h.put("items", number(1), `{"id":1}`)
		ctx, cancel := context.WithCancel(t.Context())
		h.view(func(r collections.Reader) {
			cancel()
			q, err := collections.ParseQuery(nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := r.List(ctx, "items", q); !errors.Is(err, context.Canceled) {
				t.Errorf("List with an ended context: %v", err)
			}
		})
	})
}
