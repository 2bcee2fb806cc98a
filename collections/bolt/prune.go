package bolt

import (
	"context"
	"errors"
	"time"

	"go.etcd.io/bbolt"

	"ackbase/collections"
)

// A step of pruning is one update among those of the writers, and so small that they hardly
// notice. It ends behind so many changes, or bytes of them; a walk for it behind so many entries.
const (
	maxPruned      = 512
	maxPrunedBytes = 4 << 20
	maxWalked      = 10_000
)

// The pruner looks for what is to go at most once in pruneEvery, and at least once in
// pruneAtLeast, since clocks are set. After a step that failed it waits for pruneRetry.
const (
	pruneEvery   = time.Second
	pruneAtLeast = time.Hour
	pruneRetry   = 10 * time.Second
)

// pruner removes from the log what is not to be kept any more. It reads the log on a
// goroutine of its own and has the committer remove what it found. Each rule walks the log by itself, and
// looks at each entry once: so writing costs nothing for pruning but counting.
type pruner struct {
	store *Store
	rules []*rule
	own   map[string]bool // the collections with a rule of their own
	wake  chan struct{}   // full when there were changes since the last look
	stop  context.CancelFunc
	every time.Duration
	done  chan struct{} // closed when the goroutine has gone
}

// rule is how much is kept of one collection, or of all those without a rule of their own, together.
type rule struct {
	collection string // empty for those
	keep       collections.Keep
	next       uint64 // nothing of the rule's before this one is left; 0: not known
}

// expired is a change that is to go.
type expired struct {
	seq        uint64
	collection string
}

// newPruner makes the pruner of a store. common is for the collections without a rule of their own.
func newPruner(s *Store, common collections.Keep, c map[string]collections.Collection) *pruner {
	p := &pruner{store: s, own: map[string]bool{}, every: pruneEvery, wake: make(chan struct{}, 1), done: make(chan struct{})}
	if s.hooks.pruneEvery > 0 {
		p.every = s.hooks.pruneEvery
	}
	add := func(name string, keep collections.Keep) {
		if keep != collections.KeepAll {
			p.rules = append(p.rules, &rule{collection: name, keep: keep})
		}
	}
	add("", common.OrDefault())
	for name, of := range c {
		if of.Keep != (collections.Keep{}) {
			p.own[name] = true
			add(name, of.Keep)
		}
	}
	return p
}

func (p *pruner) start() {
	ctx, stop := context.WithCancel(context.Background())
	p.stop = stop
	if p.store.hooks.noPruner {
		close(p.done)
		return
	}
	go p.loop(ctx)
}

// changed tells that there are more changes. It never waits.
func (p *pruner) changed() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// close ends the pruner, between two steps.
func (p *pruner) close() {
	p.stop()
	<-p.done
}

