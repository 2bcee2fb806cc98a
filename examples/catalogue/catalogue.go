// Package catalogue is the data set that --seed loads: the products of a shop
// for electronics and confectionery, with name, category, rrp (the recommended
// retail price) and info. [Products] was written by hand; [Generate] makes as
// many more as wanted, the same ones each time.
package catalogue

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"iter"
	"sync"

	"ackbase/collections"
)

// Collection is the name of the collection that the demo page shows.
const Collection = "items"

//go:embed products.json
var productsJSON []byte

// Products are the hand-written products in their order, without ids. Each is
// a JSON object on its own.
func Products() []json.RawMessage {
	var products []json.RawMessage
	if err := json.Unmarshal(productsJSON, &products); err != nil {
		panic("catalogue: products.json, which is part of the program: " + err.Error())
	}
	return products
}

// inFlight is how many writes wait for the disk together. The store shares one
// fsync among those that wait, so more of them load faster, up to a point.
const inFlight = 1024

// Load posts products in their order to a collection, which numbers them, and
// returns how many it has stored. A collection that has items already is left
// alone: then loaded is false. progress, if not nil, hears the count now and
// then, from one goroutine at a time. After an error or the end of ctx, the
// products stored until then stay.
func Load(ctx context.Context, db *collections.DB, collection string, products iter.Seq[json.RawMessage], progress func(stored int)) (stored int, loaded bool, err error) {
	one, err := collections.ParseQuery(json.RawMessage(`{"limit":1,"total":false}`))
	if err != nil {
		return 0, false, err
	}
	page, _, err := db.List(ctx, collection, one)
	if err != nil || len(page.Items) > 0 {
		return 0, false, err
	}

	var (
		mu    sync.Mutex
		first error // the first failure; nothing is posted after it
		slots = make(chan struct{}, inFlight)
		write = collections.Write{
			Writer: collections.Writer{Conn: "catalogue"}, // one connection: the commits keep the order of the calls
			Reason: "catalogue",
		}
	)
	done := func(_ collections.Result, err error) {
		mu.Lock()
		switch {
		case err == nil:
			stored++
			if progress != nil && stored%10_000 == 0 {
				progress(stored)
			}
		case first == nil:
			first = err
		}
		mu.Unlock()
		<-slots
	}
	failed := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return first != nil
	}
	for product := range products {
		slots <- struct{}{}
		if ctx.Err() != nil || failed() {
			<-slots
			break
		}
		write.Writer.Request++
		db.Post(ctx, collection, product, write, done)
	}
	for range cap(slots) { // until every write under way is done
		slots <- struct{}{}
	}
	if first == nil {
		first = ctx.Err()
	}
	if first != nil {
		return stored, true, fmt.Errorf("loading the catalogue into %s stopped after %d products: %w", collection, stored, first)
	}
	return stored, true, nil
}
