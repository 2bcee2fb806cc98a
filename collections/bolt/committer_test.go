package bolt

import (
	"context"
	"errors"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ackbase/collections"
)

// gate holds commits back: each takes one value out of pass.
type gate struct {
	reached chan struct{}
	pass    chan struct{}
}

func newGate() *gate { return &gate{make(chan struct{}, 100), make(chan struct{}, 100)} }

func (g *gate) beforeCommit() error {
	g.reached <- struct{}{}
	<-g.pass
	return nil
}

// post is an update that adds one item.
func post(s *Store, ctx context.Context, n int, done func(error)) {
	s.Update(ctx, collections.Writer{}, func(tx collections.Tx) error {
		return tx.Write(&collections.Change{Type: collections.Added, Collection: "items", ID: mustID(n), After: product(n)})
	}, done)
}

func TestWaitingUpdatesShareACommit(t *testing.T) {
	g := newGate()
	s := open(t, filepath.Join(t.TempDir(), "data.db"), &Options{hooks: hooks{beforeCommit: g.beforeCommit}})
	results := make(chan error, 65)
	done := func(err error) { results <- err }
	post(s, t.Context(), 1, done)
	<-g.reached // the first commit is under way
	for n := 2; n <= 65; n++ {
		post(s, t.Context(), n, done)
	}
	g.pass <- struct{}{}
	g.pass <- struct{}{}
	for range 65 {
		if err := <-results; err != nil {
			t.Fatal(err)
		}
	}
	got := s.Stats()
	if got.Commits != 2 || got.Updates != 65 {
		t.Errorf("one update, and 64 that came while it was written, took %+v: they should take two commits", got)
	}
	if want := (Sizes{0: 1, 6: 1}); got.Sizes != want || got.Changes != 65 || got.CommitTime <= 0 || got.FileBytes < 4096 {
		t.Errorf("%+v: want the sizes %v and 65 changes, some time and some bytes", got, want)
	}
}

// In a bubble of synctest time stands still until everybody waits: had the committer
// waited for company, time would have moved.
func TestSingleWriterDoesNotWait(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data.db")
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(path, &Options{Logger: quiet()})
		if err != nil {
			t.Fatal(err)
		}
		started := time.Now()
		results := make(chan error, 1)
		for n := range 20 {
			post(s, t.Context(), n+1, func(err error) { results <- err })
			if err := <-results; err != nil {
				t.Fatal(err)
			}
		}
		if waited := time.Since(started); waited != 0 {
			t.Errorf("20 writes one after the other waited for a timer: %v", waited)
		}
		if got := s.Stats(); got.Commits != 20 || got.Updates != 20 {
			t.Errorf("20 writes, each after the one before was durable, took %+v", got)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestUpdateBlocksWhileTheQueueIsFull(t *testing.T) {
	g := newGate()
	s := open(t, filepath.Join(t.TempDir(), "data.db"), &Options{QueueLength: 1, hooks: hooks{beforeCommit: g.beforeCommit}})
	results := make(chan error, 10)
	done := func(err error) { results <- err }
	post(s, t.Context(), 1, done)
	<-g.reached
	post(s, t.Context(), 2, done) // fills the queue

	ctx, cancel := context.WithCancel(t.Context())
	given := make(chan error, 1)
	go post(s, ctx, 3, func(err error) { given <- err })
	cancel()
	if err := <-given; !errors.Is(err, collections.ErrUnavailable) {
		t.Errorf("an update whose context ended before there was room: %v", err)
	}

	var returned atomic.Bool
	blocked := make(chan struct{})
	go func() {
		post(s, t.Context(), 4, done)
		returned.Store(true)
		close(blocked)
	}()
	if returned.Load() {
		t.Error("Update returned though the queue was full")
	}
	for range 3 {
		g.pass <- struct{}{}
	}
	<-blocked
	for range 3 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if page := listNow(t, s, `{}`); page.Total != 3 {
		t.Errorf("there are %d items: the update that gave up should not have run", page.Total)
	}
}

func TestUpdatesWithoutWritesNeedNoCommit(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "data.db"), nil)
	fill(t, s, "items", 1)
	before := s.Stats()
	results := make(chan error, 1)
	s.Update(t.Context(), collections.Writer{}, func(tx collections.Tx) error {
		_, err := tx.Get("items", mustID(1))
		return err
	}, func(err error) { results <- err })
	if err := <-results; err != nil {
		t.Fatal(err)
	}
	if s.Stats() != before {
		t.Errorf("an update that only read made %+v out of %+v", s.Stats(), before)
	}
}

func TestPanicInDone(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "data.db"), nil)
	post(s, t.Context(), 1, func(error) { panic("on purpose") })
	results := make(chan error, 1)
	post(s, t.Context(), 2, func(err error) { results <- err })
	if err := <-results; err != nil {
		t.Errorf("after a done that panicked: %v", err)
	}
}

func TestTxRefusesWhatDoesNotFit(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "data.db"), nil)
	fill(t, s, "items", 1)
	var kept collections.Tx
	for name, c := range map[string]*collections.Change{
		"an added item that exists":      {Type: collections.Added, Collection: "items", ID: mustID(1), After: product(1)},
		"a modified one without Before":  {Type: collections.Modified, Collection: "items", ID: mustID(1), After: product(1)},
		"a modified one that is missing": {Type: collections.Modified, Collection: "items", ID: mustID(2), Before: product(2), After: product(2), Prev: collections.Rev{Seq: 1}},
		"a deleted one with After":       {Type: collections.Deleted, Collection: "items", ID: mustID(1), Before: product(1), After: product(1)},
		"no type":                        {Collection: "items", ID: mustID(2), After: product(2)},
		"no id":                          {Type: collections.Added, Collection: "items", After: product(2)},
		"a bad collection":               {Type: collections.Added, Collection: "no name", ID: mustID(2), After: product(2)},
	} {
		results := make(chan error, 1)
		s.Update(t.Context(), collections.Writer{}, func(tx collections.Tx) error {
			kept = tx
			return tx.Write(c)
		}, func(err error) { results <- err })
		if err := <-results; err == nil {
			t.Errorf("%s was written", name)
		}
	}
	if _, err := kept.Get("items", mustID(1)); !errors.Is(err, errOver) {
		t.Errorf("a Tx was used after its update: %v", err)
	}
	if head := s.Head(); head.Seq != 1 {
		t.Errorf("the head is %d", head.Seq)
	}
}
