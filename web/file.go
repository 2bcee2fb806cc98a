package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"
)

// types are the media types of what lies here: the system's own table may lack or misname them.
var types = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".mjs":  "text/javascript; charset=utf-8",
	".map":  "application/json",
	".svg":  "image/svg+xml",
}

// file is one embedded file, ready to be served. It may be used concurrently.
type file struct {
	content []byte
	media   string
	tag     string // of the content, without quotes

	compressed func() []byte // nil where gzip does not make it smaller; made once, when it is first asked for
}

func newFile(name string, content []byte) *file {
	sum := sha256.Sum256(content)
	f := &file{content: content, media: types[path.Ext(name)], tag: hex.EncodeToString(sum[:8])}
	if f.media == "" {
		f.media = "application/octet-stream"
	}
	f.compressed = sync.OnceValue(func() []byte {
		var out bytes.Buffer
		zip, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
		if err != nil {
			return nil
		}
		_, err = zip.Write(content)
		if closing := zip.Close(); err != nil || closing != nil || out.Len() >= len(content) {
			return nil
		}
		return out.Bytes()
	})
	return f
}

// serve answers GET and HEAD. The address of a file says nothing of its content, so a browser asks each time
// and is told 304 while nothing changed.
func (f *file) serve(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Content-Type", f.media)
	header.Set("Cache-Control", "no-cache")
	header.Set("Vary", "Accept-Encoding")
	content, tag := f.content, f.tag
	if acceptsGzip(r.Header.Get("Accept-Encoding")) && r.Header.Get("Range") == "" {
		if zipped := f.compressed(); zipped != nil {
			content, tag = zipped, f.tag+"-gzip"
			header.Set("Content-Encoding", "gzip")
		}
	}
	header.Set("ETag", strconv.Quote(tag))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

// acceptsGzip reads an Accept-Encoding header (RFC 9110, 12.5.3): gzip counts where it is named, or `*`, with a
// weight above zero.
func acceptsGzip(header string) bool {
	accepted := false
	for coding := range strings.SplitSeq(header, ",") {
		name, parameters, _ := strings.Cut(coding, ";")
		name = strings.ToLower(strings.TrimSpace(name))
		if name != "gzip" && name != "*" {
			continue
		}
		weight := 1.0
		if q, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(parameters)), "q="); ok {
			parsed, err := strconv.ParseFloat(q, 64)
			if err != nil {
				parsed = 0
			}
			weight = parsed
		}
		if name == "gzip" {
			return weight > 0
		}
		accepted = weight > 0
	}
	return accepted
}
