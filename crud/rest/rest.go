package rest

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"ackbase/collections"
	"ackbase/crud"
	"ackbase/server/admission"
)

// Prefix is the path that a Handler is mounted on.
const Prefix = "/api/v2/"

// Options of a Handler. The zero value is good.
type Options struct {
	// MaxBody is how many bytes the body of a request may have; 2 MB when 0.
	MaxBody int
	// BodyTimeout is how long it may take to come; a minute when 0.
	BodyTimeout time.Duration

	// AllowOrigin decides whether the page that a request comes from may send it, and
	// writes the headers Access-Control-Allow-Origin and Vary. Where it is nil, pages
	// of other origins are refused.
	AllowOrigin func(http.ResponseWriter, *http.Request) bool

	// Admission bounds the requests of an address, and the streams, these together with the sessions of
	// the servers that it serves too. Nil: admission.New(nil).
	Admission *admission.Limits
	// HighWater is how many bytes wait for a stream before its events stay in the log; 1 MB when 0.
	HighWater int
	// MaxBuffered is how many may wait at the most; over it the stream ends. 4 MB when 0.
	MaxBuffered int
	// StallTimeout ends a stream whose client takes nothing of what waits; 10 s when 0.
	StallTimeout time.Duration
	// PingInterval is how often a quiet stream is asked whether it still lives; 25 s when 0.
	PingInterval time.Duration
	// Logger hears of streams that were cut off. slog.Default() when nil.
	Logger *slog.Logger
}

// Handler answers the requests below Prefix. It may be used concurrently.
type Handler struct {
	service *crud.Service
	options Options

	mu      sync.Mutex      // between the start of a stream and Close
	ctx     context.Context // of all streams
	end     context.CancelCauseFunc
	streams sync.WaitGroup
	open    atomic.Int64
	limited atomic.Uint64 // requests that were refused
	counts  counts
}

// New makes a Handler for the verbs of a service, for Prefix and WebSocketPrefix. o may
// be nil. Close it before the http.Server that it runs in.
func New(service *crud.Service, o *Options) *Handler {
	h := &Handler{service: service}
	h.ctx, h.end = context.WithCancelCause(context.Background())
	if o != nil {
		h.options = *o
	}
	if h.options.MaxBody <= 0 {
		h.options.MaxBody = 2 << 20
	}
	if h.options.BodyTimeout <= 0 {
		h.options.BodyTimeout = time.Minute
	}
	if h.options.AllowOrigin == nil {
		h.options.AllowOrigin = sameOrigin
	}
	if h.options.Admission == nil {
		h.options.Admission = admission.New(nil)
	}
	if h.options.HighWater <= 0 {
		h.options.HighWater = 1 << 20
	}
	if h.options.MaxBuffered <= 0 {
		h.options.MaxBuffered = 4 << 20
	}
	if h.options.StallTimeout <= 0 {
		h.options.StallTimeout = 10 * time.Second
	}
	if h.options.PingInterval <= 0 {
		h.options.PingInterval = 25 * time.Second
	}
	if h.options.Logger == nil {
		h.options.Logger = slog.Default()
	}
	return h
}

// Close ends the streams and returns when they are gone; their clients connect
// again. Later ones end at once. Requests go on.
func (h *Handler) Close() {
	h.mu.Lock()
	h.end(errShutdown)
	h.mu.Unlock()
	h.streams.Wait()
}

func sameOrigin(_ http.ResponseWriter, r *http.Request) bool {
	origin := r.Header.Get("Origin")
	u, err := url.Parse(origin)
	return origin == "" || err == nil && strings.EqualFold(u.Host, r.Host)
}

// What a browser's script may send and read beyond what it always may.
const (
	sendable = "Content-Type, If-Match, If-None-Match, Idempotency-Key, Last-Event-ID"
	readable = "Ackbase-Cursor, ETag, Link, Location, X-Total-Count, Retry-After"
)

// methods are those that go with a target below a prefix.
func (t target) methods(prefix string) []string {
	switch {
	case t.history, prefix == WebSocketPrefix:
		return []string{"GET", "HEAD", "OPTIONS"}
	case t.hasID:
		return []string{"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"}
	}
	return []string{"GET", "HEAD", "POST", "PATCH", "OPTIONS"}
}

//go:embed openapi.json
var openAPI []byte

