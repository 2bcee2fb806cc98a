package bolt

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"ackbase/collections"
)

func TestKilledProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data.db")
	acked := make(map[string]bool)
	for round := range 3 {
		cmd := childCommand(t, "writers", path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			acked[lines.Text()] = true
			if n == 1000+137*round {
				if err := cmd.Process.Kill(); err != nil { // kill -9: in the middle of writing
					t.Fatal(err)
				}
			}
		}
		var exit *exec.ExitError
		if err := cmd.Wait(); !errors.As(err, &exit) {
			t.Fatalf("the child ended by itself: %v", err)
		}

		started := time.Now()
		s := open(t, path, &Options{Collections: killIndexes})
		took := time.Since(started)
		if took > 2*time.Second {
			t.Errorf("the file of the killed process took %v to open", took)
		}
		n := checkConsistent(t, s)
		err = s.View(t.Context(), func(r collections.Reader) error {
			for text := range acked {
				id, err := collections.TextID(text)
				if err != nil {
					return err
				}
				if _, err := r.Get("items", id); err != nil {
					t.Errorf("round %d: the item %s was acknowledged and is lost: %v", round, text, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		t.Logf("round %d: %d acknowledged, %d there, opened in %v", round, len(acked), n, took)
	}
}

// checkConsistent tells whether items, index, log and head fit each other, for a
// file with nothing but added items, and how many there are.
func checkConsistent(t *testing.T, s *Store) int {
	t.Helper()
	var n int
	err := s.View(t.Context(), func(r collections.Reader) error {
		for i, query := range []string{`{"limit":1000,"fields":["id"]}`, `{"limit":1,"sort":"writer,n"}`, `{"limit":1,"filters":{"writer":{"$gte":0}},"sort":"writer"}`} {
			q, err := collections.ParseQuery([]byte(query))
			if err != nil {
				return err
			}
			page, err := r.List(t.Context(), "items", q)
			if err != nil {
				return err
			}
			if i == 0 {
				n = page.Total
			} else if page.Total != n {
				t.Errorf("%s has the total %d, the items are %d", query, page.Total, n)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if head := s.Head(); head.Seq != uint64(n) {
		t.Errorf("%d items were added and the head is %d", n, head.Seq)
	}
	at := collections.Position{Epoch: s.Head().Epoch}
	for at.Seq < uint64(n) {
		list, err := s.Changes(t.Context(), at, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range list {
			if c.Position.Seq != at.Seq+1 {
				t.Fatalf("after the change %d comes %d", at.Seq, c.Position.Seq)
			}
			at = c.Position
		}
	}
	if at != s.Head() {
		t.Errorf("the log ends at %v, the head is %v", at, s.Head())
	}
	return n
}

func TestFailedCommit(t *testing.T) {
	fail := make(chan error, 1)
	s := open(t, filepath.Join(t.TempDir(), "data.db"), &Options{hooks: hooks{beforeCommit: func() error {
		select {
		case err := <-fail:
			return err
		default:
			return nil
		}
	}}})
	fill(t, s, "items", 5)
	before := settled(t, s, 5)
	fail <- errors.New("on purpose")
	results := make(chan error, 2)
	var number uint64
	write := func(n int) {
		s.Update(t.Context(), collections.Writer{}, func(tx collections.Tx) (err error) {
			number, err = tx.NextNumber("items")
			return errors.Join(err, tx.Write(&collections.Change{Type: collections.Added, Collection: "items", ID: mustID(n), After: product(n)}))
		}, func(err error) { results <- err })
	}
	write(6)
	if err := <-results; !errors.Is(err, collections.ErrUnavailable) {
		t.Fatalf("the update of a failed commit was done with %v", err)
	}
	if s.Head() != before {
		t.Errorf("a failed commit moved the head to %v", s.Head())
	}
	write(6)
	if err := <-results; err != nil {
		t.Fatalf("the same write after it: %v", err)
	}
	list, err := s.Changes(t.Context(), before, 10)
	if err != nil || len(list) != 1 || list[0].Position.Seq != before.Seq+1 {
		t.Errorf("after a failed commit and one that succeeded there are %d changes, %v", len(list), err)
	}
	if number != 1 {
		t.Errorf("the running number is %d: the failed commit took one", number)
	}
}

// A commit can fail at its very last step, when the file shows its writes already.
func TestUnconfirmedCommit(t *testing.T) {
	fail := make(chan error, 1)
	path := filepath.Join(t.TempDir(), "data.db")
	s := open(t, path, &Options{hooks: hooks{afterCommit: func() error {
		select {
		case err := <-fail:
			return err
		default:
			return nil
		}
	}}})
	results := make(chan error, 1)
	done := func(err error) { results <- err }
	post(s, t.Context(), 1, done)
	if err := <-results; err != nil {
		t.Fatal(err)
	}
	before := settled(t, s, 1)
	fail <- errors.New("on purpose")
	post(s, t.Context(), 2, done)
	if err := <-results; !errors.Is(err, errUncertain) {
		t.Fatalf("done with %v", err)
	}
	if s.Head() != before {
		t.Errorf("what the disk has not confirmed was announced: %v", s.Head())
	}
	post(s, t.Context(), 3, done)
	if err := <-results; err != nil {
		t.Fatal(err)
	}
	settled(t, s, 3)
	at := before
	for id := uint64(2); id <= 3; id++ {
		list, err := s.Changes(t.Context(), at, 1)
		if err != nil {
			t.Fatal(err)
		}
		if at = list[0].Position; at.Seq != id || list[0].ID != mustID(int(id)) {
			t.Errorf("as change %d came %d, of %s", id, at.Seq, list[0].ID)
		}
	}
	if page := listNow(t, s, `{}`); page.Total != 3 {
		t.Errorf("there are %d items", page.Total)
	}
}

func TestRefusedFiles(t *testing.T) {
	build := func(t *testing.T) string {
		t.Helper()
		path := filepath.Join(t.TempDir(), "data.db")
		s := open(t, path, nil)
		fill(t, s, "items", 3000)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return path
	}
	overwrite := func(t *testing.T, path string, from, to int64, b byte) {
		t.Helper()
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.WriteAt(bytes.Repeat([]byte{b}, int(to-from)), from)
		if err := errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name, want string
		damage     func(t *testing.T, path string)
	}{
		{"cut off in the middle", "cut off", func(t *testing.T, path string) {
			if err := os.Truncate(path, 300_000); err != nil {
				t.Fatal(err)
			}
		}},
		{"cut off at the beginning", "damaged", func(t *testing.T, path string) {
			if err := os.Truncate(path, 100); err != nil {
				t.Fatal(err)
			}
		}},
		{"some text", "damaged", func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte("this is no database, it is a letter to a friend, and a long one at that"), 0o600); err != nil {
				t.Fatal(err)
			}
		}},
		{"without its beginning", "damaged", func(t *testing.T, path string) { overwrite(t, path, 0, 8192, 0) }},
		{"with bad pages", "damaged", func(t *testing.T, path string) { overwrite(t, path, 8192, 400_000, 0xFF) }},
		{"with zeros for pages", "damaged", func(t *testing.T, path string) { overwrite(t, path, 8192, 400_000, 0) }},
		{"with an item that is no JSON any more", "damaged", func(t *testing.T, path string) { scratch(t, path, false) }},
		{"with a change that is no JSON any more", "damaged", func(t *testing.T, path string) { scratch(t, path, true) }},
		{"of a newer format", "newer version", func(t *testing.T, path string) { setMeta(t, path, keyFormat, []byte{0, 0, 0, format + 1}) }},
		{"with another head", "damaged", func(t *testing.T, path string) {
			setMeta(t, path, keyHead, head{seq: 99999, tag: 1}.append(nil))
		}},
		{"without an epoch", "damaged", func(t *testing.T, path string) { setMeta(t, path, keyEpoch, nil) }},
		{"a folder", "folder", func(t *testing.T, path string) {
			if err := errors.Join(os.Remove(path), os.Mkdir(path, 0o700)); err != nil {
				t.Fatal(err)
			}
		}},
		{"in use", "in use by another process", func(t *testing.T, path string) { open(t, path, nil) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := build(t)
			c.damage(t, path)
			s, err := Open(path, &Options{Logger: quiet(), LockTimeout: 10 * time.Millisecond})
			if err == nil {
				_ = s.Close()
				t.Fatal("the file was opened")
			}
			if !errors.Is(err, collections.ErrUnavailable) {
				t.Errorf("the error is not an ErrUnavailable: %v", err)
			}
			if text := err.Error(); !contains(text, c.want) || !contains(text, path) {
				t.Errorf("the message should name the file and say %q: %s", c.want, text)
			}
			t.Log(err)
		})
	}

	t.Run("one meta page is enough", func(t *testing.T) {
		for page := range int64(2) {
			path := build(t)
			overwrite(t, path, page*4096, page*4096+100, 0xFF)
			s := open(t, path, nil)
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}

// scratch damages the content of an item, or of a change in the log, and nothing else.
func scratch(t *testing.T, path string, change bool) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	bucket := itemsBucket("items")
	if change {
		bucket = bucketLog
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		c := tx.Bucket(bucket).Cursor()
		k, v := c.First()
		k, v = bytes.Clone(k), bytes.Clone(v)
		v[bytes.LastIndexByte(v, ':')] = ';'
		return tx.Bucket(bucket).Put(k, v)
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestReadErrorsOfDeclarations(t *testing.T) {
	for name, c := range map[string]map[string]collections.Collection{
		"no paths":     catalogue(collections.Index{}),
		"a bad path":   catalogue(collections.Index{Paths: []string{""}}),
		"a path twice": catalogue(collections.Index{Paths: []string{"a", "a"}}),
		"many paths":   catalogue(collections.Index{Paths: []string{"a", "b", "c", "d", "e", "f", "g", "h", "i"}}),
		"a bad name":   {"no name": {}},
	} {
		path := filepath.Join(t.TempDir(), "data.db")
		if s, err := Open(path, &Options{Collections: c, Logger: quiet()}); !errors.Is(err, collections.ErrBadRequest) {
			t.Errorf("%s: %v", name, err)
			if err == nil {
				_ = s.Close()
			}
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s: the file was made all the same", name)
		}
	}
}

func TestInterruptedBuild(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data.db")
	s := open(t, path, nil)
	const n = 2*buildItems + 500
	fill(t, s, "items", n)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	c := catalogue(collections.Index{Paths: []string{"category", "price"}})
	killed := errors.New("killed")
	steps := 0
	count := func(fail bool) func() error {
		return func() error {
			if steps++; fail {
				return killed
			}
			return nil
		}
	}
	if s, err := Open(path, &Options{Collections: c, Logger: quiet(), hooks: hooks{afterBuildStep: count(true)}}); err == nil {
		_ = s.Close()
		t.Fatal("the build was not interrupted")
	}
	s = open(t, path, &Options{Collections: c, hooks: hooks{afterBuildStep: count(false)}})
	if steps != 3 {
		t.Errorf("the build took %d transactions: it should go on where it was interrupted", steps)
	}
	total := 0
	for i := range 20 {
		page := listNow(t, s, fmt.Sprintf(`{"filters":{"category":"category-%d"},"sort":"price","limit":1}`, i))
		total += page.Total
	}
	if total != n {
		t.Errorf("the index has %d of %d items", total, n)
	}

	// Without the declaration the index is dropped; with it, after other writes, built anew.
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path, nil)
	done := make(chan error, 1)
	id := mustID(n + 1)
	s.Update(t.Context(), collections.Writer{}, func(tx collections.Tx) error {
		return tx.Write(&collections.Change{Type: collections.Added, Collection: "items", ID: id, After: []byte(`{"category":"new","price":1}`)})
	}, func(err error) { done <- err })
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path, &Options{Collections: c})
	if page := listNow(t, s, `{"filters":{"category":"new"},"sort":"price"}`); page.Total != 1 || page.Items[0].ID != id {
		t.Errorf("an item written while the index was not declared is missing from it: total %d", page.Total)
	}
}
