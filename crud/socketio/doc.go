// Package socketio gives the sockets of a Socket.IO namespace the verbs of package crud:
//
//	io := server.New(nil)
//	verbs := crud.New(db, nil)
//	socketio.Bind(io.Of("/"), verbs)
//
// Then a client's `socket.emit('GET', 'items', 1, callback)` is answered, and a socket
// that subscribed hears ADDED, MODIFIED and DELETED. Other events of the namespace
// stay the program's own. crud/PROTOCOL.md tells what clients can count on.
//
// Shut the server down before closing the Service, so that what is
// under way is still answered.
package socketio
