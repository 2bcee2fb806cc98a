package engine

import (
	"sync/atomic"

	"github.com/gobwas/ws"

	"ackbase/server/packet"
)

// A Message is one message to clients, prepared once: its WebSocket frame is
// ready to be written as it is. It is never changed, so any number of sessions
// may be sent the same Message at the same time.
type Message struct {
	frame []byte
	forms atomic.Pointer[forms] // nil until a session needs another
}

// NewText prepares a text message of the concatenated parts, which are copied.
// They must be UTF-8 and, since polling separates packets by it, hold no U+001E.
func NewText(parts ...[]byte) *Message {
	size := textSize(parts)
	return &Message{frame: appendText(make([]byte, 0, headerSize(size)+size), size, parts)}
}

// NewBinary prepares a binary message of data, which is copied.
func NewBinary(data []byte) *Message {
	frame := make([]byte, 0, headerSize(len(data))+len(data))
	return &Message{frame: append(appendHeader(frame, ws.OpBinary, len(data)), data...)}
}

// Size is the number of bytes that the message adds to Session.Buffered, of protocol 4.
func (m *Message) Size() int { return len(m.frame) }

// in is the message's frame in a form.
func (m *Message) in(f form) []byte {
	if f == plain {
		return m.frame
	}
	return m.otherForm(f)
}

// textSize is the payload size of a text message: its packet type and parts.
func textSize(parts [][]byte) int {
	size := 1
	for _, p := range parts {
		size += len(p)
	}
	return size
}

// appendText appends the frame of a text message.
func appendText(dst []byte, size int, parts [][]byte) []byte {
	dst = append(appendHeader(dst, ws.OpText, size), byte(packet.EngineMessage))
	for _, p := range parts {
		dst = append(dst, p...)
	}
	return dst
}
