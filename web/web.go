package web

import (
	"bytes"
	"embed"
	"fmt"
	"html"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

//go:embed page console client/*.js
var ours embed.FS

//go:embed all:dist
var dist embed.FS

// Command is what puts the files of socket.io-client where the next build embeds them, run from the root of the
// repository.
const Command = "npm --prefix web ci && npm --prefix web run dist"

// policy lets the page load and reach its own origin, and nothing else: no inline script or style, no frame around it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Options are the settings of New. Nil and the zero value are the good default.
type Options struct {
	// Collection is the one that the page shows unless its address names another (/?collection=…). Empty: "items".
	Collection string
}

// New returns the handler of the demo page at "/", of its parts under "/page/", of the client at
// "/client/ackbase.js" with its parts beside it, and of the icon at "/favicon.svg". Anything else is a 404 that says in words what there is.
// It answers GET, HEAD and OPTIONS, with an ETag, and gzip where it is asked for. It may be called concurrently.
//
// The page finds the Socket.IO server, and the files that ClientFiles serves, under "/socket.io/" of its own origin.
func New(opts *Options) http.Handler {
	files := map[string]*file{}
	walk(ours, func(name string, content []byte) {
		if !strings.HasPrefix(name, "console/") {
			files["/"+name] = newFile(name, content)
		}
	})
	index := files["/page/index.html"].content
	if opts != nil && opts.Collection != "" {
		index = bytes.Replace(index, []byte(`data-collection="items"`), []byte(`data-collection="`+html.EscapeString(opts.Collection)+`"`), 1)
	}
	files["/"] = newFile("index.html", index)
	files["/favicon.svg"] = files["/page/favicon.svg"]
	delete(files, "/page/index.html")
	delete(files, "/page/favicon.svg")
	return serve(files, "The demo page is at /, the client for browsers at /client/ackbase.js, the Socket.IO server at /socket.io/.")
}

// serve answers GET and HEAD with files, by their paths. Anything else is a 404 that says what there is.
func serve(files map[string]*file, whatThereIs string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		protect(header)
		if !readOnly(w, r) {
			return
		}
		f := files[r.URL.Path]
		if f == nil {
			refuse(w, http.StatusNotFound, fmt.Sprintf("There is nothing at %q. %s", r.URL.Path, whatThereIs))
			return
		}
		if strings.HasPrefix(r.URL.Path, "/client/") {
			public(header)
		}
		f.serve(w, r)
	})
}

// ClientFiles returns a handler that serves the files of socket.io-client under prefix ("/socket.io/"), as Node
// servers do: socket.io.js, socket.io.min.js, socket.io.esm.min.js, socket.io.msgpack.min.js and their maps. Every
// other request goes to next, the Socket.IO server. Pages of any origin may load these files. One that the
// build does not have is a 404 that says which command to run. It may be called concurrently.
func ClientFiles(prefix string, next http.Handler) http.Handler {
	return clientFiles(prefix, next, mustSub(dist, "dist"))
}

// clientNames are the names that Node's server gives out; others under its path are connections.
var clientNames = []string{
	"socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js",
}

func clientFiles(prefix string, next http.Handler, from fs.FS) http.Handler {
	known := map[string]*file{}
	for _, name := range clientNames {
		known[name], known[name+".map"] = nil, nil
	}
	walk(from, func(name string, content []byte) {
		if _, ours := known[name]; ours {
			known[name] = newFile(name, content)
		}
	})
	prefix = strings.TrimSuffix(prefix, "/") + "/"

	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, under := strings.CutPrefix(r.URL.Path, prefix)
		f, ours := known[name]
		if !under || !ours {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("X-Content-Type-Options", "nosniff")
		public(w.Header())
		if !readOnly(w, r) {
			return
		}
		if f == nil {
			refuse(w, http.StatusNotFound, fmt.Sprintf("This build of ackbase has no %s: it was made without the files of the npm package socket.io-client. Run `%s` in the repository and build again.", name, Command))
			return
		}
		f.serve(w, r)
	})
}

// protect sets what keeps others from doing anything with a page of ours.
func protect(header http.Header) {
	header.Set("Content-Security-Policy", policy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
}

// public lets pages of other origins load what every client may have.
func public(header http.Header) {
	header.Set("Access-Control-Allow-Origin", "*")
	header.Set("Cross-Origin-Resource-Policy", "cross-origin")
}

// ReadOnly passes GET and HEAD on to a handler and answers OPTIONS with these; anything else is a 405.
func ReadOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if readOnly(w, r) {
			next.ServeHTTP(w, r)
		}
	})
}

// readOnly answers what is neither GET nor HEAD and reports whether the request may go on.
func readOnly(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return true
	}
	w.Header().Set("Allow", "GET, HEAD, OPTIONS")
	if r.Method == http.MethodOptions {
		w.WriteHeader(http.StatusNoContent)
	} else {
		refuse(w, http.StatusMethodNotAllowed, fmt.Sprintf("%s is not allowed here: only GET and HEAD are.", r.Method))
	}
	return false
}

func refuse(w http.ResponseWriter, status int, sentence string) {
	header := w.Header()
	header.Set("Content-Type", "text/plain; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	fmt.Fprintln(w, sentence) // net/http drops the body of an answer to HEAD
}

// walk calls visit with every file of fsys, which is embedded: what cannot be read there is a fault of the build.
func walk(fsys fs.FS, visit func(name string, content []byte)) {
	err := fs.WalkDir(fsys, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(fsys, name)
		if err == nil {
			visit(path.Clean(name), content)
		}
		return err
	})
	if err != nil {
		panic(fmt.Sprintf("web: an embedded file cannot be read: %v", err))
	}
}

func mustSub(fsys fs.FS, dir string) fs.FS {
	sub, err := fs.Sub(fsys, dir)
	if err != nil {
		panic(fmt.Sprintf("web: %v", err))
	}
	return sub
}
