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
