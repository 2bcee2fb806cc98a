package web

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
)

func TestPageOfAnotherProgram(t *testing.T) {
	built := fstest.MapFS{"README.md": {}, "socket.io.js": {}, "fast-json-patch/index.mjs": {Data: []byte("export {}")}, "fast-json-patch/module/core.mjs": {Data: []byte("export {}")}}
	handler := page(built, []fs.FS{
		fstest.MapFS{"index.html": {Data: []byte("first")}, "shell.css": {Data: []byte("first")}, "start.js": {Data: []byte("first")}},
		fstest.MapFS{"index.html": {Data: []byte("second")}, "start.js": {Data: []byte("second")}, "base.js": {Data: []byte("second")}},
	})
	for target, want := range map[string]string{"/": "second", "/page/shell.css": "first", "/page/start.js": "second", "/page/base.js": "second", "/fast-json-patch/module/core.mjs": "export {}"} {
		answer, body := get(t, handler, "GET", target)
		if answer.StatusCode != 200 || body != want || answer.Header.Get("Content-Security-Policy") != policy {
			t.Errorf("GET %s = %d %q, want %q under the pages' policy", target, answer.StatusCode, body, want)
		}
	}
	for target, media := range map[string]string{
		"/": "text/html; charset=utf-8", "/page/base.css": "text/css; charset=utf-8", "/page/element.js": "text/javascript; charset=utf-8",
		"/client/ackbase.js": "text/javascript; charset=utf-8", "/favicon.svg": "image/svg+xml", "/fast-json-patch/index.mjs": "text/javascript; charset=utf-8",
	} {
		if answer, _ := get(t, handler, "GET", target); answer.StatusCode != 200 || answer.Header.Get("Content-Type") != media {
			t.Errorf("GET %s = %d %s, want a %s", target, answer.StatusCode, answer.Header.Get("Content-Type"), media)
		}
	}
	for _, target := range []string{"/page/app.js", "/page/index.html", "/socket.io.js", "/README.md", "/fast-json-patch/"} {
		if answer, body := get(t, handler, "GET", target); answer.StatusCode != 404 || !strings.Contains(body, "The page is at /") {
			t.Errorf("GET %s = %d %q, want a 404 that says what there is", target, answer.StatusCode, body)
		}
	}
}

func TestPageWithoutNpmSaysWhatToRun(t *testing.T) {
	handler := page(fstest.MapFS{"README.md": {}}, []fs.FS{fstest.MapFS{"index.html": {}}})
	if answer, body := get(t, handler, "GET", "/fast-json-patch/index.mjs"); answer.StatusCode != 404 || !strings.Contains(body, Command) {
		t.Errorf("GET = %d %q, want a 404 that names the command", answer.StatusCode, body)
	}
	if answer, _ := get(t, handler, "GET", "/"); answer.StatusCode != 200 {
		t.Errorf("GET / = %d", answer.StatusCode)
	}
}
