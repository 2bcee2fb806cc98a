package bolt

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"

	"ackbase/collections"
)

// The tests of killed processes and full disks run this test binary again
// as a child, which these variables tell what to be.
const (
	childMode = "ACKBASE_BOLT_CHILD"
	childFile = "ACKBASE_BOLT_FILE"
)

var childModes = map[string]func(path string) error{"writers": childWriters, "pruner": childPruner}

func child() bool {
	mode := os.Getenv(childMode)
	if mode == "" {
		return false
	}
	if err := childModes[mode](os.Getenv(childFile)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return true
}

func childCommand(t *testing.T, mode, path string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), childMode+"="+mode, childFile+"="+path)
	cmd.Stderr = os.Stderr
	return cmd
}

// childWriters writes with 64 writers until it is killed, and prints the id of each
// item that was acknowledged.
func childWriters(path string) error {
	s, err := Open(path, &Options{Collections: killIndexes, Logger: quiet()})
	if err != nil {
		return err
	}
	pid := os.Getpid()
	errs := make(chan error)
	for w := range 64 {
		go func() {
			for i := 0; ; i++ {
				text := fmt.Sprintf("%d-%d-%d", pid, w, i)
				id, err := collections.TextID(text)
				if err != nil {
					errs <- err
					return
				}
				done := make(chan error, 1)
				s.Update(context.Background(), collections.Writer{}, func(tx collections.Tx) error {
					if _, err := tx.NextNumber("items"); err != nil {
						return err
					}
					return tx.Write(&collections.Change{Type: collections.Added, Collection: "items", ID: id,
						After: fmt.Appendf(nil, `{"id":%q,"writer":%d,"n":%d}`, text, w, i)})
				}, func(err error) { done <- err })
				if err := <-done; err != nil {
					errs <- err
					return
				}
				if _, err := os.Stdout.WriteString(text + "\n"); err != nil { // one write: never half a line
					errs <- err
					return
				}
			}
		}()
	}
	return <-errs
}

var killIndexes = map[string]collections.Collection{"items": {Indexes: []collections.Index{{Paths: []string{"writer", "n"}}}}}

// fullDisk writes while there is space, then while there is none, then again, and
// checks what is kept and told each time.
func fullDisk(path string, fill, free func() error) error {
	s, err := Open(path, &Options{Collections: killIndexes, Logger: quiet()})
	if err != nil {
		return err
	}
	defer s.Close() //nolint:errcheck // closed and checked below; this is for the errors before
	kept := map[string]bool{}
	var mu sync.Mutex
	next := 0
	write := func(size int) (errs []error) {
		var group sync.WaitGroup
		for range 16 {
			group.Add(1)
			next++
			n := next
			text := fmt.Sprint("item", n)
			id, err := collections.TextID(text)
			if err != nil {
				return []error{err}
			}
			s.Update(context.Background(), collections.Writer{}, func(tx collections.Tx) error {
				return tx.Write(&collections.Change{Type: collections.Added, Collection: "items", ID: id,
					After: fmt.Appendf(nil, `{"id":%q,"writer":1,"n":%d,"text":"%0*d"}`, text, n, size, 0)})
			}, func(err error) {
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					kept[text] = true
				} else {
					errs = append(errs, err)
				}
				group.Done()
			})
		}
		group.Wait()
		return errs
	}
	if errs := write(1000); len(errs) > 0 {
		return errors.Join(errs...)
	}
	if err := fill(); err != nil {
		return err
	}
	failed := 0
	for range 2000 {
		for _, err := range write(20_000) {
			failed++
			if !errors.Is(err, collections.ErrUnavailable) {
				return fmt.Errorf("a full disk gave %w, which is not an ErrUnavailable", err)
			}
		}
		if failed >= 64 {
			break
		}
	}
	if failed == 0 {
		return errors.New("the disk never filled")
	}
	check := func(when string) error {
		mu.Lock()
		defer mu.Unlock()
		n := len(kept)
		at := collections.Position{Epoch: s.Head().Epoch}
		for seen := 0; seen < n; {
			list, err := s.Changes(context.Background(), at, 1000)
			if err != nil {
				return fmt.Errorf("%s: %w", when, err)
			}
			for _, c := range list {
				if seen++; c.Position.Seq != uint64(seen) || !kept[c.ID.Text()] {
					return fmt.Errorf("%s: the change %d is that of %s with the number %d", when, seen, c.ID, c.Position.Seq)
				}
				at = c.Position
			}
		}
		if h := s.Head(); h != at {
			return fmt.Errorf("%s: %d writes were acknowledged and the head is %d", when, n, h.Seq)
		}
		return s.View(context.Background(), func(r collections.Reader) error {
			for _, query := range []string{`{"limit":1}`, `{"limit":1,"filters":{"writer":1},"sort":"n"}`} {
				q, err := collections.ParseQuery([]byte(query))
				if err != nil {
					return err
				}
				page, err := r.List(context.Background(), "items", q)
				if err != nil || page.Total != n {
					return fmt.Errorf("%s: %s has the total %d instead of %d, %w", when, query, page.Total, n, err)
				}
			}
			for text := range kept {
				id, err := collections.TextID(text)
				if err != nil {
					return err
				}
				if _, err := r.Get("items", id); err != nil {
					return fmt.Errorf("%s: %w", when, err)
				}
			}
			return nil
		})
	}
	if err := check("while the disk is full"); err != nil {
		return err
	}
	if err := free(); err != nil {
		return err
	}
	for range 10 {
		if errs := write(20_000); len(errs) > 0 {
			return fmt.Errorf("after there is space again: %w", errors.Join(errs...))
		}
	}
	if err := check("after there is space again"); err != nil {
		return err
	}
	if err := s.Close(); err != nil {
		return err
	}
	if s, err = Open(path, &Options{Collections: killIndexes, Logger: quiet()}); err != nil {
		return err
	}
	if err := check("after opening again"); err != nil {
		return err
	}
	return s.Close()
}
