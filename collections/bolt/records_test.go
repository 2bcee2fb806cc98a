package bolt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"
	"pgregory.net/rapid"

	"ackbase/collections"
)

// must runs one update and waits for its done.
func must(t testing.TB, s *Store, fn func(tx collections.Tx) error) {
	t.Helper()
	done := make(chan error, 1)
	s.Update(t.Context(), collections.Writer{}, fn, func(err error) { done <- err })
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// putRecords puts records of the kind "key" in one update.
func putRecords(t testing.TB, s *Store, value []byte, keep collections.Retention, keys ...string) {
	t.Helper()
	must(t, s, func(tx collections.Tx) (err error) {
		for _, key := range keys {
			err = errors.Join(err, tx.PutRecord("key", key, value, keep))
		}
		return err
	})
}

// recordsInFile are the keys of a kind that the file has, expired ones too, and how many entries its queue
// has. It fails where records, counts and queue do not fit each other.
func recordsInFile(t testing.TB, s *Store, kind string) (keys []string, queued int) {
	t.Helper()
	err := s.db.View(func(tx *bbolt.Tx) error {
		counts, err := decodeRecordCounts(tx.Bucket(bucketRecords).Get([]byte(kind)))
		if err != nil {
			return err
		}
		seconds := map[string]map[uint64]bool{} // where each key is queued
		if queue := tx.Bucket([]byte(expiriesPrefix + kind)); queue != nil {
			err = queue.ForEach(func(at, list []byte) error {
				if len(list) > maxQueued+maxRecordKey {
					return fmt.Errorf("an entry of the queue has %d bytes: it and its neighbours are copied with each that follows", len(list))
				}
				for r := (entryReader{b: list}); len(r.b) > 0; queued++ {
					key := string(r.text())
					if r.bad {
						return errQueue
					}
					if seconds[key] == nil {
						seconds[key] = map[uint64]bool{}
					}
					seconds[key][binary.BigEndian.Uint64(at)] = true
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		var real recordCounts
		if records := tx.Bucket([]byte(recordsPrefix + kind)); records != nil {
			err = records.ForEach(func(key, v []byte) error {
				keys = append(keys, string(key))
				r, err := decodeRecord(v)
				if err == nil && r.expiring() {
					real.number++
					real.bytes += uint64(len(key) + len(r.value))
					if !seconds[string(key)][expirySecond(r.expires)] {
						err = fmt.Errorf("the expiry of %q is not queued: it would stay for ever", key)
					}
				}
				return err
			})
		}
		if err == nil && real != counts {
			err = fmt.Errorf("the file counts %+v and has %+v", counts, real)
		}
		return err
	})
	if err != nil {
		t.Fatalf("records %s: %v", kind, err)
	}
	return keys, queued
}

func TestExpiredRecordsLeaveTheFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, filepath.Join(t.TempDir(), "data.db"), nil)
		hour := collections.Retention{Expires: time.Now().Add(time.Hour)}
		putRecords(t, s, []byte("x"), hour, "a", "b", "c", "replaced", "deleted", "kept longer")
		putRecords(t, s, []byte("x"), collections.Retention{}, "stays")
		putRecords(t, s, []byte("y"), hour, "replaced")
		putRecords(t, s, []byte("z"), collections.Retention{Expires: time.Now().Add(2 * time.Hour)}, "kept longer")
		putRecords(t, s, nil, hour, "deleted")
		time.Sleep(time.Hour - time.Second)
		fill(t, s, "items", 1)
		if keys, _ := recordsInFile(t, s, "key"); len(keys) != 6 {
			t.Errorf("before their expiry the records are %q", keys)
		}
		time.Sleep(time.Second)
		must(t, s, func(tx collections.Tx) error { // of another kind, and the kind "key" is cleared all the same
			return tx.PutRecord("other", "x", []byte("x"), collections.Retention{})
		})
		if keys, queued := recordsInFile(t, s, "key"); !slices.Equal(keys, []string{"kept longer", "stays"}) || queued != 1 {
			t.Errorf("the file still has the records %q and %d expiries", keys, queued)
		}
		time.Sleep(time.Hour)
		putRecords(t, s, []byte("x"), collections.Retention{}, "new")
		if keys, queued := recordsInFile(t, s, "key"); !slices.Equal(keys, []string{"new", "stays"}) || queued != 0 {
			t.Errorf("the file still has the records %q and %d expiries", keys, queued)
		}
	})
}

// TestRecordsGoInSmallSteps: what has expired while nobody wrote, or is too much since a bound
// was lowered, does not hold up one commit.
func TestRecordsGoInSmallSteps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, filepath.Join(t.TempDir(), "data.db"), nil)
		var keys []string
		for i := range 5000 {
			keys = append(keys, fmt.Sprintf("%05d-%030d", i, i))
		}
		hour := collections.Retention{Expires: time.Now().Add(time.Hour)}
		putRecords(t, s, []byte("x"), hour, keys...)
		left := func() int {
			now, _ := recordsInFile(t, s, "key")
			if want := keys[len(keys)-len(now):]; !slices.Equal(now, want) {
				t.Fatalf("of the oldest %d records others have gone", len(keys)-len(now))
			}
			return len(now)
		}
		shrinks := func(commit func(), to int) {
			t.Helper()
			for before := left(); before > to; {
				commit()
				now := left()
				if removed := before - now; removed <= 0 || removed > maxRemoved+2 {
					t.Fatalf("a commit removed %d records", removed)
				}
				before = now
			}
			if left() != to {
				t.Fatalf("%d records are left instead of %d", left(), to)
			}
		}
		bounded := hour
		bounded.MaxRecords = 4500
		shrinks(func() { putRecords(t, s, []byte("x"), bounded, keys[4999]) }, 4500)
		bounded.MaxRecords, bounded.MaxBytes = 0, 4000*int64(len(keys[0])+1)
		shrinks(func() { putRecords(t, s, []byte("x"), bounded, keys[4999]) }, 4000)
		time.Sleep(time.Hour)
		commit := func() {
			must(t, s, func(tx collections.Tx) error { return tx.PutRecord("other", "x", nil, collections.Retention{}) })
		}
		shrinks(commit, 0)
		commit() // for what was queued and put again
		if _, queued := recordsInFile(t, s, "key"); queued != 0 {
			t.Errorf("%d expiries are left", queued)
		}
	})
}