// OpenAPI serves the description of all this as an OpenAPI 3.1 document.
func OpenAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Access-Control-Allow-Origin", "*") // for the tools that read such documents; it tells nothing private
	w.Write(openAPI)
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !h.admit(w, r) {
		return
	}
	prefix := Prefix
	if strings.HasPrefix(r.URL.Path, WebSocketPrefix) {
		prefix = WebSocketPrefix
	}
	t, err := parseTarget(r.URL.EscapedPath(), prefix)
	if err != nil {
		fail(w, "BAD_REQUEST", http.StatusBadRequest, err.Error())
		return
	}
	allowed := t.methods(prefix)
	if !slices.Contains(allowed, r.Method) {
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		fail(w, "BAD_REQUEST", http.StatusMethodNotAllowed, fmt.Sprintf("%s does not go with this path: there are %s", r.Method, strings.Join(allowed, ", ")))
		return
	}
	if r.Method == http.MethodOptions {
		header := w.Header()
		header.Set("Allow", strings.Join(allowed, ", "))
		header.Set("Access-Control-Allow-Methods", strings.Join(allowed, ", "))
		header.Set("Access-Control-Allow-Headers", sendable)
		header.Set("Access-Control-Max-Age", "600")
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if prefix == WebSocketPrefix {
		if handshakes(w, r) {
			h.stream(w, r, t, h.serveWebSocket)
		}
		return
	}
	watches, err := t.watches(r)
	if err != nil {
		fail(w, "BAD_REQUEST", http.StatusBadRequest, err.Error())
		return
	}
	if watches {
		h.stream(w, r, t, h.watch)
		return
	}
	verb, args, err := h.arguments(w, r, t)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		fail(w, "TOO_LARGE", http.StatusRequestEntityTooLarge, fmt.Sprintf("the body of a request has %d bytes at the most", tooLarge.Limit))
		return
	case errors.Is(err, errMediaType):
		fail(w, "BAD_REQUEST", http.StatusUnsupportedMediaType, err.Error())
		return
	case errors.Is(err, os.ErrDeadlineExceeded):
		w.Header().Set("Connection", "close")
		fail(w, "BAD_REQUEST", http.StatusRequestTimeout, fmt.Sprintf("the body has not come within %v", h.options.BodyTimeout))
		return
	case err != nil:
		fail(w, "BAD_REQUEST", http.StatusBadRequest, err.Error())
		return
	}
	answer := h.do(r.Context(), verb, args)
	if answer == nil {
		return // the client has gone
	}
	answer.write(w, r, t)
}

// do runs a verb and returns its answer; nil when ctx ended before.
func (h *Handler) do(ctx context.Context, verb string, args []json.RawMessage) *answer {
	session := h.service.Open(conn{ctx})
	defer session.Close()
	a := &answer{done: make(chan struct{})}
	session.Do(verb, args, false, a)
	select {
	case <-a.done:
		return a
	case <-ctx.Done():
		return nil
	}
}

// target is what a path names, and of a Feed how it is told.
type target struct {
	collection string
	id         string
	hasID      bool
	history    bool // of the item

	filters  json.RawMessage
	form     Form
	snapshot bool
}

// stream serves a request that lasts. serve returns why it ended.
func (h *Handler) stream(w http.ResponseWriter, r *http.Request, t target, serve func(http.ResponseWriter, *http.Request, target) error) {
	h.mu.Lock()
	if h.ctx.Err() != nil {
		h.mu.Unlock()
		fail(w, "UNAVAILABLE", http.StatusServiceUnavailable, errShutdown.Error())
		return
	}
	h.streams.Add(1)
	h.mu.Unlock()
	defer h.streams.Done()
	place, refusal := h.options.Admission.Enter(r)
	if refusal != admission.Admitted {
		refuse(w, refusal)
		return
	}
	h.open.Add(1)
	var cause error
	defer func() {
		// In this order: a stream that is told of as ended has given back what it had.
		place.Leave()
		h.open.Add(-1)
		h.ended(r, cause)
	}()
	cause = serve(w, r, t)
}

// parseTarget reads an escaped path below a prefix.
func parseTarget(path, prefix string) (t target, err error) {
	rest := path
	for range strings.Count(prefix, "/") { // the prefix may have escapes, too
		_, rest, _ = strings.Cut(rest, "/")
	}
	collection, id, hasID := strings.Cut(rest, "/")
	if prefix == Prefix {
		id, t.history = cutHistory(id)
	}
	if t.collection, err = url.PathUnescape(collection); err != nil {
		return t, err
	}
	if t.id, err = url.PathUnescape(id); err != nil {
		return t, err
	}
	t.hasID = hasID && id != ""
	if t.collection == "" || strings.Contains(id, "/") {
		known := fmt.Sprintf("%s{collection} or %s{collection}/{id}", prefix, prefix)
		if prefix == Prefix {
			known += ", or that with /history"
		}
		return t, errors.New("the path is " + known)
	}
	return t, nil
}

