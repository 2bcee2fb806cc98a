package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ackbase/collections"
)

func testUpdate(t *testing.T, open Open) {
	able := probe(t, open)

	t.Run("what an update wrote is there when done is called", func(t *testing.T) {
		h := start(t, open, nil)
		seen := make(chan string, 1)
		h.Update(t.Context(), collections.Writer{}, func(tx collections.Tx) error {
			return set(tx, "items", number(1), `{"id":1,"a":"x"}`)
		}, func(err error) {
			if err != nil {
				seen <- err.Error()
				return
			}
			go func() { seen <- h.get("items", number(1)) }() // done must not block
		})
		select {
		case got := <-seen:
			if got != `{"id":1,"a":"x"}` {
				t.Errorf("after done the item reads %q", got)
			}
		case <-time.After(wait):
			t.Fatal("done was never called")
		}
	})

	t.Run("an update that returns an error writes nothing and is done with that error", func(t *testing.T) {
		h := start(t, open, nil)
		h.put("items", number(1), `{"id":1}`)
		head := h.changes(collections.Position{Epoch: h.Head().Epoch}, 1)[0].Position
		cause := errors.New("on purpose")
		err := h.update(func(tx collections.Tx) error {
			if err := set(tx, "items", number(1), `{"id":1,"changed":true}`); err != nil {
				return err
			}
			return cause
		})
		if !errors.Is(err, cause) {
			t.Errorf("done was called with %v, not with the closure's error", err)
		}
		if got := h.get("items", number(1)); got != `{"id":1}` {
			t.Errorf("the item reads %s: a failed update left its trace", got)
		}
		h.put("items", number(2), `{"id":2}`)
		if c := h.changes(head, 1)[0]; c.ID != number(2) {
			t.Errorf("the next change is that of %s: a failed update made a change", c.ID)
		}
		page, _ := h.list("items", `{}`)
		if page.Total != 2 {
			t.Errorf("the total is %d instead of 2: a failed update was counted", page.Total)
		}
	})

	t.Run("a panic harms only its own update", func(t *testing.T) {
		h := start(t, open, nil)
		var group sync.WaitGroup
		results := make([]error, 20)
		for i := range results {
			group.Add(1)
			h.Update(t.Context(), collections.Writer{}, func(tx collections.Tx) error {
				if err := set(tx, "items", number(uint64(i+1)), `{"id":1}`); err != nil {
					return err
				}
				if i%5 == 3 {
					panic("on purpose")
				}
				return nil
			}, func(err error) { results[i] = err; group.Done() })
		}
		group.Wait()
		for i, err := range results {
			if panicked := i%5 == 3; (err != nil) != panicked {
				t.Errorf("update %d: done with %v", i, err)
			} else if there := h.get("items", number(uint64(i+1))) != ""; there == panicked {
				t.Errorf("update %d: its item exists: %v", i, there)
			}
		}
	})

	t.Run("an update sees the updates before it", func(t *testing.T) {
		h := start(t, open, nil)
		h.put("items", number(1), `0`)
		const n = 200
		var group sync.WaitGroup
		for range n {
			group.Add(1)
			h.Update(t.Context(), collections.Writer{}, func(tx collections.Tx) error {
				item, err := tx.Get("items", number(1))
				if err != nil {
					return err
				}
				var count int
				if _, err := fmt.Sscan(string(item.JSON), &count); err != nil {
					return err
				}
				return set(tx, "items", number(1), fmt.Sprint(count+1))
			}, func(err error) {
				if err != nil {
					t.Errorf("Update: %v", err)
				}
				group.Done()
			})
		}
		group.Wait()
		if got := h.get("items", number(1)); got != fmt.Sprint(n) {
			t.Errorf("%d updates that add 1 made %s: some did not see the one before", n, got)
		}
	})

	t.Run("an update sees its own writes", func(t *testing.T) {
		h := start(t, open, nil)
		h.put("items", number(1), `{"id":1}`)
		var read, deleted error
		var got collections.Item
		var want collections.Rev
		h.must(func(tx collections.Tx) error {
			c, err := write(tx, "items", number(1), `{"id":1,"a":2}`)
			if err != nil {
				return err
			}
			got, read = tx.Get("items", number(1))
			want = c.Rev()
			if err := unset(tx, "items", number(1)); err != nil {
				return err
			}
			_, deleted = tx.Get("items", number(1))
			return nil
		})
		if read != nil || string(got.JSON) != `{"id":1,"a":2}` {
			t.Errorf("after its Write the update read %s, %v", got.JSON, read)
		}
		if got.Rev != want || got.Rev.IsZero() {
			t.Errorf("after its Write the update read the revision %v, the change has %v", got.Rev, want)
		}
		if !errors.Is(deleted, collections.ErrNotFound) {
			t.Errorf("after its deletion the update read an item, or another error: %v", deleted)
		}
	})

	t.Run("all writes of an update commit or none", func(t *testing.T) {
		if !able.severalItems {
			t.Log("the store writes one item in an update, as it may")
			return
		}
		h := start(t, open, nil)
		stop := make(chan struct{})
		var readers sync.WaitGroup
		var torn atomic.Int64
		for range 2 {
			readers.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					h.view(func(r collections.Reader) {
						a, errA := r.Get("items", number(1))
						b, errB := r.Get("items", number(2))
						if string(a.JSON) != string(b.JSON) || (errA == nil) != (errB == nil) {
							torn.Add(1)
						}
					})
				}
			})
		}
		for i := range 50 {
			body := fmt.Sprintf(`{"n":%d}`, i)
			h.must(func(tx collections.Tx) error {
				return errors.Join(set(tx, "items", number(1), body), set(tx, "items", number(2), body))
			})
		}
		close(stop)
		readers.Wait()
		if n := torn.Load(); n > 0 {
			t.Errorf("%d views saw one half of an update", n)
		}
	})

	t.Run("an update whose context has ended does not run", func(t *testing.T) {
		h := start(t, open, nil)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		done := make(chan error, 1)
		var ran atomic.Bool
		h.Update(ctx, collections.Writer{}, func(collections.Tx) error { ran.Store(true); return nil }, func(err error) { done <- err })
		if err := h.await(done); !errors.Is(err, collections.ErrUnavailable) {
			t.Errorf("done with %v, not with an ErrUnavailable", err)
		}
		if ran.Load() {
			t.Error("the closure ran")
		}
	})

	t.Run("running numbers come once each", func(t *testing.T) {
		h := start(t, open, nil)
		const n = 64
		var group sync.WaitGroup
		numbers := make([]uint64, n)
		for i := range n {
			group.Add(1)
			go h.Update(t.Context(), collections.Writer{}, func(tx collections.Tx) (err error) {
				if numbers[i], err = tx.NextNumber("items"); err != nil {
					return err
				}
				if i%4 == 0 {
					return errors.New("on purpose") // its number is taken again
				}
				return set(tx, "items", number(numbers[i]), `{}`)
			}, func(error) { group.Done() })
		}
		group.Wait()
		seen := make(map[uint64]bool)
		for i, number := range numbers {
			if i%4 == 0 {
				continue
			}
			if number < 1 || seen[number] {
				t.Errorf("the number %d came twice, or is none", number)
			}
			seen[number] = true
		}
		var other uint64
		h.must(func(tx collections.Tx) (err error) { other, err = tx.NextNumber("others"); return err })
		if other != 1 {
			t.Errorf("the first number of another collection is %d, not 1", other)
		}
		var next uint64
		h.must(func(tx collections.Tx) error { return set(tx, "items", number(1_000_000), `{}`) })
		h.must(func(tx collections.Tx) (err error) { next, err = tx.NextNumber("items"); return err })
		if next > n+1 {
			t.Errorf("the next number is %d: an id that was given moved it", next)
		}
	})
}

