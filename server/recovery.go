package server

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"time"

	"ackbase/server/engine"
)

// Recovery gives the sockets of a namespace back what they had before their connection was lost:
// what stock clients (socket.io-client 4.6 and later) know as connection state recovery. Its methods
// may be called concurrently.
//
// A client keeps two texts: the pid, which the answer to CONNECT tells it, and one offset, the last
// argument of whatever event came last that ended in a text. It sends both when it connects again.
// So every event that ends in a text must end in an offset: the events of [PrepareAt] carry one of
// their own, and to all others that end in a text, the name of an event without arguments among
// them, the server appends the one that was sent to that socket last.
type Recovery interface {
	// Find tells, for a socket whose client names a pid, what that of the pid had, if this one can go on
	// there. It is asked before the middleware, where there is any, and changes nothing: whom the
	// middleware refuses ends nobody's connection. The offset is nil where the client has none, or was
	// sent none that counts. It may block; s.Context ends when the client goes away. A socket that is not
	// found begins anew, with another pid.
	Find(s *Socket, pid string, offset *string) (e Earlier, found bool)

	// Recover is asked when the middleware has let the socket in, and says whether it goes on where that
	// of the pid ended, which it sees to first where it seems open. It may block. Where the answer is
	// another than Find's, the connection is closed, so that the client comes again: nobody has
	// then seen a socket that was recovered and is not.
	Recover(s *Socket, pid string, offset *string) (e Earlier, recovered bool)

	// Moved is called when a socket has joined rooms, or left some, except those of an Earlier. It must not block.
	Moved(s *Socket)
}

// Earlier is what a socket had before its connection was lost, and has again: its id, which no
// socket may have that is still open, and its rooms.
type Earlier struct {
	ID    string
	Rooms []string
}

// Recover has the sockets of the namespace, or of the family's namespaces, recovered by r. Call it
// before clients connect.
func (ns *Namespace) Recover(r Recovery) {
	ns.hooks.Lock()
	defer ns.hooks.Unlock()
	ns.recovery = r
}

// recoverer gives the namespace's Recovery or the family's; nil for none.
func (ns *Namespace) recoverer() Recovery {
	ns.hooks.Lock()
	r := ns.recovery
	ns.hooks.Unlock()
	if r == nil && ns.parent != nil {
		return ns.parent.recoverer()
	}
	return r
}

// PID is the secret by which the client can recover this socket; empty where the namespace has no
// [Recovery], or the client speaks protocol 3.
func (s *Socket) PID() string { return s.pid }

// Recovered tells whether the socket goes on where an earlier one of the same client ended.
func (s *Socket) Recovered() bool { return s.recovered }

// maxPID is the length of the longest pid that is looked for.
const maxPID = 64

// newPID gives a text with 128 bits that cannot be guessed. Those that are made later sort behind.
func newPID() string {
	var raw [6 + 16]byte
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(time.Now().UnixMilli()))
	copy(raw[:], ms[2:])
	_, _ = rand.Read(raw[6:]) // never fails, says crypto/rand
	return pidEncoding.EncodeToString(raw[:])
}

var pidEncoding = base32.HexEncoding.WithPadding(base32.NoPadding)

// noOffset is appended before the first offset was sent: JSON of a text that is none.
const noOffset = `"-"`

// names is what the auth of a CONNECT says of an earlier socket.
func (s *Socket) names() (pid string, offset *string, named bool) {
	var auth struct {
		PID    any `json:"pid"`
		Offset any `json:"offset"`
	}
	if json.Unmarshal(s.auth, &auth) != nil {
		return "", nil, false
	}
	pid, _ = auth.PID.(string)
	if pid == "" || len(pid) > maxPID {
		return "", nil, false
	}
	switch v := auth.Offset.(type) {
	case nil:
		return pid, nil, true
	case string:
		if quote(v) == noOffset {
			return pid, nil, true
		}
		return pid, &v, true
	}
	return "", nil, false // an offset that this server never gave
}

// comeback is a socket's return to what the client had.
type comeback struct {
	socket *Socket
	pid    string
	offset *string
	found  *Earlier // what it had; nil as long as nothing is found
}

