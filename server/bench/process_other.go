//go:build !linux

package bench

import (
	"errors"
	"time"
)

// process is a process of this machine. What it uses is told under Linux only.
type process int

var errNotLinux = errors.New("what a process uses can be read under Linux only: leave --pid out")

func (process) cpu() (time.Duration, error) { return 0, errNotLinux }
func (process) memory() (int64, error)      { return 0, errNotLinux }
