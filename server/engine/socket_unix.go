//go:build unix && (!linux || race)

package engine

import "syscall"

func send(fd uintptr, b []byte) (int, error) { return syscall.Write(int(fd), b) }

func receive(fd uintptr, b []byte) (int, error) { return syscall.Read(int(fd), b) }
