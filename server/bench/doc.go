// Package bench is the load generator behind `ackbase bench`. It speaks the raw
// protocol (Engine.IO 4, Socket.IO 5) to any Socket.IO server by URL, in plain
// TCP, and costs little itself: one goroutine and one epoll instance hold all
// connections, frames are written and read by hand, and all frames that are due on
// a connection go out with one write.
//
// # Kinds of load
//
//   - get: `GET, collection, id` with an ack, ids at random among --items, which are
//     put there first where they are missing.
//   - post: `POST, collection, item` with an ack, on an empty or growing collection.
//   - fanout: --connections sockets SUBSCRIBE to the collection and one more POSTs
//     items at --rate. By a stamp in the item each subscriber is held to have every
//     event once and in the order of the writes, and latency counts from when the write was due.
//   - idle: connections that do nothing but answer heartbeats.
//   - polling: get over long-polling, --depth packets in each POST body.
//
// # How to read the figures
//
// Count is what was answered (fanout: delivered) within the measured window, after
// the warm-up. Errors are all of the run: refused calls, calls without an answer,
// broken connections, and, for fanout, events that were lost, came twice or out of order; for
// idle, connections without heartbeats.
//
// Without --rate the loop is closed: each connection keeps --depth calls in
// flight and sends the next when an answer comes. The rate is then what the server
// and the generator reach together, and latency grows with --depth: compare
// servers by CPU per operation, which does not depend on who else had
// the machine. With --rate calls are due at fixed times and latency counts from the time
// a call was due, so that a server that stalls is charged for what queued up
// meanwhile (no coordinated omission).
//
// CPU per operation is the server process's user and system time over the window,
// all threads, divided by count. Memory per connection is the growth of the resident set that no
// file backs (RssAnon) from before the first connection to the end of the window; what the
// kernel holds for sockets is not in it. Goroutines per connection come from
// go_goroutines in the server's /metrics, where it has that.
package bench
