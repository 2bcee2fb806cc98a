package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"ackbase/collections"
)

// lives are ids that begin with one another, or are twins, and so could be taken for one another.
var lives = []collections.ID{number(1), text("1"), number(11), text("a"), text("a b"), text("aa")}

// scribble writes and deletes items at random, some at the same time, and returns all changes.
func scribble(h *harness, seed uint64, writes int) []*collections.Change {
	h.t.Helper()
	rnd := rand.New(rand.NewPCG(seed, 0))
	origin := h.Head()
	made := 0
	done := make(chan error, writes)
	for n := range writes {
		id, collection := lives[rnd.IntN(len(lives))], []string{"items", "items", "others"}[rnd.IntN(3)]
		item := fmt.Sprintf(`{"id":%s,"n":%d}`, id, n)
		if rnd.IntN(4) == 0 {
			item = ""
		}
		changed := false
		h.Update(h.t.Context(), collections.Writer{}, func(tx collections.Tx) error {
			c, err := write(tx, collection, id, item)
			changed = c != nil
			return err
		}, func(err error) {
			if changed && err == nil {
				made++
			}
			done <- err
		})
	}
	for range writes {
		if err := h.await(done); err != nil {
			h.t.Fatalf("seed %d: %v", seed, err)
		}
	}
	return h.changes(origin, made)
}

// changesOf is those of one item.
func changesOf(all []*collections.Change, collection string, id collections.ID) (own []*collections.Change) {
	for _, c := range all {
		if c.Collection == collection && c.ID.Text() == id.Text() {
			own = append(own, withoutWriter(c))
		}
	}
	return own
}

// sameChange compares all that a store keeps of a change.
func sameChange(a, b *collections.Change) bool {
	return a.Position == b.Position && a.Type == b.Type && a.Collection == b.Collection && a.ID == b.ID && a.Prev == b.Prev && a.Time.Equal(b.Time) && a.Reason == b.Reason &&
		a.By == b.By && bytes.Equal(a.Before, b.Before) && bytes.Equal(a.After, b.After) && bytes.Equal(a.Diff, b.Diff)
}

// historyOf reads a whole history in pages.
func (h *harness) historyOf(collection string, id collections.ID, after *collections.Position, limit int) (all []*collections.Change, err error) {
	for more := true; more && err == nil; {
		var page []*collections.Change
		err = h.View(h.t.Context(), func(r collections.Reader) (err error) {
			page, more, err = r.History(h.t.Context(), collection, id, after, limit)
			return err
		})
		if len(page) > limit || more && len(page) == 0 {
			return nil, fmt.Errorf("a page of at most %d changes has %d, with more: %v", limit, len(page), more)
		}
		for _, c := range page {
			all = append(all, withoutWriter(c))
			after = &c.Position
		}
	}
	return all, err
}

