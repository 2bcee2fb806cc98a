package faults

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	jsonpatch "github.com/evanphx/json-patch/v5"

	"ackbase/collections"
	"ackbase/collections/bolt"
)

// entry is one change of the log as all who can see it must be told.
type entry struct {
	Seq                     uint64
	Type, Collection, ID    string // the id as JSON
	Rev, Prev, Cursor, Op   string // Op is the reason: the name of the write
	Before, After, Patch    json.RawMessage
	bucketBefore, bucketNow int // what filters ask for; noBucket where there is no item
}

// noBucket is the bucket of an item that does not exist.
const noBucket = -1

// database is what a file holds.
type database struct {
	log   []entry
	items map[string]map[string]collections.Item // by collection and id
}

// readFile reads all of a file that no process has open; of the bulletins what is kept.
func readFile(path string) (_ *database, err error) {
	ctx := context.Background()
	store, err := bolt.Open(path, &bolt.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	d := &database{items: map[string]map[string]collections.Item{}}
	for at, head := (collections.Position{Epoch: store.Head().Epoch}), store.Head(); at != head; {
		changes, err := store.Changes(ctx, at, 1000, goods, accounts, registers) // of the bulletins some may be missing
		if err != nil {
			return nil, err
		}
		for _, c := range changes {
			e, err := newEntry(c)
			if err != nil {
				return nil, err
			}
			d.log = append(d.log, e)
			d.items[c.Collection] = map[string]collections.Item{}
			at = c.Position
		}
	}
	return d, store.View(ctx, func(r collections.Reader) error {
		for collection, items := range d.items {
			for next := ""; ; {
				query, err := json.Marshal(map[string]any{"limit": 1000, "after": next})
				if next == "" {
					query, err = []byte(`{"limit":1000}`), nil
				}
				if err != nil {
					return err
				}
				q, err := collections.ParseQuery(query)
				if err != nil {
					return err
				}
				page, err := r.List(ctx, collection, q)
				if err != nil {
					return err
				}
				for _, item := range page.Items {
					item.JSON = append(json.RawMessage(nil), item.JSON...)
					items[string(item.ID.AppendJSON(nil))] = item
				}
				if next = page.Next; next == "" {
					break
				}
			}
		}
		return nil
	})
}

func newEntry(c *collections.Change) (e entry, err error) {
	e = entry{
		Seq: c.Position.Seq, Type: c.Type.String(), Collection: c.Collection, ID: string(c.ID.AppendJSON(nil)),
		Rev: c.Rev().String(), Prev: c.Prev.String(), Cursor: c.Position.Cursor(), Op: c.Reason,
		Before: c.Before, After: c.After, Patch: c.Diff,
	}
	return e, e.fillBuckets()
}

// fillBuckets fills in what filters ask for.
func (e *entry) fillBuckets() (err error) {
	if e.bucketBefore, err = bucketOf(e.Before); err == nil {
		e.bucketNow, err = bucketOf(e.After)
	}
	return err
}

// bucketOf is the bucket of an item.
func bucketOf(item json.RawMessage) (int, error) {
	if item == nil {
		return noBucket, nil
	}
	var c content
	err := json.Unmarshal(item, &c)
	return c.Bucket, err
}

// check tells whether the log has no gap, its revisions are chained, its patches lead from each content
// to the next, and the items are what the log makes of them.
func (d *database) check() error {
	type item struct {
		rev  string
		json json.RawMessage
	}
	made := map[string]map[string]item{}
	for i, e := range d.log {
		if e.Seq != uint64(i+1) {
			return fmt.Errorf("the log has a gap: its entry %d has the number %d", i+1, e.Seq)
		}
		items := made[e.Collection]
		if items == nil {
			items = map[string]item{}
			made[e.Collection] = items
		}
		before, exists := items[e.ID]
		if exists != (e.Type != "ADDED") || before.rev != e.Prev {
			return fmt.Errorf("the log's chain is broken: the change %d, %s of %s/%s, has prev %q, and the item had the revision %q", e.Seq, e.Type, e.Collection, e.ID, e.Prev, before.rev)
		}
		if exists && !same(before.json, e.Before) {
			return fmt.Errorf("the log's chain is broken: the change %d, %s of %s/%s, has %s before it, and the change before had made %s", e.Seq, e.Type, e.Collection, e.ID, e.Before, before.json)
		}
		if e.Type == "DELETED" {
			delete(items, e.ID)
			continue
		}
		if e.Type == "MODIFIED" && e.Patch != nil { // what was pruned has none
			after, err := applied(e.Patch, e.Before)
			if err != nil || !same(after, e.After) {
				return fmt.Errorf("the patch of the change %d, %s, makes %s of %s (%w), and not %s", e.Seq, e.Patch, after, e.Before, err, e.After)
			}
		}
		items[e.ID] = item{e.Rev, e.After}
	}
	for collection, items := range made {
		for id, want := range items {
			got, exists := d.items[collection][id]
			if !exists {
				return fmt.Errorf("the item %s/%s is lost: the log says it is there", collection, id)
			}
			if got.Rev.String() != want.rev || !same(got.JSON, want.json) {
				return fmt.Errorf("the item %s/%s is %s of revision %s, and the log makes %s of revision %s", collection, id, got.JSON, got.Rev, want.json, want.rev)
			}
		}
		if len(d.items[collection]) != len(items) {
			return fmt.Errorf("%s has %d items, and the log makes %d", collection, len(d.items[collection]), len(items))
		}
	}
	return nil
}

// same tells whether two JSON values are equal.
func same(a, b json.RawMessage) bool { return string(a) == string(b) || jsonpatch.Equal(a, b) }

// applied is an item after a patch.
func applied(patch, item json.RawMessage) (json.RawMessage, error) {
	p, err := jsonpatch.DecodePatch(patch)
	if err != nil {
		return nil, err
	}
	return p.Apply(item)
}
