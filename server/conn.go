package server

import (
	"encoding/json"
	"errors"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"ackbase/server/engine"
	"ackbase/server/packet"
)

// conn is one client's connection: an Engine.IO session and the sockets on it. It is the session's
// engine.Handler.
type conn struct {
	server  *Server
	session *engine.Session

	// Of the goroutine that reads: a binary packet whose attachments are still to come.
	partial    *partial
	broken     bool     // the client broke the protocol; nothing more is handled
	afterBatch []func() // of Event.AfterBatch

	mu           sync.Mutex
	connectTimer *time.Timer        // nil once stopped
	main         *Socket            // of "/", connected or on its way
	others       map[string]*Socket // the same of other namespaces; nil while there are none
	joined       bool               // a socket has connected at least once
	closed       bool
	kept         int // bytes that count against Options.MaxWaiting
}

// partial is a binary packet that waits for attachments.
type partial struct {
	kind        packet.Type
	namespace   string
	id          int64
	data        []byte
	attachments [][]byte
	missing     int
	size        int // bytes of the attachments so far
}

var (
	errInterrupted = errors.New("a text packet came while attachments of the one before were missing")
	errStray       = errors.New("an attachment came without a packet that it belongs to")
	errTooBinary   = errors.New("the attachments of a packet have more bytes than MaxBinary")
	errConnectData = errors.New("the data of CONNECT must be an object")
	errExtraData   = errors.New("a DISCONNECT packet has no data")
)

// reasonServerClose is what handlers hear when the server closes a connection by itself, in the
// official server's words.
const reasonServerClose = "forced server close"

// Message takes one message of the client apart and handles it.
func (c *conn) Message(_ *engine.Session, data []byte, binary bool) {
	if c.broken {
		return
	}
	if binary {
		c.attachment(data)
		return
	}
	if c.partial != nil {
		c.unparseable(errInterrupted)
		return
	}
	p, err := packet.Parse(data, c.server.options.MaxAttachments)
	if err != nil {
		c.unparseable(err)
		return
	}
	switch p.Type {
	case packet.Connect:
		c.connectPacket(p)
	case packet.Disconnect:
		if p.Data != nil {
			c.unparseable(errExtraData)
			return
		}
		c.dispatch(p.Type, p.Namespace, packet.NoID, nil, nil)
	case packet.ConnectError:
		c.invalidState()
	case packet.Event, packet.Ack:
		c.dispatch(p.Type, p.Namespace, p.ID, p.Data, nil)
	default:
		if c.socket(p.Namespace) == nil {
			c.invalidState()
			return
		}
		c.partial = &partial{
			kind:        p.Type,
			namespace:   string(p.Namespace),
			id:          p.ID,
			data:        append([]byte(nil), p.Data...),
			attachments: make([][]byte, 0, p.Attachments),
			missing:     p.Attachments,
		}
	}
}

// attachment adds to the binary packet that waits and handles it when it is whole.
func (c *conn) attachment(data []byte) {
	p := c.partial
	if p == nil {
		c.unparseable(errStray)
		return
	}
	if p.size += len(data); p.size > c.server.options.MaxBinary {
		c.unparseable(errTooBinary)
		return
	}
	p.attachments = append(p.attachments, append([]byte{}, data...))
	c.session.Keep(p.size)
	if p.missing--; p.missing > 0 {
		return
	}
	c.partial = nil
	c.session.Keep(0)
	kind := packet.Event
	if p.kind == packet.BinaryAck {
		kind = packet.Ack
	}
	c.dispatch(kind, []byte(p.namespace), p.id, p.data, p.attachments)
}

