//go:build !unix

package engine

import (
	"net"
	"syscall"
)

// rawOf is for systems where writes can be made that do not wait.
func rawOf(net.Conn) syscall.RawConn { return nil }

func fdOf(syscall.RawConn) int { return noFD }

func send(uintptr, []byte) (int, error) { return 0, nil }

func offer(syscall.RawConn, []byte, *net.Buffers) (int, error) { return 0, nil }
