// Package collections is the data of ackbase: items, ids, revisions, queries,
// patches, changes and the change log, over a [Store].
//
// An item is a JSON object with an id, kept as raw JSON bytes from the socket
// to the disk and back. Every write that changes something makes one [Change];
// the change, the item and the indexes commit together.
//
// Programs use a [DB]: it has the rules of the verbs (ids, preconditions,
// patches, what counts as a change) and works over any Store. A database
// product is a Store in a folder of its own below this one; the suite in
// storetest says what it must keep.
package collections
