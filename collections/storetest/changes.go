package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ackbase/collections"
)

func testChanges(t *testing.T, open Open) {
	t.Run("a change tells everything of its write", func(t *testing.T) {
		h := start(t, open, nil)
		w := collections.Writer{Conn: "c", Request: 7}
		var made []*collections.Change
		for _, fn := range []func(tx collections.Tx) (*collections.Change, error){
			func(tx collections.Tx) (*collections.Change, error) {
				c := &collections.Change{Type: collections.Added, Collection: "items", ID: text("a"), Reason: "because", By: "me", After: []byte(`{"id":"a"}`)}
				return c, tx.Write(c)
			},
			func(tx collections.Tx) (*collections.Change, error) {
				return write(tx, "items", text("a"), `{"id":"a","n":1}`)
			},
			func(tx collections.Tx) (*collections.Change, error) { return write(tx, "items", text("a"), "") },
		} {
			done := make(chan error, 1)
			var c *collections.Change
			h.Update(t.Context(), w, func(tx collections.Tx) (err error) { c, err = fn(tx); return err }, func(err error) { done <- err })
			if err := h.await(done); err != nil {
				t.Fatal(err)
			}
			made = append(made, c)
		}
		got := h.changes(collections.Position{Epoch: h.Head().Epoch}, 3)
		for i, c := range got {
			want := *made[i]
			want.Writer, c = collections.Writer{}, withoutWriter(c)
			if diff := cmp.Diff(&want, c, cmp.AllowUnexported(collections.ID{})); diff != "" {
				t.Errorf("the change %d differs from what was written (-want +got):\n%s", i, diff)
			}
		}
		if got[1].Prev != got[0].Rev() || got[2].Prev != got[1].Rev() {
			t.Error("the previous revisions do not name the changes before")
		}
	})

	t.Run("Changes goes on from any position", func(t *testing.T) {
		h := start(t, open, nil)
		start := h.Head()
		for i := range 20 {
			h.put("items", number(uint64(i+1)), `{}`)
		}
		all := h.changes(start, 20)
		for i, c := range all {
			if i == len(all)-1 {
				break
			}
			if next := h.changes(c.Position, 1)[0]; next.Position != all[i+1].Position || next.ID != all[i+1].ID {
				t.Errorf("after %v came %v instead of %v", c.Position, next.Position, all[i+1].Position)
			}
		}
		if h.Head() != all[19].Position {
			t.Errorf("the head is %v, the last change %v", h.Head(), all[19].Position)
		}
		if h.Oldest() != start {
			t.Errorf("the oldest position is %v: nothing was pruned since %v", h.Oldest(), start)
		}
	})

	t.Run("Changes waits for a change", func(t *testing.T) {
		h := start(t, open, nil)
		h.put("items", number(1), `{}`)
		head := h.changes(collections.Position{Epoch: h.Head().Epoch}, 1)[0].Position
		var group sync.WaitGroup
		for range 5 {
			group.Go(func() {
				if c := h.changes(head, 1)[0]; c.ID != number(2) {
					t.Errorf("it woke up with the change of %s", c.ID)
				}
			})
		}
		h.put("items", number(2), `{}`)
		group.Wait()
	})

	t.Run("Changes ends with its context", func(t *testing.T) {
		h := start(t, open, nil)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if _, err := h.Changes(ctx, h.Head(), 10); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Changes returned %v, not the context's error", err)
		}
	})

	t.Run("a reader that keeps reading gets every change once and in order", func(t *testing.T) {
		h := start(t, open, nil)
		start := h.Head()
		const writers, each = 8, 40
		var group sync.WaitGroup
		for range 3 {
			group.Go(func() {
				for i, c := range h.changes(start, writers*each) {
					if c.Position.Seq != start.Seq+uint64(i)+1 {
						t.Errorf("as number %d came the change %d", i, c.Position.Seq)
						return
					}
				}
			})
		}
		for w := range writers {
			group.Go(func() {
				for i := range each {
					h.put("items", text(fmt.Sprint(w, "-", i)), `{}`)
				}
			})
		}
		group.Wait()
	})

	t.Run("a position that is not of this log is ErrGone", func(t *testing.T) {
		h := start(t, open, nil)
		for i := range 3 {
			h.put("items", number(uint64(i+1)), `{}`)
		}
		list := h.changes(collections.Position{Epoch: h.Head().Epoch}, 3)
		head := list[2].Position
		cases := map[string]collections.Position{
			"of another epoch":             {Epoch: head.Epoch + 1, Seq: head.Seq, Tag: head.Tag},
			"beyond the head":              {Epoch: head.Epoch, Seq: head.Seq + 1, Tag: head.Tag},
			"far beyond the head":          {Epoch: head.Epoch, Seq: 1 << 62, Tag: head.Tag},
			"with another tag":             {Epoch: head.Epoch, Seq: 2, Tag: list[1].Position.Tag + 1},
			"at the head with another tag": {Epoch: head.Epoch, Seq: head.Seq, Tag: head.Tag + 1},
			"at the beginning with a tag":  {Epoch: head.Epoch, Seq: 0, Tag: 1},
		}
		for name, p := range cases {
			ctx, cancel := context.WithTimeout(t.Context(), wait)
			if changes, err := h.Changes(ctx, p, 10); !errors.Is(err, collections.ErrGone) {
				t.Errorf("a position %s: %d changes, %v; it must be ErrGone, never a silent wrong start", name, len(changes), err)
			}
			cancel()
		}
	})
}

