package socketio

import (
	"context"
	"strings"

	"ackbase/crud"
	"ackbase/server"
)

// recovery is connection state recovery by the sessions of the verbs.
type recovery struct{ verbs *crud.Service }

// Find implements server.Recovery.
func (r recovery) Find(s *server.Socket, _ string, offset *string) (server.Earlier, bool) {
	earlier, err := r.verbs.Find(conn{s}, identity(s), offset)
	return server.Earlier(earlier), recovers(s, err)
}

// Recover implements server.Recovery. The session is delivered to when the socket has connected.
func (r recovery) Recover(s *server.Socket, _ string, offset *string) (server.Earlier, bool) {
	session, earlier, err := r.verbs.Recover(conn{s}, identity(s), offset)
	if !recovers(s, err) {
		return server.Earlier{}, false
	}
	// Where the client goes away before it has connected there is no OnDisconnect.
	s.Set(sessionKey, &recoveredSession{session, context.AfterFunc(s.Context(), session.Close)})
	return server.Earlier(earlier), true
}

// recovers tells whether there is no error. The client comes again, with the same pid, where it would begin anew though the
// same may succeed in a moment.
func recovers(s *server.Socket, err error) bool {
	if err != nil && crud.Temporary(err) {
		s.Cut("not recovered yet")
	}
	return err == nil
}

// Moved implements server.Recovery.
func (recovery) Moved(s *server.Socket) {
	if session := SessionOf(s); session != nil {
		session.Moved()
	}
}

// recoveredSession is a session whose socket is not connected yet.
type recoveredSession struct {
	session *crud.Session
	stop    func() bool // of what closes it with the socket
}

// identity is that of a socket's session.
func identity(s *server.Socket) crud.Identity {
	return crud.Identity{PID: s.PID(), Scope: s.Namespace().Name()}
}

// left tells whether one of the two ends has ended the session by its own will: then it is not to be recovered.
func left(reason string) bool { return strings.HasSuffix(reason, "namespace disconnect") }
