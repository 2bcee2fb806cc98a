package faults

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ackbase/collections"
)

// TestScratchedFiles changes single bytes, and short runs of them, anywhere in the file of a server that has ended. Not all of
// that can be told: a number within an item may become another one. But the server must either refuse the file with a
// sentence that says what to do, or live with it: answer every request, some with an error, and end cleanly when it is told to.
func TestScratchedFiles(t *testing.T) {
	own := *seed
	if own == 0 {
		own = rand.Uint64() % 1e9
	}
	rng := rand.New(rand.NewPCG(own, 1))
	whole := filepath.Join(t.TempDir(), "whole.db")
	r := &round{seed: own}
	r.process = newProcess(t, whole, "--log-level", "error", "--seed", "catalogue:300", "--index", "goods.bucket")
	direct := newRestCaller(r.process.url)
	if err := r.stock(t.Context(), direct); err != nil {
		t.Fatal(err)
	}
	direct.leave()
	if err := r.process.term(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	size := len(strings.TrimRight(string(content), "\x00"))
	var did counts
	for i := range *scratches {
		path := filepath.Join(t.TempDir(), "scratched.db")
		scratched := append([]byte(nil), content...)
		var where []string
		for range 1 + rng.IntN(4) {
			at, n := rng.IntN(size), 1<<rng.IntN(8)
			if rng.IntN(2) == 0 { // where a page says what it is
				at = at/4096*4096 + rng.IntN(64)
			}
			where = append(where, fmt.Sprintf("%d+%d", at, n))
			for ; n > 0 && at < size; n, at = n-1, at+1 {
				scratched[at] = byte(rng.Uint32())
			}
		}
		if err := os.WriteFile(path, scratched, 0o600); err != nil {
			t.Fatal(err)
		}
		fail := func(p *process, format string, args ...any) {
			t.Errorf("the file %d of -seed %d, scratched at %v: %s; the server said:\n%.3000s", i, own, where, fmt.Sprintf(format, args...), p.logs.String())
		}
		p := &process{url: r.process.url, data: path, flags: []string{"--log-level", "error", "--index", "goods.bucket"}}
		t.Cleanup(p.kill)
		if err := p.start(); err != nil {
			said := strings.TrimSpace(p.logs.String())
			if p.cmd.ProcessState.ExitCode() != 1 || !strings.Contains(said, "ackbase: the database file "+path+" is damaged") && !strings.Contains(said, "run the newer version that wrote it") {
				fail(p, "it ended with %v, and no sentence tells what to do", p.cmd.ProcessState)
			}
			did.add("refused", 1)
			continue
		}
		answered, refused, err := use(t.Context(), p)
		if err != nil {
			fail(p, "%v", err)
		} else if err := p.term(); err != nil {
			fail(p, "%v", err)
		}
		p.kill()
		did.add("served", 1)
		did.add("requests answered", answered)
		did.add("requests answered with a fault of the server", refused)
	}
	t.Logf("seed %d: %v", own, &did)
}

// use asks a server for all it has, in every way, and changes some of it. It fails where an answer does not come.
func use(ctx context.Context, p *process) (answered, refused int, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	exited := p.exited
	go func() {
		select {
		case <-exited:
			cancel()
		case <-ctx.Done():
		}
	}()
	c := newRestCaller(p.url)
	defer c.leave()
	s := &socketCaller{url: p.url}
	defer s.leave()
	ask := func(c caller, requests ...*request) error {
		for i, reply := range c.do(ctx, requests...) {
			if !reply.answered {
				return fmt.Errorf("%s %s/%v was not answered", requests[i].verb, requests[i].collection, requests[i].id)
			}
			answered++
			if reply.fault != nil && !reply.refused() {
				refused++
			}
		}
		return nil
	}
	for id := 1; id <= 300; id += 7 {
		err = errors.Join(err, ask(c, &request{verb: "GET", collection: "items", id: id}))
	}
	for id := range shelves {
		op := fmt.Sprint("use-", id)
		err = errors.Join(err,
			ask(s, &request{verb: "GET", collection: goods, id: 1 + id}, &request{verb: "PATCH", collection: goods, id: 1 + id, body: content{Op: op}, key: op}),
			ask(c, &request{verb: "PUT", collection: "items", id: 1 + 17*id, body: content{Op: op}}),
			ask(s, &request{verb: "DELETE", collection: accounts, id: 1 + id}))
	}
	for _, query := range []map[string]any{{"limit": 1000}, {"limit": 2, "page": 20}, {"sort": "-bucket,name", "filters": map[string]any{"bucket": 2}}, {"filters": map[string]any{"name": map[string]any{"$contains": "a"}}}} {
		for _, collection := range []string{"items", goods, accounts} {
			err = errors.Join(err, ask(s, &request{verb: "GET", collection: collection, body: query}, &request{verb: "SUBSCRIBE", collection: collection, body: map[string]any{"snapshot": true}}))
		}
	}
	if err != nil {
		return answered, refused, err
	}
	// All of the log once more, as far as it can be told where it begins.
	last := s.do(ctx, &request{verb: "POST", collection: goods, body: content{Op: "the last"}})[0]
	at, err := collections.ParseCursor(last.cursor)
	if err != nil {
		return answered, refused, ask(s, &request{verb: "GET", collection: goods})
	}
	since := map[string]any{"since": collections.Position{Epoch: at.Epoch}.Cursor()}
	for _, collection := range []string{"items", goods, accounts} {
		err = errors.Join(err, ask(s, &request{verb: "UNSUBSCRIBE", collection: collection}, &request{verb: "SUBSCRIBE", collection: collection, body: since}))
	}
	return answered, refused, errors.Join(err, ask(s, &request{verb: "GET", collection: goods}))
}