// cutHistory cuts the end off the path {id}/history. An id has no slash.
func cutHistory(path string) (id string, history bool) {
	if id, history = strings.CutSuffix(path, "/history"); id == "" {
		return path, false
	}
	return id, history
}

// quote is a text as JSON.
func quote(s string) json.RawMessage {
	b, err := json.Marshal(s)
	if err != nil { // cannot be: any string marshals
		panic(err)
	}
	return b
}

// idJSON is the id of a path: a number where it looks like one.
func (t target) idJSON() (json.RawMessage, error) {
	id, err := collections.ParseID(t.id)
	if err != nil {
		return nil, err
	}
	return id.AppendJSON(nil), nil
}

// arguments makes a verb's call of a request.
func (h *Handler) arguments(w http.ResponseWriter, r *http.Request, t target) (verb string, args []json.RawMessage, err error) {
	verb = r.Method
	reads := verb == http.MethodGet || verb == http.MethodHead
	switch {
	case t.history:
		verb = "HISTORY"
	case reads:
		verb = http.MethodGet
	}
	args = append(args, quote(t.collection))
	if t.hasID {
		id, err := t.idJSON()
		if err != nil {
			return "", nil, err
		}
		args = append(args, id)
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return "", nil, fmt.Errorf("the query of the URL is malformed: %w", err)
	}
	if reads {
		options, err := readOptions(query, t.hasID)
		if err != nil || options == nil {
			return verb, args, err
		}
		return verb, append(args, options), nil
	}
	options, err := writeOptions(r.Header, query)
	if err != nil {
		return "", nil, err
	}
	if verb != http.MethodDelete {
		body, err := h.body(w, r, verb, t)
		if err != nil {
			return "", nil, err
		}
		args = append(args, body)
	}
	if options != nil {
		args = append(args, options)
	}
	return verb, args, nil
}

var errMediaType = errors.New("the body must be JSON")

// body reads the body of a write. That it must say to be JSON keeps pages of
// other origins from sending it without asking first (CORS).
func (h *Handler) body(w http.ResponseWriter, r *http.Request, verb string, t target) (json.RawMessage, error) {
	if n := len(r.Header.Values("Content-Type")); n > 1 {
		return nil, fmt.Errorf("the header Content-Type is there %d times: a body has one", n)
	}
	if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		w.Header().Set("Accept-Encoding", "identity")
		return nil, fmt.Errorf("%w as it is: send it without Content-Encoding, not as %q", errMediaType, coding)
	}
	// A malformed one is none of those below, but where that is in its parameters, which say nothing here.
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	first := byte('{')
	switch {
	case verb == "PATCH" && kind == "application/json-patch+json":
		first = '['
	case verb == "PATCH" && kind == "application/merge-patch+json" && t.hasID:
	case verb == "PATCH" && kind == "application/json":
		first = 0
	case kind == "application/json":
	default:
		good := "application/json"
		switch {
		case verb == "PATCH" && t.hasID:
			good = "application/json-patch+json or application/merge-patch+json"
		case verb == "PATCH":
			good = "application/json-patch+json"
		}
		return nil, fmt.Errorf("%w: send it with Content-Type: %s, not %q", errMediaType, good, r.Header.Get("Content-Type"))
	}
	if r.ContentLength > int64(h.options.MaxBody) { // not even asked for, where the client waits for 100 (Continue)
		return nil, &http.MaxBytesError{Limit: int64(h.options.MaxBody)}
	}
	// A body that does not come must not hold the connection for ever. Where the
	// deadline cannot be set, the server's own hold.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(h.options.BodyTimeout))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(h.options.MaxBody)))
	if err != nil {
		return nil, fmt.Errorf("the body cannot be read: %w", err)
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	body = bytes.TrimLeft(body, " \t\r\n")
	switch {
	case len(body) == 0:
		return nil, fmt.Errorf("%s needs a body: JSON", verb)
	case !t.hasID && verb == "PATCH" && body[0] != '[':
		return nil, errors.New("PATCH of a collection takes a JSON Patch, an array; to change one item, PATCH it by its id")
	case first != 0 && body[0] != first:
		return nil, fmt.Errorf("the body of %s with Content-Type %s begins with %q", verb, kind, first)
	}
	return body, nil
}
