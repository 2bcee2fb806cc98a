package bolt

import (
	"slices"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"ackbase/collections"
)

func contains(text, part string) bool { return strings.Contains(text, part) }

// listNow answers a query; the items' JSON is dropped.
func listNow(t testing.TB, s *Store, query string) collections.Page {
	t.Helper()
	q, err := collections.ParseQuery([]byte(query))
	if err != nil {
		t.Fatal(err)
	}
	var page collections.Page
	err = s.View(t.Context(), func(r collections.Reader) error {
		page, err = r.List(t.Context(), "items", q)
		for i := range page.Items {
			page.Items[i].JSON = nil
		}
		return err
	})
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return page
}

// settled waits until n changes are announced, and is the position of the last.
func settled(t testing.TB, s *Store, n uint64) collections.Position {
	t.Helper()
	at := collections.Position{Epoch: s.epoch}
	for at.Seq < n {
		list, err := s.Changes(t.Context(), at, 1000)
		if err != nil {
			t.Fatal(err)
		}
		at = list[len(list)-1].Position
	}
	return at
}

// setMeta changes a file's own data, as only another program would.
func setMeta(t *testing.T, path string, key, value []byte) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error { return tx.Bucket(bucketMeta).Put(key, slices.Clone(value)) })
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}
