// Package timerslack makes a process wake less often, for a program that serves.
//
// Go's runtime has a thread that watches the others and sleeps 20 µs at a time while anything runs. What it
// finds to do nearly always could have waited, and on a virtual machine each of these sleeps costs many times as much
// as it does on bare metal. A sleep may last longer than asked by the timer slack of its thread, 50 µs where nobody has
// set another. With a millisecond, on a virtual machine with two cores, an event to 500 subscribers cost a tenth less processor
// time.
//
// The price: timers fire up to a millisecond later, and the watching thread hands the processor of a goroutine that waits in
// the system, as for the disk, to others after up to two milliseconds instead of a fraction of one.
package timerslack

import "time"

// Raise lets sleeps of this process last up to d longer than asked, where its slack is that of the system, 50 µs. What
// somebody has set, as systemd does with TimerSlackNSec=, stays (51us to have as good as none). All threads have it when Raise
// returns, and those that come later.
//
// Nothing happens where Go has one processor to run on, since nobody but the watching thread hands that on; and on
// other systems than Linux. An error says why everything stays as it is: the program has cgo, whose threads the
// runtime does not know (build it with CGO_ENABLED=0), or the system refuses.
//
// See prctl(2), PR_SET_TIMERSLACK.
func Raise(d time.Duration) error { return raise(d) }
