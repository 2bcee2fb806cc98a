package bolt

import (
	"io"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ackbase/collections"
	"ackbase/collections/storetest"
)

func TestMain(m *testing.M) {
	if child() {
		return
	}
	goleak.VerifyTestMain(m)
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// open opens a store that is closed when the test ends.
func open(t testing.TB, path string, o *Options) *Store {
	t.Helper()
	if o == nil {
		o = &Options{}
	}
	if o.Logger == nil {
		o.Logger = quiet()
	}
	s, err := Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

func conformance(t *testing.T, hooks hooks) {
	openStore := func(t testing.TB, path string, c map[string]collections.Collection) collections.Store {
		return open(t, path, &Options{Collections: c, hooks: hooks})
	}
	storetest.Run(t, func(t testing.TB, c map[string]collections.Collection) collections.Store {
		return openStore(t, filepath.Join(t.TempDir(), "data.db"), c)
	}, &storetest.Options{
		Reopen: func(t testing.TB, s collections.Store, c map[string]collections.Collection) collections.Store {
			path := s.(*Store).path
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			return openStore(t, path, c)
		},
	})
}

func TestStore(t *testing.T) {
	conformance(t, hooks{pruneEvery: time.Millisecond})
}

func TestStoreRunsClosuresTwice(t *testing.T) {
	// With few changes in memory, most are read from the log.
	conformance(t, hooks{pruneEvery: time.Millisecond, runTwice: true, tailChanges: 1})
}

func TestStoreWithoutPages(t *testing.T) {
	conformance(t, hooks{pruneEvery: time.Millisecond, countByCursor: true})
}
