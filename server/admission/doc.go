// Package admission decides who may come in: how many sessions there may be in
// all and from one address, how many handshakes a second, how many requests outside of
// sessions, and how many TCP connections below them. It knows net/http and addresses, and nothing of what
// a session is.
//
// # Basics
//
//	limits := admission.New(nil)
//	place, refusal := limits.Enter(request) // for each handshake
//	defer place.Leave()                     // when the session has gone
//	wait := limits.Request(request)         // for each request of no session
//	http := &http.Server{ConnState: limits.ConnState}
//	http.Serve(limits.Listener(listener))   // connections that never say anything are bounded too
//
// # Whose address
//
// A client is known by the address of its connection, an IPv6 one by its /64,
// which is what one customer has. A proxy has one address for everybody behind it: name it
// in [Options].TrustedProxies, and the client is the last address of X-Forwarded-For
// that is no trusted proxy. The header of anyone else is not looked at, since
// anyone can send it.
//
// The loopback addresses have no bound of their own, only those in all: whoever
// is on the machine can do worse, and a proxy there that was not named would
// have all its clients share one bound.
package admission
