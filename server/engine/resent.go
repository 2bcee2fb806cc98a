package engine

import (
	"hash/maphash"
	"net/http"
)

// stamps are what the newest GET and the newest POST of a session were marked with; 0 for nothing.
type stamps struct{ get, post uint64 }

var stampSeed = maphash.MakeSeed()

// resent tells whether a request is the one before once more, and closes the session then.
//
// A browser, and many an HTTP library, sends a request a second time by itself where the connection that it had kept breaks
// before the response begins. If the first one was answered, what that response held is lost, and if it
// was a POST, its packets were handled already. The client never learns of it; but stock clients mark each
// request with a t of its own, so that one which comes again shows. The session ends, the client connects
// anew, and goes on from where it was.
func (s *Session) resent(method, stamp string) bool {
	if stamp == "" {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	last := &s.stamps.get
	if method == http.MethodPost {
		last = &s.stamps.post
	}
	mark := maphash.String(stampSeed, stamp) | 1
	if *last != mark {
		*last = mark
		return false
	}
	s.shut(ReasonTransportError, 0, false)
	return true
}
