package socketio

import (
	"context"
	"strings"

	"ackbase/crud"
	"ackbase/server"
)

// recovery is connection state recovery by the sessions of the verbs.
type recovery struct{ verbs *crud.Service }

// Recover implements server.Recovery. The session is delivered to when the socket has connected.
func (r recovery) Recover(s *server.Socket, _ string, offset *string) (id string, recovered bool) {
	session, id, err := r.verbs.Recover(conn{s}, identity(s), offset)
	if err != nil {
		if crud.Temporary(err) {
			s.Cut("not recovered yet") // else it would begin anew; so it comes again, with the same pid
		}
		return "", false
	}
	// Where the client goes away before it has connected, or the middleware refuses it, there is no OnDisconnect.
	s.Set(sessionKey, &recoveredSession{session, context.AfterFunc(s.Context(), session.Close)})
	return id, true
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
