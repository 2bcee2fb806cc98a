package web

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

// get asks handler for target and returns the answer with its body.
func get(t testing.TB, handler http.Handler, method, target string, header ...string) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Result(), string(body)
}

func TestPageIsServedWithItsPolicy(t *testing.T) {
	answer, body := get(t, New(nil), "GET", "/")
	if answer.StatusCode != 200 || answer.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("GET / = %d %s", answer.StatusCode, answer.Header.Get("Content-Type"))
	}
	csp := answer.Header.Get("Content-Security-Policy")
	if csp == "" || strings.Contains(csp, "unsafe") {
		t.Errorf("Content-Security-Policy = %q", csp)
	}
	if got := answer.Header.Get("X-Content-Type-Options"); got != "nosniff" {
		t.Errorf("X-Content-Type-Options = %q", got)
	}
	// What the policy forbids would silently not work in the page.
	if inline := regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+=|<script[^>]*>[^<]`).FindString(body); inline != "" {
		t.Errorf("the page has something inline that its own policy forbids: %q", inline)
	}
}

func TestPageShowsTheCollectionOfTheOptions(t *testing.T) {
	_, body := get(t, New(&Options{Collection: `a"b`}), "GET", "/")
	if !strings.Contains(body, `data-collection="a&#34;b"`) {
		t.Error("the page does not name the collection of the options, or not safely")
	}
	if _, body := get(t, New(nil), "GET", "/"); !strings.Contains(body, `data-collection="items"`) {
		t.Error(`without options the page must show "items"`)
	}
}

// Every part that a served file names is served too.
func TestPartsOfThePageAreServed(t *testing.T) {
	handler := New(nil)
	link := regexp.MustCompile(`(?:src|href)="([^"#]+)"|(?:from|import) "([.][^"]+)"|@import "([^"]+)"`)
	seen := map[string]bool{}
	var visit func(target string)
	visit = func(target string) {
		if seen[target] {
			return
		}
		seen[target] = true
		answer, body := get(t, handler, "GET", target)
		if answer.StatusCode != 200 {
			t.Errorf("GET %s = %d, but the page needs it", target, answer.StatusCode)
			return
		}
		base := answer.Request
		if base == nil {
			base = httptest.NewRequest("GET", target, nil)
		}
		for _, found := range link.FindAllStringSubmatch(body, -1) {
			next, err := base.URL.Parse(found[1] + found[2] + found[3])
			if err != nil {
				t.Fatal(err)
			}
			if next.Host != base.URL.Host || strings.HasPrefix(next.Path, "/socket.io/") {
				continue
			}
			visit(next.Path)
		}
	}
	visit("/")
	for _, expected := range []string{"/page/app.js", "/client/ackbase.js", "/favicon.svg"} {
		if !seen[expected] {
			t.Errorf("the page does not lead to %s; it leads to %v", expected, seen)
		}
	}
}

