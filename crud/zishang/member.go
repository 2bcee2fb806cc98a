package zishang

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/zishang520/engine.io-go-parser/packet"
	"github.com/zishang520/engine.io/v2/types"
	"github.com/zishang520/socket.io/v2/socket"

	"ackbase/crud"
)

// member is a socket of a bound namespace, as package crud sees it.
type member struct {
	conn      *conn
	socket    *socket.Socket
	namespace string
	session   *crud.Session

	ctx    context.Context
	cancel context.CancelFunc

	// Done when packets may be given to the library, or ctx is: it answers CONNECT
	// before it knows the socket, and closes the connection of a client that is quicker.
	known    context.Context
	setKnown context.CancelFunc
}

func newMember(c *conn, s *socket.Socket) *member {
	m := &member{conn: c, socket: s, namespace: s.Nsp().Name()}
	m.ctx, m.cancel = context.WithCancel(context.Background())
	m.known, m.setKnown = context.WithCancel(m.ctx)
	return m
}

// end closes the session. It may be called more than once.
func (m *member) end() {
	m.cancel()
	m.session.Close()
}

func (m *member) ID() string               { return string(m.socket.Id()) }
func (m *member) Context() context.Context { return m.ctx }
func (m *member) Writable() bool           { return m.conn.writable() }
func (m *member) Close(reason string)      { m.conn.cutOff(reason) }
func (m *member) Wire() crud.Wire          { return wire{m.namespace} }

func (m *member) Send(f crud.Frame) error { return m.write(f.([]byte)) }

var errClosed = errors.New("zishang: the socket has closed")

// write hands the text of a packet to the library, whose own packets it does not
// split. The text is not changed.
func (m *member) write(text []byte) error {
	if !m.socket.Connected() || !m.conn.open() {
		return errClosed
	}
	m.socket.Client().WriteToEngine(
		[]types.BufferInterface{types.NewStringBuffer(text)},
		&socket.WriteOptions{Options: packet.Options{Compress: true}},
	)
	return nil
}

// wire encodes events once for all sockets of a namespace, as the text of their packet.
type wire struct{ namespace string }

func (w wire) Event(name string, payload []byte) crud.Frame {
	text := make([]byte, 0, len(w.namespace)+len(name)+len(payload)+len(`2,["",]`))
	text = appendHead(text, event, w.namespace)
	text = append(text, `["`...)
	text = append(text, name...) // without anything to escape
	text = append(text, `",`...)
	text = append(text, payload...)
	return append(text, ']')
}

// Publish encodes an event whose name a client has given.
func (w wire) Publish(name string, payload []byte) crud.Frame {
	quoted, err := json.Marshal(name)
	if err != nil { // cannot be: any string marshals
		panic(err)
	}
	return w.Event(string(quoted[1:len(quoted)-1]), payload)
}

// reply answers one request of a member.
type reply struct {
	member *member
	id     string
}

// replyTo is nil where the client did not ask for an acknowledgement.
func (m *member) replyTo(h header) crud.Reply {
	if len(h.id) == 0 {
		return nil
	}
	return &reply{m, string(h.id)}
}

func (r *reply) Answer(result, fault, meta []byte) {
	text := make([]byte, 0, len(r.member.namespace)+len(r.id)+len(result)+len(fault)+len(meta)+len(`3,[,,]`))
	text = appendHead(text, ack, r.member.namespace)
	text = append(text, r.id...)
	text = append(text, '[')
	text = append(text, result...)
	text = append(text, ',')
	text = append(text, fault...)
	if meta != nil {
		text = append(text, ',')
		text = append(text, meta...)
	}
	text = append(text, ']')
	// An error means that the socket has closed: there is nobody left to answer.
	_ = r.member.write(text)
}

// appendHead begins the text of a packet to a namespace.
func appendHead(text []byte, kind byte, namespace string) []byte {
	text = append(text, kind)
	if namespace != "/" {
		text = append(text, namespace...)
		text = append(text, ',')
	}
	return text
}
