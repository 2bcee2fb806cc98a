package timerslack

import (
	"fmt"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// untouched is the slack of a process for which nobody has set one.
const untouched = 50 * time.Microsecond

func raise(d time.Duration) error {
	if runtime.GOMAXPROCS(0) == 1 {
		return nil
	}
	now, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	if err != nil {
		return fmt.Errorf("timerslack: the present slack cannot be read: %w", err)
	}
	if time.Duration(now) != untouched {
		return nil
	}
	if _, _, errno := syscall.AllThreadsSyscall(unix.SYS_PRCTL, unix.PR_SET_TIMERSLACK, uintptr(d), 0); errno != 0 {
		return fmt.Errorf("timerslack: it cannot be set for all threads: %w", errno)
	}
	return nil
}
