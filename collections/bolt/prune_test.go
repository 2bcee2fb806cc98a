package bolt

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"
	"pgregory.net/rapid"

	"ackbase/collections"
)

// writeTo writes one change into each of the collections named, in one update.
func writeTo(t testing.TB, s *Store, names ...string) {
	t.Helper()
	must(t, s, func(tx collections.Tx) error {
		for _, name := range names {
			if err := writeItem(tx, name, fmt.Sprintf(`{"id":1,"at":%d,"text":"%0100d"}`, tx.Position().Seq, 0)); err != nil {
				return err
			}
		}
		return nil
	})
}

// writeItem writes the item 1 of a collection.
func writeItem(tx collections.Tx, name, json string) error {
	c := &collections.Change{Type: collections.Added, Collection: name, ID: mustID(1), After: []byte(json)}
	if before, err := tx.Get(name, c.ID); err == nil {
		c.Type, c.Prev, c.Before, c.Diff = collections.Modified, before.Rev, before.JSON, []byte("[]")
	}
	return tx.Write(c)
}

// prunePass runs a pass of the pruner.
func prunePass(t testing.TB, s *Store) {
	t.Helper()
	if _, err := s.pruner.pass(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// logInFile counts the log's changes by collection, and checks what the file tells of them, and bbolt's own pages.
func logInFile(t testing.TB, s *Store) map[string]int {
	t.Helper()
	found := map[string]int{}
	err := s.db.View(func(tx *bbolt.Tx) error {
		for err := range tx.Check() {
			t.Error("bbolt: ", err)
		}
		h, err := decodeHead(tx.Bucket(bucketMeta).Get(keyHead))
		if err != nil {
			return err
		}
		all := uint64(0)
		next := map[string]uint64{} // the first one of each collection that is left
		err = tx.Bucket(bucketLog).ForEach(func(k, v []byte) error {
			c, err := decodeEntry(s.epoch, binary.BigEndian.Uint64(k), v)
			if err != nil {
				return err
			}
			if tag, ok := s.tags.of(c.Position.Seq); ok && tag != c.Position.Tag {
				t.Errorf("the change %d has the tag %x, and is known with %x", c.Position.Seq, c.Position.Tag, tag)
			}
			if next[c.Collection] == 0 {
				next[c.Collection] = c.Position.Seq
			}
			found[c.Collection]++
			all++
			return nil
		})
		if err != nil {
			return err
		}
		newest := uint64(0)
		err = tx.Bucket(bucketCollections).ForEach(func(k, v []byte) error {
			c, err := decodeCounters(v)
			if c.changes != uint64(found[string(k)]) {
				t.Errorf("%s has %d changes in the log and %d are counted", k, found[string(k)], c.changes)
			}
			if first := next[string(k)]; first > 0 && first <= c.pruned {
				t.Errorf("%s was pruned to %d and has the change %d", k, c.pruned, first)
			}
			newest = max(newest, c.pruned)
			return err
		})
		if h.kept != all || h.pruned != newest {
			t.Errorf("there are %d changes, pruned to %d; the head tells of %d, pruned to %d", all, newest, h.kept, h.pruned)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// gone tells whether the changes of a collection after a position are gone.
func gone(t testing.TB, s *Store, p collections.Position, of ...string) bool {
	t.Helper()
	if p == s.Head() {
		return false
	}
	_, err := s.Changes(t.Context(), p, 1000, of...)
	if err != nil && !errors.Is(err, collections.ErrGone) {
		t.Fatal(err)
	}
	return err != nil
}

func TestKeepByAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "data.db")
		o := &Options{
			Keep:        collections.Keep{Age: time.Hour},
			Collections: map[string]collections.Collection{"long": {Keep: collections.Keep{Age: 100 * 24 * time.Hour}}, "all": {Keep: collections.KeepAll}},
			hooks:       hooks{tailChanges: 1},
		}
		s := open(t, path, o)
		var after []collections.Position // each write
		for range 3 {
			writeTo(t, s, "short", "long", "all")
			synctest.Wait() // the head is announced after the write is done
			after = append(after, s.Head())
			time.Sleep(30 * time.Minute)
		}
		// After 90 minutes the first is older than an hour; the second is so in a moment.
		synctest.Wait()
		if got := logInFile(t, s); got["short"] != 2 || got["long"] != 3 || got["all"] != 3 {
			t.Errorf("there are %v changes", got)
		}
		if origin := (collections.Position{Epoch: s.epoch}); !gone(t, s, origin, "short") || !gone(t, s, origin) || gone(t, s, origin, "long", "all") {
			t.Error("before the first change: only that of short is gone")
		}
		if gone(t, s, after[0], "short") || gone(t, s, after[0]) {
			t.Error("after the first write nothing is gone yet")
		}
		if oldest := s.Oldest(); oldest.Seq != 1 || gone(t, s, oldest) {
			t.Errorf("the oldest position is %v", oldest)
		}
		time.Sleep(time.Minute)
		if !gone(t, s, after[0], "short") || gone(t, s, after[1], "short") {
			t.Error("a minute later the second is gone, and the third is not")
		}
		stats := s.Stats()
		if stats.Kept != 7 || stats.Pruned != 2 || !stats.Oldest.Equal(time.Now().Add(-91*time.Minute).UTC()) {
			t.Errorf("kept %d, pruned %d, the oldest of %v", stats.Kept, stats.Pruned, stats.Oldest)
		}

		time.Sleep(24 * time.Hour)
		if got := logInFile(t, s); got["short"] != 0 || got["long"] != 3 {
			t.Errorf("a day later there are %v changes", got)
		}
		if gone(t, s, after[2], "short", "long") {
			t.Error("a position after which there is nothing is not gone")
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(200 * 24 * time.Hour)
		s = open(t, path, o)
		synctest.Wait()
		if got := logInFile(t, s); got["long"] != 0 || got["all"] != 3 {
			t.Errorf("after a long stop there are %v changes", got)
		}
		if s.Head() != after[2] || gone(t, s, collections.Position{Epoch: s.epoch}, "all") || !gone(t, s, after[0], "long") {
			t.Error("the head has moved, or what is kept is gone")
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestKeepAgainstAModel writes, waits, prunes, opens again and reads at random, and looks each time
// whether what is read is all there was, or is told to be gone and may be.
func TestKeepAgainstAModel(t *testing.T) {
	keeps := map[string]collections.Keep{"count": {Changes: 3}, "age": {Age: 10 * time.Second}, "all": collections.KeepAll}
	common := collections.Keep{Age: 20 * time.Second, Changes: 4}
	names := []string{"age", "all", "count", "one", "two"}
	declared := map[string]collections.Collection{}
	for name, keep := range keeps {
		declared[name] = collections.Collection{Keep: keep}
	}
	folder := t.TempDir()
	files := 0
	rapid.Check(t, func(rt *rapid.T) {
		files++
		synctest.Test(t, func(t *testing.T) {
			o := &Options{Collections: declared, Keep: common, hooks: hooks{noPruner: true, tailChanges: rapid.SampledFrom([]int{1, 1000}).Draw(rt, "in memory")}}
			path := filepath.Join(folder, fmt.Sprint(files))
			s := open(t, path, o)
			var model []*collections.Change
			pruned := map[string]int{} // how many of the model's changes may be gone, of each collection
			// expire tells which changes are not to be kept any more.
			expire := func() {
				count := map[string]int{}
				for i := len(model) - 1; i >= 0; i-- {
					name := model[i].Collection
					keep, own := keeps[name]
					group := name
					if !own {
						keep, group = common, ""
					}
					count[group]++
					if i == len(model)-1 {
						continue // the newest one stays
					}
					if keep.Changes > 0 && count[group] > keep.Changes || keep.Age > 0 && time.Since(model[i].Time) > keep.Age {
						pruned[name] = max(pruned[name], i+1)
					}
				}
			}
			for range rapid.IntRange(1, 25).Draw(rt, "steps") {
				switch rapid.SampledFrom([]string{"write", "write", "write", "prune", "wait", "read", "read", "reopen"}).Draw(rt, "step") {
				case "write":
					before := s.Head()
					some := rapid.SliceOfNDistinct(rapid.SampledFrom(names), 1, 3, rapid.ID).Draw(rt, "names")
					writeTo(t, s, some...)
					for len(some) > 0 {
						list, err := s.Changes(t.Context(), before, 1, some...)
						if err != nil {
							rt.Fatal(err)
						}
						model, before, some = append(model, list...), list[0].Position, some[1:]
					}
				case "prune":
					prunePass(t, s)
					expire()
					kept := 0
					for i, c := range model {
						if i >= pruned[c.Collection] {
							kept++
						}
					}
					logInFile(t, s)
					if got := s.Stats().Kept; got != uint64(kept) {
						rt.Fatalf("%d changes are kept, and %d are to be", got, kept)
					}
				case "wait":
					time.Sleep(time.Duration(rapid.SampledFrom([]int{1, 5000, 10_000, 30_000}).Draw(rt, "ms")) * time.Millisecond)
				case "reopen":
					if err := s.Close(); err != nil {
						rt.Fatal(err)
					}
					s = open(t, path, o)
				case "read":
					i := rapid.IntRange(0, len(model)).Draw(rt, "after")
					if i == len(model) {
						continue
					}
					at := collections.Position{Epoch: s.epoch}
					if i > 0 {
						at = model[i-1].Position
					}
					of := rapid.SliceOfNDistinct(rapid.SampledFrom(names), 0, 3, rapid.ID).Draw(rt, "of")
					most := rapid.IntRange(1, 30).Draw(rt, "max")
					wanted := func(c *collections.Change) bool {
						if len(of) == 0 {
							return true
						}
						for _, name := range of {
							if c.Collection == name {
								return true
							}
						}
						return false
					}
					list, err := s.Changes(t.Context(), at, most, of...)
					if errors.Is(err, collections.ErrGone) {
						expire()
						may := false
						for j, c := range model[i:] {
							may = may || wanted(c) && i+j < pruned[c.Collection]
						}
						if !may {
							rt.Fatalf("after the change %d the changes of %q are told to be gone, and all of them are to be kept", i, of)
						}
						continue
					}
					if err != nil || len(list) == 0 || len(list) > most {
						rt.Fatalf("after the change %d, of %q, at most %d: %d changes, %v", i, of, most, len(list), err)
					}
					for _, c := range model[i:] {
						switch {
						case len(list) == 0:
						case list[0].Position == c.Position:
							if list[0].Collection != c.Collection || string(list[0].After) != string(c.After) {
								rt.Fatalf("the change %d is another one", c.Position.Seq)
							}
							list = list[1:]
						case wanted(c):
							rt.Fatalf("after the change %d, of %q: the change %d, of %s, is missing", i, of, c.Position.Seq, c.Collection)
						}
					}
					if len(list) > 0 {
						rt.Fatalf("after the change %d came %d, which nobody wrote", i, list[0].Position.Seq)
					}
				}
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		})
	})
}

// TestPrunesInSmallSteps: what has gathered goes in many commits, between which others have their turn.
func TestPrunesInSmallSteps(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data.db")
	s := open(t, path, &Options{hooks: hooks{noPruner: true}})
	const n = 5 * maxPruned
	fill(t, s, "items", n)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	left := []uint64{n}
	s = open(t, path, &Options{Keep: collections.Keep{Changes: 10}, hooks: hooks{noPruner: true, beforeCommit: func() error { return nil }}})
	s.hooks.afterCommit = func() error {
		left = append(left, s.counts.kept.Load())
		return nil
	}
	prunePass(t, s)
	left = append(left, s.counts.kept.Load())
	for i, kept := range left[1:] {
		if left[i]-kept > maxPruned {
			t.Errorf("one commit took %d changes away, of %v", left[i]-kept, left)
		}
	}
	if left[len(left)-1] != 10 {
		t.Errorf("%d changes are kept", left[len(left)-1])
	}
	logInFile(t, s)
}

// TestPruningFails: a commit that fails, also one whose fate is not certain, loses nothing and is done again.
func TestPruningFails(t *testing.T) {
	for _, certain := range []bool{true, false} {
		var fail error
		step := func() (err error) { err, fail = fail, nil; return err }
		h := hooks{noPruner: true, tailChanges: 1}
		if certain {
			h.beforeCommit = step
		} else {
			h.afterCommit = step
		}
		s := open(t, filepath.Join(t.TempDir(), "data.db"), &Options{Keep: collections.Keep{Changes: 10}, hooks: h})
		fill(t, s, "items", 100)
		fail = errors.New("on purpose")
		if _, err := s.pruner.pass(t.Context()); !errors.Is(err, collections.ErrUnavailable) {
			t.Errorf("a pass whose commit fails: %v", err)
		}
		want := map[bool]int{true: 100, false: 10}[certain]
		if got := logInFile(t, s)["items"]; got != want {
			t.Errorf("after a failed commit there are %d changes instead of %d", got, want)
		}
		writeTo(t, s, "other")
		prunePass(t, s)
		if got := logInFile(t, s); got["items"] != 9 || got["other"] != 1 {
			t.Errorf("after the next pass there are %v changes", got)
		}
	}
}

// TestPrunerTriesAgain: as after a full disk, without being told.
func TestPrunerTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failures := 3
		start := time.Now()
		s := open(t, filepath.Join(t.TempDir(), "data.db"), &Options{Keep: collections.Keep{Age: time.Minute}, hooks: hooks{beforeCommit: func() error {
			if time.Since(start) > 0 && failures > 0 { // not that of the writes
				failures--
				return errors.New("on purpose")
			}
			return nil
		}}})
		writeTo(t, s, "items", "items", "items")
		time.Sleep(61*time.Second + 4*pruneRetry)
		if kept := s.Stats().Kept; kept != 1 || failures != 0 {
			t.Errorf("%d changes are kept, %d failures are left", kept, failures)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestFileStopsGrowing: under a steady load of writes the space of what was pruned is used again.
func TestFileStopsGrowing(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "data.db"), &Options{Keep: collections.Keep{Changes: 1000}, hooks: hooks{noPruner: true}})
	write := func(n int) int64 {
		for range n {
			must(t, s, func(tx collections.Tx) error {
				for i := range 200 {
					if err := writeItem(tx, fmt.Sprint("c", i%10), fmt.Sprintf(`{"id":1,"text":"%0*d"}`, 100+i*7%500, i)); err != nil {
						return err
					}
				}
				return nil
			})
			prunePass(t, s)
		}
		return s.Stats().FileBytes
	}
	early, late := write(15), write(30)
	if late > early*3/2 {
		t.Errorf("after 3,000 changes, of which 1,000 are kept, the file has %d bytes, after 9,000 %d", early, late)
	}
	logInFile(t, s)
}

// TestKilledWhilePruning kills a process that writes and prunes all the time.
func TestKilledWhilePruning(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data.db")
	for round := range 3 {
		cmd := childCommand(t, "pruner", path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		var last string // that was acknowledged
		for n := 0; lines.Scan(); n++ {
			if last = lines.Text(); n == 150+37*round {
				if err := cmd.Process.Kill(); err != nil { // kill -9
					t.Fatal(err)
				}
			}
		}
		var exit *exec.ExitError
		if err := cmd.Wait(); !errors.As(err, &exit) {
			t.Fatalf("the child ended by itself: %v", err)
		}
		s := open(t, path, &Options{hooks: hooks{noPruner: true}})
		found := logInFile(t, s)
		origin := collections.Position{Epoch: s.epoch}
		if !gone(t, s, origin, "few") || found["few"] < childKeeps {
			t.Errorf("round %d: %d changes of the collection that keeps %d, and none was pruned", round, found["few"], childKeeps)
		}
		for n := 0; n < found["all"]; {
			list, err := s.Changes(t.Context(), origin, 1000, "all")
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range list {
				if c.Collection == "all" {
					if n++; !strings.Contains(string(c.After), fmt.Sprintf(`"n":%d}`, n)) {
						t.Fatalf("round %d: as change %d of the collection that keeps all came %s", round, n, c.After)
					}
				}
				origin = c.Position
			}
		}
		var known string
		err = s.View(t.Context(), func(r collections.Reader) error {
			item, err := r.Get("all", mustID(1))
			known = string(item.JSON)
			return err
		})
		var acked, stored int
		if _, scan := fmt.Sscanf(last+" "+known, `%d {"id":1,"n":%d}`, &acked, &stored); err != nil || scan != nil || stored < acked {
			t.Errorf("round %d: %s was acknowledged, and %s is there, %v", round, last, known, errors.Join(err, scan))
		}
		t.Logf("round %d: %v left", round, found)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// childKeeps is how many changes the child's collection "few" keeps.
const childKeeps = 5

// childPruner writes and prunes until it is killed, and prints what was acknowledged.
func childPruner(path string) error {
	few := map[string]collections.Collection{"few": {Keep: collections.Keep{Changes: childKeeps}}}
	s, err := Open(path, &Options{Collections: few, Logger: quiet(), hooks: hooks{pruneEvery: time.Microsecond}})
	if err != nil {
		return err
	}
	n := 0
	err = s.View(context.Background(), func(r collections.Reader) error {
		item, err := r.Get("all", mustID(1))
		if errors.Is(err, collections.ErrNotFound) {
			return nil
		}
		_, scan := fmt.Sscanf(string(item.JSON), `{"id":1,"n":%d}`, &n)
		return errors.Join(err, scan)
	})
	for err == nil {
		n++
		done := make(chan error, 1)
		s.Update(context.Background(), collections.Writer{}, func(tx collections.Tx) error {
			for range 10 {
				if err := writeItem(tx, "few", `{"id":1}`); err != nil {
					return err
				}
			}
			return writeItem(tx, "all", fmt.Sprintf(`{"id":1,"n":%d}`, n))
		}, func(err error) { done <- err })
		if err = <-done; err == nil {
			fmt.Println(n)
		}
	}
	return err
}

// TestFileOfFormat1: a file of the version before is brought up to this one, and pruned then.
func TestFileOfFormat1(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data.db")
	s := open(t, path, &Options{hooks: hooks{noPruner: true}})
	for range 10 {
		writeTo(t, s, "items", "other")
	}
	head := settled(t, s, 20)
	all, err := s.Changes(t.Context(), collections.Position{Epoch: s.epoch}, 100)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	toFormat1(t, path)

	o := &Options{Collections: map[string]collections.Collection{"items": {Keep: collections.Keep{Changes: 3}}}, hooks: hooks{noPruner: true, tailChanges: 1}}
	s = open(t, path, o)
	if got := logInFile(t, s); got["items"] != 10 || got["other"] != 10 || s.Head() != head {
		t.Errorf("after the upgrade: %v, the head %v instead of %v", got, s.Head(), head)
	}
	if list, err := s.Changes(t.Context(), collections.Position{Epoch: s.epoch}, 100); err != nil || len(list) != 20 {
		t.Errorf("after the upgrade the log has %d changes, %v", len(list), err)
	}
	prunePass(t, s)
	if got := logInFile(t, s); got["items"] != 3 || got["other"] != 10 {
		t.Errorf("after pruning there are %v changes", got)
	}
	// The change before the last that was pruned was made by the version before: nobody knows its tag any more.
	for i, want := range map[int]bool{0: true, 12: true, 13: false, 15: false} {
		if got := gone(t, s, all[i].Position, "other"); got != want {
			t.Errorf("from after the change %d on, the changes of the other collection are gone: %v", i+1, got)
		}
	}
	if oldest := s.Oldest(); gone(t, s, oldest) {
		t.Errorf("what comes after the oldest position %v is gone", oldest)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path, o)
	writeTo(t, s, "items")
	if got := logInFile(t, s); got["items"] != 4 || got["other"] != 10 {
		t.Errorf("after opening again there are %v changes", got)
	}
}

// toFormat1 makes a file as the version before had them.
func toFormat1(t *testing.T, path string) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		meta, counted, log := tx.Bucket(bucketMeta), tx.Bucket(bucketCollections), tx.Bucket(bucketLog)
		var names, entries [][]byte
		_ = counted.ForEach(func(k, _ []byte) error { names = append(names, append([]byte(nil), k...)); return nil })
		_ = log.ForEach(func(k, _ []byte) error { entries = append(entries, append([]byte(nil), k...)); return nil })
		for _, name := range names {
			if err := counted.Put(name, append([]byte(nil), counted.Get(name)[:16]...)); err != nil {
				return err
			}
		}
		return errors.Join(
			meta.Put(keyHead, append([]byte(nil), meta.Get(keyHead)[:20]...)),
			meta.Put(keyFormat, binary.BigEndian.AppendUint32(nil, 1)),
			tx.DeleteBucket(bucketTags),
			dropWaypoints(tx, names),
		)
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

func dropWaypoints(tx *bbolt.Tx, collections [][]byte) (err error) {
	for _, name := range collections {
		if bucket := waypointsBucket(string(name)); tx.Bucket(bucket) != nil {
			err = errors.Join(err, tx.DeleteBucket(bucket))
		}
	}
	return err
}

// TestRestoredFile: a copy goes on with other tags, so that a cursor of the original is not taken for one of
// its own, though both changes were pruned.
func TestRestoredFile(t *testing.T) {
	folder := t.TempDir()
	path, restored := filepath.Join(folder, "data.db"), filepath.Join(folder, "restored.db")
	o := &Options{Collections: map[string]collections.Collection{"few": {Keep: collections.Keep{Changes: 1}}}, hooks: hooks{noPruner: true, tailChanges: 1}}
	s := open(t, path, o)
	writeTo(t, s, "few", "all")
	if err := s.db.View(func(tx *bbolt.Tx) error { return tx.CopyFile(restored, 0o600) }); err != nil {
		t.Fatal(err)
	}
	grow := func(s *Store) (cursor collections.Position) {
		writeTo(t, s, "few")
		cursor = settled(t, s, 3)
		writeTo(t, s, "few", "all")
		settled(t, s, 5)
		prunePass(t, s)
		return cursor
	}
	cursor := grow(s)
	copied := open(t, restored, o)
	own := grow(copied)
	if gone(t, s, cursor, "all") || gone(t, copied, own, "all") {
		t.Error("a cursor at a pruned change of another collection is gone")
	}
	if !gone(t, s, own, "all") || !gone(t, copied, cursor, "all") {
		t.Error("a cursor of the other file is taken for one of its own")
	}
	// And by the next process too.
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path, o)
	if gone(t, s, cursor, "all") || !gone(t, s, own, "all") {
		t.Error("after opening again the tags are not known")
	}
}

// BenchmarkPostWhilePruning is BenchmarkPost with a log that is kept short.
func BenchmarkPostWhilePruning(b *testing.B) {
	benchmarkPost(b, &Options{Keep: collections.Keep{Changes: 1000}})
}
