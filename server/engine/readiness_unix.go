//go:build unix

package engine

import (
	"io"
	"net"
	"syscall"
)

// readiness reads from a connection with a buffer that is taken from the pool
// only when there is something to read. A TCP connection can tell; any other
// (TLS) holds a small buffer while it waits.
type readiness struct {
	raw  syscall.RawConn
	try  func(fd uintptr) bool // r.tryRead, made once
	size int
	buf  *buffer
	err  error
}

func (r *readiness) init(conn net.Conn) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return
	}
	if raw, err := tcp.SyscallConn(); err == nil {
		r.raw, r.try = raw, r.tryRead
	}
}

// read waits for data and returns up to size bytes of it, or an error and no
// buffer.
func (r *readiness) read(conn net.Conn, size int) (*buffer, error) {
	if r.raw == nil {
		return readHolding(conn, size)
	}
	r.size = size
	err := r.raw.Read(r.try)
	buf := r.buf
	r.buf = nil
	if err == nil {
		err = r.err
	}
	return buf, err
}

// tryRead reads what is there. It returns false to be called again when the
// socket is readable.
func (r *readiness) tryRead(fd uintptr) bool {
	buf := getBuffer(r.size)
	for {
		n, err := receive(fd, buf.b[:cap(buf.b)])
		switch {
		case err == syscall.EINTR:
			continue
		case n > 0:
			buf.b = buf.b[:n]
			r.buf, r.err = buf, nil
			return true
		}
		buf.release()
		if err == syscall.EAGAIN {
			return false
		}
		if err == nil {
			err = io.EOF
		}
		r.err = err
		return true
	}
}
