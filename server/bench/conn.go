package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"time"

	"github.com/gobwas/ws"

	"ackbase/server/packet"
)

// dialTimeout bounds everything from TCP's connect to the namespace's CONNECT.
const dialTimeout = 20 * time.Second

// conn is one socket over WebSocket. Between dial and the
// loop's add it blocks in Go's way; afterwards only the loop's goroutine touches it.
type conn struct {
	raw     rawConn
	mask    [4]byte
	in      []byte // what came after the last complete frame
	part    []byte // the fragments of an unfinished message
	out     []byte // frames that are not yet written
	waiting bool   // the socket took no more of out

	sent     []time.Duration // when each call in flight was due, by ack id; unused where it is free
	free     []int64         // the ack ids that no call in flight uses
	pings    int64           // heartbeats answered
	interval time.Duration   // the server's pingInterval
	heard    sequence        // the events of a fanout that came
	closed   error           // why it is over, nil while it lives
}

// unused marks an ack id of which no answer is awaited.
const unused = time.Duration(-1)

// handler is what a kind of load does with what a connection receives. Data is
// valid during the call only.
type handler interface {
	ack(c *conn, id int64, data []byte)
	event(c *conn, data []byte)
}

var errClosed = errors.New("the server closed the connection")

// dial connects, takes OPEN and joins the namespace. depth is the number of
// calls that it can have in flight.
func dial(ctx context.Context, t *target, depth int) (_ *conn, err error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	c := &conn{sent: make([]time.Duration, depth), free: make([]int64, depth)}
	for i := range depth {
		c.sent[i], c.free[i] = unused, int64(depth-1-i)
	}
	for i := range c.mask {
		c.mask[i] = byte(1 + rand.IntN(255))
	}
	socket, early, err := t.dialWebSocket(ctx)
	if err != nil {
		return nil, err
	}
	c.in = early
	defer func() {
		if err != nil {
			socket.Close()
		}
	}()
	stop := context.AfterFunc(ctx, func() { _ = socket.SetDeadline(time.Unix(1, 0)) })
	defer stop()

	in := &opening{c: c, socket: socket, r: bufio.NewReaderSize(socket, 512)}
	text, err := in.next()
	if err != nil {
		return nil, t.explain(err)
	}
	if _, c.interval, err = opened(text); err != nil {
		return nil, t.explain(err)
	}
	if err := in.send(t.join); err != nil {
		return nil, t.explain(err)
	}
	if text, err = in.next(); err != nil {
		return nil, t.explain(err)
	}
	if err := t.joined(text); err != nil {
		return nil, err
	}
	rest, err := in.r.Peek(in.r.Buffered())
	if err != nil {
		return nil, err
	}
	c.in = append(c.in, rest...)
	if !stop() {
		return nil, ctx.Err()
	}
	if c.raw, err = take(socket); err != nil {
		return nil, err
	}
	return c, nil
}

// opening is a connection that is not yet with the loop.
type opening struct {
	c      *conn
	socket net.Conn
	r      *bufio.Reader
}

// next is the next message, in memory of its own; heartbeats are answered meanwhile.
func (o *opening) next() ([]byte, error) {
	for {
		f, rest, ok, err := cutFrame(o.c.in)
		switch {
		case err != nil:
			return nil, err
		case ok && f.op == ws.OpText && f.fin && len(f.data) > 0:
			text := bytes.Clone(f.data)
			o.c.in = append(o.c.in[:0], rest...)
			if text[0] != byte(packet.EnginePing) {
				return text, nil
			}
			if err := o.send("3"); err != nil {
				return nil, err
			}
			continue
		case ok:
			return nil, fmt.Errorf("the server sent a frame with opcode %d before CONNECT's answer", f.op)
		}
		if _, err := o.r.Peek(1); err != nil {
			return nil, fmt.Errorf("%w before CONNECT's answer: %w", errClosed, err)
		}
		more, _ := o.r.Peek(o.r.Buffered())
		o.c.in = append(o.c.in, more...)
		_, _ = o.r.Discard(len(more))
	}
}

func (o *opening) send(text string) error {
	_, err := o.socket.Write(appendFrame(nil, ws.OpText, o.c.mask, []byte(text)))
	return err
}

// queue puts a text message behind what waits to be written.
func (c *conn) queue(text []byte) { c.out = appendFrame(c.out, ws.OpText, c.mask, text) }

// feed handles what the server sent, to the last complete frame.
func (c *conn) feed(data []byte, h handler) {
	if len(c.in) > 0 {
		c.in = append(c.in, data...)
		data = c.in
	}
	for c.closed == nil {
		f, rest, ok, err := cutFrame(data)
		if err != nil {
			c.closed = err
		}
		if !ok {
			break
		}
		data = rest
		c.frame(f, h)
	}
	if len(data) == 0 {
		c.in = c.in[:0]
		return
	}
	c.in = append(c.in[:0], data...)
}

func (c *conn) frame(f frame, h handler) {
	switch f.op {
	case ws.OpText, ws.OpContinuation:
		if !f.fin {
			if c.part = append(c.part, f.data...); len(c.part) > maxFrame {
				c.closed = errLength
			}
			return
		}
		if len(c.part) > 0 {
			f.data = append(c.part, f.data...)
			c.part = c.part[:0]
		}
		c.message(f.data, h)
	case ws.OpPing:
		c.out = appendFrame(c.out, ws.OpPong, c.mask, f.data)
	case ws.OpClose:
		c.closed = errClosed
		if len(f.data) >= 2 {
			c.closed = fmt.Errorf("%w: code %d %s", errClosed, binary.BigEndian.Uint16(f.data), f.data[2:])
		}
	}
}

// message handles an Engine.IO packet.
func (c *conn) message(text []byte, h handler) {
	if len(text) == 0 {
		return
	}
	switch packet.EngineType(text[0]) {
	case packet.EnginePing:
		c.pings++
		c.queue([]byte("3"))
	case packet.EngineClose:
		c.closed = errClosed
	case packet.EngineMessage:
		p, err := packet.Parse(text[1:], 1<<10)
		switch {
		case err != nil:
			c.closed = fmt.Errorf("the server sent %.60q: %w", text, err)
		case p.Type == packet.Ack:
			h.ack(c, p.ID, p.Data)
		case p.Type == packet.Event:
			h.event(c, p.Data)
		case p.Type == packet.Disconnect:
			c.closed = fmt.Errorf("%w: it sent DISCONNECT", errClosed)
		}
	}
}

// inFlight is the number of calls whose answer is awaited.
func (c *conn) inFlight() int { return len(c.sent) - len(c.free) }

// begin takes a free ack id for a call that was due at that time. There must be one.
func (c *conn) begin(due time.Duration) int64 {
	id := c.free[len(c.free)-1]
	c.free = c.free[:len(c.free)-1]
	c.sent[id] = due
	return id
}

// end frees an ack id and tells when its call was due; ok is false where no call had it.
func (c *conn) end(id int64) (due time.Duration, ok bool) {
	if id < 0 || id >= int64(len(c.sent)) || c.sent[id] == unused {
		return 0, false
	}
	due = c.sent[id]
	c.sent[id] = unused
	c.free = append(c.free, id)
	return due, true
}