// TestRecordsAgainstAModel puts, replaces and deletes at random while time goes on, with bounds and
// without, and looks after each commit at what can be read and at the file.
func TestRecordsAgainstAModel(t *testing.T) {
	type kept struct {
		value   string
		expires time.Time // zero: never
	}
	keys := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
	folder := t.TempDir()
	files := 0
	rapid.Check(t, func(rt *rapid.T) {
		files++
		synctest.Test(t, func(t *testing.T) {
			s := open(t, filepath.Join(folder, fmt.Sprint(files)), nil)
			most := rapid.SampledFrom([]int{0, 1, 3}).Draw(rt, "most")
			model := map[string]kept{}
			for n := range rapid.IntRange(1, 20).Draw(rt, "updates") {
				time.Sleep(time.Duration(rapid.SampledFrom([]int{0, 1, 999, 1000, 2500}).Draw(rt, "pause")) * time.Millisecond)
				after := maps.Clone(model)
				failure := rapid.SampledFrom([]error{nil, nil, nil, errors.New("on purpose")}).Draw(rt, "failure")
				done := make(chan error, 1)
				var puts []func(tx collections.Tx) error
				for i := range rapid.IntRange(0, 4).Draw(rt, "puts") {
					key, value, keep := rapid.SampledFrom(keys).Draw(rt, "key"), fmt.Sprint("v", n, "-", i), collections.Retention{MaxRecords: most}
					if ttl := rapid.SampledFrom([]int{0, 1, 1000, 2000, 5000}).Draw(rt, "expiry"); ttl > 0 {
						keep.Expires = time.Now().Add(time.Duration(ttl) * time.Millisecond)
					}
					after[key] = kept{value, keep.Expires}
					raw := []byte(value)
					if rapid.IntRange(0, 4).Draw(rt, "delete") == 0 {
						delete(after, key)
						raw = nil
					}
					puts = append(puts, func(tx collections.Tx) error { return tx.PutRecord("key", key, raw, keep) })
				}
				s.Update(t.Context(), collections.Writer{}, func(tx collections.Tx) error {
					for _, put := range puts {
						if err := put(tx); err != nil {
							return err
						}
					}
					return failure
				}, func(err error) { done <- err })
				if err := <-done; !errors.Is(err, failure) {
					rt.Fatalf("done with %v instead of %v", err, failure)
				}
				if failure == nil {
					model = after
				}
				recordsInFile(t, s, "key")
				expiring := 0
				must(t, s, func(tx collections.Tx) error {
					for _, key := range keys {
						got, err := tx.GetRecord("key", key)
						want, there := model[key]
						expired := there && !want.expires.IsZero() && !want.expires.After(time.Now())
						switch {
						case err == nil && (!there || expired || string(got) != want.value):
							rt.Fatalf("%s reads %q instead of %+v", key, got, want)
						case err == nil && !want.expires.IsZero():
							expiring++
						case errors.Is(err, collections.ErrNotFound) && there && !expired && (most == 0 || want.expires.IsZero()):
							rt.Fatalf("%s is gone", key)
						case errors.Is(err, collections.ErrNotFound):
							delete(model, key) // and must not come back
						case err != nil:
							return err
						}
					}
					return nil
				})
				if most > 0 && expiring > most {
					rt.Fatalf("%d records are kept instead of %d", expiring, most)
				}
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		})
	})
}

// TestSameKeyInOneCommit: what an update of a commit has recorded, the next one finds.
func TestSameKeyInOneCommit(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "data.db"), nil)
	db := collections.New(s, nil)
	release := make(chan struct{})
	done := make(chan error, 4)
	s.Update(t.Context(), collections.Writer{}, func(tx collections.Tx) error { <-release; return nil }, func(err error) { done <- err })
	var results [3]collections.Result
	for i, key := range []string{"key", "key", "other"} {
		w := collections.Write{Key: key, Writer: collections.Writer{Conn: fmt.Sprint(i)}}
		db.Post(t.Context(), "items", []byte(`{}`), w, func(r collections.Result, err error) {
			results[i] = r
			done <- err
		})
	}
	close(release)
	for range 4 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	if n := s.Stats().Commits; n != 1 {
		t.Fatalf("the writes took %d commits: this test needs one", n)
	}
	if results[0].Item.Rev != results[1].Item.Rev || results[0].Item.Rev == results[2].Item.Rev || results[0].Item.Rev.IsZero() {
		t.Errorf("the answers are %+v: the first two are to be the same", results)
	}
	if head := settled(t, s, 2); head != s.Head() {
		t.Errorf("the head is %d instead of 2", s.Head().Seq)
	}
}

// TestLargeRecordsAreReadInSeveralCommits: their readers copy them, so that one commit with all of them would
// fill the memory.
func TestLargeRecordsAreReadInSeveralCommits(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "data.db"), nil)
	putRecords(t, s, make([]byte, 1<<20), collections.Retention{}, "large")
	before := s.Stats().Commits
	const readers = 3 * maxBatchBytes >> 20
	release := make(chan struct{})
	done := make(chan error, readers)
	for range readers {
		s.Update(t.Context(), collections.Writer{}, func(tx collections.Tx) error {
			<-release
			_, err := tx.GetRecord("key", "large")
			return errors.Join(err, tx.PutRecord("key", "small", []byte("x"), collections.Retention{}))
		}, func(err error) { done <- err })
	}
	close(release)
	for range readers {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	if n := s.Stats().Commits - before; n < 3 {
		t.Errorf("%d MB were read in %d commits of at most %d MB each", readers, n, maxBatchBytes>>20)
	}
}
