package console

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"ackbase/collections"
	"ackbase/collections/bolt"
	"ackbase/crud"
	"ackbase/crud/rest"
	"ackbase/server"
)

// Prefix is the path that a Handler is mounted on.
const Prefix = "/console/api/"

// Sources are what is told of. All are needed.
type Sources struct {
	Sockets *server.Server
	Verbs   *crud.Service
	Streams *rest.Handler
	Store   *bolt.Store
	DB      *collections.DB
	Version string // of the program
}

// maxInFlight is how many questions are answered at once: each looks at every connection.
const maxInFlight = 4

// Handler answers GET below Prefix: collections, clients and series. It may be used concurrently.
type Handler struct {
	sources Sources
	series  *series
	places  chan struct{}
	began   time.Time
	mux     *http.ServeMux
}

// New makes a Handler. Close it before what it tells of.
func New(s *Sources) *Handler {
	h := &Handler{sources: *s, places: make(chan struct{}, maxInFlight), began: time.Now(), mux: http.NewServeMux()}
	h.series = newSeries(h.sample)
	h.mux.HandleFunc("GET "+Prefix+"collections", h.collections)
	h.mux.HandleFunc("GET "+Prefix+"clients", h.clients)
	h.mux.HandleFunc("GET "+Prefix+"series", h.samples)
	h.mux.HandleFunc(Prefix, func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusNotFound, "there are GET "+Prefix+"collections, clients and series")
	})
	return h
}

// Close ends the sampling and returns when it has ended.
func (h *Handler) Close() { h.series.close() }

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	if !ownPage(r) {
		refuse(w, http.StatusForbidden, "this is for the server's own pages alone")
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		header.Set("Allow", "GET, HEAD, OPTIONS")
		if r.Method == http.MethodOptions {
			w.WriteHeader(http.StatusNoContent)
		} else {
			refuse(w, http.StatusMethodNotAllowed, r.Method+" does not go with this path: there are GET and HEAD")
		}
		return
	}
	select {
	case h.places <- struct{}{}:
		defer func() { <-h.places }()
	default:
		w.Header().Set("Retry-After", "1")
		refuse(w, http.StatusServiceUnavailable, "as many consoles as may are asking at this moment: try again in a second")
		return
	}
	h.mux.ServeHTTP(w, r)
}

// ownPage tells whether a request comes from a page of this server, or from no page at all.
func ownPage(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
	default:
		return false
	}
	origin := r.Header.Get("Origin")
	u, err := url.Parse(origin)
	return origin == "" || err == nil && strings.EqualFold(u.Host, r.Host)
}

func answer(w http.ResponseWriter, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		refuse(w, http.StatusInternalServerError, err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(body)
}

// fault is an error, as the verbs over HTTP tell it.
type fault struct {
	Code    string `json:"code"`
	Status  int    `json:"status"`
	Message string `json:"message"`
}

// codes are those of the verbs with the same meaning.
var codes = map[int]string{
	http.StatusBadRequest:          "BAD_REQUEST",
	http.StatusMethodNotAllowed:    "BAD_REQUEST",
	http.StatusForbidden:           "FORBIDDEN",
	http.StatusNotFound:            "NOT_FOUND",
	http.StatusServiceUnavailable:  "UNAVAILABLE",
	http.StatusInternalServerError: "INTERNAL",
}

func refuse(w http.ResponseWriter, status int, message string) {
	body, err := json.Marshal(map[string]fault{"error": {codes[status], status, message}})
	if err != nil { // cannot be: any text marshals
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(body)
}

// number reads a parameter from 1 to most; without it, it is the usual one.
func number(w http.ResponseWriter, r *http.Request, name string, usual, most int) (n int, ok bool) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return usual, true
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		refuse(w, http.StatusBadRequest, name+" is a number from 1 to "+strconv.Itoa(most))
		return 0, false
	}
	return n, true
}

// maxCollections is how many collections are listed. Further ones can be opened by name.
const maxCollections = 1000

// collectionsAnswer is what /collections answers.
type collectionsAnswer struct {
	Collections []collection `json:"collections"` // by name
	More        bool         `json:"more"`        // there are others
}

type collection struct {
	Name  string `json:"name"`
	Items int    `json:"items"`
}

func (h *Handler) collections(w http.ResponseWriter, r *http.Request) {
	list, more, err := h.sources.DB.Collections(r.Context(), maxCollections)
	if err != nil {
		refuse(w, http.StatusServiceUnavailable, "the store cannot be read: "+err.Error())
		return
	}
	a := collectionsAnswer{Collections: make([]collection, len(list)), More: more}
	for i, c := range list {
		a.Collections[i] = collection{c.Collection, c.Items}
	}
	answer(w, a)
}