func withoutWriter(c *collections.Change) *collections.Change {
	without := *c
	without.Writer = collections.Writer{}
	return &without
}

func testClose(t *testing.T, open Open) {
	t.Run("queued updates finish, and later calls are ErrUnavailable", func(t *testing.T) {
		h := start(t, open, nil)
		const n = 100
		results := make(chan error, n)
		for i := range n {
			h.Update(t.Context(), collections.Writer{}, func(tx collections.Tx) error {
				return set(tx, "items", number(uint64(i+1)), `{}`)
			}, func(err error) { results <- err })
		}
		waiting := make(chan error, 1)
		go func() {
			head := h.Head()
			for {
				changes, err := h.Changes(t.Context(), head, 10)
				if err != nil {
					waiting <- err
					return
				}
				head = changes[len(changes)-1].Position
			}
		}()
		if err := h.Close(); err != nil {
			t.Fatalf("Close: %v", err)
		}
		if len(results) != n {
			t.Fatalf("Close returned when %d of %d updates were done", len(results), n)
		}
		for range n {
			if err := <-results; err != nil {
				t.Errorf("a queued update: %v", err)
			}
		}
		if err := h.await(waiting); !errors.Is(err, collections.ErrUnavailable) {
			t.Errorf("Changes that waited: %v", err)
		}
		done := make(chan error, 1)
		h.Update(t.Context(), collections.Writer{}, func(collections.Tx) error { return nil }, func(err error) { done <- err })
		if err := h.await(done); !errors.Is(err, collections.ErrUnavailable) {
			t.Errorf("Update after Close: %v", err)
		}
		if err := h.View(t.Context(), func(collections.Reader) error { return nil }); !errors.Is(err, collections.ErrUnavailable) {
			t.Errorf("View after Close: %v", err)
		}
		if _, err := h.Changes(t.Context(), collections.Position{}, 1); !errors.Is(err, collections.ErrUnavailable) {
			t.Errorf("Changes after Close: %v", err)
		}
	})
}

