package server

import (
	"encoding/json"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"

	"ackbase/server/engine"
	"ackbase/server/packet"
)

// Emit sends an event to this socket. Each argument is encoded with encoding/json, a
// json.RawMessage as it is; a []byte or [Binary] becomes a binary attachment. It returns an error
// for what cannot be encoded and for a reserved name; ErrClosed, or the engine's error, where the
// socket or its connection has closed. It does not wait for the client.
func (s *Socket) Emit(name string, args ...any) error {
	data, attachments, err := encodeEvent(name, args)
	if err != nil {
		return err
	}
	return s.emit(data, attachments, packet.NoID)
}

// EmitVolatile is Emit, but sends nothing while the client is not ready ([Socket.Writable]), and
// tells whether it has sent.
func (s *Socket) EmitVolatile(name string, args ...any) (sent bool, err error) {
	if !s.Writable() {
		return false, nil
	}
	err = s.Emit(name, args...)
	return err == nil, err
}

// EmitRaw sends an event whose arguments are JSON already, with attachments, which may be nil; in
// the arguments, placeholders stand for them as in [Event.Attachments]. So an event can be passed
// on as it came.
func (s *Socket) EmitRaw(name string, args []json.RawMessage, attachments [][]byte) error {
	data, err := encodeRaw(&name, args, attachments)
	if err != nil {
		return err
	}
	return s.emit(data, attachments, packet.NoID)
}

func (s *Socket) emit(data []byte, attachments [][]byte, id int64) error {
	if !s.Connected() {
		return ErrClosed
	}
	s.tellOutgoing(data)
	if id == packet.NoID && s.pid != "" && endsInText(data) {
		s.marking.Lock()
		defer s.marking.Unlock()
		data = withOffset(data, s.sentOffset())
	}
	if len(attachments) > 0 {
		return s.send(messages(packet.Event, s.namespace.name, id, data, attachments))
	}
	buf := buffers.Get().(*[]byte)
	b := append(packet.AppendHead((*buf)[:0], packet.Event, 0, s.namespace.name, id), data...)
	err := s.session.SendText(b)
	putBuffer(buf, b)
	return err
}

// tellOutgoing calls the handlers of OnAnyOutgoing.
func (s *Socket) tellOutgoing(data []byte) {
	handlers := s.listeners.load().outgoing
	if len(handlers) == 0 {
		return
	}
	all, err := packet.Args(nil, data)
	if err != nil || len(all) == 0 {
		return
	}
	name := packet.Name(all[0])
	for _, handler := range handlers {
		guard(s.conn.server.log, "OnAnyOutgoing", func() { (*handler)(name, all[1:]) })
	}
}

// recoverEvent logs the panic of an event's handler. It is deferred.
func (s *Socket) recoverEvent(e *Event) {
	if p := recover(); p != nil {
		s.conn.server.log.Error("a Socket.IO handler panicked", "event", e.Name,
			"namespace", s.namespace.name, "panic", p, "stack", string(debug.Stack()))
	}
}

// Prepared is an event that is encoded once and can be sent to any number of sockets, of any
// namespace. It is immutable for its users; all methods may be called concurrently.
type Prepared struct {
	data        []byte
	attachments [][]byte
	offset      string // the last argument as JSON, of one that PrepareAt has made

	latest   atomic.Pointer[preparedForm] // the one asked for last
	latestAt atomic.Pointer[preparedForm] // the same of those to which an offset was appended

	mu    sync.Mutex
	forms []*preparedForm // one for each namespace; nearly always one
}

type preparedForm struct {
	namespace string
	messages  []*engine.Message
	offset    string // appended, of latestAt
}

// Prepare encodes an event with raw JSON arguments, whose syntax is checked. They are free again
// when it returns.
func Prepare(name string, args ...json.RawMessage) (*Prepared, error) {
	data, err := encodeRaw(&name, args, nil)
	if err != nil {
		return nil, err
	}
	return &Prepared{data: data}, nil
}

// Size is the number of bytes of the event's name and arguments.
func (p *Prepared) Size() int { return len(p.data) }

func (p *Prepared) form(namespace string) []*engine.Message {
	if f := p.latest.Load(); f != nil && f.namespace == namespace {
		return f.messages
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	at := slices.IndexFunc(p.forms, func(f *preparedForm) bool { return f.namespace == namespace })
	if at < 0 {
		at = len(p.forms)
		p.forms = append(p.forms, &preparedForm{namespace: namespace, messages: messages(packet.Event, namespace, packet.NoID, p.data, p.attachments)})
	}
	p.latest.Store(p.forms[at])
	return p.forms[at].messages
}

// formAt is form with an offset appended. Sockets that are all where the newest change is have the
// same one.
func (p *Prepared) formAt(namespace, offset string) []*engine.Message {
	f := p.latestAt.Load()
	if f == nil || f.namespace != namespace || f.offset != offset {
		data := withOffset(p.data, offset)
		f = &preparedForm{namespace: namespace, messages: messages(packet.Event, namespace, packet.NoID, data, p.attachments), offset: offset}
		p.latestAt.Store(f)
	}
	return f.messages
}

// Send sends a prepared event to this socket. The same bytes go to every socket of a namespace.
func (s *Socket) Send(p *Prepared) error {
	if !s.Connected() {
		return ErrClosed
	}
	s.tellOutgoing(p.data)
	return s.put(p, s.session.Send)
}

// Queue is Send for an event that goes to many sockets one by one. It leaves after
// the next call of [Server.Flush], or with what else is sent to the client before.
func (s *Socket) Queue(p *Prepared) error {
	if !s.Connected() {
		return ErrClosed
	}
	s.tellOutgoing(p.data)
	return s.put(p, s.session.Queue)
}

// Flush lets go what [Socket.Queue] has queued, and does not wait for it. Where much is
// queued often, several events leave for a client with one write, up to some 10 ms later.
func (s *Server) Flush() { s.engine.Flush() }
