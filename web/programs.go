package web

import (
	"fmt"
	"io/fs"
	"net/http"
	"strings"
)

// common are the parts of the demo page that pages of other programs have too.
var common = []string{"/page/base.css", "/page/element.js"}

// library is the folder of the npm package fast-json-patch, in dist and on the server.
const library = "fast-json-patch"

// Page returns the handler of another program's page, with the policy and in the manner of New: index.html of the last
// of the folders that has one at "/", their other files under "/page/", and of this package what such pages share:
// "/page/base.css" (colours, type, controls), "/page/element.js", the client under "/client/", the icon at
// "/favicon.svg", and the npm package fast-json-patch as ES modules, from "/fast-json-patch/index.mjs". Of two files
// of one name the one in the later folder is served. What cannot be read in a folder is a panic. It may be called concurrently.
func Page(folders ...fs.FS) http.Handler {
	return page(mustSub(dist, "dist"), folders)
}

func page(from fs.FS, folders []fs.FS) http.Handler {
	files := map[string]*file{}
	walk(ours, func(name string, content []byte) {
		if strings.HasPrefix(name, "client/") {
			files["/"+name] = newFile(name, content)
		}
	})
	for _, name := range common {
		files[name] = embedded(strings.TrimPrefix(name, "/"))
	}
	files["/favicon.svg"] = embedded("page/favicon.svg")
	built := false
	walk(from, func(name string, content []byte) {
		if strings.HasPrefix(name, library+"/") {
			files["/"+name] = newFile(name, content)
			built = true
		}
	})
	for _, folder := range folders {
		walk(folder, func(name string, content []byte) {
			if name == "index.html" {
				files["/"] = newFile(name, content)
				return
			}
			files["/page/"+name] = newFile(name, content)
		})
	}
	served := serve(files, "The page is at /, the client for browsers at /client/ackbase.js, the Socket.IO server at /socket.io/.")
	if built {
		return served
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/"+library+"/") {
			refuse(w, http.StatusNotFound, fmt.Sprintf("This build was made without the files of the npm package %s. Run `%s` in the repository and build again.", library, Command))
			return
		}
		served.ServeHTTP(w, r)
	})
}

func embedded(name string) *file {
	content, err := fs.ReadFile(ours, name)
	if err != nil {
		panic(fmt.Sprintf("web: an embedded file cannot be read: %v", err))
	}
	return newFile(name, content)
}
