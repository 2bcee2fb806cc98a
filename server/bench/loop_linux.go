package bench

import (
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"
)

// rawConn is a connected, non-blocking TCP socket outside Go's own poller: that
// would wake a goroutine for each arrival, at the machine's cost.
type rawConn int

// take takes a connection out of net's hands.
func take(socket net.Conn) (rawConn, error) {
	tcp, ok := socket.(*net.TCPConn)
	if !ok {
		return -1, fmt.Errorf("a connection of type %T is not plain TCP", socket)
	}
	control, err := tcp.SyscallConn()
	if err != nil {
		return -1, err
	}
	fd := -1
	var duplicated error
	if err := control.Control(func(from uintptr) {
		syscall.ForkLock.RLock()
		defer syscall.ForkLock.RUnlock()
		if fd, duplicated = syscall.Dup(int(from)); duplicated == nil {
			syscall.CloseOnExec(fd)
		}
	}); err != nil {
		return -1, err
	}
	if duplicated != nil {
		return -1, fmt.Errorf("no further descriptor: %w (raise the limit with ulimit -n)", duplicated)
	}
	return rawConn(fd), socket.Close()
}

// loop waits for all connections at once. One goroutine uses it.
type loop struct {
	epoll  int
	conns  map[int32]*conn
	lost   []*conn // that ended by themselves, for whoever drives the loop to take
	events [512]syscall.EpollEvent
	buffer [256 << 10]byte
}

func newLoop() (*loop, error) {
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	return &loop{epoll: epoll, conns: map[int32]*conn{}}, nil
}

// add hands the connection to the loop, which handles what has come already.
func (l *loop) add(c *conn, h handler) error {
	l.conns[int32(c.raw)] = c
	event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(c.raw)}
	if err := syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_ADD, int(c.raw), &event); err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	if c.feed(nil, h); c.closed != nil {
		l.remove(c)
	}
	l.flush(c)
	return nil
}

// turn waits for at most that long (in steps of a millisecond), handles what has
// come, and calls after for each connection that something came for.
func (l *loop) turn(wait time.Duration, h handler, after func(*conn)) error {
	n, err := syscall.EpollWait(l.epoll, l.events[:], int(wait/time.Millisecond))
	if err != nil && !errors.Is(err, syscall.EINTR) {
		return fmt.Errorf("epoll: %w", err)
	}
	for i := range max(n, 0) {
		c := l.conns[l.events[i].Fd]
		if c == nil {
			continue
		}
		if l.events[i].Events&^syscall.EPOLLOUT != 0 {
			l.read(c, h)
		}
		if c.closed == nil {
			after(c)
			l.flush(c)
		}
	}
	return nil
}

func (l *loop) read(c *conn, h handler) {
	n, err := syscall.Read(int(c.raw), l.buffer[:])
	switch {
	case n > 0:
		c.feed(l.buffer[:n], h)
	case errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR):
	case err == nil:
		c.closed = fmt.Errorf("%w: %w", errClosed, io.EOF)
	default:
		c.closed = fmt.Errorf("%w: %w", errClosed, err)
	}
	if c.closed != nil {
		l.remove(c)
	}
}

// flush writes what waits, as far as the socket takes it.
func (l *loop) flush(c *conn) {
	if c.closed != nil || len(c.out) == 0 && !c.waiting {
		return
	}
	n, err := 0, error(nil)
	if len(c.out) > 0 {
		n, err = syscall.Write(int(c.raw), c.out)
	}
	if err != nil && !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EINTR) {
		c.closed = fmt.Errorf("%w: %w", errClosed, err)
		l.remove(c)
		return
	}
	c.out = c.out[:copy(c.out, c.out[max(n, 0):])]
	if waiting := len(c.out) > 0; waiting != c.waiting {
		c.waiting = waiting
		event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(c.raw)}
		if waiting {
			event.Events |= syscall.EPOLLOUT
		}
		if err := syscall.EpollCtl(l.epoll, syscall.EPOLL_CTL_MOD, int(c.raw), &event); err != nil {
			c.closed = fmt.Errorf("epoll: %w", err)
			l.remove(c)
		}
	}
}

// remove closes the connection's socket; it may be called again.
func (l *loop) remove(c *conn) {
	if l.conns[int32(c.raw)] == c {
		delete(l.conns, int32(c.raw))
		c.raw.close()
		if c.closed != nil {
			l.lost = append(l.lost, c)
		}
	}
}

// close closes all connections.
func (l *loop) close() {
	for _, c := range l.conns {
		l.remove(c)
	}
	_ = syscall.Close(l.epoll)
}

func (r rawConn) close() { _ = syscall.Close(int(r)) }
