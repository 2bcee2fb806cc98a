package bolt_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"ackbase/collections"
	"ackbase/collections/bolt"
)

func Example() {
	folder, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder) //nolint:errcheck // an example's file

	store, err := bolt.Open(filepath.Join(folder, "data.db"), &bolt.Options{
		Collections: map[string]collections.Collection{
			"items": {Indexes: []collections.Index{{Paths: []string{"category", "price"}}}},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close() //nolint:errcheck // reported by the writes

	db := collections.New(store, nil)
	ctx := context.Background()
	done := make(chan struct{}, 1) // done must not block
	for _, item := range []string{`{"name":"Oolong","category":"tea","price":9}`, `{"name":"Sencha","category":"tea","price":7}`} {
		db.Post(ctx, "items", []byte(item), collections.Write{}, func(r collections.Result, err error) {
			fmt.Println(string(r.Item.JSON), err)
			done <- struct{}{}
		})
		<-done // it is on disk
	}

	q, err := collections.ParseQuery([]byte(`{"filters":{"category":"tea"},"sort":"price","limit":1}`))
	if err != nil {
		log.Fatal(err)
	}
	page, _, err := db.List(ctx, "items", q)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("cheapest of", page.Total, "is", string(page.Items[0].JSON))
	// Output:
	// {"id":1,"name":"Oolong","category":"tea","price":9} <nil>
	// {"id":2,"name":"Sencha","category":"tea","price":7} <nil>
	// cheapest of 2 is {"id":2,"name":"Sencha","category":"tea","price":7}
}
