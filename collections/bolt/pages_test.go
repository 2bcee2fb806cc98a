package bolt

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"
)

// TestPages compares counts by page headers with bbolt's cursor, on a tree with several
// levels that has seen deletions, and again after the file has grown.
func TestPages(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pages.db")
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // a test's file
	random := rand.New(rand.NewPCG(1, 2))
	key := func() []byte {
		return fmt.Appendf(nil, "%0*x", 1+random.IntN(40), random.Uint64N(1<<40))
	}
	change := func(puts, deletes int) {
		t.Helper()
		err := db.Update(func(tx *bbolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists([]byte("b"))
			if err != nil {
				return err
			}
			for range puts {
				value := make([]byte, random.IntN(60))
				if random.IntN(500) == 0 {
					value = make([]byte, 9000) // more than a page
				}
				if err := b.Put(key(), value); err != nil {
					return err
				}
			}
			c := b.Cursor()
			for range deletes {
				if k, _ := c.Seek(key()); k != nil {
					if err := c.Delete(); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	change(20, 0)
	pages := mapPages(path, db.Info().PageSize)
	if pages == nil {
		t.Fatal("the file cannot be mapped: counts fall back to the cursor, which TestStoreWithoutPages covers, but not on this system")
	}
	defer pages.close()

	for round := range 6 {
		change(6000, 1500)
		tx, err := db.Begin(false)
		if err != nil {
			t.Fatal(err)
		}
		b := tx.Bucket([]byte("b"))
		tree, ok := pages.tree(b)
		if !ok {
			t.Fatal("the tree cannot be read")
		}
		var keys [][]byte
		c := b.Cursor()
		for k, _ := c.First(); k != nil; k, _ = c.Next() {
			keys = append(keys, k)
		}
		for i := range 300 {
			low, high := key(), key()
			switch i % 5 {
			case 0:
				low = nil
			case 1:
				high = nil
			case 2:
				low, high = keys[random.IntN(len(keys))], keys[random.IntN(len(keys))]
			}
			want, first := 0, -1
			for j, k := range keys {
				if bytes.Compare(k, low) >= 0 && (high == nil || bytes.Compare(k, high) < 0) {
					want++
				}
				if first < 0 && bytes.Compare(k, low) >= 0 {
					first = j
				}
			}
			if got, err := tree.count(low, high); err != nil || got != want {
				t.Fatalf("round %d: from %q to %q there are %d keys, counted %d, %v", round, low, high, want, got, err)
			}
			n := random.IntN(len(keys))
			var expect []byte
			if first >= 0 && first+n < len(keys) {
				expect = keys[first+n]
			}
			if got, err := tree.at(low, n); err != nil || !bytes.Equal(got, expect) {
				t.Fatalf("round %d: the key %d after %q is %q, found %q, %v", round, n, low, expect, got, err)
			}
		}
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
	}
}

// FuzzPage reads pages of arbitrary bytes: an error or a count, never a panic or an endless way.
func FuzzPage(f *testing.F) {
	leaf := make([]byte, 4*64)
	leaf[2*64], leaf[2*64+8], leaf[2*64+10] = 2, leafFlag, 1
	f.Add(leaf, []byte("a"))
	branch := bytes.Clone(leaf)
	branch[2*64+8] = branchFlag
	branch[2*64+10] = 3
	for i := range 3 {
		branch[2*64+pageHeader+i*pageElement+8] = 2 // itself
	}
	f.Add(branch, []byte{})
	f.Fuzz(func(t *testing.T, data, key []byte) {
		m := &pageMap{pageSize: 64}
		tree := tree{pages: m, data: data, root: 2, limit: int64(len(data))}
		n, err := tree.count(key, nil)
		if err == nil && n > len(data)*maxTreeDeep*maxTreeDeep {
			t.Errorf("%d bytes have %d keys", len(data), n)
		}
		_, _ = tree.at(key, 1) // must not panic
		if v, err := tree.get(key); err == nil && len(v) > len(data) {
			t.Errorf("a value of %d bytes in a file of %d", len(v), len(data))
		}
		parts, err := tree.split(span{low: key}, 4)
		if err != nil {
			return
		}
		tree.begin(1)
		for _, whole := range parts {
			if err := tree.leaves(whole, func(p page, first, last int) error {
				for i := first; i < last; i++ {
					if k, v, ok := p.entry(i); ok && len(k)+len(v) > len(data) {
						t.Errorf("an entry of %d bytes in a file of %d", len(k)+len(v), len(data))
					}
				}
				return nil
			}); err != nil {
				return
			}
		}
	})
}
