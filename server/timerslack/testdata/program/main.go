// Command program calls Raise and tells what its threads have then.
package main

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"ackbase/server/timerslack"
)

func main() {
	if err := timerslack.Raise(time.Millisecond); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	later := make(chan int)
	go func() {
		runtime.LockOSThread() // for main another thread is made
		n, _ := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
		later <- n
	}()
	thread := <-later
	all, _, errno := syscall.AllThreadsSyscall(unix.SYS_PRCTL, unix.PR_GET_TIMERSLACK, 0, 0) // crashes where they differ
	fmt.Println(thread, all, int(errno))
}
