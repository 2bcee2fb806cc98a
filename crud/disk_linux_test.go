package crud_test

import (
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"ackbase/collections"
	"ackbase/collections/bolt"
	"ackbase/crud"
)

// TestSubscribeOnAFullDisk: what cannot be kept is not subscribed to, and says so; what was held goes on. The limit on the
// size of files that stands for the disk is the process's, so it has one of its own.
func TestSubscribeOnAFullDisk(t *testing.T) {
	const child = "ACKBASE_FULL_DISK"
	if os.Getenv(child) == "" {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestSubscribeOnAFullDisk$")
		cmd.Env = append(os.Environ(), child+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	signal.Ignore(syscall.SIGXFSZ)
	path := filepath.Join(t.TempDir(), "test.db")
	store, err := bolt.Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := crud.New(collections.New(store, nil), nil)
	c, writer := dialRecoverable(s, "pid", 1<<20), dial(s, "writer", 1<<20)
	c.must(t, "SUBSCRIBE", "items")
	put(t, writer, "items", 0)
	offset := c.offsetOf(t)
	written := store.Head().Cursor()

	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		t.Fatal(err)
	}
	limit := func(size uint64) {
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: size, Max: before.Max}); err != nil {
			t.Fatal(err)
		}
	}
	limit(4096)
	for _, args := range [][]any{{"SUBSCRIBE", "others"}, {"SUBSCRIBE", "others", map[string]any{"snapshot": true}}, {"SUBSCRIBE", "others", map[string]any{"since": written}}, {"UNSUBSCRIBE", "items"}} {
		a := c.call(t, args[0].(string), args[1:]...)
		if !strings.Contains(a.fault, `"UNAVAILABLE"`) || !strings.Contains(a.fault, "disk") {
			t.Errorf("%v: %+v", args, a)
		}
	}
	if a := c.must(t, "SUBSCRIBE", "items"); !strings.Contains(a.result, "cursor") { // it is held
		t.Error(a)
	}
	again := c.lose(s, offset)
	if again == nil {
		t.Fatal("it was not recovered, which takes no space")
	}
	limit(before.Cur)
	put(t, writer, "others", 1)
	put(t, writer, "items", 1)
	again.expect(t, "MODIFIED", `"room":"items"`)
	again.must(t, "SUBSCRIBE", "others")
	again.hangUp()
	writer.hangUp()
	s.Close()
	if err := store.Close(); err != nil {
		t.Error(err)
	}
}
