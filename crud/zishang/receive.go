package zishang

import (
	"encoding/json"

	"github.com/zishang520/engine.io-go-parser/packet"
	"github.com/zishang520/engine.io/v2/types"
)

// The attachments of one packet may count maxAttached bytes together, each
// minAttached at the least: the library keeps them until the last has come.
const (
	maxAttached = 16 << 20
	minAttached = 16 << 10
)

// receive looks at a packet before the library does, on the goroutine that reads
// the connection, and changes its type where the library is not to handle it: to
// NOOP, which the library ignores, or to ERROR, upon which it closes the connection.
func (c *conn) receive(p *packet.Packet) {
	if p.Type != packet.MESSAGE {
		return
	}
	c.reading.Lock()
	defer c.reading.Unlock()
	if text, ok := p.Data.(*types.StringBuffer); ok {
		p.Type = c.text(text.Bytes())
	} else {
		p.Type = c.attachment(length(p))
	}
}

// text runs the verbs, one after the other.
func (c *conn) text(text []byte) packet.Type {
	if c.skip > 0 {
		return packet.ERROR // where an attachment belongs
	}
	c.attached = 0
	h, ok := readHeader(text)
	m := c.member(h.namespace)
	connected := m != nil && m.socket.Connected()
	if connected {
		<-m.known.Done()
	}
	if !ok || !h.hasArguments() {
		return packet.MESSAGE // the library refuses it, or knows it
	}
	if len(h.payload) == 0 {
		return packet.ERROR // which would end the process
	}
	if !connected || !h.isEvent() {
		return packet.MESSAGE
	}
	name := eventName(h.payload)
	if !names[string(name)] {
		return packet.MESSAGE // one of the program's own
	}
	var args []json.RawMessage
	if h.binary() && h.attachments == 0 || json.Unmarshal(h.payload, &args) != nil {
		return packet.ERROR
	}
	c.skip = h.attachments // for which the verb is refused
	m.session.Do(string(name), args[1:], h.binary(), m.replyTo(h))
	return packet.NOOP
}

func (c *conn) attachment(size int) packet.Type {
	if c.skip > 0 {
		c.skip--
		return packet.NOOP
	}
	if c.attached += max(size, minAttached); c.attached > maxAttached {
		return packet.ERROR
	}
	return packet.MESSAGE
}
