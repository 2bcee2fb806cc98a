// Package zishang gives the verbs of package crud to a program that has a Socket.IO
// server of github.com/zishang520/socket.io/v2 v2.5.0 already, and keeps some of
// that library's faults away from it:
//
//	io := socket.NewServer(nil, nil)
//	http.Handle("/socket.io/", zishang.Handler(io)) // in place of io.ServeHandler(nil)
//	verbs := crud.New(db, nil)
//	if err := zishang.Bind(io.Sockets(), verbs); err != nil { … }
//
// Then a client's `socket.emit('GET', 'items', 1, callback)` is answered, and a
// socket that subscribed hears ADDED, MODIFIED and DELETED, as crud/PROTOCOL.md
// tells. Other events stay the program's own. At the end io.Close comes before
// verbs.Close. A program that begins anew takes ackbase/server, as does the ackbase
// command, which does not contain this package.
//
// # What runs where
//
// Bind takes the verbs out of what a connection receives before the library looks
// at it. They run on the goroutine that reads the connection, one after the other in
// the order in which they were sent, with their arguments as the client wrote them,
// and the answer to a write leaves before its event. So the library's
// Socket.Use and Socket.OnAny hear nothing of them. Who may connect is decided by the
// namespace's middleware, as for all events.
//
// # The library's faults
//
// Seen with v2.5.0 and Go 1.26. Bind mends for all connections of its server:
//
//   - An event or an acknowledgement without arguments ends the process: one packet
//     `42`, `420`, `42/` or `450-` from anyone. With Bind it ends the connection.
//   - A packet that comes right after CONNECT was answered closes the connection, on
//     a busy machine. With Bind it is kept back until the library knows the socket, in
//     the namespaces that are bound.
//   - Of what waits for a WebSocket, all that follows a broadcast's packet is lost:
//     under load 6,760 of 10,000 events arrived. With Bind all do.
//   - What waits for a client that does not read grows without bound. With Bind the
//     events of subscriptions stay in the log while 1 MB waits, and the
//     connection is closed when more than 4 MB wait beside the largest message.
//   - The attachments of a packet are kept until as many have come as it announced:
//     a number without bound. With Bind they may have 16 MB, and be 1,024.
//
// It mends for the verbs only:
//
//   - Each event is handled on a goroutine of its own: the events of one socket
//     overtake each other.
//   - An event that comes right after CONNECT was answered finds no handlers yet.
//   - Arguments are decoded to maps and float64: long numbers change, and what two
//     readers of JSON read differently cannot be refused.
//
// [Handler] mends:
//
//   - What a client sends over a WebSocket at once after the handshake is lost where
//     the library does not listen yet: on a busy machine one CONNECT in 200 of a
//     quick client, which then waits in vain. A pong, the frame `3`, ends the process there.
//   - A polling response may be written after its request has ended.
//   - A poll that arrives while its session closes, and a POST that closes it by its
//     content type, is not answered as long as the client waits, which also keeps
//     http.Server.Shutdown waiting. With Handler it is within a second.
//   - A polling body that does not tell its length is read without bound, and what
//     follows in it from a packet of 64 KB on is dropped in silence. With Handler such
//     bodies are refused with status 413, upon which a client reconnects: larger
//     requests need a WebSocket.
//
// These remain:
//
//   - The program's own events are handled out of order.
//   - A half-done upgrade can end the process: a packet on the new WebSocket at the
//     moment in which the session closes (engine/socket.go:344). Where
//     clients can do without long-polling, options.SetTransports(types.NewSet("websocket"))
//     leaves no upgrade to be attacked.
//   - A polling connection that was closed while no poll waited is kept for 30 s,
//     and timers of closed connections run out, for up to 45 s.
//   - With connection state recovery NewServer panics under Go 1.26. Bind refuses it.
//   - There is no bound on connections, handshakes and namespaces.
//   - Clients of protocol 3 are told an object where a refused namespace has a message.
//   - It takes several times ackbase/server's CPU: `task bench` tells.
//
// # Moving to ackbase/server
//
// Clients notice nothing. What changes in the program:
//
//	here                                          there
//	socket.NewServer(nil, options)                server.New(&server.Options{…})
//	zishang.Handler(io)                           io, an http.Handler itself
//	zishang.Bind(io.Sockets(), verbs)             socketio.Bind(io.Of("/"), verbs)
//	io.Of("/chat", nil)                           io.Of("/chat")
//	io.Of(regexp, nil)                            io.OfPattern(regexp)
//	ns.Use(func(s, next) { next(err) })           ns.Use(func(s *server.Socket) error { return err })
//	socket.NewExtendedError(message, data)        &server.ConnectError{Message: message, Data: data}
//	ns.On("connection", func(args ...any))        ns.OnConnect(func(s *server.Socket))
//	s.On("chat", func(args ...any))               s.On or, for all sockets, ns.On("chat", func(e *server.Event))
//	args[0].(map[string]any)                      e.Decode(0, &message)
//	args[len(args)-1].(socket.Ack)(values, nil)   e.Ack(values...)
//	s.Emit("chat", message)                       s.Emit("chat", message)
//	s.Emit("chat", message, func([]any, error))   s.EmitWithAck(ctx, "chat", message)
//	s.Join, s.Leave, ns.To("room").Emit           the same
//	s.Broadcast().To("room").Emit                 s.To("room").Emit
//	s.On("disconnect", func(args ...any))         s.OnDisconnect(func(reason string))
//	s.Handshake().Auth.(map[string]any)           json.Unmarshal(s.Handshake().Auth, &auth)
//	s.SetData(v), s.Data()                        s.Set("name", v), s.Get("name")
//	s.Disconnect(true)                            s.Disconnect(true)
//	io.Close(nil)                                 io.Shutdown(ctx)
//
// A handler there runs on the goroutine that reads the connection, in order, and
// must not block: what takes time starts a goroutine of its own. ackbase's
// examples/zishang and examples/custom do the same, one on each.
package zishang
