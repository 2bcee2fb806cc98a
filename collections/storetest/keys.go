package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ackbase/collections"
)

// keyed is a DB over a store, for writes with idempotency keys.
type keyed struct {
	*harness
	db *collections.DB
}

func startKeyed(t testing.TB, open Open, o *collections.Options) keyed {
	t.Helper()
	h := start(t, open, nil)
	return keyed{h, collections.New(h.Store, o)}
}

type keyedResult struct {
	collections.Result
	err error
}

// post posts an item without an id and waits for its end.
func (k keyed) post(collection, item string, w collections.Write) keyedResult {
	k.t.Helper()
	results := make(chan keyedResult, 1)
	done := make(chan error, 1)
	k.db.Post(context.Background(), collection, []byte(item), w, func(r collections.Result, err error) {
		results <- keyedResult{r, err}
		done <- nil
	})
	_ = k.await(done)
	return <-results
}

// total is how many items a collection has.
func (k keyed) total(collection string) int {
	k.t.Helper()
	page, _ := k.list(collection, `{"limit":1}`)
	return page.Total
}

// testKeys holds that a store with records carries idempotency keys. What a key is, is
// tested beside its code, in package collections.
func testKeys(t *testing.T, open Open) {
	if !probe(t, open).records {
		t.Log("the store has no records beside changes, as it may")
		return
	}

	t.Run("one key from many connections at the same time takes effect once, and all get the same answer", func(t *testing.T) {
		k := startKeyed(t, open, nil)
		origin := k.Head()
		const conns, keys = 16, 20
		results := make([][conns]keyedResult, keys)
		var group sync.WaitGroup
		group.Add(conns * keys)
		for conn := range conns {
			go func() {
				for key := range keys {
					w := collections.Write{Key: fmt.Sprint("key-", key), Writer: collections.Writer{Conn: fmt.Sprint(conn), Request: uint64(key)}}
					k.db.Post(context.Background(), "items", fmt.Appendf(nil, `{"n":%d}`, key), w, func(r collections.Result, err error) {
						results[key][conn] = keyedResult{r, err}
						group.Done()
					})
				}
			}()
		}
		group.Wait()
		for key, list := range results {
			for conn, got := range list {
				if got.err != nil {
					t.Fatalf("key %d, connection %d: %v", key, conn, got.err)
				}
				if diff := cmp.Diff(list[0].Result, got.Result, cmp.AllowUnexported(collections.ID{})); diff != "" {
					t.Errorf("key %d: the connections 0 and %d got different answers:\n%s", key, conn, diff)
				}
			}
		}
		if n := k.total("items"); n != keys {
			t.Errorf("%d keys made %d items", keys, n)
		}
		last := k.changes(origin, keys)[keys-1].Position
		if extra := k.post("others", `{}`, collections.Write{}); extra.Position.Seq != last.Seq+1 {
			t.Errorf("there are %d changes besides those of the keys", extra.Position.Seq-last.Seq-1)
		}
	})

	t.Run("a key whose update failed is free", func(t *testing.T) {
		k := startKeyed(t, open, nil)
		w := collections.Write{Key: "key"}
		if got := k.post("items", `{"id":1}`, collections.Write{}); got.err != nil {
			t.Fatal(got.err)
		}
		if got := k.post("items", `{"id":1}`, w); !errors.Is(got.err, collections.ErrConflict) {
			t.Fatalf("an id that exists: %v", got.err)
		}
		k.remove("items", number(1))
		if got := k.post("items", `{"id":1}`, w); got.err != nil || !got.Created {
			t.Errorf("the write after the failure: %+v", got)
		}
	})

	t.Run("of many keys the newest are kept", func(t *testing.T) {
		const most = 10
		k := startKeyed(t, open, &collections.Options{MaxKeys: most})
		var first []keyedResult
		write := func(i int) keyedResult {
			t.Helper()
			got := k.post("items", fmt.Sprintf(`{"n":%d}`, i), collections.Write{Key: fmt.Sprintf("key-%d", i)})
			if got.err != nil {
				t.Fatal(got.err)
			}
			return got
		}
		for i := range 3 * most {
			first = append(first, write(i))
		}
		for i := 2 * most; i < 3*most; i++ {
			if again := write(i); again.Item.Rev != first[i].Item.Rev {
				t.Errorf("the key %d of %d is not known any more: %d are kept", i, 3*most, most)
			}
		}
		if again := write(0); again.Item.Rev == first[0].Item.Rev {
			t.Errorf("the oldest of %d keys is still known: %d are kept", 3*most, most)
		}
	})

	t.Run("keys whose answers are large go sooner", func(t *testing.T) {
		k := startKeyed(t, open, &collections.Options{MaxKeysBytes: 10_000})
		w := collections.Write{Key: "first"}
		first := k.post("items", `{}`, w)
		for i := range 20 {
			if got := k.post("items", fmt.Sprintf(`{"text":"%01000d"}`, i), collections.Write{Key: fmt.Sprint("large-", i)}); got.err != nil {
				t.Fatal(got.err)
			}
		}
		if again := k.post("items", `{}`, w); again.err != nil || again.Item.Rev == first.Item.Rev {
			t.Errorf("a key is kept beyond 20 KB of answers, with a bound of 10 KB: %+v", again)
		}
	})
}
