// Package engine is an Engine.IO server, of protocol 4 and, where it is told
// so, of protocol 3: one [http.Handler] that carries sessions over HTTP
// long-polling and WebSocket, with the upgrade between them, heartbeats and
// bounds. It knows nothing of Socket.IO.
//
// # Basics
//
//	srv := engine.New(nil, func(s *engine.Session) engine.Handler { return &echo{} })
//	http.Handle("/engine.io/", srv)
//
// A [Session] is one client. What it sends arrives at the session's [Handler],
// in order and one message at a time. What is sent to it goes through one
// queue, whichever transport is under it at the time, so that order holds over
// polling, WebSocket and the upgrade between them.
//
// # How it moves bytes
//
// One goroutine reads each WebSocket. It handles every frame in its buffer,
// then writes all the answers with one write. What other goroutines send is
// written by a few goroutines for all sessions, which never wait for a socket: one
// that is full gets a goroutine of its own until it has taken what waits. So a
// sender never blocks on a slow socket. What goes to many sessions leaves in
// rounds, see [Server.Flush]: under load several messages then go out with one
// write. The queue holds WebSocket frames, ready to go; a
// polling response is made from the same frames. So nothing has to be encoded
// again when a session moves from one transport to the other, and a [Message]
// that goes to many sessions is encoded and framed once.
//
// # Caveats
//
// A handler must not block: it runs on the goroutine that reads the session.
// What is sent to a session while its handler is in Message or BatchEnd, by
// whomever, may stay until the handler has returned, to leave in one write.
//
// A session keeps the headers of the request that opened it. The http.Server
// should have a MaxHeaderBytes that is no more than they are worth, such as
// 32 KB, and a ReadHeaderTimeout. Its ReadTimeout and WriteTimeout do not touch
// polls that wait and WebSockets.
//
// The server needs HTTP/1.1 for WebSockets, since it takes the connection over.
// It keeps no per-session state outside the process: behind a load balancer,
// all requests of a polling session must reach the same process.
//
// Sources: the Engine.IO protocol, revisions 4 and 3, and RFC 6455.
package engine
