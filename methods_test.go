package main

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestMethods holds, for every path that the command serves, which methods go with it: HEAD is as GET without a
// body, OPTIONS tells the methods, any other is a 405 that does, and none of those told is one.
func TestMethods(t *testing.T) {
	p := start(t, "--data", dataFile(t), "--seed", "catalogue:3")
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	ask := func(t *testing.T, method, path string) (*http.Response, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, p.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
			return res, "" // it does not end
		}
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res, string(body)
	}
	all := []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"}
	const reads = "GET, HEAD, OPTIONS"
	for path, c := range map[string]struct {
		status  int // of GET
		methods string
		media   string // of GET
	}{
		"/":                        {200, reads, "text/html; charset=utf-8"},
		"/favicon.svg":             {200, reads, "image/svg+xml"},
		"/client/ackbase.js":       {200, reads, "text/javascript; charset=utf-8"},
		"/nothing":                 {404, reads, "text/plain; charset=utf-8"},
		"/healthz":                 {200, reads, "text/plain; charset=utf-8"},
		"/readyz":                  {200, reads, "text/plain; charset=utf-8"},
		"/metrics":                 {200, reads, "text/plain; version=0.0.4; charset=utf-8; escaping=underscores"},
		"/openapi.json":            {200, reads, "application/json"},
		"/console":                 {200, reads, "text/html; charset=utf-8"},
		"/console/":                {308, reads, ""},
		"/console/console.js":      {200, reads, "text/javascript; charset=utf-8"},
		"/console/api/collections": {200, reads, "application/json"},
		"/console/api/clients":     {200, reads, "application/json"},
		"/console/api/series":      {200, reads, "application/json"},
		"/console/api/nothing":     {404, reads, "application/json"},
		"/api/v2/items":            {200, "GET, HEAD, POST, PATCH, OPTIONS", "application/json"},
		"/api/v2/items?watch":      {200, "GET, HEAD, POST, PATCH, OPTIONS", "text/event-stream"},
		"/api/v2/items/1":          {200, "GET, HEAD, PUT, PATCH, DELETE, OPTIONS", "application/json"},
		"/api/v2/items/1?watch":    {200, "GET, HEAD, PUT, PATCH, DELETE, OPTIONS", "text/event-stream"},
		"/api/v2/items/9":          {404, "GET, HEAD, PUT, PATCH, DELETE, OPTIONS", "application/json"},
		"/api/v2/items/1/history":  {200, reads, "application/json"},
		"/ws/items":                {426, reads, "application/json"},
		"/ws/items/1":              {426, reads, "application/json"},
	} {
		t.Run(path, func(t *testing.T) {
			got, body := ask(t, "GET", path)
			if got.StatusCode != c.status || c.media != "" && got.Header.Get("Content-Type") != c.media {
				t.Errorf("GET: %s, %s; want %d, %s", got.Status, got.Header.Get("Content-Type"), c.status, c.media)
			}
			head, nothing := ask(t, "HEAD", path)
			if head.StatusCode != got.StatusCode || nothing != "" {
				t.Errorf("HEAD: %s with a body %q; GET is %s with one of %d bytes", head.Status, nothing, got.Status, len(body))
			}
			for _, name := range []string{"Content-Type", "ETag", "Link", "X-Total-Count", "Ackbase-Cursor", "Location", "Cache-Control"} {
				if a, b := got.Header.Values(name), head.Header.Values(name); !slices.Equal(a, b) {
					t.Errorf("HEAD has %s %q, GET %q", name, b, a)
				}
			}
			if options, _ := ask(t, "OPTIONS", path); options.StatusCode != 204 || options.Header.Get("Allow") != c.methods {
				t.Errorf("OPTIONS: %s, Allow %q; want 204 and %q", options.Status, options.Header.Get("Allow"), c.methods)
			}
			for _, method := range all {
				if method == "DELETE" && strings.Contains(c.methods, method) {
					continue // what is done with it has tests of its own
				}
				res, text := ask(t, method, path)
				if told := slices.Contains(strings.Split(c.methods, ", "), method); told == (res.StatusCode == 405) {
					t.Errorf("%s: %s, and OPTIONS tells %q", method, res.Status, c.methods)
				}
				if res.StatusCode == 405 && (res.Header.Get("Allow") != c.methods || text == "") {
					t.Errorf("%s: Allow %q and body %q; want %q and a sentence", method, res.Header.Get("Allow"), text, c.methods)
				}
			}
		})
	}
	// A Socket.IO server answers as the official one does: a handshake by another method is an error of the protocol.
	for method, want := range map[string]int{"GET": 200, "OPTIONS": 204, "HEAD": 400, "POST": 400, "PUT": 400, "DELETE": 400} {
		res, body := ask(t, method, "/socket.io/?EIO=4&transport=polling")
		if res.StatusCode != want || want == 400 && method != "HEAD" && body != `{"code":2,"message":"Bad handshake method"}` {
			t.Errorf("%s of a handshake: %s %s, want %d", method, res.Status, body, want)
		}
	}
}
