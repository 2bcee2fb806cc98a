package web

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// borrowed are the files of npm packages that the console loads from "/console/". They lie in dist under the same names.
var borrowed = []string{"uplot/uPlot.esm.js", "uplot/uPlot.min.css"}

// Console returns the handler of the console at "/console" and of its parts below "/console/". It answers as New's
// does. The page asks the server's own "/console/api/", "/api/v2/" and "/socket.io/", and needs the parts and the client that New
// serves. It may be called concurrently.
func Console() http.Handler {
	files := map[string]*file{}
	walk(ours, func(name string, content []byte) {
		if strings.HasPrefix(name, "console/") {
			files["/"+name] = newFile(name, content)
		}
	})
	files["/console"] = files["/console/index.html"]
	delete(files, "/console/index.html")
	for _, name := range borrowed {
		files["/console/"+name] = nil
	}
	walk(mustSub(dist, "dist"), func(name string, content []byte) {
		if slices.Contains(borrowed, name) {
			files["/console/"+name] = newFile(name, content)
		}
	})

	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		protect(w.Header())
		if !readOnly(w, r) {
			return
		}
		if r.URL.Path == "/console/" { // its parts are named from /console on
			http.Redirect(w, r, "../console", http.StatusPermanentRedirect)
			return
		}
		f, known := files[r.URL.Path]
		switch {
		case f != nil:
			f.serve(w, r)
		case known:
			refuse(w, http.StatusNotFound, fmt.Sprintf("This build of ackbase has no %s: it was made without the files of npm packages. Run `%s` in the repository and build again.", r.URL.Path, Command))
		default:
			refuse(w, http.StatusNotFound, fmt.Sprintf("There is nothing at %q. The console is at /console.", r.URL.Path))
		}
	})
}
