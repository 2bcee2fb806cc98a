//go:build unix

package engine

import (
	"net"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// An attempt is a write that does not wait.
type attempt struct {
	call func(fd uintptr) // run, made once
	one  []byte
	many net.Buffers
	n    int
	err  error
}

var attempts = sync.Pool{New: func() any {
	a := new(attempt)
	a.call = a.run
	return a
}}

// offer writes what outbox.next gave, as much of it as the socket takes at once.
func offer(raw syscall.RawConn, one []byte, many *net.Buffers) (n int, err error) {
	a := attempts.Get().(*attempt)
	a.one = one
	if many != nil {
		a.many = *many
	}
	err = raw.Control(a.call)
	if n = a.n; err == nil {
		err = a.err
	}
	a.one, a.many, a.n, a.err = nil, nil, 0, nil
	attempts.Put(a)
	return n, err
}

func (a *attempt) run(fd uintptr) {
	for {
		var n int
		var err error
		if a.many == nil {
			n, err = send(fd, a.one)
		} else {
			n, err = unix.SendmsgBuffers(int(fd), a.many, nil, nil, 0)
		}
		switch err {
		case nil:
			a.n = n
		case unix.EINTR:
			continue
		case unix.EAGAIN:
		default:
			a.err = os.NewSyscallError("write", err)
		}
		return
	}
}

// rawOf is a connection for attempts; nil where it takes none, as with TLS.
func rawOf(conn net.Conn) syscall.RawConn {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// fdOf is the descriptor of a connection that takes attempts.
func fdOf(raw syscall.RawConn) int {
	fd := noFD
	if raw != nil {
		_ = raw.Control(func(f uintptr) { fd = int(f) }) // an error means that it has closed
	}
	return fd
}
