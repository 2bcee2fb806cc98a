package zishang

import (
	"log/slog"
	"sync"

	"github.com/zishang520/engine.io-go-parser/packet"
	"github.com/zishang520/engine.io/v2/engine"
	"github.com/zishang520/engine.io/v2/types"
	"github.com/zishang520/socket.io/v2/socket"

	"ackbase/crud"
)

// What may wait in the library's buffer for one client, in bytes: over highWater
// events stay in the log, over maxWaiting the client is cut off. The largest
// message does not count for the latter, so that a large answer may wait.
const (
	highWater  = 1 << 20
	maxWaiting = 4 << 20
)

// conn is one Engine.IO connection, between the library's transports and the
// library's sockets: it takes the verbs out of what arrives, and counts what waits.
type conn struct {
	engine engine.Socket
	ended  chan struct{} // closed when the connection has

	// Held for each packet that comes in, since a client may send over two
	// transports at once; taken before mu.
	reading  sync.Mutex
	skip     uint64 // attachments still to come that the library is not to see
	attached int    // what the attachments count that the library got since the last text

	mu      sync.Mutex
	members map[string]*member // by the namespace's name
	waiting int                // bytes in the library's buffer, what a transport has taken not counted
	largest int                // of the messages among them
	cut     bool
	closed  bool
}

// listen begins to hear of the connection's packets. Of the library's events,
// "packet" comes before a packet is looked at, "packetCreate" before one is
// buffered, and "flush" before a transport takes what is in the buffer; all on
// the goroutine that does it, and each with the packet itself, to be changed.
func (c *conn) listen() {
	for name, listener := range map[types.EventName]func(...any){
		"packet":       func(args ...any) { c.receive(args[0].(*packet.Packet)) },
		"packetCreate": func(args ...any) { c.buffered(args[0].(*packet.Packet)) },
		"flush":        func(args ...any) { c.flushed(args[0].([]*packet.Packet)) },
		"close":        func(...any) { c.close() },
	} {
		_ = c.engine.On(name, listener) // cannot fail: there is a listener
	}
	if c.engine.ReadyState() == "closed" { // before there was a listener
		c.close()
	}
}

// buffered counts a packet that is about to wait for a transport.
func (c *conn) buffered(p *packet.Packet) {
	size := length(p)
	c.mu.Lock()
	c.waiting += size
	c.largest = max(c.largest, size)
	over := c.waiting-c.largest > maxWaiting && !c.cut
	c.mu.Unlock()
	if over {
		c.cutOff("too slow")
	}
}

// flushed counts what a transport takes, and tells the sessions when there is room again.
//
// A transport drops what follows a packet that a broadcast encoded beforehand,
// so such packets are given back to be encoded as all others, unless nothing follows.
func (c *conn) flushed(batch []*packet.Packet) {
	size := 0
	for i, p := range batch {
		size += length(p)
		if i < len(batch)-1 && p.Options != nil && p.Options.WsPreEncodedFrame != nil {
			p.Options = &packet.Options{Compress: p.Options.Compress} // the old ones are shared with other connections
		}
	}
	c.mu.Lock()
	full := c.waiting >= highWater
	c.waiting = max(0, c.waiting-size) // the first packet was buffered before there was a listener
	if c.waiting == 0 {
		c.largest = 0
	}
	var drained []*member
	if full && c.waiting < highWater {
		for _, m := range c.members {
			drained = append(drained, m)
		}
	}
	c.mu.Unlock()
	for _, m := range drained {
		m.session.Drained()
	}
}

func (c *conn) writable() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.waiting < highWater
}

// open is false when nothing can be sent any more.
func (c *conn) open() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.cut && !c.closed && c.engine.ReadyState() == "open"
}

// cutOff closes the transport without a DISCONNECT packet, so that the client reconnects.
func (c *conn) cutOff(reason string) {
	c.mu.Lock()
	again := c.cut || c.closed
	c.cut = true
	c.mu.Unlock()
	if again {
		return
	}
	slog.Warn("a client is cut off", "address", c.engine.RemoteAddress(), "reason", reason)
	// On a goroutine, since the program's handlers for "disconnect" run in it, and
	// the caller may hold locks.
	go c.engine.Close(true)
}

func (c *conn) member(namespace []byte) *member {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.members[string(namespace)]
}

// join opens the session of a socket that asks to connect.
func (c *conn) join(s *socket.Socket, verbs *crud.Service) {
	m := newMember(c, s)
	m.session = verbs.Open(m)
	_ = s.On("disconnect", func(...any) { c.remove(m) })
	c.add(m)
}

// add makes m the member for its namespace.
func (c *conn) add(m *member) {
	c.mu.Lock()
	closed, before := c.closed, c.members[m.namespace]
	if !closed {
		c.members[m.namespace] = m
	}
	c.mu.Unlock()
	if closed {
		m.end()
	}
	if before != nil { // middleware of the program refused it, or the client asked twice
		before.end()
	}
}

func (c *conn) remove(m *member) {
	c.mu.Lock()
	if c.members[m.namespace] == m {
		delete(c.members, m.namespace)
	}
	c.mu.Unlock()
	m.end()
}

// close ends all sessions. The library may call it more than once.
func (c *conn) close() {
	conns.Delete(c.engine)
	c.mu.Lock()
	members, again := c.members, c.closed
	c.members, c.closed = nil, true
	c.mu.Unlock()
	if !again {
		close(c.ended)
	}
	for _, m := range members {
		m.end()
	}
}

// length is the number of bytes of a packet's data.
func length(p *packet.Packet) int {
	if data, ok := p.Data.(interface{ Len() int }); ok {
		return data.Len()
	}
	return 0
}
