package server

import (
	"encoding/json"
	"slices"
	"sync"
	"time"
)

// Broadcast says which sockets of a namespace something goes to. It is immutable: its methods
// return another, so one can be kept and used concurrently. Without rooms it means everybody. An
// event is encoded once, and a socket in several of the rooms gets it once.
type Broadcast struct {
	namespace *Namespace
	rooms     []string
	except    []string
	volatile  bool
	timeout   time.Duration
}

// To adds rooms: a socket must be in at least one of all that were added. A socket's id is a room.
func (b *Broadcast) To(rooms ...string) *Broadcast {
	c := *b
	c.rooms = append(slices.Clip(b.rooms), rooms...)
	return &c
}

// In is To.
func (b *Broadcast) In(rooms ...string) *Broadcast { return b.To(rooms...) }

// Except leaves out the sockets in the rooms.
func (b *Broadcast) Except(rooms ...string) *Broadcast {
	c := *b
	c.except = append(slices.Clip(b.except), rooms...)
	return &c
}

// Local keeps the broadcast within this process, where all of them are so far.
func (b *Broadcast) Local() *Broadcast { return b }

// Volatile skips sockets that are not ready ([Socket.Writable]).
func (b *Broadcast) Volatile() *Broadcast {
	c := *b
	c.volatile = true
	return &c
}

// Timeout bounds the time that [Broadcast.EmitWithAck] waits; 0 is no bound beside its context's.
func (b *Broadcast) Timeout(d time.Duration) *Broadcast {
	c := *b
	c.timeout = d
	return &c
}

// Emit sends an event, with arguments as in [Socket.Emit]. The error is of the encoding; nothing is
// sent then. Sockets that have closed are skipped.
func (b *Broadcast) Emit(name string, args ...any) error {
	data, attachments, err := encodeEvent(name, args)
	if err != nil {
		return err
	}
	b.Send(&Prepared{data: data, attachments: attachments})
	return nil
}

// EmitRaw sends an event of raw arguments, as [Socket.EmitRaw] does.
func (b *Broadcast) EmitRaw(name string, args []json.RawMessage, attachments [][]byte) error {
	data, err := encodeRaw(&name, args, attachments)
	if err != nil {
		return err
	}
	b.Send(&Prepared{data: data, attachments: attachments})
	return nil
}

// Send sends a prepared event and tells to how many sockets.
func (b *Broadcast) Send(p *Prepared) int {
	list := targetLists.Get().(*[]*Socket)
	targets := b.targets((*list)[:0])
	n := 0
	for _, s := range targets {
		if b.volatile && !s.Writable() {
			continue
		}
		if s.Queue(p) == nil {
			n++
		}
	}
	b.namespace.server.Flush()
	clear(targets)
	*list = targets[:0]
	targetLists.Put(list)
	return n
}

// FetchSockets gives the sockets that the broadcast means now.
func (b *Broadcast) FetchSockets() []*Socket { return b.targets(nil) }

// Join puts the sockets into more rooms.
func (b *Broadcast) Join(rooms ...string) {
	for _, s := range b.FetchSockets() {
		s.Join(rooms...)
	}
}

// Leave takes the sockets out of rooms.
func (b *Broadcast) Leave(rooms ...string) {
	for _, s := range b.FetchSockets() {
		s.Leave(rooms...)
	}
}

// Disconnect disconnects the sockets; with close their connections too. See [Socket.Disconnect].
func (b *Broadcast) Disconnect(close bool) {
	for _, s := range b.FetchSockets() {
		s.Disconnect(close)
	}
}

var targetLists = sync.Pool{New: func() any { return new([]*Socket) }}

// targets appends the sockets meant. They are copied out of the rooms, so that nothing is sent
// under the lock; no set is built.
func (b *Broadcast) targets(dst []*Socket) []*Socket {
	if !b.namespace.family {
		return b.namespace.targets(dst, b)
	}
	for _, child := range b.namespace.server.children(b.namespace) {
		dst = child.targets(dst, b)
	}
	return dst
}

func (ns *Namespace) targets(dst []*Socket, b *Broadcast) []*Socket {
	ns.mu.RLock()
	defer ns.mu.RUnlock()
	if len(b.rooms) == 0 {
		for _, s := range ns.all.members {
			if !ns.inAny(s, b.except) {
				dst = append(dst, s)
			}
		}
		return dst
	}
	for i, name := range b.rooms {
		earlier := b.rooms[:i]
		if s := ns.sockets[name]; s != nil && !ns.inAny(s, b.except) && !ns.inAny(s, earlier) {
			dst = append(dst, s)
		}
		r := ns.rooms[name]
		if r == nil {
			continue
		}
		for _, s := range r.members {
			if s.Connected() && !ns.inAny(s, b.except) && !ns.inAny(s, earlier) {
				dst = append(dst, s)
			}
		}
	}
	return dst
}

// inAny reports whether the socket is in one of the rooms. ns.mu is held.
func (ns *Namespace) inAny(s *Socket, rooms []string) bool {
	for _, name := range rooms {
		if name == s.id {
			return true
		}
		if r := ns.rooms[name]; r != nil {
			if _, in := s.rooms[r]; in {
				return true
			}
		}
	}
	return false
}
