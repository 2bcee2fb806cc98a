//go:build !race

package engine

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// send and receive are send(2) and recv(2) on a socket that does not block. So
// the scheduler need not hear of the call: telling it costs a sixth of a small
// write, and more where it takes the call for a long one. (The race detector does
// need to hear of it.)

func send(fd uintptr, b []byte) (int, error) {
	return transfer(unix.SYS_SENDTO, fd, b, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
}

func receive(fd uintptr, b []byte) (int, error) {
	return transfer(unix.SYS_RECVFROM, fd, b, unix.MSG_DONTWAIT)
}

func transfer(call, fd uintptr, b []byte, flags uintptr) (int, error) {
	n, _, errno := unix.RawSyscall6(call, fd, uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), flags, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
