package faults

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestKilledFiles kills a server at random moments under writes, again and again on the same file: the file must
// open, with everything that was acknowledged, and nothing in part.
func TestKilledFiles(t *testing.T) {
	r := &round{seed: *seed, began: time.Now()}
	if r.seed == 0 {
		r.seed = rand.Uint64() % 1e9
	}
	rng := rand.New(rand.NewPCG(r.seed, 0))
	fail := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%v\nIt can be tried again with -seed %d; what was seen of it is in %s", err, r.seed, r.keep(t))
		}
	}
	r.process = newProcess(t, filepath.Join(t.TempDir(), "killed.db"), "--log-level", "error", "--index", "goods.bucket")
	all, end := context.WithCancel(t.Context())
	var hands sync.WaitGroup
	defer hands.Wait()
	defer end()
	direct := newRestCaller(r.process.url)
	fail(r.stock(all, direct))
	direct.leave()
	working, endWork := context.WithCancel(all)
	defer endWork()
	for _, w := range r.workers(rng, func() string { return r.process.url }) {
		hands.Go(func() { w(working, all) })
	}
	for range *kills {
		time.Sleep(between(rng, 0, 400*time.Millisecond))
		r.process.kill()
		began := time.Now()
		d, err := readFile(r.process.data)
		fail(err)
		fail(d.check())
		t.Logf("killed after %d changes, read and checked in %v", len(d.log), time.Since(began).Round(time.Millisecond))
		fail(r.process.start())
	}
	endWork()
	hands.Wait()
	fail(r.process.term())
	var err error
	r.stored, err = readFile(r.process.data)
	fail(err)
	fail(errors.Join(r.stored.check(), r.ledger.check(r.stored.log), r.process.alarming(),
		r.history.check(r.stored.log, func() string { return r.keep(t) })))
}

// TestDamagedFiles damages the file of a server that has ended. It must either start and serve exactly what was
// stored, or refuse with a sentence that says what to do. Damage that hits a free place does no harm; where
// it is found out only when a page is read, the answers tell so, and nothing wrong is ever served as stored.
func TestDamagedFiles(t *testing.T) {
	whole := filepath.Join(t.TempDir(), "whole.db")
	p := newProcess(t, whole, "--log-level", "error", "--seed", "catalogue:3000")
	want, err := shown(p)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.term(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(7, 7))
	noise := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rng.Uint32())
		}
		return b
	}
	overwrite := func(at int, with []byte) []byte {
		b := bytes.Clone(content)
		copy(b[min(at, len(b)):], with)
		return b
	}
	size := len(bytes.TrimRight(content, "\x00")) // it is allocated ahead of what it holds
	for _, c := range []struct {
		name    string
		content []byte
		refused bool // for certain
	}{
		{"empty", nil, false}, // as a new one
		{"cut off in the first page", content[:1000], true},
		{"cut off after the first pages", content[:3*4096], true},
		{"cut off in the middle", content[:size/2], true},
		{"cut off in the middle of a page", content[:size/2+100], true},
		{"both heads zeroed", overwrite(0, make([]byte, 8192)), true},
		{"both heads overwritten", overwrite(0, noise(8192)), true},
		{"all but the heads zeroed", overwrite(8192, make([]byte, size)), true},
		{"all but the heads overwritten", overwrite(8192, noise(size-8192)), true},
		{"the middle zeroed", overwrite(size/4, make([]byte, size/2)), true},
		{"the middle overwritten", overwrite(size/4, noise(size/2)), true},
		{"another page in each place of the middle", overwrite(size/4, content[size/2:size/2+size/4]), true},
		{"a text", []byte(strings.Repeat("a letter to a friend, and a long one at that. ", 1000)), true},
		{"one page zeroed", overwrite(size/2/4096*4096, make([]byte, 4096)), false},
		{"one page overwritten", overwrite(size/2/4096*4096, noise(4096)), false},
		{"the last pages overwritten", overwrite(size-5*4096, noise(5*4096)), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "damaged.db")
			if err := os.WriteFile(path, c.content, 0o600); err != nil {
				t.Fatal(err)
			}
			p := &process{url: "http://" + freeAddress(t), data: path, flags: []string{"--log-level", "error"}}
			t.Cleanup(p.kill)
			if err := p.start(); err != nil {
				said := strings.TrimSpace(p.logs.String())
				if p.cmd.ProcessState.ExitCode() != 1 || !strings.HasPrefix(said, "ackbase: the database file "+path+" is damaged") || !strings.Contains(said, "restore it from a backup") || strings.Contains(said, "\n") {
					t.Errorf("the server ended with %v and said, which should be one sentence that tells what to do:\n%.3000s", p.cmd.ProcessState, said)
				}
				t.Log(said)
				return
			}
			if c.refused {
				t.Error("the server started on it")
			}
			got, err := shown(p)
			switch {
			case err != nil:
				t.Logf("the server started, and says of it: %v", err)
			case len(c.content) > 0 && got != want:
				t.Errorf("the server started on it, and shows other items than were stored: %.500q", difference(got, want))
			}
			if err := errors.Join(p.alarming(), p.term()); err != nil {
				t.Error(err)
			}
		})
	}
}

// shown is everything that a server shows of the catalogue.
func shown(p *process) (string, error) {
	defer http.DefaultClient.CloseIdleConnections()
	get := func(path string) (string, error) {
		res, err := http.Get(p.url + "/api/v2/items" + path)
		if err != nil {
			return "", err
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err == nil && res.StatusCode != http.StatusOK {
			err = fmt.Errorf("%s %s", res.Status, body)
		}
		return res.Header.Get("ETag") + string(body) + "\n", err
	}
	var all strings.Builder
	for page := range 3 {
		text, err := get(fmt.Sprintf("?limit=1000&page=%d", 1+page))
		if err != nil {
			return "", err
		}
		all.WriteString(text)
	}
	for id := 1; id <= 3000; id += 37 {
		text, err := get(fmt.Sprintf("/%d", id))
		if err != nil {
			return "", err
		}
		all.WriteString(text)
	}
	return all.String(), nil
}

// difference is where one text begins to differ from another.
func difference(got, want string) string {
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return got[max(0, i-100):min(len(got), i+100)]
		}
	}
	return fmt.Sprintf("%d bytes instead of %d", len(got), len(want))
}