func testReopen(t *testing.T, open Open, reopen func(testing.TB, collections.Store, map[string]collections.Collection) collections.Store) {
	t.Run("what was done is there after opening again", func(t *testing.T) {
		h := start(t, open, nil)
		origin := h.Head()
		for i := range 10 {
			h.put("items", number(uint64(i+1)), fmt.Sprintf(`{"id":%d}`, i+1))
		}
		h.remove("items", number(3))
		h.must(func(tx collections.Tx) error {
			_, err := tx.NextNumber("items")
			return errors.Join(err, tx.PutRecord("key", "a", []byte("kept"), collections.Retention{}))
		})
		before := h.changes(origin, 11)
		h.Store = reopen(t, h.Store, nil)
		if h.Head() != before[10].Position {
			t.Errorf("the head is %v and was %v", h.Head(), before[10].Position)
		}
		for i, c := range h.changes(origin, 11) {
			if diff := cmp.Diff(withoutWriter(before[i]), withoutWriter(c), cmp.AllowUnexported(collections.ID{})); diff != "" {
				t.Errorf("the change %d differs after opening again (-before +after):\n%s", i, diff)
			}
		}
		page, _ := h.list("items", `{}`)
		if page.Total != 9 || len(page.Items) != 9 {
			t.Errorf("there are %d items, total %d, instead of 9", len(page.Items), page.Total)
		}
		var next uint64
		var record []byte
		h.must(func(tx collections.Tx) (err error) {
			if next, err = tx.NextNumber("items"); err != nil {
				return err
			}
			record, err = tx.GetRecord("key", "a")
			return err
		})
		if next != 2 || string(record) != "kept" {
			t.Errorf("the next number is %d instead of 2, the record reads %q", next, record)
		}
		h.put("items", number(3), `{"id":3}`)
		c := h.changes(before[10].Position, 1)[0]
		if c.Position.Seq != before[10].Position.Seq+1 || c.Time.Before(before[10].Time) {
			t.Errorf("the first change after opening again is %v at %v, the last before %v at %v", c.Position, c.Time, before[10].Position, before[10].Time)
		}
	})

	t.Run("a key repeats its answer after opening again", func(t *testing.T) {
		if !probe(t, open).records {
			t.Log("the store has no records beside changes, as it may")
			return
		}
		k := startKeyed(t, open, nil)
		w := collections.Write{Key: "key"}
		first := k.post("items", `{"n":1}`, w)
		if first.err != nil {
			t.Fatal(first.err)
		}
		k.Store = reopen(t, k.Store, nil)
		k.db = collections.New(k.Store, nil)
		again := k.post("items", `{"n":1}`, w)
		if diff := cmp.Diff(first.Result, again.Result, cmp.AllowUnexported(collections.ID{})); diff != "" || again.err != nil {
			t.Errorf("the answers before and after differ, %v:\n%s", again.err, diff)
		}
		if n := k.total("items"); n != 1 {
			t.Errorf("there are %d items instead of 1", n)
		}
	})

	t.Run("what was pruned is ErrGone after opening again, and nothing else is", func(t *testing.T) {
		h := start(t, open, keeping)
		origin := h.Head()
		all := writeBoth(h, 10)
		h.Store = reopen(t, h.Store, keeping)
		for deadline := time.Now().Add(wait); ; time.Sleep(time.Millisecond) {
			ctx, cancel := context.WithTimeout(t.Context(), wait)
			_, err := h.Changes(ctx, origin, 100, "short")
			cancel()
			if errors.Is(err, collections.ErrGone) {
				break
			}
			if err != nil || time.Now().After(deadline) {
				t.Fatalf("of 10 changes 3 are to be kept, and the first can still be read, %v", err)
			}
		}
		checkPruned(h, origin, all)
		h.Store = reopen(t, h.Store, nil) // which keeps more, but brings nothing back
		checkPruned(h, origin, all)
	})

	t.Run("declaring other indexes changes no answer", func(t *testing.T) {
		h := start(t, open, declare("a"))
		for i := range 30 {
			h.put("items", number(uint64(i+1)), fmt.Sprintf(`{"id":%d,"a":%d,"b":%d}`, i+1, i%3, i%5))
		}
		queries := []string{`{"filters":{"a":1},"sort":"-b"}`, `{"filters":{"b":{"$gt":2}},"sort":"a,b"}`, `{"sort":"-a","limit":4,"page":2}`}
		ask := func() (answers []string) {
			for _, query := range queries {
				page, _ := h.list("items", query)
				answers = append(answers, describe(page))
			}
			return answers
		}
		want := ask()
		for _, c := range []map[string]collections.Collection{nil, declare("b"), declare("a", "b"), declare("a+b"), declare("a")} {
			h.Store = reopen(t, h.Store, c)
			h.put("items", number(31), fmt.Sprintf(`{"id":31,"a":9,"b":9,"n":%d}`, len(c)))
			h.remove("items", number(31))
			if diff := cmp.Diff(want, ask()); diff != "" {
				t.Errorf("with the indexes %v the answers differ (-before +after):\n%s", c, diff)
			}
		}
	})
}
