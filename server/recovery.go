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
	// Recover is asked for a socket whose client names a pid, before the middleware is, and says
	// whether the socket goes on where that of the pid ended: it then gets the id that it returns,
	// which no socket may have that is still open. The offset is nil where the client has none, or was
	// sent none that counts. It may block; s.Context ends when the client goes away. A socket that is
	// not recovered begins anew, with another pid.
	Recover(s *Socket, pid string, offset *string) (id string, recovered bool)
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

// recover asks for the state of the earlier socket that the client names.
func (s *Socket) recover(r Recovery, pid string, offset *string) {
	guard(s.conn.server.log, "Recover of "+s.namespace.name, func() {
		fresh := s.pid
		s.pid = pid
		id, recovered := r.Recover(s, pid, offset)
		if !recovered {
			s.pid = fresh
			return
		}
		s.recovered = true
		if offset != nil {
			s.offset = quote(*offset)
		}
		s.namespace.mu.Lock() // under which a socket that closes looks at its id
		defer s.namespace.mu.Unlock()
		s.id = id
	})
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
