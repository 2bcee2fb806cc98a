package server

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"ackbase/server/engine"
	"ackbase/server/packet"
)

// ErrClosed is returned for a socket that is not connected: it has closed, or its middleware still runs.
var ErrClosed = errors.New("server: the socket is not connected")

// Socket is one client in one namespace. All methods may be called concurrently.
type Socket struct {
	// What an event touches stands together at the beginning: of many sockets each has left the
	// processor's cache when the next event comes.
	session   *engine.Session // of conn
	namespace *Namespace
	state     atomic.Int32 // changed under mu
	listeners listeners
	pid       string     // empty where it cannot be recovered
	marking   sync.Mutex // held while an event is sent that moves the client's offset
	offset    string     // the one sent last, as JSON; empty for none

	id        string // set while it connects, under namespace.mu
	recovered bool
	recovery  Recovery // nil where it cannot be recovered
	conn      *conn
	auth      json.RawMessage
	issued    time.Time

	// Guarded by namespace.mu.
	rooms    map[*room]int // the own place in each room's members
	last     []string      // their names when it closed, if it can be recovered
	position int           // in namespace.all.members
	admitted bool          // it is there

	mu           sync.Mutex
	draining     bool     // connect still handles what was held
	waiting      []*Event // held while connecting
	goodbye      string   // the reason, where it closed while draining
	parted       bool     // goodbye is set
	acks         map[int64]ackWaiter
	ctx          context.Context
	cancel       context.CancelFunc
	values       []value // few, so that a list takes less than a map
	onDisconnect []func(string)
	onDrain      []func()
}

const (
	stateConnecting = iota
	stateConnected
	stateClosed
)

// ID is the socket's id, 20 characters, public and different for each namespace and connection.
func (s *Socket) ID() string { return s.id }

// Namespace is the namespace that the socket is in.
func (s *Socket) Namespace() *Namespace { return s.namespace }

// Transport is the connection's present transport, "polling" or "websocket".
func (s *Socket) Transport() string { return s.session.Transport() }

// Connected is false while middleware runs and after the socket has closed.
func (s *Socket) Connected() bool { return s.state.Load() == stateConnected }

func (s *Socket) closed() bool { return s.state.Load() == stateClosed }

// Context ends when the socket closes, with the client's leaving too: at once with the
// connection, while [Socket.OnDisconnect] waits for the handler that runs.
func (s *Socket) Context() context.Context {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx == nil {
		s.ctx, s.cancel = context.WithCancel(s.conn.session.Context())
		if s.closed() {
			s.cancel()
		}
	}
	return s.ctx
}

// value is one of the program's own, stored with a socket.
type value struct {
	key   string
	value any
}

// Set stores a value of the program's own with the socket.
func (s *Socket) Set(key string, v any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.values {
		if s.values[i].key == key {
			s.values[i].value = v
			return
		}
	}
	s.values = append(s.values, value{key, v})
}

// Get gives the value stored under key, nil where there is none.
func (s *Socket) Get(key string) any {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.values {
		if s.values[i].key == key {
			return s.values[i].value
		}
	}
	return nil
}

// On adds a handler for an event of this socket. off takes it away. A handler must not block, see
// the package's documentation. A handler for all sockets costs less memory at [Namespace.On].
func (s *Socket) On(name string, handler func(*Event)) (off func()) {
	return s.listeners.add(name, handler)
}

// Once is On for the next event of that name only.
func (s *Socket) Once(name string, handler func(*Event)) (off func()) {
	var once sync.Once
	var remove func()
	ready := make(chan struct{})
	remove = s.listeners.add(name, func(e *Event) {
		<-ready
		once.Do(func() {
			remove()
			handler(e)
		})
	})
	close(ready)
	return remove
}

// OnAny adds a handler for every event that comes in, called before the middleware and the event's
// own handlers.
func (s *Socket) OnAny(handler func(*Event)) (off func()) { return s.listeners.addAny(handler) }

// OnAnyOutgoing adds a handler for every event that is sent to this socket, broadcasts too,
// acknowledgements not. The arguments are raw JSON, valid until it returns; placeholders stand for
// attachments.
func (s *Socket) OnAnyOutgoing(handler func(name string, args []json.RawMessage)) (off func()) {
	return s.listeners.addOutgoing(handler)
}

// Use adds middleware for the socket's events, in front of their handlers, in the order of
// registration. After an error the event is dropped and told to [Socket.OnError]; the client hears
// nothing, unless the middleware acknowledges. It must not block.
func (s *Socket) Use(middleware func(*Event) error) { s.listeners.addUse(middleware) }

// OnError adds a handler for events that middleware has dropped, with its error.
func (s *Socket) OnError(handler func(*Event, error)) { s.listeners.addError(handler) }

// OnDisconnect adds a handler that is called once, when the socket has closed: it has left its
// rooms, its context has ended, nothing can be sent any more. The reasons are those of the official
// server: "client namespace disconnect", "server namespace disconnect", "transport close",
// "transport error", "ping timeout", "parse error", "forced server close", "server shutting down",
// and of this one: "too slow", "stalled". It is called after the event that is being handled has
// returned, except when the program itself calls Disconnect, which calls it at once. Added later,
// it is not called.
func (s *Socket) OnDisconnect(handler func(reason string)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed() {
		s.onDisconnect = append(s.onDisconnect, handler)
	}
}

// OnDrain adds a handler that is called when [Socket.Writable] becomes true again. It runs on a
// goroutine that writes to the client, maybe at the same time as the other handlers, and must not
// block.
func (s *Socket) OnDrain(handler func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.closed() {
		s.onDrain = append(s.onDrain, handler)
	}
}