func testOrder(t *testing.T, open Open) {
	t.Run("updates of one connection run and are done in the order of the calls", func(t *testing.T) {
		h := start(t, open, nil)
		const conns, each = 8, 50
		var callers sync.WaitGroup
		var mu sync.Mutex
		done := make(map[string][]int)
		var pending sync.WaitGroup
		for c := range conns {
			conn := fmt.Sprint("conn", c)
			pending.Add(each)
			callers.Go(func() {
				for i := range each {
					h.Update(t.Context(), collections.Writer{Conn: conn, Request: uint64(i)}, func(tx collections.Tx) error {
						if i%7 == 5 {
							return errors.New("on purpose: also failures are done in turn")
						}
						return set(tx, "items", text(fmt.Sprint(conn, "-", i)), `{}`)
					}, func(error) {
						mu.Lock()
						done[conn] = append(done[conn], i)
						mu.Unlock()
						pending.Done()
					})
				}
			})
		}
		callers.Wait()
		pending.Wait()
		for conn, list := range done {
			for i, request := range list {
				if request != i {
					t.Fatalf("%s: done was called in the order %v", conn, list)
				}
			}
		}
		last := make(map[string]uint64)
		for _, c := range h.changes(collections.Position{Epoch: h.Head().Epoch}, conns*(each-7)) {
			if c.Writer.Conn == "" {
				continue // a store need not know it for ever
			}
			if before, ok := last[c.Writer.Conn]; ok && c.Writer.Request <= before {
				t.Fatalf("%s: its request %d was committed after %d", c.Writer.Conn, c.Writer.Request, before)
			}
			last[c.Writer.Conn] = c.Writer.Request
		}
	})

	t.Run("done is called before the change is announced", func(t *testing.T) {
		h := start(t, open, nil)
		for i := range 30 {
			var c *collections.Change
			done := make(chan error, 1)
			var head, position collections.Position
			h.Update(t.Context(), collections.Writer{}, func(tx collections.Tx) (err error) {
				c, err = write(tx, "items", number(1), fmt.Sprintf(`{"id":1,"n":%d}`, i))
				return err
			}, func(err error) {
				head, position = h.Head(), c.Position
				done <- err
			})
			if err := h.await(done); err != nil {
				t.Fatal(err)
			}
			if position.Seq == 0 || position.Seq <= head.Seq {
				t.Fatalf("when done was called the change had the position %d and the announced head was %d already", position.Seq, head.Seq)
			}
			h.changes(head, 1)
		}
	})

	t.Run("done is called once", func(t *testing.T) {
		h := start(t, open, nil)
		var calls atomic.Int64
		for i := range 100 {
			h.Update(t.Context(), collections.Writer{}, func(tx collections.Tx) error {
				if i%3 == 0 {
					return errors.New("on purpose")
				}
				return set(tx, "items", number(uint64(i+1)), `{}`)
			}, func(error) { calls.Add(1) })
		}
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
		if n := calls.Load(); n != 100 {
			t.Errorf("100 updates were done %d times when Close had returned", n)
		}
	})

	t.Run("Position is that before the update, whatever it has written", func(t *testing.T) {
		h := start(t, open, nil)
		h.put("items", number(1), `{"id":1}`)
		before := h.changes(collections.Position{Epoch: h.Head().Epoch}, 1)[0].Position
		var first, second collections.Position
		h.must(func(tx collections.Tx) error {
			first = tx.Position()
			err := set(tx, "items", number(1), `{"id":1,"a":1}`)
			second = tx.Position()
			return err
		})
		if first != before || second != before {
			t.Errorf("the positions were %v and after the Write %v, the change before had %v", first, second, before)
		}
	})

	t.Run("sequence numbers and times ascend without a gap", func(t *testing.T) {
		h := start(t, open, nil)
		start := h.Head()
		const writers, each = 16, 10
		var group sync.WaitGroup
		for w := range writers {
			group.Go(func() {
				for i := range each {
					h.put("items", number(uint64(w*each+i+1)), `{}`)
				}
			})
		}
		group.Wait()
		list := h.changes(start, writers*each)
		last := collections.Change{Position: start}
		for _, c := range list {
			if c.Position.Seq != last.Position.Seq+1 || c.Position.Epoch != start.Epoch {
				t.Fatalf("after %v came %v", last.Position, c.Position)
			}
			if c.Time.Before(last.Time) || c.Time.IsZero() || c.Time.Location() != time.UTC {
				t.Fatalf("the change %d has the time %v, the one before %v", c.Position.Seq, c.Time, last.Time)
			}
			last = *c
		}
	})
}
