package bolt

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ackbase/collections"
)

// TestLongFreeList: after much was pruned at once commits do not write the list of free pages. A process that
// is killed then leaves a file that opens.
func TestLongFreeList(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data.db")
	o := &Options{Keep: collections.Keep{Changes: 10}, hooks: hooks{noPruner: true, maxFreePages: 50}}
	s := open(t, path, o)
	if s.free.file == nil {
		t.Log("the pages cannot be read on this system: the list is always written")
		return
	}
	listed := func(path string) bool {
		t.Helper()
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		m, ok := readNewestMeta(f)
		if !ok {
			t.Fatal("the file has no good meta page")
		}
		return m.freeList != noFreeList
	}
	fill(t, s, "items", 3000)
	if !listed(path) {
		t.Error("a short list is not in the file")
	}
	prunePass(t, s)
	writeTo(t, s, "other")
	if !s.free.long.Load() || listed(path) {
		t.Fatalf("of 3,000 changes 10 are kept; the list is taken for long: %v, and is in the file: %v", s.free.long.Load(), listed(path))
	}
	logInFile(t, s)

	raw, err := os.ReadFile(path)
	killed := filepath.Join(t.TempDir(), "killed.db")
	if err := errors.Join(err, os.WriteFile(killed, raw, 0o600)); err != nil {
		t.Fatal(err)
	}
	again := open(t, killed, o)
	if got := logInFile(t, again); got["items"] != 10 || got["other"] != 1 || !listed(killed) {
		t.Errorf("after a kill there are %v changes, and the list is in the file: %v", got, listed(killed))
	}
	writeTo(t, again, "other")

	// Once in a while it is written all the same, and found to be short again.
	writeTo(t, s, "other")
	s.free.written = time.Now().Add(-2 * freeListEvery)
	writeTo(t, s, "other")
	if !listed(path) || !s.free.long.Load() {
		t.Error("after a minute the list is not in the file, or is not long any more")
	}
	s.free.most = 1 << 20
	s.free.written = time.Now().Add(-2 * freeListEvery)
	writeTo(t, s, "other")
	writeTo(t, s, "other")
	if !listed(path) || s.free.long.Load() {
		t.Error("a list that has become short is taken for long")
	}
	s.free.long.Store(true)
	writeTo(t, s, "other")
	if err := s.Close(); err != nil || !listed(path) {
		t.Errorf("after Close, %v, the list is in the file: %v", err, listed(path))
	}
}
