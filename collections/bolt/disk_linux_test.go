package bolt

import (
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
)

func init() { childModes["limited"] = childLimited }

// childLimited fills a file up to a limit that the system holds it to, as a full
// disk does, then lifts the limit.
func childLimited(path string) error {
	signal.Ignore(syscall.SIGXFSZ)
	var before syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
		return err
	}
	limit := func(size uint64) error {
		return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: size, Max: before.Max})
	}
	return fullDisk(path,
		func() error {
			info, err := os.Stat(path)
			if err != nil {
				return err
			}
			return limit(uint64(info.Size()) - 8<<20) // the file is allocated ahead of what it holds
		},
		func() error { return limit(before.Cur) })
}

func TestFullDisk(t *testing.T) {
	t.Run("by a limit on the file's size", func(t *testing.T) {
		cmd := childCommand(t, "limited", filepath.Join(t.TempDir(), "data.db"))
		if err := cmd.Run(); err != nil {
			t.Errorf("the child failed, see its message above: %v", err)
		}
	})

	t.Run("on a small tmpfs", func(t *testing.T) {
		folder := t.TempDir()
		if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "size=24m"); err != nil {
			t.Logf("mounting needs root (%v); the limit on the file's size above covers the same ways", err)
			return
		}
		defer func() {
			if err := syscall.Unmount(folder, 0); err != nil {
				t.Error(err)
			}
		}()
		ballast := filepath.Join(folder, "ballast")
		err := fullDisk(filepath.Join(folder, "data.db"),
			func() error { return os.WriteFile(ballast, make([]byte, 18<<20), 0o600) },
			func() error { return os.Remove(ballast) })
		if err != nil {
			t.Error(err)
		}
	})
}
