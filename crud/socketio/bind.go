package socketio

import (
	"context"
	"encoding/json"

	"ackbase/crud"
	"ackbase/server"
)

// sessionKey is where a socket keeps its session.
const sessionKey = "ackbase/crud"

// Bind answers the verbs for all sockets of a namespace, or of a family of
// namespaces. Call it once for each, before clients connect.
func Bind(ns *server.Namespace, verbs *crud.Service) {
	if verbs.Recovers() {
		ns.Recover(recovery{verbs})
	}
	ns.OnConnect(func(s *server.Socket) {
		var session *crud.Session
		back, recovered := s.Get(sessionKey).(*recoveredSession)
		if recovered {
			session = back.session
		} else {
			session = verbs.OpenRecoverable(conn{s}, identity(s))
		}
		s.Set(sessionKey, session)
		s.OnDrain(session.Drained)
		s.OnDisconnect(func(reason string) {
			if left(reason) {
				session.Leave()
			} else {
				session.Close()
			}
		})
		if recovered {
			back.stop() // from here on OnDisconnect does that
		}
		if !s.Connected() { // it closed before OnDisconnect could be told
			session.Close()
		}
		if recovered {
			session.Moved()
			session.Start()
		}
	})
	for _, verb := range crud.Verbs() {
		ns.On(verb, func(e *server.Event) {
			session := SessionOf(e.Socket())
			if session == nil {
				return // the namespace's handlers for new sockets did not run: it has closed
			}
			if end := session.Batch(); end != nil {
				e.AfterBatch(end)
			}
			session.Do(verb, e.Args, len(e.Attachments) > 0, replyTo(e))
		})
	}
}

// SessionOf is the session of a socket in a namespace that is bound; nil where there is none.
func SessionOf(s *server.Socket) *crud.Session {
	session, _ := s.Get(sessionKey).(*crud.Session)
	return session
}

// conn is a socket as package crud sees it.
type conn struct{ socket *server.Socket }

func (c conn) ID() string               { return c.socket.ID() }
func (c conn) Context() context.Context { return c.socket.Context() }
func (c conn) Writable() bool           { return c.socket.Writable() }
func (c conn) Close(reason string)      { c.socket.Cut(reason) }
func (c conn) Wait(f func())            { c.socket.Wait(f) }
func (c conn) Hold(bytes int)           { c.socket.Hold(bytes) }
func (c conn) Rooms() []string          { return c.socket.LastRooms() }

func (c conn) Wire() crud.Wire {
	w := wire{c.socket.Namespace().Server()}
	if c.socket.PID() == "" {
		return w
	}
	return offsetWire{w}
}

func (c conn) Send(f crud.Frame) error { return c.socket.Queue(f.(*server.Prepared)) }

// wire encodes events for Socket.IO: once for all sockets of a namespace.
type wire struct{ server *server.Server }

func (w wire) Flush() { w.server.Flush() }

func (wire) Event(name string, payload []byte) crud.Frame {
	p, err := server.Prepare(name, json.RawMessage(payload))
	if err != nil { // cannot be: crud's events have names of their own and valid JSON
		panic(err)
	}
	return p
}

// Publish encodes an event whose name and payload a client has given, and crud has checked.
func (w wire) Publish(name string, payload []byte) crud.Frame { return w.Event(name, payload) }

// offsetWire is wire for clients that can be recovered.
type offsetWire struct{ wire }

func (offsetWire) EventAt(name string, payload []byte, offset string) crud.Frame {
	p, err := server.PrepareAt(offset, name, json.RawMessage(payload))
	if err != nil { // cannot be, see Event
		panic(err)
	}
	return p
}

// reply is an event that is to be acknowledged: three values on success, two on failure.
type reply server.Event

// replyTo is nil where the client did not ask for an acknowledgement.
func replyTo(e *server.Event) crud.Reply {
	if !e.NeedsAck() {
		return nil
	}
	return (*reply)(e)
}

func (r *reply) Answer(result, fault, meta []byte) {
	// An error means that the socket has closed: there is nobody left to answer.
	if meta == nil {
		_ = (*server.Event)(r).AckRaw(result, fault)
		return
	}
	_ = (*server.Event)(r).AckRaw(result, fault, meta)
}
