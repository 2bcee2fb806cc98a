package storetest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"ackbase/collections"
)

func testRecords(t *testing.T, open Open) {
	read := func(h *harness, kind, key string) (value string, err error) {
		h.must(func(tx collections.Tx) error {
			b, e := tx.GetRecord(kind, key)
			value, err = string(b), e
			return nil
		})
		return value, err
	}
	keep := func(h *harness, kind, key string, value []byte, expires time.Time) {
		h.t.Helper()
		h.must(func(tx collections.Tx) error {
			return tx.PutRecord(kind, key, value, collections.Retention{Expires: expires})
		})
	}

	t.Run("a record is kept, replaced and deleted, and makes no change", func(t *testing.T) {
		h := start(t, open, nil)
		head := h.Head()
		if _, err := read(h, "key", "a"); !errors.Is(err, collections.ErrNotFound) {
			t.Errorf("a record that nobody wrote: %v", err)
		}
		keep(h, "key", "a", []byte("one"), time.Time{})
		keep(h, "other", "a", []byte("elsewhere"), time.Time{})
		if got, err := read(h, "key", "a"); got != "one" || err != nil {
			t.Errorf("the record reads %q, %v", got, err)
		}
		keep(h, "key", "a", []byte("two"), time.Now().Add(time.Hour))
		if got, err := read(h, "key", "a"); got != "two" || err != nil {
			t.Errorf("the replaced record reads %q, %v", got, err)
		}
		keep(h, "key", "a", nil, time.Time{})
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
			if err := tx.PutRecord("key", "a", []byte("one"), collections.Retention{}); err != nil {
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
		keep(h, "key", "a", []byte("one"), time.Time{})
		if err := h.update(func(tx collections.Tx) error {
			return errors.Join(tx.PutRecord("key", "a", []byte("two"), collections.Retention{}), tx.PutRecord("key", "b", []byte("new"), collections.Retention{MaxRecords: 1}), errors.New("on purpose"))
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
		keep(h, "key", "past", []byte("x"), time.Now().Add(-time.Hour))
		keep(h, "key", "future", []byte("y"), time.Now().Add(time.Hour))
		if _, err := read(h, "key", "past"); !errors.Is(err, collections.ErrNotFound) {
			t.Errorf("an expired record: %v", err)
		}
		if got, err := read(h, "key", "future"); got != "y" || err != nil {
			t.Errorf("a record before its expiry reads %q, %v", got, err)
		}
		keep(h, "key", "past", []byte("again"), time.Now().Add(time.Hour))
		keep(h, "key", "other", []byte("z"), time.Time{})
		if got, err := read(h, "key", "past"); got != "again" || err != nil {
			t.Errorf("a record written again after its expiry reads %q, %v", got, err)
		}
	})

	t.Run("of many records those that expire first go", func(t *testing.T) {
		h := start(t, open, nil)
		put := func(key string, expires time.Time) {
			h.t.Helper()
			retention := collections.Retention{Expires: expires, MaxRecords: 3}
			h.must(func(tx collections.Tx) error { return tx.PutRecord("key", key, []byte(key), retention) })
		}
		keep(h, "key", "without expiry", []byte("x"), time.Time{})
		keep(h, "other", "elsewhere", []byte("x"), time.Now().Add(time.Minute))
		hour := time.Now().Add(time.Hour)
		put("soon", time.Now().Add(time.Minute))
		for _, key := range []string{"a", "b", "c"} {
			put(key, hour)
		}
		for _, key := range []string{"a", "b", "c", "without expiry"} {
			if _, err := read(h, "key", key); err != nil {
				t.Errorf("the record %q: %v; only those beyond the bound may go", key, err)
			}
		}
		if _, err := read(h, "other", "elsewhere"); err != nil {
			t.Errorf("a record of another kind: %v", err)
		}
		if _, err := read(h, "key", "soon"); !errors.Is(err, collections.ErrNotFound) {
			t.Errorf("the record that expires first, beyond the bound: %v", err)
		}
		h.must(func(tx collections.Tx) (err error) {
			for _, key := range []string{"d", "e", "f", "g", "h"} { // more in one update than are kept
				err = errors.Join(err, tx.PutRecord("key", key, []byte(key), collections.Retention{Expires: hour, MaxRecords: 3}))
			}
			return err
		})
		for _, key := range []string{"f", "g", "h"} {
			if _, err := read(h, "key", key); err != nil {
				t.Errorf("the record %q, one of the newest: %v", key, err)
			}
		}
		for _, key := range []string{"a", "c", "d", "e"} {
			if _, err := read(h, "key", key); !errors.Is(err, collections.ErrNotFound) {
				t.Errorf("the record %q, one too many: %v", key, err)
			}
		}
	})

	t.Run("an update that fails changes no bound", func(t *testing.T) {
		h := start(t, open, nil)
		hour := time.Now().Add(time.Hour)
		const n = 50
		var group sync.WaitGroup
		group.Add(2 * n)
		for i := range n { // several in one commit, where the store gathers
			h.Update(t.Context(), collections.Writer{}, func(tx collections.Tx) error {
				return tx.PutRecord("key", fmt.Sprint(i), []byte("x"), collections.Retention{Expires: hour})
			}, func(error) { group.Done() })
			h.Update(t.Context(), collections.Writer{}, func(tx collections.Tx) error {
				return errors.Join(tx.PutRecord("key", "failed", []byte("x"), collections.Retention{Expires: hour, MaxRecords: 1}), errors.New("on purpose"))
			}, func(error) { group.Done() })
		}
		group.Wait()
		for i := range n {
			if _, err := read(h, "key", fmt.Sprint(i)); err != nil {
				t.Fatalf("the record %d: %v", i, err)
			}
		}
	})

	t.Run("a record and a change commit together, and the record can tell the position", func(t *testing.T) {
		if !probe(t, open).records {
			t.Log("the store has no records beside changes, as it may")
			return
		}
		h := start(t, open, nil)
		const n = 50
		var made [n]*collections.Change
		var group sync.WaitGroup
		for i := range n {
			group.Add(1)
			h.Update(t.Context(), collections.Writer{}, func(tx collections.Tx) (err error) {
				if made[i], err = write(tx, "items", number(uint64(i+1)), `{}`); err != nil {
					return err
				}
				if err := tx.PutRecord("key", fmt.Sprint(i), []byte(made[i].Position.Cursor()), collections.Retention{}); err != nil {
					return err
				}
				if i%5 == 3 {
					return errors.New("on purpose")
				}
				return nil
			}, func(error) { group.Done() })
		}
		group.Wait()
		for i, c := range made {
			value, err := read(h, "key", fmt.Sprint(i))
			if failed := i%5 == 3; failed != errors.Is(err, collections.ErrNotFound) || failed != (h.get("items", number(uint64(i+1))) == "") {
				t.Errorf("update %d: its record reads %q, %v; its item %q", i, value, err, h.get("items", number(uint64(i+1))))
			} else if !failed && value != c.Position.Cursor() {
				t.Errorf("update %d: after Write the position was %s, in the end it is %s", i, value, c.Position.Cursor())
			}
		}
	})
}