func (s *Socket) drained() {
	s.mu.Lock()
	handlers := s.onDrain
	s.mu.Unlock()
	for _, handler := range handlers {
		guard(s.conn.server.log, "OnDrain", handler)
	}
}

// Buffered is the number of bytes that wait for the client, over all its namespaces.
func (s *Socket) Buffered() int { return s.session.Buffered() }

// Writable is false while more waits for the client than Options.HighWater, until half of it is left.
func (s *Socket) Writable() bool { return s.session.Writable() }

// Wait calls f, for which a handler has to wait: one must not block, but some have to let those
// requests end first that are under way. What was sent to the client leaves meanwhile, and what is
// sent, which else waits for the handler's return; nothing more is read from the client.
func (s *Socket) Wait(f func()) { s.session.Wait(f) }

// Hold tells that the program holds so many bytes more in memory for this client, less where it is negative,
// and lets go of them when the socket closes: then they count where [Server.LimitMemory] has to choose
// whom to cut off.
func (s *Socket) Hold(bytes int) { s.session.Hold(bytes) }

// To begins a broadcast to the sockets in the rooms, without this one.
func (s *Socket) To(rooms ...string) *Broadcast { return s.Broadcast().To(rooms...) }

// In is To.
func (s *Socket) In(rooms ...string) *Broadcast { return s.Broadcast().To(rooms...) }

// Except begins a broadcast to everybody but the sockets in the rooms and this one.
func (s *Socket) Except(rooms ...string) *Broadcast { return s.Broadcast().Except(rooms...) }

// Broadcast begins a broadcast to everybody in the namespace but this socket.
func (s *Socket) Broadcast() *Broadcast { return s.namespace.Except(s.id) }

// Disconnect takes the socket out of its namespace and tells the client by a DISCONNECT packet; a
// stock client does not come back by itself after that. With close, all sockets of the connection
// go, and then the connection.
func (s *Socket) Disconnect(close bool) {
	if !close {
		s.leave()
		return
	}
	for _, other := range s.conn.list() {
		other.leave()
	}
	s.session.Close(reasonServerClose)
}

func (s *Socket) leave() {
	if s.Connected() {
		_ = s.session.SendText(packet.AppendHead(nil, packet.Disconnect, 0, s.namespace.name, packet.NoID))
	}
	s.close("server namespace disconnect")
}

// Cut closes the connection without a DISCONNECT packet, so that a stock client connects again. The
// reason is for the log and the handlers.
func (s *Socket) Cut(reason string) { s.session.Close(reason) }

// close takes everything of the socket away, once; false where that has happened already.
func (s *Socket) close(reason string) bool {
	s.mu.Lock()
	was := s.state.Swap(stateClosed)
	if was == stateClosed {
		s.mu.Unlock()
		return false
	}
	acks, waiting := s.acks, s.waiting
	s.acks, s.waiting, s.onDrain = nil, nil, nil
	if s.cancel != nil {
		s.cancel()
	}
	handlers := s.onDisconnect
	if was == stateConnecting {
		handlers = nil // it never was there
	}
	if s.draining {
		s.goodbye, s.parted = reason, true
		handlers = nil
	} else {
		s.onDisconnect = nil
	}
	s.mu.Unlock()

	for _, e := range waiting {
		s.conn.unkeep(e.size)
	}
	s.namespace.dismiss(s)
	s.conn.remove(s)
	s.conn.server.release(s.namespace)
	for _, w := range acks {
		w.answered(s, nil)
	}
	s.runDisconnect(handlers, reason)
	return true
}

func (s *Socket) runDisconnect(handlers []func(string), reason string) {
	for _, handler := range handlers {
		guard(s.conn.server.log, "OnDisconnect", func() { handler(reason) })
	}
}

// held keeps a packet for later where the socket is still being connected.
func (s *Socket) held(e *Event, size int) bool {
	s.mu.Lock()
	if s.state.Load() != stateConnecting && !s.draining {
		s.mu.Unlock()
		return false
	}
	if s.state.Load() == stateClosed {
		s.mu.Unlock()
		e.recycle()
		return true
	}
	for _, a := range e.Attachments {
		size += len(a)
	}
	size += 256 // what an event takes beside its bytes
	if !s.conn.keep(size) {
		s.mu.Unlock()
		s.conn.server.log.Debug("a client sent too much while its middleware ran", "namespace", s.namespace.name)
		s.conn.broken = true
		s.session.Close(reasonServerClose)
		return true
	}
	kept := e.Clone()
	kept.root, kept.size, kept.held = nil, size, true
	s.waiting = append(s.waiting, kept)
	s.mu.Unlock()
	return true
}

// drainHeld handles what came while the socket was being connected, in order, and then lets the
// reader handle the rest.
func (s *Socket) drainHeld() {
	for {
		s.mu.Lock()
		if len(s.waiting) == 0 {
			s.draining, s.waiting = false, nil
			parted, reason, handlers := s.parted, s.goodbye, s.onDisconnect
			if parted {
				s.onDisconnect = nil
			}
			s.mu.Unlock()
			if parted {
				s.runDisconnect(handlers, reason)
			}
			return
		}
		e := s.waiting[0]
		s.waiting = s.waiting[1:]
		s.mu.Unlock()
		s.conn.unkeep(e.size)
		s.handle(e)
	}
}

// handle runs one packet.
func (s *Socket) handle(e *Event) {
	switch e.kind {
	case packet.Disconnect:
		s.close("client namespace disconnect")
	case packet.Ack:
		s.onAck(e)
	default:
		s.onEvent(e)
		callAll(e.after)
	}
	e.recycle()
}

func (s *Socket) send(msgs []*engine.Message) error {
	if !s.Connected() {
		return ErrClosed
	}
	return s.session.Send(msgs...)
}
