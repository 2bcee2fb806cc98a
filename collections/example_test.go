package collections_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"ackbase/collections"
	"ackbase/collections/bolt"
)

// A write tells its end to a function; a page and the change log show what it did.
func Example() {
	dir, err := os.MkdirTemp("", "ackbase")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	store, err := bolt.Open(filepath.Join(dir, "db"), nil)
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	db := collections.New(store, nil)
	ctx := context.Background()

	done := make(chan struct{})
	tell := func(r collections.Result, err error) {
		fmt.Println(string(r.Item.JSON), r.Created, err)
		done <- struct{}{}
	}
	go func() {
		db.Post(ctx, "products", []byte(`{"name":"Tea","price":4}`), collections.Write{}, tell)
		db.Post(ctx, "products", []byte(`{"name":"Coffee","price":9}`), collections.Write{}, tell)
		one, _ := collections.NumberID(1)
		db.Merge(ctx, "products", one, []byte(`{"price":5}`), collections.Write{Reason: "new harvest"}, tell)
	}()
	for range 3 {
		<-done
	}

	q, err := collections.ParseQuery(json.RawMessage(`{"filters":{"price":{"$lt":8}},"sort":"-price","fields":["name"]}`))
	if err != nil {
		log.Fatal(err)
	}
	page, at, err := db.List(ctx, "products", q)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s of %d\n", page.Items[0].JSON, page.Total)

	// Changes waits for those that are not announced yet.
	for from := (collections.Position{Epoch: at.Epoch}); from != at; {
		changes, err := db.Changes(ctx, from, 10)
		if err != nil {
			log.Fatal(err)
		}
		for _, c := range changes {
			patch, _ := c.Patch()
			fmt.Println(c.Type, c.ID, c.Reason, string(patch))
			from = c.Position
		}
	}
	// Output:
	// {"id":1,"name":"Tea","price":4} true <nil>
	// {"id":2,"name":"Coffee","price":9} true <nil>
	// {"id":1,"name":"Tea","price":5} false <nil>
	// {"id":1,"name":"Tea"} of 1
	// ADDED 1  [{"op":"add","path":"/id","value":1},{"op":"add","path":"/name","value":"Tea"},{"op":"add","path":"/price","value":4}]
	// ADDED 2  [{"op":"add","path":"/id","value":2},{"op":"add","path":"/name","value":"Coffee"},{"op":"add","path":"/price","value":9}]
	// MODIFIED 1 new harvest [{"op":"replace","path":"/price","value":5}]
}
