package main

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"ackbase/collections"
	"ackbase/collections/bolt"
	"ackbase/examples/program"
)

// failing is a store whose change log, or whose items, cannot be read for a while.
type failing struct {
	collections.Store

	mu            sync.Mutex
	changes, view []error // of the next calls
}

func (f *failing) take(of *[]error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(*of) == 0 {
		return nil
	}
	err := (*of)[0]
	*of = (*of)[1:]
	return err
}

func (f *failing) Changes(ctx context.Context, after collections.Position, max int, of ...string) ([]*collections.Change, error) {
	if err := f.take(&f.changes); err != nil {
		return nil, err
	}
	return f.Store.Changes(ctx, after, max, of...)
}

func (f *failing) View(ctx context.Context, fn func(collections.Reader) error) error {
	if err := f.take(&f.view); err != nil {
		return err
	}
	return f.Store.View(ctx, fn)
}

// Whatever keeps the log from being read for a while, the machines stay as they were until it can be read again, and
// then miss nothing.
func TestFollowsOverFaults(t *testing.T) {
	unavailable := collections.Errorf(collections.ErrUnavailable, "the store cannot be reached")
	gone := collections.Errorf(collections.ErrGone, "the log was cut")
	for name, fault := range map[string]struct{ changes, view []error }{
		"unavailable once":                  {[]error{unavailable}, nil},
		"a fault, and unavailable":          {[]error{errors.New("a page is torn"), unavailable}, nil},
		"cut":                               {[]error{gone}, nil},
		"cut, and again while it begins":    {[]error{gone, gone}, nil},
		"cut, and no items to begin with":   {[]error{gone}, []error{unavailable}},
		"cut, and unavailable as it begins": {[]error{gone, unavailable}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inner, err := bolt.Open(filepath.Join(t.TempDir(), "test.db"), nil)
			if err != nil {
				t.Fatal(err)
			}
			store := &failing{Store: inner}
			s := &program.Server{DB: collections.New(store, nil), Log: slog.New(slog.DiscardHandler)}
			ctx, stop := context.WithCancel(t.Context())
			var following sync.WaitGroup
			defer func() {
				stop()
				following.Wait()
				if err := inner.Close(); err != nil {
					t.Error(err)
				}
			}()
			put := func(reason string) {
				t.Helper()
				if err := s.Put(t.Context(), collection, kiln{ID: 1, Name: reason}, collections.Write{Reason: reason}); err != nil {
					t.Fatal(err)
				}
			}
			r := &recent{}
			await := func(reasons ...string) {
				t.Helper()
				for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
					list, _ := r.of("1")
					if len(list) == 0 {
						t.Fatal("there is no machine any more")
					}
					var got []string
					for _, one := range list {
						got = append(got, one.Reason)
					}
					if len(got) == len(reasons) && got[len(got)-1] == reasons[len(reasons)-1] {
						return
					}
					if time.Now().After(end) {
						t.Fatalf("the snapshots are %q, want %q", got, reasons)
					}
				}
			}

			put("installed")
			if err := r.begin(ctx, s); err != nil {
				t.Fatal(err)
			}
			await("installed")
			store.mu.Lock()
			store.changes, store.view = fault.changes, fault.view
			store.mu.Unlock()
			following.Go(func() { r.follow(ctx, s) })
			put("first step")
			put("second step")
			await("installed", "first step", "second step")
			store.mu.Lock()
			left := len(store.changes) + len(store.view)
			store.mu.Unlock()
			if left > 0 {
				t.Errorf("%d of the faults did not happen", left)
			}
		})
	}
}
