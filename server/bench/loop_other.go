//go:build !linux

package bench

import (
	"fmt"
	"net"
	"sync"
	"time"
)

// rawConn is a connection in Go's way: a goroutine of its own reads it. It costs
// more than epoll does under Linux, and what a server costs (--pid) is only told there.
type rawConn struct{ net.Conn }

func take(socket net.Conn) (rawConn, error) { return rawConn{socket}, nil }

// loop gathers what the connections receive. One goroutine uses it.
type loop struct {
	conns   map[*conn]struct{}
	readers sync.WaitGroup
	lost    []*conn // that ended by themselves, for whoever drives the loop to take
	arrived chan arrival
	stop    chan struct{}
}

type arrival struct {
	c    *conn
	data []byte
	err  error
	done chan struct{} // takes one when data may be used again
}

func newLoop() (*loop, error) {
	return &loop{conns: map[*conn]struct{}{}, arrived: make(chan arrival), stop: make(chan struct{})}, nil
}

// add hands the connection to the loop, which handles what has come already.
func (l *loop) add(c *conn, h handler) error {
	l.conns[c] = struct{}{}
	l.readers.Go(func() { l.receive(c) })
	if c.feed(nil, h); c.closed != nil {
		l.remove(c)
	}
	l.flush(c)
	return nil
}

func (l *loop) receive(c *conn) {
	buffer, done := make([]byte, 16<<10), make(chan struct{}, 1)
	for {
		n, err := c.raw.Read(buffer)
		select {
		case l.arrived <- arrival{c, buffer[:n], err, done}:
			<-done
		case <-l.stop:
			return
		}
		if err != nil {
			return
		}
	}
}

// turn waits for at most that long, handles what has come, and calls after for
// each connection that something came for.
func (l *loop) turn(wait time.Duration, h handler, after func(*conn)) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		select {
		case a := <-l.arrived:
			_, ours := l.conns[a.c]
			if ours {
				a.c.feed(a.data, h)
			}
			if a.err != nil && a.c.closed == nil {
				a.c.closed = fmt.Errorf("%w: %w", errClosed, a.err)
			}
			a.done <- struct{}{}
			if !ours {
				continue // removed before
			}
			if a.c.closed != nil {
				l.remove(a.c)
				continue
			}
			after(a.c)
			l.flush(a.c)
		case <-timer.C:
			return nil
		}
	}
}

// flush writes what waits.
func (l *loop) flush(c *conn) {
	if c.closed != nil || len(c.out) == 0 {
		return
	}
	if _, err := c.raw.Write(c.out); err != nil {
		c.closed = fmt.Errorf("%w: %w", errClosed, err)
		l.remove(c)
		return
	}
	c.out = c.out[:0]
}

// remove closes the connection's socket; it may be called again.
func (l *loop) remove(c *conn) {
	if _, ours := l.conns[c]; ours {
		delete(l.conns, c)
		c.raw.close()
		if c.closed != nil {
			l.lost = append(l.lost, c)
		}
	}
}

// close closes all connections and waits for their readers.
func (l *loop) close() {
	close(l.stop)
	for c := range l.conns {
		c.raw.close()
	}
	l.readers.Wait()
}

func (r rawConn) close() { r.Conn.Close() }
