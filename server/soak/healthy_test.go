package soak

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	jsonpatch "github.com/evanphx/json-patch/v5"
)

// healthy are the clients that must not notice the others.
type healthy struct {
	*load
	collections []string
	subscribers []*subscriber
	writers     []*caller // at least one for each collection, in their order
	readers     []*caller
	noisy       *caller // writes the noise, which is not theirs
	working     sync.WaitGroup
}

// newHealthy connects n clients, to collections with items in them.
func newHealthy(t *testing.T, l *load, n int) *healthy {
	t.Helper()
	h := &healthy{load: l}
	for i := range max(2, n/50) {
		h.collections = append(h.collections, fmt.Sprintf("collection-%d", i))
	}
	calls := max(len(h.collections), n/25)
	for i := range calls {
		h.writers = append(h.writers, &caller{load: l, collection: h.collections[i%len(h.collections)], size: 200})
		h.readers = append(h.readers, &caller{load: l, collections: h.collections})
	}
	h.noisy = &caller{load: l, collection: noise, size: noiseSize}
	for _, c := range h.callers() {
		var err error
		if c.client, err = l.visitor.join(visitor.open, nil); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(h.leave)
	h.touch(t)

	for i := range n - 2*calls {
		s := &subscriber{load: l, streams: []*stream{h.stream(i)}}
		if i%10 == 9 { // one more, of another collection
			s.streams = append(s.streams, h.stream(i+1))
		}
		opening := visitor.open
		if i%10 == 3 {
			opening = visitor.openPolling
		}
		if err := s.join(opening); err != nil {
			t.Fatalf("subscriber %d: %v", i, err)
		}
		h.subscribers = append(h.subscribers, s)
	}
	return h
}

func (h *healthy) callers() []*caller { return slices.Concat(h.writers, h.readers, []*caller{h.noisy}) }

// leave drops all connections. It may be called again.
func (h *healthy) leave() {
	for _, c := range h.callers() {
		if c.client != nil {
			c.client.Leave()
		}
	}
	for _, s := range h.subscribers {
		s.client.Leave()
	}
}

// stream is what the i-th subscriber asks for: most ask for a whole collection, some for an item, some for
// a filter; a few want patches.
func (h *healthy) stream(i int) *stream {
	s := &stream{collection: h.collections[i%len(h.collections)], bucket: noBucket}
	switch i / len(h.collections) % 10 {
	case 0, 1:
		s.id = fmt.Sprint(1 + i%items)
	case 2, 3:
		s.bucket = int8(i % buckets)
	case 4:
		s.patch = true
	}
	return s
}

// touch writes all items of all collections, and one of the noise.
func (h *healthy) touch(t *testing.T) {
	t.Helper()
	var touching sync.WaitGroup
	for _, c := range h.writers[:len(h.collections)] {
		touching.Go(func() {
			if err := c.touch(); err != nil {
				t.Error(err)
			}
		})
	}
	if err := h.noisy.overwrite(); err != nil {
		t.Error(err)
	}
	touching.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// work lets writers and readers work until the run stops.
func (h *healthy) work() {
	for _, c := range h.writers {
		h.working.Go(func() { c.every(200*time.Millisecond, writes, c.write) })
	}
	for _, c := range h.readers {
		h.working.Go(func() { c.every(200*time.Millisecond, reads, c.read) })
	}
}

// finish has every stream come to its end, also those of the others, and compares them with the log. It returns what
// the others tell.
func (h *healthy) finish(t *testing.T, o *apart) *told {
	t.Helper()
	h.touch(t)
	logs, err := h.ledger.logs()
	if err != nil {
		t.Fatal(err)
	}
	told, err := o.finish(h.ledger.writes)
	err = errors.Join(err, finish(h.subscribers, logs))
	if err == nil {
		err = h.checkItems()
	}
	if err != nil {
		t.Error(err)
	}
	h.leave()
	return told
}

// finish has the streams of subscribers come to their ends, and compares them with the logs.
func finish(subscribers []*subscriber, logs map[string][]change) error {
	wrong := faults{}
	places := make(chan struct{}, 8)
	var finishing sync.WaitGroup
	for _, s := range subscribers {
		places <- struct{}{}
		finishing.Go(func() {
			defer func() { <-places }()
			if wrong.many() { // each that misses its last event takes its time
				if s.client != nil {
					s.client.Leave()
				}
			} else if err := s.finish(logs); err != nil {
				wrong.add(err)
			}
		})
	}
	finishing.Wait()
	return wrong.err()
}

// checkItems compares what patches made of the items with what the server has.
func (h *healthy) checkItems() error {
	stored := map[string][]json.RawMessage{}
	for _, collection := range h.collections {
		a, err := h.readers[0].client.Call("GET", collection, map[string]int{"limit": 1000})
		if err != nil {
			return err
		}
		var list []json.RawMessage
		if err := json.Unmarshal(a.Result, &list); err != nil {
			return err
		}
		stored[collection] = list
	}
	for _, s := range h.subscribers {
		for _, stream := range s.streams {
			if !stream.patch {
				continue
			}
			list := stored[stream.collection]
			if len(stream.items) != len(list) {
				return fmt.Errorf("the patches of %s make %d items, there are %d", stream.room, len(stream.items), len(list))
			}
			for _, item := range list {
				var c content
				if err := json.Unmarshal(item, &c); err != nil {
					return err
				}
				if own := stream.items[string(c.ID)]; !jsonpatch.Equal(own, item) {
					return fmt.Errorf("the patches of %s make %s of the item %s", stream.room, own, item)
				}
			}
		}
	}
	return nil
}
