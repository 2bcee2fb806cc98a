package bolt

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"ackbase/collections"
)

// live writes an item n times in one update, with a deletion before each time that n is a multiple of dies.
func live(t testing.TB, s *Store, id collections.ID, n, dies int) {
	t.Helper()
	done := make(chan error, 1)
	s.Update(t.Context(), collections.Writer{}, func(tx collections.Tx) error {
		for i := 1; i <= n; i++ {
			before, err := tx.Get("items", id)
			if err == nil && i%dies == 0 {
				if err := tx.Write(&collections.Change{Type: collections.Deleted, Collection: "items", ID: before.ID, Prev: before.Rev, Before: before.JSON}); err != nil {
					return err
				}
				before, err = tx.Get("items", id)
			}
			c := &collections.Change{Type: collections.Added, Collection: "items", ID: id, After: fmt.Appendf(nil, `{"id":%s,"n":%d}`, id, i)}
			if err == nil {
				c.Type, c.Prev, c.Before = collections.Modified, before.Rev, before.JSON
				if c.Diff, err = collections.Diff(c.Before, c.After); err != nil {
					return err
				}
			} else if !errors.Is(err, collections.ErrNotFound) {
				return err
			}
			if err := tx.Write(c); err != nil {
				return err
			}
		}
		return nil
	}, func(err error) { done <- err })
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// wholeHistory is an item's, in pages of 100.
func wholeHistory(t testing.TB, s *Store, id collections.ID) (all []*collections.Change) {
	t.Helper()
	q := collections.HistoryQuery{Limit: 100}
	for more := true; more; {
		err := s.View(t.Context(), func(r collections.Reader) error {
			page, goesOn, err := collections.History(t.Context(), r, "items", id, q)
			if err != nil {
				return err
			}
			all, more = append(all, page...), goesOn
			q.After = &all[len(all)-1].Position
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// TestHistoryOfAnOlderFile takes a file back to the format before there were waypoints.
func TestHistoryOfAnOlderFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data.db")
	s := open(t, path, nil)
	ids := []collections.ID{mustID(1), mustID(2), mustID(3)}
	live(t, s, ids[0], 300, 1<<30)
	live(t, s, ids[1], 100, 7)
	live(t, s, ids[2], 20, 20)
	var want [3][]*collections.Change
	for i, id := range ids {
		want[i] = wholeHistory(t, s, id)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	toFormat1(t, path)
	for range 2 { // the second time it has the present format
		s = open(t, path, nil)
		for i, id := range ids {
			if diff := cmp.Diff(want[i], wholeHistory(t, s, id), cmp.AllowUnexported(collections.ID{})); diff != "" {
				t.Errorf("the history of %s differs (-before +after):\n%s", id, diff)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// prune removes the log's entries before a sequence number, as keeping it short does.
func prune(t *testing.T, s *Store, before uint64) {
	t.Helper()
	var old []expired
	err := s.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketLog).ForEach(func(k, v []byte) error {
			about, err := entryAbout(v)
			if seq := binary.BigEndian.Uint64(k); seq < before {
				old = append(old, expired{seq, string(about.collection)})
			}
			return err
		})
	})
	if err := errors.Join(err, s.pruner.remove(t.Context(), old)); err != nil {
		t.Fatal(err)
	}
}

// TestHistoryOfAPrunedLog takes the log away change by change: what is left of a history begins with
// a patch from {}, and the past before it is gone.
func TestHistoryOfAPrunedLog(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "data.db"), nil)
	const n = 24
	live(t, s, mustID(1), n, 5)
	fill(t, s, "others", 1)
	all := wholeHistory(t, s, mustID(1))
	last := all[len(all)-1]
	at := func(c *collections.Change) (item collections.Item, err error) {
		moment, err := collections.ParseMoment(c.Position.Cursor())
		if err != nil {
			t.Fatal(err)
		}
		err = s.View(t.Context(), func(r collections.Reader) error {
			item, _, err = collections.GetAt(t.Context(), r, "items", mustID(1), moment)
			return err
		})
		return item, err
	}
	for i := 1; i <= len(all); i++ {
		first := all[i-1]
		prune(t, s, first.Position.Seq)
		got := wholeHistory(t, s, mustID(1))
		if len(got) != len(all)-i+1 || !cmp.Equal(got[1:], all[i:], cmp.AllowUnexported(collections.ID{})) {
			t.Fatalf("of %d changes %d were pruned, and the history has %d, or others", len(all), i-1, len(got))
		}
		patch, err := got[0].Patch()
		if err != nil {
			t.Fatal(err)
		}
		want := []byte("[]")
		if first.Type == collections.Deleted {
			patch = got[0].Diff
		} else {
			want, err = collections.Diff(nil, first.After)
		}
		if err != nil || string(patch) != string(want) || got[0].Type != first.Type || !got[0].Prev.IsZero() || got[0].Rev() != first.Rev() {
			t.Fatalf("the first change kept, %s, is told as %+v with the patch %s instead of %s, %v", first.Type, got[0], patch, want, err)
		}
		if item, err := at(first); first.Type != collections.Deleted && (err != nil || string(item.JSON) != string(first.After)) {
			t.Fatalf("at the first change kept the item was %s, %v", item.JSON, err)
		}
		if i > 1 {
			if item, err := at(all[i-2]); all[i-2].Type != collections.Deleted && (err != nil || string(item.JSON) != string(all[i-2].After)) {
				t.Fatalf("at the change before it, which is kept no more, the item was %s, %v", item.JSON, err)
			}
			if i > 2 {
				if item, err := at(all[i-3]); !errors.Is(err, collections.ErrGone) {
					t.Fatalf("at a change before that the item was %s, %v", item.JSON, err)
				}
			}
			err := s.View(t.Context(), func(r collections.Reader) error {
				_, err := r.PositionAt("items", first.Time.Add(-1e9))
				return err
			})
			if !errors.Is(err, collections.ErrGone) {
				t.Fatalf("before the log begins: %v", err)
			}
		}
	}

	prune(t, s, last.Position.Seq+1) // of the item itself nothing is left
	got := wholeHistory(t, s, mustID(1))
	if len(got) != 1 || got[0].Type != collections.Added || got[0].Rev() != last.Rev() || !got[0].Time.IsZero() || string(got[0].After) != string(last.After) {
		t.Errorf("the history of an item without changes is %+v", got)
	}
	waypoints := 0
	err := s.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(waypointsBucket("items")).ForEach(func(_, _ []byte) error { waypoints++; return nil })
	})
	if waypoints > 0 || err != nil {
		t.Errorf("%d waypoints of pruned changes are left, %v", waypoints, err)
	}

	// Deleted and pruned, it is as if it had never been.
	live(t, s, mustID(2), 1, 1<<30)
	done := make(chan error, 1)
	s.Update(t.Context(), collections.Writer{}, func(tx collections.Tx) error {
		item, err := tx.Get("items", mustID(2))
		if err != nil {
			return err
		}
		return tx.Write(&collections.Change{Type: collections.Deleted, Collection: "items", ID: item.ID, Prev: item.Rev, Before: item.JSON})
	}, func(err error) { done <- err })
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := wholeHistory(t, s, mustID(2)); len(got) != 2 {
		t.Errorf("the history of a deleted item has %d changes", len(got))
	}
	fill(t, s, "yetothers", 1)
	prune(t, s, last.Position.Seq+4)
	err = s.View(t.Context(), func(r collections.Reader) error {
		_, _, err := collections.History(t.Context(), r, "items", mustID(2), collections.HistoryQuery{Limit: 1})
		return err
	})
	if !errors.Is(err, collections.ErrNotFound) {
		t.Errorf("the history of an item whose deletion was pruned: %v", err)
	}
}

// TestHistoryIsBounded: large changes come in pages of some megabytes, whatever the limit.
func TestHistoryIsBounded(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "data.db"), nil)
	const n, size = 9, 700 << 10
	pad := strings.Repeat("x", size)
	for i := range n {
		done := make(chan error, 1)
		s.Update(t.Context(), collections.Writer{}, func(tx collections.Tx) error {
			c := &collections.Change{Type: collections.Added, Collection: "items", ID: mustID(1), After: fmt.Appendf(nil, `{"id":1,"n":%d,"pad":"%s"}`, i, pad)}
			if before, err := tx.Get("items", mustID(1)); err == nil {
				c.Type, c.Prev, c.Before = collections.Modified, before.Rev, before.JSON
			}
			return tx.Write(c)
		}, func(err error) { done <- err })
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	var first []*collections.Change
	err := s.View(t.Context(), func(r collections.Reader) (err error) {
		first, _, err = r.History(t.Context(), "items", mustID(1), nil, 1000)
		return err
	})
	if err != nil || len(first) == 0 || len(first) > maxReadBytes/size+1 {
		t.Errorf("%d changes of %d bytes came at once, %v", len(first), size, err)
	}
	if all := wholeHistory(t, s, mustID(1)); len(all) != n {
		t.Errorf("in pages there are %d of %d changes", len(all), n)
	}
}

// BenchmarkHistory reads from the history of an item with many changes, in a log with more of others.
func BenchmarkHistory(b *testing.B) {
	const n = 100_000
	s := open(b, filepath.Join(b.TempDir(), "data.db"), nil)
	for range n / 1000 {
		live(b, s, mustID(1), 1000, 1<<30)
	}
	ctx := context.Background()
	middle := collections.Position{Epoch: s.epoch, Seq: n / 2}
	err := s.db.View(func(tx *bbolt.Tx) (err error) {
		middle.Tag, err = entryTag(tx.Bucket(bucketLog).Get(logKey(middle.Seq)))
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	moment, err := collections.ParseMoment(middle.Cursor())
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name string
		read func(r collections.Reader) error
	}{
		{"FirstPage", func(r collections.Reader) error { _, _, err := r.History(ctx, "items", mustID(1), nil, 50); return err }},
		{"MiddlePage", func(r collections.Reader) error {
			_, _, err := r.History(ctx, "items", mustID(1), &middle, 50)
			return err
		}},
		{"GetAt", func(r collections.Reader) error {
			_, _, err := collections.GetAt(ctx, r, "items", mustID(1), moment)
			return err
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := s.View(ctx, c.read); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
