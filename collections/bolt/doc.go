// Package bolt keeps collections in one bbolt file: the embedded store of a
// single server.
//
// Layout of the file. Every name below is a top-level bucket:
//
//	meta              "format", "epoch", "head" (of the log: sequence number, tag and time of the newest
//	                  change, how many there are, the newest that was pruned)
//	collections       name -> how many items it has, its last running number, how many changes, the newest pruned
//	indexes           name of an index's bucket -> how far it is built
//	items:<name>      id key -> revision, raw JSON
//	index:<name>\0<paths>  keys of the paths' values, then the id key -> where the id key begins
//	log               sequence number, big-endian -> change; without those that were pruned
//	tags              sequence number -> what the tags of the changes from there on are made of
//	waypoints:<name>  id's text, NUL, sequence number -> nothing; see waypoint.go
//	records           kind of records -> how many of it expire, their bytes
//	records:<kind>    key -> expiry, private bytes
//	expiries:<kind>   second of the expiry, running number -> keys
//
// An id key is [collections.ID.AppendKey], a value's key is
// [collections.Value.AppendKey]: both sort as bytes the way their values do.
//
// All writing is done by one goroutine, the committer. It runs the updates that
// are waiting in one bbolt transaction and makes them durable together (group
// commit): it takes what is there and never waits for more, so that a single
// writer waits for nothing but its own commit, and while the disk is busy the
// next commit gathers.
//
// Choices that someone may question:
//
//   - The free list is written with every commit. Without it (NoFreelistSync) a
//     commit writes one page less, but bbolt then reads the whole file when it
//     opens, and again after a commit that failed on a full disk. Only while it is very long
//     it is written now and then, see freelist.go.
//   - The address space is reserved when the file opens (InitialMmapSize), so that
//     a growing file does not wait for its readers.
//   - Totals of an index range are counted from the headers of bbolt's pages, see
//     pages.go, and not from counters for each value: those would cost each
//     write a page for each index, and serve equality only.
//   - An item is looked up among the pages too, see lookup.go.
//   - Long values are cut in index keys, see index.go.
//   - The log is one bucket for all collections, in the order of the commits, and
//     pruned by walking through it, see prune.go. One for each collection would be pruned without looking
//     at the others' changes, and cost each write more pages.
//   - Expiries are queued many keys to an entry, by the second, and an entry is not searched for
//     when a record is replaced or deleted: what it says then no longer fits the
//     record, and is passed over. An entry for each record would double what a record costs.
//
// Caveats: a View that stays open keeps the pages it sees from being
// reused. A done function that calls Update can wait for itself when the queue
// is full. One process at a time can open a file.
package bolt
