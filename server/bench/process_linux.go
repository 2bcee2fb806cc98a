package bench

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// process is a process of this machine.
type process int

// cpu is the user and system time of all its threads so far, those that have ended
// included. It comes from the process's CPU clock (clock_getcpuclockid(3)), which counts in
// nanoseconds what /proc/PID/stat counts in steps of 10 ms.
func (p process) cpu() (time.Duration, error) {
	const scheduler = 2 // CPUCLOCK_SCHED
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^p<<3|scheduler), &t); err != nil {
		return 0, fmt.Errorf("the CPU time of process %d cannot be read (--pid needs a process of this machine): %w", p, err)
	}
	return time.Duration(t.Nano()), nil
}

// memory is the resident set in bytes without what files back, such as the pages of
// a database: what a server keeps for its clients.
func (p process) memory() (int64, error) {
	// smaps_rollup counts exactly; status may lag by some pages for each core, but any user may read it.
	for _, source := range []struct{ file, field string }{{"smaps_rollup", "\nAnonymous:"}, {"status", "\nRssAnon:"}} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", p, source.file))
		if err != nil {
			continue
		}
		_, rest, found := bytes.Cut(text, []byte(source.field))
		fields := bytes.Fields(rest)
		if !found || len(fields) == 0 {
			continue
		}
		if kb, err := strconv.ParseInt(string(fields[0]), 10, 64); err == nil {
			return kb << 10, nil
		}
	}
	return 0, fmt.Errorf("the memory of process %d cannot be read (--pid needs a process of this machine)", p)
}
