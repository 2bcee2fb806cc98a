package bolt

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"go.etcd.io/bbolt"

	"ackbase/collections"
)

func textKey(s string) []byte {
	id, err := collections.TextID(s)
	if err != nil {
		panic(err) // a fault of the test
	}
	return id.AppendKey(nil)
}

// TestLookup compares what is found among the pages with what bbolt finds, for ids that
// lie evenly, in clumps, far apart, and among texts, in trees that have seen deletions.
func TestLookup(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	kinds := map[string]func(i int) []byte{
		"even":     func(i int) []byte { return mustID(i + 1).AppendKey(nil) },
		"gaps":     func(i int) []byte { return mustID(1 + i*i).AppendKey(nil) },
		"clumps":   func(i int) []byte { return mustID(1 + i%100 + i/100*1_000_000_000).AppendKey(nil) },
		"powers":   func(i int) []byte { return mustID(1<<(i%50) + i/50).AppendKey(nil) },
		"random":   func(int) []byte { return mustID(1 + random.IntN(1<<50)).AppendKey(nil) },
		"one high": func(i int) []byte { return mustID(max(i*3, 1) + i/3999*(1<<52)).AppendKey(nil) },
		"texts":    func(i int) []byte { return textKey(fmt.Sprintf("%x", i*7919)) },
		"mixed": func(i int) []byte {
			if i%3 == 0 {
				return textKey(fmt.Sprint("a", i))
			}
			return mustID(i + 1).AppendKey(nil)
		},
	}
	for name, key := range kinds {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "pages.db")
			db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoSync: true})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close() //nolint:errcheck // a test's file
			const n = 4000
			keys := make([][]byte, n)
			err = db.Update(func(tx *bbolt.Tx) error {
				b, err := tx.CreateBucket([]byte("b"))
				for i := range keys {
					keys[i] = key(i)
					if err == nil {
						err = b.Put(keys[i], bytes.Repeat(keys[i][len(keys[i])-3:], 1+random.IntN(60)))
					}
				}
				for i := 0; i < n && err == nil; i += 1 + random.IntN(6) {
					err = b.Delete(keys[i])
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			pages := mapPages(path, db.Info().PageSize)
			defer pages.close()
			err = db.View(func(tx *bbolt.Tx) error {
				b := tx.Bucket([]byte("b"))
				tree, ok := pages.tree(b)
				if !ok {
					return fmt.Errorf("the tree cannot be read")
				}
				for _, k := range keys {
					next, before := bytes.Clone(k), bytes.Clone(k)
					next[len(next)-1]++
					before[len(before)-1]--
					for _, k := range [][]byte{k, next, before, k[:len(k)-1], append(next, 0), {}, {0xff}} {
						v, err := tree.get(k)
						if want := b.Get(k); err != nil || !bytes.Equal(v, want) || (v == nil) != (want == nil) {
							t.Fatalf("the key %x has %x, found %x, %v", k, want, v, err)
						}
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}
