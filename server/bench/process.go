package bench

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// clockTick is the unit of the times in /proc/PID/stat: USER_HZ, which is 100 on every
// architecture that Go runs on under Linux.
const clockTick = time.Second / 100

// process is another process of this machine as Linux's /proc tells of it.
type process int

// cpu is the user and system time of all threads so far.
func (p process) cpu() (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p))
	if err != nil {
		return 0, fmt.Errorf("the CPU time of process %d cannot be read (--pid needs Linux and a process of this machine): %w", p, err)
	}
	// The command's name, in parentheses, may hold anything; after it come state (field 3) to utime (14) and stime (15).
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("/proc/%d/stat has %d fields, too few", p, len(fields))
	}
	var ticks int64
	for _, field := range fields[11:13] {
		n, err := strconv.ParseInt(string(field), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("/proc/%d/stat: %w", p, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * clockTick, nil
}

// memory is the resident set in bytes.
func (p process) memory() (int64, error) {
	// smaps_rollup counts exactly; status may lag by some pages for each thread, but any user may read it.
	for _, source := range []struct{ file, field string }{{"smaps_rollup", "\nRss:"}, {"status", "\nVmRSS:"}} {
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
	return 0, fmt.Errorf("the memory of process %d cannot be read (--pid needs Linux and a process of this machine)", p)
}
