package bolt

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"go.etcd.io/bbolt"

	"ackbase/collections"
)

// severalWorkers lets scans have at least two workers, also on one processor.
func severalWorkers(t *testing.T) {
	before := runtime.GOMAXPROCS(max(4, runtime.GOMAXPROCS(0)))
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

// TestScanOfDamagedItem holds that JSON which cannot be read, and of which a worker
// panics, is the caller's panic, and that the store goes on.
func TestScanOfDamagedItem(t *testing.T) {
	severalWorkers(t)
	path := filepath.Join(t.TempDir(), "data.db")
	s := open(t, path, nil)
	const n = 8 * itemsPerWorker
	fill(t, s, "items", n)
	err := s.db.Update(func(tx *bbolt.Tx) error {
		for i := 1; i <= n; i += 500 {
			if err := tx.Bucket(itemsBucket("items")).Put(mustID(i).AppendKey(nil), []byte(`123456789012{"id`)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	q, err := collections.ParseQuery(json.RawMessage(`{"sort":"price"}`))
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		panicked := func() (p any) {
			defer func() { p = recover() }()
			return s.View(t.Context(), func(r collections.Reader) error {
				_, err := r.List(t.Context(), "items", q)
				return err
			})
		}()
		if text, ok := panicked.(string); !ok || !strings.Contains(text, "out of range") {
			t.Fatalf("a scan of damaged items ended with %v", panicked)
		}
	}
	if page := listNow(t, s, `{"filters":{"id":2}}`); len(page.Items) != 1 {
		t.Errorf("another item: %v", page)
	}
}

// TestScanEnds holds that a scan by several workers ends with its context.
func TestScanEnds(t *testing.T) {
	severalWorkers(t)
	s := open(t, filepath.Join(t.TempDir(), "data.db"), nil)
	fill(t, s, "items", 8*itemsPerWorker)
	q, err := collections.ParseQuery(json.RawMessage(`{"sort":"price"}`))
	if err != nil {
		t.Fatal(err)
	}
	ends := &endsLater{Context: t.Context()}
	ends.left.Store(3)
	err = s.View(t.Context(), func(r collections.Reader) error {
		_, err := r.List(ends, "items", q)
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the scan ended with %v", err)
	}
}

// endsLater is a context that has ended once it was asked often enough.
type endsLater struct {
	context.Context
	left atomic.Int64
}

func (c *endsLater) Err() error {
	if c.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

// TestScanFallsBack holds that a scan whose pages look damaged answers by the cursor.
func TestScanFallsBack(t *testing.T) {
	severalWorkers(t)
	s := open(t, filepath.Join(t.TempDir(), "data.db"), nil)
	fill(t, s, "items", 4*itemsPerWorker)
	const query = `{"filters":{"stock":{"$gt":50}},"sort":"name"}`
	want := listNow(t, s, query)
	data := s.pages.data
	info, err := os.Stat(s.path)
	if err != nil {
		t.Fatal(err)
	}
	s.pages.data = make([]byte, info.Size()) // all of its pages look wrong; the mapping itself is much larger
	got := listNow(t, s, query)
	s.pages.data = data
	if !reflect.DeepEqual(got, want) || len(got.Items) == 0 {
		t.Errorf("by the cursor %d items of %d, by the pages %d of %d", len(got.Items), got.Total, len(want.Items), want.Total)
	}
}