func (p *pruner) loop(ctx context.Context) {
	defer close(p.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	wait := func(d time.Duration) bool {
		timer.Reset(d)
		select {
		case <-timer.C:
			return true
		case <-ctx.Done():
			return false
		}
	}
	failed := false
	for {
		due, err := p.pass(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			if !failed { // what failed has been logged each time where it did
				p.store.logger.Warn("bolt: the change log cannot be pruned: trying again", "file", p.store.path, "err", err, "in", pruneRetry)
			}
			failed = true
			if !wait(pruneRetry) {
				return
			}
			continue
		case failed:
			failed = false
			p.store.logger.Info("bolt: the change log is pruned again", "file", p.store.path)
		}
		if !wait(p.every) {
			return
		}
		timer.Reset(max(due-p.every, 0))
		select {
		case <-p.wake:
		case <-timer.C:
		case <-ctx.Done():
			return
		}
	}
}

// pass removes all that is to go now, and tells how long it takes until more is, by its age.
func (p *pruner) pass(ctx context.Context) (due time.Duration, err error) {
	due = pruneAtLeast
	p.store.free.measure()
	for _, r := range p.rules {
		for {
			walk, err := p.walk(r)
			if err != nil {
				return 0, err
			}
			began := time.Now()
			if err := p.remove(ctx, walk.found); err != nil {
				return 0, err
			}
			p.store.free.measure()
			r.next = walk.next
			if !walk.more {
				due = min(due, max(walk.due, 0))
				break
			}
			if len(walk.found) > 0 { // half of the time is the writers' alone
				select {
				case <-time.After(time.Since(began)):
				case <-ctx.Done():
				}
			}
			if ctx.Err() != nil {
				return 0, ctx.Err()
			}
		}
	}
	return due, nil
}

// walked is what a walk over a part of the log has found for a rule.
type walked struct {
	found []expired
	next  uint64        // of the rule, when these are removed
	more  bool          // there may be more to go
	due   time.Duration // until the next one goes by its age
}

// walk goes on through the log from where the rule stands.
func (p *pruner) walk(r *rule) (w walked, err error) {
	s := p.store
	w.due = pruneAtLeast
	tx, err := s.db.Begin(false)
	if err != nil {
		return w, s.beginError(err)
	}
	defer func() { _ = tx.Rollback() }() // of a read transaction: it cannot fail while it is open
	defer func() {
		if cause := recover(); cause != nil { // the file is damaged
			err = errEntry
		}
	}()
	h, over, err := p.excess(tx, r)
	if err != nil {
		return w, err
	}
	oldest := int64(0) // by its time
	now := time.Now()
	if r.keep.Age > 0 {
		oldest = now.Add(-r.keep.Age).UnixMilli()
	}
	w.next = r.next
	bytes, seen := 0, 0
	cursor := tx.Bucket(bucketLog).Cursor()
	for k, v := cursor.Seek(logKey(r.next)); k != nil; k, v = cursor.Next() {
		seq, err := entrySeq(k)
		if err != nil {
			return w, err
		}
		if seq >= h.seq { // the newest change stays: it is where the log ends
			break
		}
		about, err := entryAbout(v)
		if err != nil {
			return w, err
		}
		if over <= 0 && about.time >= oldest {
			if r.keep.Age > 0 {
				w.due = r.keep.Age - now.Sub(time.UnixMilli(about.time)) + time.Millisecond
			}
			break
		}
		if seen == maxWalked || len(w.found) == maxPruned || bytes > maxPrunedBytes {
			w.more = true
			break
		}
		seen++
		w.next = seq + 1
		if r.collection == "" && !p.own[string(about.collection)] || r.collection != "" && r.collection == string(about.collection) {
			w.found = append(w.found, expired{seq, string(about.collection)})
			bytes += len(v)
			over--
		}
	}
	return w, nil
}

// excess is how many changes the rule has beyond those to be kept; 0 where any number is. It also finds where a rule begins.
func (p *pruner) excess(tx *bbolt.Tx, r *rule) (h head, over int64, err error) {
	if h, err = decodeHead(tx.Bucket(bucketMeta).Get(keyHead)); err != nil {
		return h, 0, err
	}
	if r.collection != "" {
		c, err := countersOf(tx, r.collection)
		if r.next == 0 {
			r.next = c.pruned + 1
		}
		if r.keep.Changes == 0 || err != nil {
			return h, 0, err
		}
		return h, int64(c.changes) - int64(r.keep.Changes), nil
	}
	if r.keep.Changes == 0 {
		return h, 0, nil
	}
	kept := h.kept
	for name := range p.own {
		c, err := countersOf(tx, name)
		if err != nil {
			return h, 0, err
		}
		kept -= c.changes
	}
	return h, int64(kept) - int64(r.keep.Changes), nil
}

var errCounts = errors.New("bolt: the counts of the change log do not fit it: the file is damaged, restore it from a backup")

// remove has the committer remove changes, and waits for it.
func (p *pruner) remove(ctx context.Context, changes []expired) error {
	if len(changes) == 0 {
		return nil
	}
	done := make(chan error, 1)
	p.store.Update(ctx, collections.Writer{}, func(tx collections.Tx) error {
		t, ok := tx.(*transaction)
		if !ok {
			return errors.New("bolt: an update with another store's transaction") // cannot be
		}
		return t.prune(changes)
	}, func(err error) { done <- err })
	return <-done
}

// prune removes changes from the log, those of each collection oldest first.
func (t *transaction) prune(changes []expired) error {
	b := t.batch
	before, already := b.head, len(b.pruned)
	counts := map[*counterState]counters{}
	t.undos = append(t.undos, func() {
		b.pruned = b.pruned[:already]
		b.prunings--
		b.head.kept, b.head.pruned = before.kept, before.pruned
		for counter, c := range counts {
			counter.counters = c
		}
	})
	b.prunings++
	for _, c := range changes {
		counter, err := b.counter(c.collection)
		if err != nil {
			return err
		}
		if _, ok := counts[counter]; !ok {
			counts[counter] = counter.counters
		}
		if counter.changes == 0 || b.head.kept == 0 {
			return errCounts
		}
		counter.changes--
		counter.pruned = c.seq
		b.head.kept--
		b.head.pruned = max(b.head.pruned, c.seq)
		b.pruned = append(b.pruned, c.seq)
	}
	t.markWritten()
	return nil
}
