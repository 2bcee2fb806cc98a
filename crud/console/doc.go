// Package console answers what the console's page asks about the process beside
// what any client can ask by the verbs: which collections there are, which
// clients are connected, and how it went over the last minutes.
//
// It only reads, is for pages of the server's own origin, and private to the page that
// package web has: its answers change with that page. Nothing is measured
// while nobody asks; from the first question on a sample is taken each second,
// until nobody has asked for a while.
package console