// find gives the socket what the client had, as far as is known before the middleware has let it in.
func (b *comeback) find() { b.goOn("Find", b.socket.recovery.Find) }

// recover recovers the socket; false where it was found and is not recovered.
func (b *comeback) recover() bool {
	s, found := b.socket, b.found
	if found == nil {
		b.goOn("Recover", s.recovery.Recover)
		return true
	}
	e := b.ask("Recover", s.recovery.Recover)
	if e == nil || e.ID != found.ID {
		return false
	}
	// The one before may have been open, and gone on, while the middleware ran.
	s.move(lessRooms(e.Rooms, found.Rooms), lessRooms(found.Rooms, e.Rooms))
	return true
}

// goOn asks for what the client had, and gives it to the socket.
func (b *comeback) goOn(what string, ask func(*Socket, string, *string) (Earlier, bool)) {
	s := b.socket
	fresh := s.pid
	s.pid = b.pid
	if b.found = b.ask(what, ask); b.found == nil {
		s.pid = fresh
		return
	}
	s.recovered = true
	if b.offset != nil {
		s.offset = quote(*b.offset)
	}
	s.namespace.mu.Lock() // under which a socket that closes looks at its id
	s.id = b.found.ID
	s.namespace.mu.Unlock()
	s.move(b.found.Rooms, nil)
}

func (b *comeback) ask(what string, ask func(*Socket, string, *string) (Earlier, bool)) (e *Earlier) {
	guard(b.socket.conn.server.log, what+" of "+b.socket.namespace.name, func() {
		if had, ok := ask(b.socket, b.pid, b.offset); ok {
			e = &had
		}
	})
	return e
}

// lessRooms gives those of a list that are not in another.
func lessRooms(list, other []string) (names []string) {
	in := make(map[string]bool, len(other))
	for _, name := range other {
		in[name] = true
	}
	for _, name := range list {
		if !in[name] {
			names = append(names, name)
		}
	}
	return names
}

// PrepareAt is [Prepare] for an event that carries an offset as one more argument: who has got it has
// got everything up to there. It must be sent to each socket in the order of the offsets.
func PrepareAt(offset, name string, args ...json.RawMessage) (*Prepared, error) {
	quoted := quote(offset)
	all := make([]json.RawMessage, 0, len(args)+1)
	data, err := encodeRaw(&name, append(append(all, args...), json.RawMessage(quoted)), nil)
	if err != nil {
		return nil, err
	}
	return &Prepared{data: data, offset: quoted}, nil
}

// quote gives a text as JSON.
func quote(text string) string {
	b, _ := json.Marshal(text) // never fails for a text
	return string(b)
}

// endsInText tells whether an event's last argument, or its name where it has none, is a text: what
// the client takes for an offset.
func endsInText(data []byte) bool {
	for i := len(data) - 2; i >= 0; i-- { // before the bracket
		switch data[i] {
		case ' ', '\t', '\n', '\r':
		default:
			return data[i] == '"'
		}
	}
	return false
}

// withOffset gives an event with an offset, which is JSON, as one more argument.
func withOffset(data []byte, offset string) []byte {
	b := make([]byte, 0, len(data)+1+len(offset))
	b = append(b, data[:len(data)-1]...)
	b = append(b, ',')
	b = append(b, offset...)
	return append(b, ']')
}

// sentOffset is the offset that was sent to the socket last. s.marking is held.
func (s *Socket) sentOffset() string {
	if s.offset == "" {
		return noOffset
	}
	return s.offset
}

// moves tells whether the event moves the client's offset.
func (p *Prepared) moves() bool { return p.offset != "" || endsInText(p.data) }

// put hands the messages of a prepared event to send. What moves the client's offset is sent one
// event after the other, so that the offset that is appended is the one that was sent before.
func (s *Socket) put(p *Prepared, send func(...*engine.Message) error) error {
	name := s.namespace.name
	if s.pid == "" || !p.moves() {
		return send(p.form(name)...)
	}
	s.marking.Lock()
	defer s.marking.Unlock()
	if p.offset == "" {
		return send(p.formAt(name, s.sentOffset())...)
	}
	s.offset = p.offset
	return send(p.form(name)...)
}
