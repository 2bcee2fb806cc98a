package soak

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"ackbase/server/client"
)

// items is how many items of each collection are always there. Writers change them, and add and delete others.
const items = 30

// buckets is how many values filters ask for.
const buckets = 5

// caller is a client that calls verbs, one after the other at a rate.
type caller struct {
	*load
	collections []string
	client      *client.Client
	latencies   latencies
	own         []string // items that it has added, and will delete
	collection  string   // theirs
	size        int      // about how many bytes its items have
}

// every calls at the given interval until the run stops. The time of a call counts from when it
// was due, if the one before was late.
func (c *caller) every(interval time.Duration, m measure, call func() error) {
	free := time.Now()
	for due := free.Add(rand.N(interval)); !c.stopping(time.Until(due)); due = due.Add(interval) {
		from := time.Now()
		if free.After(due) {
			from = due
		}
		if err := call(); err != nil {
			c.faults.add(err)
			return
		}
		free = time.Now()
		c.latencies.add(stage(c.stage.Load()), m, free.Sub(from))
	}
}

// read asks for an item, or for a page.
func (c *caller) read() error {
	collection := c.collections[rand.IntN(len(c.collections))]
	args := []any{"GET", collection, 1 + rand.IntN(items)}
	if rand.IntN(5) == 0 {
		args[2] = map[string]any{"limit": 20, "sort": "-n", "filters": map[string]any{"bucket": rand.IntN(buckets)}}
	}
	_, err := c.client.Call(args...)
	return err
}

// item makes the content of a write.
func (c *caller) item() content {
	return content{
		N: c.number.Add(1), Bucket: int8(rand.IntN(buckets)), SentAt: time.Since(c.base),
		Text: strings.Repeat("in stock at the counter, ", c.size/25),
	}
}

// write writes in one of the ways.
func (c *caller) write() error {
	item := c.item()
	id := strconv.Itoa(1 + rand.IntN(items))
	switch way := rand.IntN(20); {
	case way < 8: // a merge patch
		item.ID, item.Text = json.RawMessage(id), ""
		return c.record(item, "PATCH", c.collection, item)
	case way < 10:
		return c.record(item, "PATCH", c.collection, json.RawMessage(id), []map[string]any{
			{"op": "replace", "path": "/n", "value": item.N}, {"op": "add", "path": "/bucket", "value": item.Bucket},
			{"op": "replace", "path": "/sentAt", "value": item.SentAt},
		})
	case way < 14:
		return c.record(item, "PUT", c.collection, json.RawMessage(id), item)
	case len(c.own) < 3 || way < 17 && len(c.own) < 6:
		return c.record(item, "POST", c.collection, item)
	default:
		err := c.record(content{}, "DELETE", c.collection, json.RawMessage(c.own[0]))
		c.own = c.own[1:]
		return err
	}
}

// overwrite writes an item that is always there.
func (c *caller) overwrite() error {
	item := c.item()
	return c.record(item, "PUT", c.collection, 1+rand.IntN(items), item)
}

// record calls a verb that writes the item, and notes what it acknowledged.
func (c *caller) record(item content, args ...any) error {
	a, err := c.client.Call(args...)
	if err != nil {
		return fmt.Errorf("%s: %w", args[0], err)
	}
	var meta struct {
		Rev, Cursor string
		Created     bool
	}
	if err := json.Unmarshal(a.Meta, &meta); err != nil {
		return err
	}
	r := record{kind: modified, n: item.N, bucket: item.Bucket, rev: short(meta.Rev)}
	if r.seq, err = place(meta.Cursor); err != nil {
		return err
	}
	switch args[0] {
	case "DELETE":
		r.kind, r.id = deleted, string(args[2].(json.RawMessage))
		if string(a.Result) != "true" {
			return fmt.Errorf("DELETE %s was answered %s", r.id, a.Result)
		}
	default:
		var stored content
		if err := json.Unmarshal(a.Result, &stored); err != nil {
			return err
		}
		if stored.N != item.N || stored.Bucket != item.Bucket {
			return fmt.Errorf("%s of %+v was answered %s", args[0], item, a.Result)
		}
		r.id = string(stored.ID)
		if args[0] == "POST" {
			c.own = append(c.own, r.id)
		}
		if args[0] == "POST" || meta.Created {
			r.kind = added
		}
	}
	c.ledger.add(c.collection, r)
	return nil
}

// touch writes every item that is always there: to create it, or so that every stream has an event at its end.
func (c *caller) touch() error {
	for id := range items {
		for bucket := range int8(buckets) { // every filter sees one
			item := c.item()
			item.ID, item.Bucket = json.RawMessage(strconv.Itoa(1+id)), bucket
			if err := c.record(item, "PUT", c.collection, item); err != nil {
				return err
			}
		}
	}
	return nil
}
