package faults

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestFullDisk fills the disk below a running server. Writes are then refused with a sentence that says why, reads and
// streams go on, and once there is space again writes work, without a restart.
func TestFullDisk(t *testing.T) {
	t.Run("by a limit on the file's size", func(t *testing.T) {
		p := newProcess(t, filepath.Join(t.TempDir(), "full.db"), "--log-level", "error", "--bookmark", "1s")
		fullDisk(t, p, p.fill)
	})

	t.Run("on a small tmpfs", func(t *testing.T) {
		folder := t.TempDir()
		if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "size=24m"); err != nil {
			t.Logf("mounting needs root (%v); the limit on the file's size above covers the same ways", err)
			return
		}
		t.Cleanup(func() {
			if err := syscall.Unmount(folder, 0); err != nil {
				t.Error(err)
			}
		})
		ballast := filepath.Join(folder, "ballast")
		p := newProcess(t, filepath.Join(folder, "full.db"), "--log-level", "error", "--bookmark", "1s")
		fullDisk(t, p, func() (func() error, error) {
			err := os.WriteFile(ballast, make([]byte, 24<<20), 0o600)
			if !errors.Is(err, syscall.ENOSPC) {
				return nil, fmt.Errorf("24 MB fit on what is left of 24 MB: %w", err)
			}
			return func() error { return os.Remove(ballast) }, nil
		})
	})
}

func fullDisk(t *testing.T, p *process, fill func() (free func() error, err error)) {
	r := &round{process: p}
	ctx, end := context.WithTimeout(t.Context(), 2*patience)
	defer end()
	direct := newRestCaller(p.url)
	defer direct.leave()
	over := &socketCaller{url: p.url}
	defer over.leave()

	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	// post adds an item of some length, over HTTP and over a socket in turn.
	post := func() *write {
		n++
		w := &write{Op: fmt.Sprintf("write-%d", n), Verb: "POST", Collection: goods, Changes: 1}
		item := content{Op: w.Op, N: n, Text: strings.Repeat("while stocks last ", 2000)}
		r.ledger.perform(ctx, []caller{direct, over}[n%2], []*write{w}, []*request{{verb: "POST", collection: goods, body: item, reason: w.Op}})
		return w
	}
	if first := post(); first.Outcome != acked {
		t.Fatalf("a write on a disk with space was %s: %s", first.Outcome, first.Fault)
	}
	from, err := r.firstCursor()
	must(err)
	live := &socketListener{url: p.url, streams: []*stream{{who: "a subscriber from before", topic: topic{collection: goods, bucket: noBucket}}}}
	r.listeners = []listener{live}
	hearing, deafen := context.WithCancel(ctx)
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		r.attend(hearing, live)
	}()
	defer func() { <-heard }()
	defer deafen()
	must(r.await(ctx, func(*stream) uint64 { return 1 }))

	free, err := fill()
	must(err)
	var last *write // that was stored
	failed := 0
	for range 2000 {
		w := post()
		if w.Outcome == acked {
			last = w
			continue
		}
		if !strings.HasPrefix(w.Fault, "UNAVAILABLE: ") && !strings.HasPrefix(w.Fault, "INTERNAL: ") || !strings.Contains(w.Fault, "disk") || strings.Contains(w.Fault, p.data) {
			t.Fatalf("on a full disk a write was answered %q, which should say that it is for the disk, and nothing private", w.Fault)
		}
		if failed++; failed == 20 {
			t.Logf("after %d writes: %s", n-failed, w.Fault)
			break
		}
	}
	if failed == 0 {
		t.Fatal("the disk never filled")
	}
	if last != nil {
		seq, err := place(last.Cursor)
		must(err)
		must(r.await(ctx, func(*stream) uint64 { return seq })) // what was stored is told
	}
	for _, c := range []caller{direct, over} {
		item := c.do(ctx, &request{verb: "GET", collection: goods, id: 1})[0]
		var stored content
		if !item.done() || json.Unmarshal(item.result, &stored) != nil || stored.Op != "write-1" {
			t.Errorf("on a full disk GET was answered %s (%v)", item.result, item.fault)
		}
	}
	if told, err := r.tellAll(ctx, from); err != nil || len(told) != n-failed-1 {
		t.Errorf("on a full disk a fresh subscriber was told %d of %d changes (%v)", len(told), n-failed-1, err)
	}

	must(free())
	for range 10 {
		if last = post(); last.Outcome != acked {
			t.Fatalf("with space on the disk again a write was %s: %s", last.Outcome, last.Fault)
		}
	}
	seq, err := place(last.Cursor)
	must(err)
	must(r.await(ctx, func(*stream) uint64 { return seq }))
	deafen()
	<-heard
	if breaks := live.streams[0].breaks; breaks > 0 {
		t.Errorf("the connection of a subscriber broke %d times", breaks)
	}
	must(p.term())
	d, err := readFile(p.data)
	must(err)
	must(errors.Join(d.check(), r.ledger.check(d.log), live.streams[0].check(d.log), p.alarming()))
}
