package server

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"ackbase/server/packet"
)

// ErrAcked is returned for a second acknowledgement of one event.
var ErrAcked = errors.New("server: the event has been acknowledged already")

// Event is one event from a client.
type Event struct {
	// Name is the event's name. A name that is a number is its text.
	Name string
	// Args are the arguments after the name as raw JSON, checked for its syntax only. They are
	// valid until the handler returns, see [Event.Clone]. Where the client sent binary,
	// {"_placeholder":true,"num":n} stands for Attachments[n].
	Args []json.RawMessage
	// Attachments are the binary attachments, nil where there are none. They may be kept and must
	// not be changed.
	Attachments [][]byte

	socket *Socket
	kind   packet.Type // Event, or Ack and Disconnect while they wait for their turn
	id     int64
	empty  bool              // it came without any data
	all    []json.RawMessage // the name and the arguments; its memory is used again
	size   int               // bytes that count as kept, of an event that was held
	held   bool              // it came before the socket was connected, and is handled by itself
	after  []func()          // of AfterBatch, where it was held
	ack    atomic.Int32
	root   *Event // of a clone: whose acknowledgement it is
	cloned bool
}

const (
	ackOpen = iota
	ackUnderWay
	ackDone
)

var events = sync.Pool{New: func() any { return new(Event) }}

func newEvent() *Event { return events.Get().(*Event) }

// recycle gives the event back for another, unless somebody may still hold it to acknowledge it later.
func (e *Event) recycle() {
	if e.root != nil || e.cloned || e.kind == packet.Event && e.socket != nil && e.ack.Load() != ackDone {
		// Who acknowledges later must not keep the reader's buffer, megabytes maybe, for that long.
		e.Args, e.all = nil, nil
		return
	}
	all := e.all[:cap(e.all)]
	clear(all)
	if len(all) > 64 {
		all = nil
	}
	e.Name, e.Args, e.Attachments, e.socket, e.kind, e.id, e.empty, e.size = "", nil, nil, nil, 0, 0, false, 0
	e.held, e.after = false, nil
	e.all = all[:0]
	e.ack.Store(ackOpen)
	events.Put(e)
}

// parse reads the data of an event or an acknowledgement.
func (e *Event) parse(kind packet.Type, data []byte, attachments [][]byte) (err error) {
	if e.all, err = packet.Args(e.all[:0], data); err != nil {
		return err
	}
	e.Args = e.all
	if kind == packet.Event {
		if len(e.all) == 0 {
			return packet.ErrName
		}
		if err := packet.CheckName(e.all[0]); err != nil {
			return err
		}
		e.Args = e.all[1:]
	}
	if attachments == nil {
		return nil
	}
	for _, arg := range e.Args {
		if err := packet.CheckPlaceholders(arg, len(attachments)); err != nil {
			return err
		}
	}
	e.Attachments = attachments
	return nil
}

// Socket is the socket that sent the event.
func (e *Event) Socket() *Socket { return e.socket }

// NeedsAck reports whether the client waits for an acknowledgement.
func (e *Event) NeedsAck() bool { return e.id != packet.NoID }

// Clone gives a copy whose arguments stay valid after the handler has returned. Acknowledging
// either acknowledges both.
func (e *Event) Clone() *Event {
	root := e
	if e.root != nil {
		root = e.root
	}
	root.cloned = true
	c := &Event{
		Name: e.Name, Attachments: e.Attachments,
		socket: e.socket, kind: e.kind, id: e.id, empty: e.empty, root: root,
	}
	size := 0
	for _, raw := range e.all {
		size += len(raw)
	}
	memory := make([]byte, 0, size)
	c.all = make([]json.RawMessage, len(e.all))
	for i, raw := range e.all {
		start := len(memory)
		memory = append(memory, raw...)
		c.all[i] = json.RawMessage(memory[start:len(memory):len(memory)])
	}
	c.Args = c.all[len(e.all)-len(e.Args):]
	return c
}

// Decode decodes argument number i, from 0, with encoding/json. Binary attachments in it decode
// into []byte. An argument that is not there is an error; null leaves v unchanged where
// encoding/json does.
func (e *Event) Decode(i int, v any) error { return decode(e.Args, e.Attachments, i, v) }

func decode(args []json.RawMessage, attachments [][]byte, i int, v any) error {
	if i < 0 || i >= len(args) {
		return fmt.Errorf("server: there is no argument %d: %d came", i, len(args))
	}
	raw := []byte(args[i])
	if len(attachments) > 0 {
		var err error
		if raw, err = packet.ReplacePlaceholders(nil, raw, len(attachments), func(dst []byte, num int) []byte {
			dst = append(dst, '"')
			dst = base64.StdEncoding.AppendEncode(dst, attachments[num])
			return append(dst, '"')
		}); err != nil {
			return err
		}
	}
	return json.Unmarshal(raw, v)
}

// AfterBatch has f called on the goroutine of the handlers when the events that came together with
// this one, for whatever sockets of the connection, have been handled: all of them had been received
// before the first was. It is for handlers, before they return.
func (e *Event) AfterBatch(f func()) {
	if e.held {
		e.after = append(e.after, f)
		return
	}
	c := e.socket.conn
	c.afterBatch = append(c.afterBatch, f)
}

