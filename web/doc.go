// Package web holds what a browser gets from ackbase: the demo page, the console, the JavaScript client and the
// files of socket.io-client.
//
// The page (page/), the console (console/) and the client (client/) are plain ES modules, served as they lie here: no
// build step. The files of socket.io-client, and what the console has of others, come from npm; `npm --prefix web ci &&
// npm --prefix web run dist` copies them to dist/, from where the next build embeds them. A build without Node has only
// dist/README.md: then the pages, and whoever asks for one of those files, are told in words what to run.
//
// A server that has all of it mounts it like this:
//
//	mux.Handle("/", web.New(nil))
//	mux.Handle("/console", web.Console())
//	mux.Handle("/console/", web.Console())
//	mux.Handle("/socket.io/", web.ClientFiles("/socket.io/", socketServer))
package web
