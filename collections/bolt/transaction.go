package bolt

import (
	"errors"
	"fmt"
	"time"

	"ackbase/collections"
)

// transaction is one update's view of the batch. It writes into the batch at once and
// remembers how to take that back.
type transaction struct {
	batch  *batch
	update *update
	start  head     // before this update
	undos  []func() // in the order of what they undo
	wrote  bool
	over   bool // the closure has returned
}

var errOver = errors.New("bolt: the update is over: its Tx cannot be used after the closure has returned")

// Position implements collections.Tx.
func (t *transaction) Position() collections.Position { return t.batch.store.position(t.start) }

// Get implements collections.Tx. Its bytes may be kept.
func (t *transaction) Get(collection string, id collections.ID) (collections.Item, error) {
	if t.over {
		return collections.Item{}, errOver
	}
	state, err := t.batch.item(itemKey{collection, id})
	if err != nil {
		return collections.Item{}, err
	}
	if !state.exists {
		if twin, ok := id.Twin(); ok {
			if state, err = t.batch.item(itemKey{collection, twin}); err != nil {
				return collections.Item{}, err
			}
		}
	}
	if !state.exists {
		return collections.Item{}, notFound(collection, id)
	}
	return state.now, nil
}

func notFound(collection string, id collections.ID) error {
	return &collections.Error{Kind: collections.ErrNotFound, Message: collection + " has no item with the id " + id.String()}
}

// Write implements collections.Tx. The change and its bytes must not be
// modified afterwards.
func (t *transaction) Write(c *collections.Change) error {
	if t.over {
		return errOver
	}
	if err := collections.CheckName(c.Collection); err != nil {
		return err
	}
	if c.ID.IsZero() {
		return errors.New("bolt: the change has no id")
	}
	b := t.batch
	state, err := b.item(itemKey{c.Collection, c.ID})
	if err != nil {
		return err
	}
	if err := t.checkChange(c, state); err != nil {
		return err
	}
	counter, err := b.counter(c.Collection)
	if err != nil {
		return err
	}

	oldHead, oldState, oldCounts, oldBytes := b.head, *state, counter.counters, b.bytes
	b.head.seq++
	b.head.tag, b.head.time = b.store.tags.next(b.head.seq), b.now
	b.head.kept++
	counter.changes++
	c.Position = b.store.position(b.head)
	c.Time = time.UnixMilli(b.now).UTC()
	c.Writer = t.update.writer
	if c.Type == collections.Deleted {
		state.now, state.exists = collections.Item{}, false
		counter.items--
	} else {
		state.now, state.exists = collections.Item{ID: c.ID, Rev: c.Rev(), JSON: c.After}, true
		if c.Type == collections.Added {
			counter.items++
		}
	}
	size := changeSize(c)
	b.changes = append(b.changes, c)
	b.changeBytes += size
	b.bytes += 2 * size
	t.undos = append(t.undos, func() {
		b.changes[len(b.changes)-1] = nil
		b.changes = b.changes[:len(b.changes)-1]
		b.changeBytes -= size
		b.head, b.bytes, *state, counter.counters = oldHead, oldBytes, oldState, oldCounts
	})
	t.markWritten()
	return nil
}

// checkChange tells whether a change goes on from what the item is.
func (t *transaction) checkChange(c *collections.Change, state *itemState) error {
	switch c.Type {
	case collections.Added:
		exists := state.exists
		if twin, ok := c.ID.Twin(); ok && !exists {
			other, err := t.batch.item(itemKey{c.Collection, twin})
			if err != nil {
				return err
			}
			exists = other.exists
		}
		if exists || c.Before != nil || !c.Prev.IsZero() || len(c.After) == 0 {
			return fmt.Errorf("bolt: %s %s/%s: an added item must not exist before, and has an After but no Before and no Prev", c.Type, c.Collection, c.ID.Text())
		}
	case collections.Modified, collections.Deleted:
		if !state.exists || c.Prev != state.now.Rev || len(c.Before) == 0 || (len(c.After) == 0) != (c.Type == collections.Deleted) {
			return fmt.Errorf("bolt: %s %s/%s: Before and Prev must be those of the Get in this update, the id the one it has there, and After none only if it is deleted", c.Type, c.Collection, c.ID.Text())
		}
	default:
		return fmt.Errorf("bolt: a change of the type %d", c.Type)
	}
	return nil
}

// changeSize is roughly what a change takes in memory.
func changeSize(c *collections.Change) int {
	return 300 + len(c.Before) + len(c.After) + len(c.Diff) + len(c.Reason) + len(c.By)
}

// NextNumber implements collections.Tx.
func (t *transaction) NextNumber(collection string) (uint64, error) {
	if t.over {
		return 0, errOver
	}
	if err := collections.CheckName(collection); err != nil {
		return 0, err
	}
	counter, err := t.batch.counter(collection)
	if err != nil {
		return 0, err
	}
	counter.number++
	t.undos = append(t.undos, func() { counter.number-- })
	t.markWritten()
	return counter.number, nil
}

func (t *transaction) markWritten() {
	if !t.wrote {
		t.wrote = true
		t.batch.written++
	}
}

// undo takes back all that the update has written.
func (t *transaction) undo() {
	for i := len(t.undos) - 1; i >= 0; i-- {
		t.undos[i]()
	}
	if t.wrote {
		t.batch.written--
	}
}
