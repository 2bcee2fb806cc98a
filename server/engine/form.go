package engine

import (
	"sync"

	"github.com/gobwas/ws"

	"ackbase/server/packet"
)

// A form is how a session's frames of messages look. They wait in the outbox in it, so that both
// transports write them as they are. plain is that of protocol 4 without compression.
type form uint32

const (
	plain form = 0

	typed    form = 1 << (iota - 1) // protocol 3: binary data comes after its type
	inBase64                        // protocol 3 for a client that said b64=1: binary data is text of b, its type and base64
	deflated                        // permessage-deflate: compressed, where that is worth it
)

// forms are the frames of one message in forms other than plain.
type forms struct {
	mu     sync.Mutex
	frames [typed | inBase64 | deflated + 1][]byte // by the form; nil until a session needs it
}

// otherForm is the message's frame in a form other than plain, the same bytes for every session.
func (m *Message) otherForm(f form) []byte {
	op, data, _ := nextOwnFrame(m.frame)
	if op != ws.OpBinary {
		f &= deflated // text is the same in both protocols
	}
	if len(data) < deflateThreshold {
		f &^= deflated
	}
	if f == plain {
		return m.frame
	}
	all := m.forms.Load()
	if all == nil {
		m.forms.CompareAndSwap(nil, new(forms))
		all = m.forms.Load()
	}
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.frames[f] == nil {
		all.frames[f] = makeForm(m.frame, f)
	}
	return all.frames[f]
}

// makeForm makes another form of a plain frame.
func makeForm(frame []byte, f form) []byte {
	if f&(typed|inBase64) != 0 {
		_, data, _ := nextOwnFrame(frame)
		frame = appendBinary3(make([]byte, 0, maxServerHeader+packet.Base64Binary3Len(len(data))), f, data)
	}
	if f&deflated != 0 {
		frame = deflateFrame(frame)
	}
	return frame
}

// appendBinary3 appends the frame of a binary message in a form of protocol 3.
func appendBinary3(dst []byte, f form, data []byte) []byte {
	if f&inBase64 != 0 {
		return packet.AppendBase64Binary3(appendHeader(dst, ws.OpText, packet.Base64Binary3Len(len(data))), data)
	}
	return packet.AppendBinary3(appendHeader(dst, ws.OpBinary, 1+len(data)), data)
}
