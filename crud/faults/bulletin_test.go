package faults

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"
)

// bulletins is a collection of whose changes only the newest are kept, so that who was away for a moment is told
// GONE, and must take a new snapshot. One writer alone changes it, without any trouble but the server's: what it was
// told is what the log was.
const (
	bulletins     = "bulletins"
	boards        = 12
	bulletinsKept = 20
)

// poster changes the bulletins, fast.
type poster struct {
	*round
	caller caller
	rng    *rand.Rand
}

func (p *poster) run(working, all context.Context) {
	defer p.caller.leave()
	for n := 1; wait(working, between(p.rng, time.Millisecond, 8*time.Millisecond)); n++ {
		op, id := fmt.Sprintf("bulletin-%d", n), fmt.Sprint(1+p.rng.IntN(boards))
		w := &write{Op: op, Verb: "PUT", Collection: bulletins, ID: id, Changes: 1}
		r := &request{verb: "PUT", collection: bulletins, id: json.Number(id), body: content{Op: op, N: n}, reason: op, key: op}
		if p.rng.IntN(8) == 0 {
			w.Verb, r.verb, r.body = "DELETE", "DELETE", nil
		}
		p.ledger.perform(all, p.caller, []*write{w}, []*request{r})
	}
}

// posted is the log of the bulletins, by what their writer was told.
func (l *ledger) posted() (log []entry, err error) {
	items := map[string]entry{}
	var writes []*write
	for _, w := range l.writes {
		if w.Collection == bulletins && w.Changes > 0 {
			writes = append(writes, w)
		}
	}
	place := func(w *write) uint64 {
		seq, bad := place(w.Cursor)
		if bad != nil || w.Outcome != acked {
			err = fmt.Errorf("the bulletin %+v was not acknowledged in the end", *w)
		}
		return seq
	}
	slices.SortFunc(writes, func(a, b *write) int { return cmp.Compare(place(a), place(b)) })
	for _, w := range writes {
		before, exists := items[w.ID]
		e := entry{Seq: place(w), Type: "ADDED", Collection: bulletins, ID: w.ID, Rev: w.Rev, Prev: before.Rev, Cursor: w.Cursor, Op: w.Op, Before: before.After, After: w.Result}
		switch {
		case w.Verb == "DELETE":
			e.Type, e.After, e.Rev = "DELETED", nil, revOf(w.Cursor)
			delete(items, w.ID)
		case exists:
			e.Type = "MODIFIED"
		}
		if e.After != nil {
			items[w.ID] = e
		}
		if bad := e.fillBuckets(); bad != nil {
			err = bad
		}
		log = append(log, e)
	}
	return log, err
}

// complete puts what was pruned back into the log, and holds that it was no more than the rule says.
func (d *database) complete(posted []entry) error {
	stored := map[uint64]entry{}
	for _, e := range d.log {
		if e.Collection == bulletins {
			stored[e.Seq] = e
		}
	}
	for i, want := range posted {
		got, there := stored[want.Seq]
		delete(stored, want.Seq)
		switch {
		case !there && len(posted)-i <= bulletinsKept:
			return fmt.Errorf("the change %d (%s) was pruned, though it is one of the newest %d of its collection", want.Seq, want.Op, bulletinsKept)
		case !there:
			d.log = append(d.log, want)
		case got.Type != want.Type || got.ID != want.ID || got.Rev != want.Rev || got.Prev != want.Prev || got.Cursor != want.Cursor || got.Op != want.Op || !same(got.After, want.After):
			return fmt.Errorf("the log has the change %+v, and its writer was told %+v", got, want)
		}
	}
	for seq, e := range stored {
		return fmt.Errorf("the log has the change %d (%s), of which its writer was not told", seq, e.Op)
	}
	slices.SortFunc(d.log, func(a, b entry) int { return cmp.Compare(a.Seq, b.Seq) })
	return nil
}