func testHistory(t *testing.T, open Open) {
	t.Run("a history is the changes of one item, through all its lives", func(t *testing.T) {
		h := start(t, open, nil)
		const seed = 1
		all := scribble(h, seed, 1200)
		for _, collection := range []string{"items", "others"} {
			for _, id := range lives {
				want := changesOf(all, collection, id)
				for _, limit := range []int{1, 3, 64, 1000} {
					got, err := h.historyOf(collection, id, nil, limit)
					if !slices.EqualFunc(want, got, sameChange) || err != nil {
						t.Fatalf("seed %d: the history of %s/%s in pages of %d has %d changes, or others, instead of %d, %v", seed, collection, id, limit, len(got), len(want), err)
					}
				}
			}
		}
	})

	t.Run("a history goes on after any position", func(t *testing.T) {
		h := start(t, open, nil)
		const seed = 2
		origin := h.Head()
		all := scribble(h, seed, 600)
		for i := 0; i <= len(all); i += 11 {
			p := origin
			if i > 0 {
				p = all[i-1].Position
			}
			for _, id := range lives {
				want := changesOf(all[i:], "items", id)
				got, err := h.historyOf("items", id, &p, 50)
				if !slices.EqualFunc(want, got, sameChange) || err != nil {
					t.Fatalf("seed %d: the history of %s after the change %d has %d changes, or others, instead of %d, %v", seed, id, i, len(got), len(want), err)
				}
			}
		}
	})

	t.Run("an item can be had as it was after any change", func(t *testing.T) {
		h := start(t, open, nil)
		const seed = 3
		origin := h.Head()
		all := scribble(h, seed, 600)
		was := map[string]collections.Item{}
		for i := range len(all) + 1 {
			p := origin
			if i > 0 {
				c := all[i-1]
				p = c.Position
				was[c.Collection+"/"+c.ID.Text()] = collections.Item{ID: c.ID, Rev: c.Rev(), JSON: c.After}
			}
			at, err := collections.ParseMoment(p.Cursor())
			if err != nil {
				t.Fatal(err)
			}
			for _, id := range lives {
				h.view(func(r collections.Reader) {
					got, of, err := collections.GetAt(t.Context(), r, "items", id, at)
					want := was["items/"+id.Text()]
					switch {
					case want.JSON == nil:
						if !errors.Is(err, collections.ErrNotFound) {
							t.Fatalf("seed %d: after %d changes %s was %s, %v: it was not there", seed, i, id, got.JSON, err)
						}
					case err != nil || of != p || got.ID != want.ID || got.Rev != want.Rev || !bytes.Equal(got.JSON, want.JSON):
						t.Fatalf("seed %d: after %d changes %s was %s of %v (at %v), %v, instead of %s of %v", seed, i, id, got.JSON, got.Rev, of, err, want.JSON, want.Rev)
					}
				})
			}
		}
	})

	t.Run("a position is found by its time", func(t *testing.T) {
		h := start(t, open, nil)
		origin := h.Head()
		all := scribble(h, 4, 300)
		find := func(at time.Time) (p collections.Position) {
			t.Helper()
			h.view(func(r collections.Reader) {
				var err error
				if p, err = r.PositionAt("items", at); err != nil {
					t.Fatalf("PositionAt(%v): %v", at, err)
				}
			})
			return p
		}
		if p := find(all[0].Time.Add(-time.Millisecond)); p != origin {
			t.Errorf("before the first change the position is %v instead of %v", p, origin)
		}
		for _, at := range []time.Time{time.Now().Add(time.Hour), time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)} {
			if p := find(at); p != h.Head() {
				t.Errorf("at %v, in the future, the position is %v instead of the head, %v", at, p, h.Head())
			}
		}
		for _, c := range all {
			last, _ := slices.BinarySearchFunc(all, c.Time.Add(1), func(c *collections.Change, at time.Time) int { return c.Time.Compare(at) })
			for _, within := range []time.Duration{0, time.Millisecond - 1} {
				if p := find(c.Time.Add(within)); p != all[last-1].Position {
					t.Errorf("at %v the position is %v instead of %v", c.Time.Add(within), p, all[last-1].Position)
				}
			}
		}
	})

	t.Run("a history that cannot be told is an error", func(t *testing.T) {
		h := start(t, open, nil)
		for range 3 {
			h.put("items", number(1), `{"id":1}`)
		}
		h.put("items", number(2), `{"id":2}`)
		h.remove("items", number(2))
		for id, collection := range map[collections.ID]string{number(3): "items", number(10): "items", text("2 "): "items", number(1): "never"} {
			if got, err := h.historyOf(collection, id, nil, 10); !errors.Is(err, collections.ErrNotFound) {
				t.Errorf("the history of %s/%s, which never was: %d changes, %v", collection, id, len(got), err)
			}
		}
		all := h.changes(collections.Position{Epoch: h.Head().Epoch}, 5)
		head := all[4].Position
		for name, p := range map[string]collections.Position{
			"of another epoch":          {Epoch: head.Epoch + 1, Seq: 2, Tag: all[1].Position.Tag},
			"of none":                   {},
			"beyond the head":           {Epoch: head.Epoch, Seq: head.Seq + 1, Tag: head.Tag},
			"far beyond the head":       {Epoch: head.Epoch, Seq: 1<<64 - 1, Tag: head.Tag},
			"with another tag":          {Epoch: head.Epoch, Seq: 2, Tag: all[1].Position.Tag + 1},
			"at the beginning with tag": {Epoch: head.Epoch, Seq: 0, Tag: 1},
		} {
			if got, err := h.historyOf("items", number(1), &p, 10); !errors.Is(err, collections.ErrGone) {
				t.Errorf("a history after a position %s: %d changes, %v; it must be ErrGone", name, len(got), err)
			}
		}
		for _, id := range []collections.ID{number(1), number(2)} {
			if got, err := h.historyOf("items", id, &head, 10); len(got) > 0 || err != nil {
				t.Errorf("the history of %s after the head: %d changes, %v", id, len(got), err)
			}
		}
	})
}
