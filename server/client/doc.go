// Package client is a Socket.IO client in bare packets, for the tests and load generators of this
// module: a Session is one Engine.IO session over WebSocket or long-polling whose packets are read and
// written one by one, so that a test can leave out, repeat or cut off whatever it wants; a Client is a socket on the
// main namespace with calls and events. Neither reconnects: what a client does after a break is the
// test's own business.
//
// It speaks Engine.IO protocol 4 and Socket.IO protocol 5, and trusts the server it talks to: packets that a server
// should not send are errors, but their size is not bounded.
package client
