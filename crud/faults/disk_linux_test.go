package faults

import (
	"golang.org/x/sys/unix"
)

// fill makes writes to the process's file fail as on a full disk, until free. The pages at the file's beginning stay
// writable, which a full disk does not mind either: it is what is new that has no place.
func (p *process) fill() (free func() error, err error) {
	var before unix.Rlimit
	if err := unix.Prlimit(p.cmd.Process.Pid, unix.RLIMIT_FSIZE, nil, &before); err != nil {
		return nil, err
	}
	pid := p.cmd.Process.Pid
	if err := unix.Prlimit(pid, unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 64 << 10, Max: before.Max}, nil); err != nil {
		return nil, err
	}
	return func() error { return unix.Prlimit(pid, unix.RLIMIT_FSIZE, &before, nil) }, nil
}
