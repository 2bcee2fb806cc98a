// Package soak has the tests that wear a server down, and nothing else: clients that come and go in
// every way (TestChurn), and healthy clients that must not notice slow, churning and hostile ones beside
// them (TestMixedLoad). `task test` runs them in short, `task soak` at length:
//
//	go test ./server/soak -run TestChurn -v -connections 20000
//	go test ./server/soak -run TestMixedLoad -v -timeout 30m -clients 2000 -minutes 10
//
// # Churn
//
// The server runs in the test's own process, with the verbs on it, so that everything which a
// connection may leave behind can be looked at: goroutines with their stacks, descriptors, sessions, sockets,
// rooms, namespaces, subscriptions, and the heap after a collection. A timer that still runs or a
// buffer that was not given back is part of the heap: over many connections
// no leak is too small to be seen.
//
// # Mixed load
//
// The server is the real binary, as a process of its own. Half of the clients are healthy: they write, read and
// subscribe, to collections, items and filters, with items and with patches, over
// WebSocket and long-polling. At first they are alone (a fifth of the time, not counted in -minutes), then the others
// come: those that go as in TestChurn, those that read little or nothing, and those that send what no
// client should. At the end every stream of every healthy subscriber must be exactly the
// log of its room from its SUBSCRIBE on: what was acknowledged to a writer is in it, once, in the order of the cursors,
// with the revisions chained. The server must end with the goroutines and descriptors it had, and
// its memory must be as it was in the third and fourth minute.
//
// The table at the end compares the latencies of the healthy clients with and without the others, who are in a process
// of their own at the lowest priority, so that what it takes to be them does not count as the server's.
// The time from a request to its answer counts until the client has read it, so the figures include
// what the healthy ones themselves need of the machine. A long run fails where the 99th percentile with
// the others is over twice that without; a short one only tells it.
package soak
