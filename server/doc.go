// Package server is a Socket.IO server: one [http.Handler] that speaks Socket.IO protocol 5 over
// Engine.IO protocol 4, so that the stock clients (socket.io-client 3 and 4) connect to it
// unchanged, and socket.io-client 2 where [Options].AllowEIO3 lets it. Namespaces, rooms,
// acknowledgements both ways, middleware, binary attachments and broadcasts are those of the
// official Node server; what a client can see of the protocol is the same.
//
// # Basics
//
//	io := server.New(nil)
//	main := io.Of("/")
//	main.On("chat", func(e *server.Event) {
//		main.To("lobby").EmitRaw("chat", e.Args, nil) // to everybody in the room
//		e.Ack("sent")                                 // calls the client's callback, if it gave one
//	})
//	main.OnConnect(func(s *server.Socket) {
//		s.Join("lobby")
//		s.Emit("hello", s.ID())
//	})
//	http.Handle("/socket.io/", io)
//
// A [Socket] is one client in one [Namespace]. A connection carries a socket for each namespace
// that its client asks for. Handlers for events are registered on the namespace, for all its
// sockets, or on one socket; both may be used. An [Event] brings its arguments as raw JSON: decode
// what is needed with [Event.Decode], or pass them on as they are.
//
// # Order, and what runs where
//
// Everything that one socket sends is handled in the order in which it was sent, one event after
// the other, on the goroutine that reads its connection. So a handler must not block: it keeps its
// own client waiting, all namespaces of it. What takes time starts a goroutine and acknowledges
// from there; [Event.Clone] keeps the arguments. The one exception is namespace middleware
// ([Namespace.Use]): it has a goroutine of its own and may block; what the client sends to that
// namespace meanwhile is kept, within bounds, and handled afterwards in order.
//
// What is emitted to one socket arrives in the order of the calls. Nothing is written while a
// handler runs: all answers to what arrived together leave with one write. Only the answer to
// CONNECT leaves by itself on a WebSocket, and what is emitted right after it follows 20 ms later,
// or when the client sends something: a bare client may not listen for it before.
//
// A panic in a handler is logged and costs that one event.
//
// # Caveats
//
//   - [Event.Args] is valid until the handler returns; [Event.Clone] and [Event.Attachments] are
//     not bound by this.
//   - After an event has been acknowledged and its handlers have returned, it must not be used any more.
//   - [Socket.EmitWithAck] waits for the client and must not be called on the goroutine of a
//     handler: the answer would have to be read by the one that waits for it.
//   - Emitting never waits for a client. What waits for a slow one is bounded ([Options].MaxBuffered); over it
//     the connection is closed. A program that can pace itself asks [Socket.Writable] and waits for [Socket.OnDrain].
//   - The text of an error that middleware returns is told to the client.
//   - Rooms, sockets and broadcasts are those of this process.
//
// # Coming back
//
// A namespace with a [Recovery] gives a stock client back what it had before its connection was lost
// (connection state recovery): [Socket.Recovered] tells, in the middleware too, where the socket has its id and its
// rooms again as in the official server. The middleware runs in any case, and before a connection of the client that
// still seems open is closed. Rooms are written a moment after [Socket.Join] and [Socket.Leave], and when the connection
// ends; after the process was killed they are those that were written. What else the program keeps with a socket is the
// program's to bring back, in OnConnect.
//
// # Where more will go
//
// Servers in a cluster would meet in [Broadcast]: everything that goes to more than one socket passes
// through its targets method, and [Broadcast.Local] is kept for that day.
package server
