//go:build unix

package admission

import (
	"math"
	"syscall"
)

// Files is how many files this process may have open, connections among them; 0 where that
// is not known or not bounded. Go has raised it as far as the process itself may.
func Files() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > math.MaxInt32 {
		return 0
	}
	return int(limit.Cur)
}
