// Package program is what the example programs crud, ltm, orders and operator have in common: the settings
// --listen and --data, a store in a file, the verbs over Socket.IO and HTTP, a page, and a clean end. What is
// a program's own lies in its own folder; examples/custom does all of this by hand.
package program
