package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"ackbase/collections"
)

// keeping declares a collection that keeps few changes; the other one keeps many.
var keeping = map[string]collections.Collection{"short": {Keep: collections.Keep{Changes: 3}}}

// writeBoth writes to both collections in turn, n times each, and returns the changes.
func writeBoth(h *harness, n int) []*collections.Change {
	h.t.Helper()
	origin := h.Head()
	var all []*collections.Change
	for i := range n {
		for _, name := range []string{"short", "long"} {
			h.put(name, number(uint64(i+1)), `{}`)
			all = append(all, h.changes(origin, 1)...) // as soon as it is there: it is not kept for ever
			origin = all[len(all)-1].Position
		}
	}
	return all
}

func testPruning(t *testing.T, open Open) {
	t.Run("a collection that keeps few changes takes none of another", func(t *testing.T) {
		h := start(t, open, keeping)
		origin := h.Head()
		all := writeBoth(h, 10)
		for deadline := time.Now().Add(wait); h.Oldest() == origin; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("of 10 changes 3 are to be kept, and none was pruned")
			}
		}
		checkPruned(h, origin, all)
		at := h.Head()
		h.put("long", number(99), `{}`)
		if c := h.changes(at, 1)[0]; c.ID != number(99) {
			t.Errorf("after the newest change came that of %s", c.ID)
		}
	})
}

// checkPruned checks Changes after every position of a log of both collections, of which some of "short"
// may have been pruned: nothing is missing, or it is ErrGone, which is right for what is not kept.
func checkPruned(h *harness, origin collections.Position, all []*collections.Change) {
	h.t.Helper()
	for i, c := range append([]*collections.Change{{Position: origin}}, all[:len(all)-1]...) {
		rest := all[i:] // what came after c
		if got, err := h.rest(c.Position, len(all), "long"); err != nil || !contained(rest, got, "long") {
			h.t.Errorf("after the change %d, of the collection that keeps many, came %d of %d changes, %v", i, len(got), len(rest), err)
		}
		if _, err := h.rest(c.Position, len(all), "none"); err != nil {
			h.t.Errorf("after the change %d, of a collection without changes: %v", i, err)
		}
		for _, of := range [][]string{{"short"}, {"long", "short"}, nil} {
			got, err := h.rest(c.Position, len(all), of...)
			kept := len(all) - i // of which every other one is of "short"
			switch {
			case errors.Is(err, collections.ErrGone) && kept > 6:
			case err != nil:
				h.t.Errorf("after the change %d, of %v: %v, though what came after it is to be kept", i, of, err)
			case !contained(rest, got, "short") || len(of) != 1 && !contained(rest, got, "long"):
				h.t.Errorf("after the change %d, of %v, came %d of %d changes: some are missing, and it was not ErrGone", i, of, len(got), len(rest))
			}
		}
		other := c.Position
		other.Tag++
		if _, err := h.rest(other, len(all), "long"); !errors.Is(err, collections.ErrGone) {
			h.t.Errorf("the change %d with another tag, pruned or not: %v; it must be ErrGone", i, err)
		}
	}
}

// rest reads the log from a position to the head.
func (h *harness) rest(after collections.Position, max int, of ...string) (all []*collections.Change, err error) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), wait)
	defer cancel()
	for head := h.Head(); after != head; {
		some, err := h.Changes(ctx, after, max, of...)
		if err != nil {
			return nil, err
		}
		if len(some) == 0 || len(some) > max {
			h.t.Fatalf("Changes gave %d changes: it gives at least one and at most the %d that were asked for", len(some), max)
		}
		all = append(all, some...)
		after = some[len(some)-1].Position
	}
	return all, nil
}

// contained tells whether got are changes of want in the same order, and all of them that are of a collection.
func contained(want, got []*collections.Change, collection string) bool {
	for _, c := range want {
		switch {
		case len(got) > 0 && got[0].Position == c.Position:
			if got[0].ID != c.ID || got[0].Collection != c.Collection {
				return false
			}
			got = got[1:]
		case c.Collection == collection:
			return false
		}
	}
	return len(got) == 0
}