// The same of the console, whose parts are in part those of the page.
func TestPartsOfTheConsoleAreServed(t *testing.T) {
	page, console := New(nil), Console()
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/console") {
			console.ServeHTTP(w, r)
		} else {
			page.ServeHTTP(w, r)
		}
	})
	link := regexp.MustCompile(`(?:src|href)="([^"#]+)"|(?:from|import) "([.][^"]+)"`)
	seen := map[string]bool{}
	var visit func(target string)
	visit = func(target string) {
		if seen[target] {
			return
		}
		seen[target] = true
		answer, body := get(t, handler, "GET", target)
		if answer.StatusCode != 200 {
			t.Errorf("GET %s = %d, but the console needs it", target, answer.StatusCode)
			return
		}
		if csp := answer.Header.Get("Content-Security-Policy"); csp == "" || strings.Contains(csp, "unsafe") {
			t.Errorf("GET %s: Content-Security-Policy = %q", target, csp)
		}
		for _, found := range link.FindAllStringSubmatch(body, -1) {
			next, err := httptest.NewRequest("GET", target, nil).URL.Parse(found[1] + found[2])
			if err != nil {
				t.Fatal(err)
			}
			visit(next.Path)
		}
	}
	visit("/console")
	for _, expected := range []string{"/console/charts.js", "/console/item.css", "/page/base.css", "/page/connection.js", "/client/ackbase.js", "/favicon.svg"} {
		if !seen[expected] {
			t.Errorf("the console does not lead to %s", expected)
		}
	}
	_, body := get(t, handler, "GET", "/console")
	if inline := regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+=|<script[^>]*>[^<]`).FindString(body); inline != "" {
		t.Errorf("the console has something inline that its own policy forbids: %q", inline)
	}
	if answer, _ := get(t, New(nil), "GET", "/console/console.js"); answer.StatusCode != 404 {
		t.Errorf("the page's handler serves the console too: %d", answer.StatusCode)
	}
	if answer, _ := get(t, console, "POST", "/console"); answer.StatusCode != 405 {
		t.Errorf("POST = %d, want 405", answer.StatusCode)
	}
	if answer, body := get(t, console, "GET", "/console/else"); answer.StatusCode != 404 || !strings.Contains(body, "/console") {
		t.Errorf("GET of nothing = %d %q", answer.StatusCode, body)
	}
	// What npm has not brought is told in words; what it has is served.
	for _, name := range borrowed {
		answer, body := get(t, console, "GET", "/console/"+name)
		if answer.StatusCode != 200 && !strings.Contains(body, Command) {
			t.Errorf("GET /console/%s = %d %q, want the file, or what to run", name, answer.StatusCode, body)
		}
	}
}

func TestMediaTypes(t *testing.T) {
	handler := New(nil)
	for target, media := range map[string]string{
		"/client/ackbase.js": "text/javascript; charset=utf-8",
		"/page/app.js":       "text/javascript; charset=utf-8",
		"/page/base.css":     "text/css; charset=utf-8",
		"/favicon.svg":       "image/svg+xml",
	} {
		answer, _ := get(t, handler, "GET", target)
		if got := answer.Header.Get("Content-Type"); answer.StatusCode != 200 || got != media {
			t.Errorf("GET %s = %d %q, want 200 %q", target, answer.StatusCode, got, media)
		}
	}
	answer, _ := get(t, handler, "GET", "/client/ackbase.js")
	if got := answer.Header.Get("Access-Control-Allow-Origin"); got != "*" {
		t.Errorf("the client's Access-Control-Allow-Origin = %q: a page of another origin could not import it", got)
	}
}

func TestUnchangedFileIsNotSentAgain(t *testing.T) {
	handler := New(nil)
	for _, encoding := range []string{"", "gzip", "gzip;q=0", "br, *;q=0.5"} {
		first, body := get(t, handler, "GET", "/client/ackbase.js", "Accept-Encoding", encoding)
		tag := first.Header.Get("ETag")
		if tag == "" || body == "" {
			t.Fatalf("Accept-Encoding %q: ETag %q and %d bytes", encoding, tag, len(body))
		}
		second, body := get(t, handler, "GET", "/client/ackbase.js", "Accept-Encoding", encoding, "If-None-Match", tag)
		if second.StatusCode != 304 || body != "" {
			t.Errorf("Accept-Encoding %q: the same ETag gives %d with %d bytes, want 304", encoding, second.StatusCode, len(body))
		}
	}
}

func TestGzipCarriesTheSameContent(t *testing.T) {
	handler := New(nil)
	_, plain := get(t, handler, "GET", "/client/ackbase.js")
	answer, zipped := get(t, handler, "GET", "/client/ackbase.js", "Accept-Encoding", "gzip, deflate")
	if answer.Header.Get("Content-Encoding") != "gzip" || len(zipped) >= len(plain) {
		t.Fatalf("Content-Encoding %q with %d bytes for %d", answer.Header.Get("Content-Encoding"), len(zipped), len(plain))
	}
	reader, err := gzip.NewReader(strings.NewReader(zipped))
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(reader)
	if err != nil || !bytes.Equal(content, []byte(plain)) {
		t.Fatalf("the compressed file differs from the plain one (%v)", err)
	}
}

func TestWhatIsNotThereIsSaidInWords(t *testing.T) {
	handler := New(nil)
	for _, target := range []string{"/nothing", "/page/", "/page", "/client/", "/page/index.html", "/page/../web.go", "/dist/README.md"} {
		answer, body := get(t, handler, "GET", target)
		if answer.StatusCode != 404 || !strings.Contains(body, "The demo page is at /") {
			t.Errorf("GET %s = %d %q, want a 404 that says what there is", target, answer.StatusCode, body)
		}
		if media := answer.Header.Get("Content-Type"); media != "text/plain; charset=utf-8" {
			t.Errorf("GET %s is a %s: a path that echoes back must be plain text", target, media)
		}
	}
	answer, body := get(t, handler, "POST", "/")
	if answer.StatusCode != 405 || answer.Header.Get("Allow") != "GET, HEAD, OPTIONS" || !strings.Contains(body, "POST is not allowed") {
		t.Errorf("POST / = %d, Allow %q, %q", answer.StatusCode, answer.Header.Get("Allow"), body)
	}
}

func TestHeadTellsWhatGetWouldSend(t *testing.T) {
	server := httptest.NewServer(New(nil))
	defer server.Close()
	answer, err := http.Head(server.URL + "/client/ackbase.js")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != 200 || len(body) != 0 || answer.Header.Get("ETag") == "" {
		t.Errorf("HEAD = %d, %d bytes, ETag %q, %v", answer.StatusCode, len(body), answer.Header.Get("ETag"), err)
	}
}

var engine = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
	io.WriteString(w, "the Socket.IO server")
})

func TestClientFilesStandBeforeTheServer(t *testing.T) {
	handler := clientFiles("/socket.io/", engine, fstest.MapFS{
		"README.md":                {Data: []byte("stands in")},
		"socket.io.js":             {Data: []byte("/* client */")},
		"socket.io.esm.min.js":     {Data: []byte("export const io = 1")},
		"socket.io.esm.min.js.map": {Data: []byte(`{"version":3}`)},
	})
	for target, want := range map[string]string{
		"/socket.io/socket.io.js":             "/* client */",
		"/socket.io/socket.io.esm.min.js?v=1": "export const io = 1",
		"/socket.io/socket.io.esm.min.js.map": `{"version":3}`,
		"/socket.io/?EIO=4&transport=polling": "the Socket.IO server",
		"/socket.io/README.md":                "the Socket.IO server",
		"/socket.io/x/socket.io.js":           "the Socket.IO server",
	} {
		if answer, body := get(t, handler, "GET", target); answer.StatusCode != 200 || body != want {
			t.Errorf("GET %s = %d %q, want %q", target, answer.StatusCode, body, want)
		}
	}
	answer, body := get(t, handler, "POST", "/socket.io/?EIO=4&transport=polling&sid=a")
	if answer.StatusCode != 200 || body != "the Socket.IO server" {
		t.Errorf("a poll's POST does not reach the Socket.IO server: %d %q", answer.StatusCode, body)
	}
}

func TestBuildWithoutClientFilesSaysWhatToRun(t *testing.T) {
	handler := clientFiles("/socket.io/", engine, fstest.MapFS{"README.md": {Data: []byte("stands in")}})
	for _, name := range []string{"socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js", "socket.io.js.map"} {
		answer, body := get(t, handler, "GET", "/socket.io/"+name)
		if answer.StatusCode != 404 || !strings.Contains(body, Command) || !strings.Contains(body, name) {
			t.Errorf("GET %s = %d %q, want a 404 that names the command", name, answer.StatusCode, body)
		}
	}
}

// The embedded folder never lacks its committed file, so that a build without Node works.
func TestPlaceholderIsEmbedded(t *testing.T) {
	if _, err := dist.ReadFile("dist/README.md"); err != nil {
		t.Fatal(err)
	}
}
