package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

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

func testRecords(t *testing.T, open Open) {
	read := func(h *harness, kind, key string) (value string, err error) {
		h.must(func(tx collections.Tx) error {
			b, e := tx.GetRecord(kind, key)
			value, err = string(b), e
			return nil
		})
		return value, err
	}
	write := func(h *harness, kind, key string, value []byte, expires time.Time) {
		h.t.Helper()
		h.must(func(tx collections.Tx) error { return tx.PutRecord(kind, key, value, expires) })
	}

	t.Run("a record is kept, replaced and deleted, and makes no change", func(t *testing.T) {
		h := start(t, open, nil)
		head := h.Head()
		if _, err := read(h, "key", "a"); !errors.Is(err, collections.ErrNotFound) {
			t.Errorf("a record that nobody wrote: %v", err)
		}
		write(h, "key", "a", []byte("one"), time.Time{})
		write(h, "other", "a", []byte("elsewhere"), time.Time{})
		if got, err := read(h, "key", "a"); got != "one" || err != nil {
			t.Errorf("the record reads %q, %v", got, err)
		}
		write(h, "key", "a", []byte("two"), time.Now().Add(time.Hour))
		if got, err := read(h, "key", "a"); got != "two" || err != nil {
			t.Errorf("the replaced record reads %q, %v", got, err)
		}
		write(h, "key", "a", nil, time.Time{})
		if _, err := read(h, "key", "a"); !errors.Is(err, collections.ErrNotFound) {
			t.Errorf("the deleted record: %v", err)
		}
		if got, err := read(h, "other", "a"); got != "elsewhere" || err != nil {
			t.Errorf("the record of the other kind reads %q, %v", got, err)
		}
		if h.Head() != head {
			t.Error("records moved the head")
		}
	})

	t.Run("an update sees its own records", func(t *testing.T) {
		h := start(t, open, nil)
		var got []byte
		h.must(func(tx collections.Tx) (err error) {
			if err := tx.PutRecord("key", "a", []byte("one"), time.Time{}); err != nil {
				return err
			}
			got, err = tx.GetRecord("key", "a")
			return err
		})
		if string(got) != "one" {
			t.Errorf("the update read %q", got)
		}
	})

	t.Run("a failed update leaves no record", func(t *testing.T) {
		h := start(t, open, nil)
		write(h, "key", "a", []byte("one"), time.Time{})
		if err := h.update(func(tx collections.Tx) error {
			return errors.Join(tx.PutRecord("key", "a", []byte("two"), time.Time{}), tx.PutRecord("key", "b", []byte("new"), time.Time{}), errors.New("on purpose"))
		}); err == nil {
			t.Error("the update's error was lost")
		}
		if got, _ := read(h, "key", "a"); got != "one" {
			t.Errorf("the record reads %q", got)
		}
		if _, err := read(h, "key", "b"); !errors.Is(err, collections.ErrNotFound) {
			t.Errorf("the record of the failed update: %v", err)
		}
	})

	t.Run("a record is gone after its expiry", func(t *testing.T) {
		h := start(t, open, nil)
		write(h, "key", "past", []byte("x"), time.Now().Add(-time.Hour))
		write(h, "key", "future", []byte("y"), time.Now().Add(time.Hour))
		if _, err := read(h, "key", "past"); !errors.Is(err, collections.ErrNotFound) {
			t.Errorf("an expired record: %v", err)
		}
		if got, err := read(h, "key", "future"); got != "y" || err != nil {
			t.Errorf("a record before its expiry reads %q, %v", got, err)
		}
		write(h, "key", "past", []byte("again"), time.Now().Add(time.Hour))
		write(h, "key", "other", []byte("z"), time.Time{})
		if got, err := read(h, "key", "past"); got != "again" || err != nil {
			t.Errorf("a record written again after its expiry reads %q, %v", got, err)
		}
	})
}