// claim makes the acknowledgement this call's own. done must follow where it is true.
func (e *Event) claim() (*Event, bool, error) {
	if e.root != nil {
		e = e.root
	}
	if !e.ack.CompareAndSwap(ackOpen, ackUnderWay) {
		return e, false, ErrAcked
	}
	return e, e.id != packet.NoID, nil
}

// Ack acknowledges the event: the client's callback gets the arguments, which are encoded as those
// of [Socket.Emit]. It may be called once, from any goroutine, also after the handler has returned.
// Where the client asked for no acknowledgement, nothing is sent and it returns nil. A second call
// is ErrAcked, a socket that has closed ErrClosed.
func (e *Event) Ack(args ...any) error {
	data, attachments, err := encodeArgs(args)
	if err != nil {
		return err
	}
	return e.AckData(data, attachments)
}

// AckRaw is Ack with arguments that are JSON already. They are not checked and must be valid. On a
// WebSocket it allocates nothing. The arguments are free again when it returns.
func (e *Event) AckRaw(args ...[]byte) error {
	e, needed, err := e.claim()
	if err != nil {
		return err
	}
	defer e.ack.Store(ackDone)
	if !needed {
		return nil
	}
	s := e.socket
	if !s.Connected() {
		return ErrClosed
	}
	buf := buffers.Get().(*[]byte)
	b := append(packet.AppendHead((*buf)[:0], packet.Ack, 0, s.namespace.name, e.id), '[')
	if totalSize(args) > maxCopied {
		err = s.session.SendText(partsOf(b, args)...)
	} else {
		for i, arg := range args {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(b, arg...)
		}
		b = append(b, ']')
		err = s.session.SendText(b)
	}
	putBuffer(buf, b)
	return err
}

// maxCopied is how large the arguments may be that are put together before they are sent: up to here that
// costs less than to send them in parts.
const maxCopied = 4 << 10

func totalSize(parts [][]byte) (n int) {
	for _, p := range parts {
		n += len(p)
	}
	return n
}

var comma, bracket = []byte{','}, []byte{']'}

// partsOf gives the parts of an array whose beginning, the bracket included, is in head.
func partsOf(head []byte, args [][]byte) [][]byte {
	parts := append(make([][]byte, 0, 2*len(args)+1), head)
	for i, arg := range args {
		if i > 0 {
			parts = append(parts, comma)
		}
		parts = append(parts, arg)
	}
	return append(parts, bracket)
}

// AckBinary is Ack with raw arguments and attachments, whose placeholders stand in the arguments,
// as in [Event.Attachments].
func (e *Event) AckBinary(args []json.RawMessage, attachments [][]byte) error {
	data, err := encodeRaw(nil, args, attachments)
	if err != nil {
		return err
	}
	return e.AckData(data, attachments)
}

// AckData is Ack with the whole array of the arguments as JSON, unchecked, and with attachments,
// which may be nil.
func (e *Event) AckData(data []byte, attachments [][]byte) error {
	e, needed, err := e.claim()
	if err != nil {
		return err
	}
	defer e.ack.Store(ackDone)
	if !needed {
		return nil
	}
	return e.socket.send(messages(packet.Ack, e.socket.namespace.name, e.id, data, attachments))
}

// onEvent runs the handlers of an event.
func (s *Socket) onEvent(e *Event) {
	if e.empty {
		return // the official server takes an event without data, and nobody hears of it
	}
	sets := [3]*listenerSet{&noListeners, s.namespace.listeners.load(), s.listeners.load()}
	if s.namespace.parent != nil {
		sets[0] = s.namespace.parent.listeners.load()
	}
	var named [3]*namedListeners
	for i, set := range sets {
		if named[i] = set.find(e.all[0]); named[i] != nil {
			e.Name = named[i].name
		}
	}
	if e.Name == "" {
		e.Name = packet.Name(e.all[0])
	}
	s.runHandlers(e, &sets, &named)
}

// runHandlers is the part of onEvent that a panic may leave.
func (s *Socket) runHandlers(e *Event, sets *[3]*listenerSet, named *[3]*namedListeners) {
	defer s.recoverEvent(e)
	for _, set := range sets {
		for _, handler := range set.any {
			(*handler)(e)
		}
	}
	for _, use := range sets[2].uses {
		if err := (*use)(e); err != nil {
			for _, handler := range s.listeners.load().errors {
				(*handler)(e, err)
			}
			return
		}
	}
	for _, l := range named {
		if l == nil {
			continue
		}
		for _, handler := range l.handlers {
			if !s.Connected() {
				return
			}
			(*handler)(e)
		}
	}
}

// find gives the handlers for an event by its raw name.
func (set *listenerSet) find(raw []byte) *namedListeners {
	if len(set.named) == 0 {
		return nil
	}
	if plain, ok := packet.PlainName(raw); ok {
		return set.named[string(plain)]
	}
	return set.named[packet.Name(raw)]
}