// dispatch hands an EVENT, ACK or DISCONNECT to its socket. What is unparseable is so whether there
// is a socket or not.
func (c *conn) dispatch(kind packet.Type, namespace []byte, id int64, data []byte, attachments [][]byte) {
	e := newEvent()
	if data != nil {
		if err := e.parse(kind, data, attachments); err != nil {
			e.recycle()
			c.unparseable(err)
			return
		}
	}
	s := c.socket(namespace)
	if s == nil {
		e.recycle()
		c.invalidState()
		return
	}
	e.socket, e.id, e.kind, e.empty = s, id, kind, data == nil
	if !s.held(e, len(data)) {
		s.handle(e)
	}
}

// unparseable closes the session, as the official server does for what its decoder does not take.
func (c *conn) unparseable(err error) {
	c.broken, c.partial = true, nil
	c.server.log.Debug("a client sent what is no packet", "session", c.session.ID()[:6], "err", err)
	c.session.Close(engine.ReasonParseError)
}

// invalidState closes the session for a packet that has no place here: a second CONNECT, or a
// packet to a namespace that the client is not in.
func (c *conn) invalidState() {
	c.broken, c.partial = true, nil
	c.session.Close(reasonServerClose)
}

// BatchEnd calls what events have asked for. What was sent meanwhile goes out then, with one write
// of the engine.
func (c *conn) BatchEnd(*engine.Session) { c.afterBatch = callAll(c.afterBatch) }

// callAll calls the functions and gives the empty list back.
func callAll(list []func()) []func() {
	for _, f := range list {
		f()
	}
	clear(list)
	return list[:0]
}

// Drained tells the sockets that there is room again.
func (c *conn) Drained(*engine.Session) {
	for _, s := range c.list() {
		s.drained()
	}
}

// Closed takes everything of the connection away.
func (c *conn) Closed(_ *engine.Session, reason string) {
	c.mu.Lock()
	c.closed = true
	c.stopConnectTimer()
	c.mu.Unlock()
	c.partial = nil
	for _, s := range c.list() {
		s.close(reason)
	}
}

// stopConnectTimer stops the timer and lets go of its memory. c.mu is held.
func (c *conn) stopConnectTimer() {
	if c.connectTimer != nil {
		c.connectTimer.Stop()
		c.connectTimer = nil
	}
}

// connectTimedOut closes a connection that has not joined a namespace in time.
func (c *conn) connectTimedOut() {
	c.mu.Lock()
	idle := !c.joined && !c.closed
	c.mu.Unlock()
	if idle {
		c.session.Close(reasonServerClose)
	}
}

// socket gives the socket for a namespace, connected or on its way, or nil.
func (c *conn) socket(namespace []byte) *Socket {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(namespace) == 1 {
		return c.main
	}
	return c.others[string(namespace)]
}

func (c *conn) list() []*Socket {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]*Socket, 0, len(c.others)+1)
	if c.main != nil {
		list = append(list, c.main)
	}
	for _, s := range c.others {
		list = append(list, s)
	}
	return list
}

// add gives the socket its place on the connection.
func (c *conn) add(s *Socket) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	if s.namespace.name == "/" {
		c.main = s
		return true
	}
	if c.others == nil {
		c.others = make(map[string]*Socket)
	}
	c.others[s.namespace.name] = s
	return true
}

func (c *conn) remove(s *Socket) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept -= len(s.auth)
	if c.main == s {
		c.main = nil
	} else if c.others[s.namespace.name] == s {
		delete(c.others, s.namespace.name)
	}
}

// keep counts bytes that the client makes the server keep; false where it would be too many.
func (c *conn) keep(n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.kept+n > c.server.options.MaxWaiting {
		return false
	}
	c.kept += n
	return true
}

func (c *conn) unkeep(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept -= n
}

// guard runs a function of the program and keeps its panic from harming anybody else.
func guard(log *slog.Logger, what string, f func()) {
	defer func() {
		if p := recover(); p != nil {
			log.Error("a Socket.IO handler panicked", "in", what, "panic", p, "stack", string(debug.Stack()))
		}
	}()
	f()
}

var emptyObject = json.RawMessage("{}")
