package crud_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	"github.com/google/uuid"

	"ackbase/collections"
	"ackbase/crud"
)

// silent takes answers and events and does nothing with them.
type silent struct{ *client }

func (silent) Answer(result, fault, meta []byte) {}
func (silent) Send(crud.Frame) error             { return nil }
func (silent) Writable() bool                    { return true }

func args(texts ...string) []json.RawMessage {
	raw := make([]json.RawMessage, len(texts))
	for i, text := range texts {
		raw[i] = json.RawMessage(text)
	}
	return raw
}

func BenchmarkGet(b *testing.B) {
	s, _ := open(b, &crud.Options{RequestRate: 1 << 30})
	c := dial(s, "bench", 1<<30)
	c.call(b, "POST", "items", map[string]any{"name": "Clotted cream fudge", "category": "confectionery", "rrp": 4.49})
	get := args(`"items"`, `1`)
	reply := crud.Reply(silent{c})
	b.Run("alone", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c.session.Do("GET", get, false, reply)
		}
	})
	b.Run("in batches of 16", func(b *testing.B) {
		b.ReportAllocs()
		end := c.session.Batch()
		for i := 1; b.Loop(); i++ {
			c.session.Do("GET", get, false, reply)
			if i%16 == 0 {
				end()
				end = c.session.Batch()
			}
		}
		end()
	})
}

// done counts the answers that have come.
type done struct{ *sync.WaitGroup }

func (d done) Answer(result, fault, meta []byte) { d.Done() }

func BenchmarkPost256InFlight(b *testing.B) {
	for _, c := range []struct {
		name string
		key  func() (uuid.UUID, error) // nil for none
	}{{"NoKey", nil}, {"TimeOrderedKey", uuid.NewV7}, {"RandomKey", uuid.NewRandom}} {
		b.Run(c.name, func(b *testing.B) {
			s, _ := open(b, nil)
			client := dial(s, "bench", 1<<30)
			post := args(`"items"`, `{"name":"Clotted cream fudge","category":"confectionery","rrp":4.49}`)
			b.ReportAllocs()
			for n := 0; n < b.N; n += 256 {
				var wg sync.WaitGroup
				for range min(256, b.N-n) {
					wg.Add(1)
					args := post
					if c.key != nil {
						key, err := c.key()
						if err != nil {
							b.Fatal(err)
						}
						args = append(post[:2:2], fmt.Appendf(nil, `{"key":"%s"}`, key))
					}
					client.session.Do("POST", args, false, done{&wg})
				}
				wg.Wait()
			}
		})
	}
}

// BenchmarkDeliver is what one change costs by the number of its subscribers, without the network.
func BenchmarkDeliver(b *testing.B) {
	for _, subscribers := range []int{1, 50, 500, 5000} {
		b.Run(fmt.Sprint(subscribers), func(b *testing.B) { benchmarkDeliver(b, subscribers, false) })
		b.Run(fmt.Sprint(subscribers, " recoverable"), func(b *testing.B) { benchmarkDeliver(b, subscribers, true) })
	}
}

func benchmarkDeliver(b *testing.B, subscribers int, recoverable bool) {
	s, db := open(b, nil)
	var joined sync.WaitGroup
	joined.Add(subscribers)
	for i := range subscribers {
		c := silent{newClient(fmt.Sprint(i), 1<<30)}
		if recoverable {
			c.wire = offsetWire{}
			c.session = s.OpenRecoverable(c, crud.Identity{PID: c.id})
		} else {
			c.session = s.Open(c)
		}
		c.session.Do("SUBSCRIBE", args(`"items"`), false, done{&joined})
	}
	joined.Wait()
	change := &collections.Change{
		Position: db.Head(), Type: collections.Added, Collection: "items",
		After: json.RawMessage(`{"id":1,"name":"Clotted cream fudge","category":"confectionery","rrp":4.49}`),
	}
	change.ID, _ = collections.NumberID(1)
	b.ReportAllocs()
	for b.Loop() {
		next := *change
		change = &next
		change.Position.Seq++
		crud.Offer(s, change)
	}
}
