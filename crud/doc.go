// Package crud is the verbs: a request comes in, a collection is read or
// written, an answer goes out; and the delivery of changes to whoever
// subscribed. PROTOCOL.md beside this file is what clients can count on.
//
// A [Service] belongs to one [collections.DB]. Of sockets it knows only [Conn],
// in plain bytes, so that raw JSON passes uncopied; ackbase/crud/socketio ties
// it to a Socket.IO namespace. Each connection gets a [Session] by Service.Open.
//
// The verbs never broadcast. One goroutine reads the store's change log and
// hands each change to the rooms that asked for it, so that one server and
// many behave the same.
//
// # How a change reaches a client
//
// A room is what a SUBSCRIBE names: a collection, one item, or a filter over a
// collection. Members of a room who get the same bytes form an audience:
// a change is evaluated once for each room and encoded once for each audience.
//
// Every session has one position in the log: all events up to it are
// in its connection's buffer, in the order of the log. A session that keeps up stands where the feed
// stands. When its connection is no longer writable it stays behind at its
// position, which costs no memory, and goes on from the ring of
// recent changes, or from the store's log, as the connection drains.
// The same rest serves a subscription with a snapshot: the session is held at
// its position while the snapshot is read, gets the answer, then catches up.
//
// # How a client comes back
//
// A session of Service.OpenRecoverable has a record in the store, with its subscriptions and where they
// began. It is written by an update of its own before SUBSCRIBE is answered; the update's place in the log is where the
// subscription begins, and the hub lets it take effect before it offers anything that was committed later. Events
// carry the offset, the position up to which the session has been told everything; so a client that names it
// is a session that has stayed behind at that position, and Service.Recover makes it one. The rooms of a program
// that its connection is in, where that is a RoomsConn, are in the record too, written as they change.
package crud
