// Package faults has the tests that break what a server stands on, and nothing else: they run the real
// binary as a process with a file of its own, put clients of every kind to work on it, and cut, stall, slow
// down, kill, stop and fill up what they can. Afterwards a model says what everybody must have been told.
//
//	go test ./crud/faults                             a few rounds, as `task test` does
//	go test ./crud/faults -run TestRounds -rounds 100 as `task soak` does
//	go test ./crud/faults -run TestRounds -seed 42    the round that a failure has named, again
//	go test ./crud/faults -run TestScratchedFiles -scratches 1000
//
// # A round
//
// TestRounds starts a server on a new file. Most clients reach it through a network of several lines
// (toxiproxy, in the test's own process), on which faults come and go: latency, slow and slicing links, resets, cuts in the
// middle of a message, and lines that swallow everything both ways while the connection seems open. Meanwhile
// the process is killed, stopped and continued, ended by SIGTERM, or may not write to its file any
// more, and starts again on the same file and port.
//
// Writers call over WebSocket, polling and HTTP, one after the other or several at once, with an idempotency key that they repeat
// until they are answered, or without one. Others change two items with one patch, under the condition that both are as they read them.
// Others again write and read a few items under conditions of every kind. One writes fast to a
// collection of whose changes only a few are kept. Subscribers listen to collections,
// items and filters, over WebSocket, polling, server-sent events and plain WebSockets, with items and with patches, and as
// stock clients do, with connection state recovery; whenever
// their connection breaks they come back in the way of their kind; some stay away until what they missed is pruned.
//
// Then the faults end, every stream gets a last change, and when that has arrived:
//
//   - each stream is the log of changes from its first cursor on: nothing lost, doubled or out of order, each BOOKMARK true;
//     where the server said GONE, it is the log from the new snapshot on;
//   - each acknowledged write is in the log once, with the revision and the cursor that its answer told; each unanswered one once at most; each
//     refused one not at all; a patch over two items is there whole or not at all;
//   - the log's revisions are chained, its patches lead from each content to the next, and the items are what the log makes of them;
//   - a fresh SUBSCRIBE since the first cursor tells the same log as the file;
//   - the reads and writes of the items under conditions are linearizable (porcupine), item by item.
//
// A round is told by its seed, which decides all but the timing. A failed round says in a sentence which promise broke,
// and keeps the log, the histories and what the server said in the artifacts' folder (go test -artifacts), or else in a temporary one.
package faults
