package timerslack

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// All threads of a program have the slack, those of the runtime too, unless somebody has set another.
func TestRaise(t *testing.T) {
	program := filepath.Join(t.TempDir(), "program")
	build := exec.Command("go", "build", "-o", program, "./testdata/program")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for name, c := range map[string]struct {
		has        time.Duration // when it starts
		processors int
		want       time.Duration
	}{
		"untouched":         {50 * time.Microsecond, 2, time.Millisecond},
		"somebody set more": {3 * time.Millisecond, 2, 3 * time.Millisecond},
		"somebody set less": {51 * time.Microsecond, 2, 51 * time.Microsecond},
		"one processor":     {50 * time.Microsecond, 1, 50 * time.Microsecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runtime.LockOSThread() // a process has what the thread has that starts it; this one ends with the test
			if err := unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(c.has), 0, 0, 0); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(program)
			cmd.Env = append(os.Environ(), fmt.Sprint("GOMAXPROCS=", c.processors))
			out, err := cmd.CombinedOutput()
			if want := fmt.Sprintf("%d %d 0", c.want, c.want); err != nil || strings.TrimSpace(string(out)) != want {
				t.Errorf("a later thread, all threads, errno: %q, %v; want %q", out, err, want)
			}
		})
	}
}
