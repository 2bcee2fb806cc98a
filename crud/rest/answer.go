package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"ackbase/crud"
	"ackbase/server/admission"
)

// answer is what a verb answered. It implements crud.PlacedReply.
type answer struct {
	done                chan struct{} // closed by Answer
	cursor              string        // where it stands; empty where only meta tells
	result, fault, meta []byte
}

// Answer implements crud.Reply.
func (a *answer) Answer(result, fault, meta []byte) {
	a.result, a.fault, a.meta = bytes.Clone(result), bytes.Clone(fault), bytes.Clone(meta)
	close(a.done)
}

// Stand implements crud.PlacedReply.
func (a *answer) Stand(cursor string) { a.cursor = cursor }

// meta is what every verb tells beside its result.
type meta struct {
	Rev     string  `json:"rev"`
	Cursor  string  `json:"cursor"`
	Created bool    `json:"created"`
	Total   *int    `json:"total"`
	Page    *int    `json:"page"`
	Pages   *int    `json:"pages"`
	Next    *string `json:"next"`
}

// write sends the answer.
func (a *answer) write(w http.ResponseWriter, r *http.Request, t target) {
	if a.meta == nil {
		var f crud.Fault
		// It is crud's own JSON; what did not parse would be status 0.
		if err := json.Unmarshal(a.fault, &f); err != nil {
			f.Status = http.StatusInternalServerError
		}
		if a.cursor != "" && f.Status == http.StatusNotFound {
			w.Header().Set("Ackbase-Cursor", a.cursor)
		}
		writeFault(w, f.Status, a.fault)
		return
	}
	m := meta{Cursor: a.cursor}
	if err := json.Unmarshal(a.meta, &m); err != nil {
		fail(w, "INTERNAL", http.StatusInternalServerError, "the answer's meta does not parse")
		return
	}
	header := w.Header()
	if m.Rev != "" {
		header.Set("ETag", `"`+m.Rev+`"`)
	}
	if m.Cursor != "" {
		header.Set("Ackbase-Cursor", m.Cursor)
	}
	reads := r.Method == http.MethodGet || r.Method == http.MethodHead
	status := http.StatusOK
	switch {
	case r.Method == http.MethodPost:
		status = http.StatusCreated
		header.Set("Location", itemPath(t.collection, a.result))
	case m.Created:
		status = http.StatusCreated
	case reads && (!t.hasID || t.history):
		pageHeaders(header, r.URL, m)
	case reads && r.Header.Get("If-Match") != "" && !matches(r.Header, "If-Match", m.Rev):
		failWith(w, crud.Fault{
			Code: "PRECONDITION_FAILED", Status: http.StatusPreconditionFailed,
			Message: "the item is not at a revision that If-Match names, but at " + m.Rev, Details: map[string]string{"rev": m.Rev},
		})
		return
	case reads && matches(r.Header, "If-None-Match", m.Rev):
		w.WriteHeader(http.StatusNotModified)
		return
	}
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(a.result)))
	w.WriteHeader(status)
	w.Write(a.result)
}

// itemPath is where an item can be had.
func itemPath(collection string, item []byte) string {
	var v struct{ ID any }
	d := json.NewDecoder(bytes.NewReader(item))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return Prefix + collection
	}
	id, ok := v.ID.(string)
	if n, number := v.ID.(json.Number); number {
		id, ok = n.String(), true
	}
	if !ok {
		return Prefix + collection
	}
	return Prefix + collection + "/" + url.PathEscape(id)
}

// pageHeaders tells what a page's meta does: X-Total-Count, and Link (RFC 8288) with the other pages.
func pageHeaders(header http.Header, u *url.URL, m meta) {
	if m.Total != nil {
		header.Set("X-Total-Count", strconv.Itoa(*m.Total))
	}
	query := u.Query()
	numbered := query.Has("page")
	link := func(rel, key, value string) {
		query.Del("page")
		query.Del("after")
		query.Set(key, value)
		header.Add("Link", "<"+u.EscapedPath()+"?"+query.Encode()+`>; rel="`+rel+`"`)
	}
	if m.Next != nil {
		// By key, which is stable while others write, unless pages are asked for by number.
		if numbered {
			link("next", "page", strconv.Itoa(*m.Page+1))
		} else {
			link("next", "after", *m.Next)
		}
	}
	if m.Page == nil {
		return // the page after a key has no number
	}
	link("first", "page", "1")
	if *m.Page > 1 {
		link("prev", "page", strconv.Itoa(*m.Page-1))
	}
	if m.Pages != nil && *m.Pages > 0 {
		link("last", "page", strconv.Itoa(*m.Pages))
	}
}

// matches tells whether If-Match or If-None-Match names the revision, or any.
func matches(header http.Header, name, rev string) bool {
	for _, list := range header.Values(name) {
		for tag := range strings.SplitSeq(list, ",") {
			tag = strings.TrimSpace(tag)
			if name == "If-None-Match" { // which compares weakly (RFC 9110, 13.1.2)
				tag = strings.TrimPrefix(tag, "W/")
			}
			if tag == "*" || tag == `"`+rev+`"` {
				return true
			}
		}
	}
	return false
}

// fail sends an error of the handler's own.
func fail(w http.ResponseWriter, code string, status int, message string) {
	failWith(w, crud.Fault{Code: code, Status: status, Message: message})
}

// failWith sends a fault of the handler's own.
func failWith(w http.ResponseWriter, f crud.Fault) {
	b, err := json.Marshal(f)
	if err != nil { // cannot be: texts and numbers marshal
		panic(err)
	}
	writeFault(w, f.Status, b)
}

// refuse sends that a stream is over a bound.
func refuse(w http.ResponseWriter, refusal admission.Refusal) {
	code := "UNAVAILABLE"
	if refusal.Status() == http.StatusTooManyRequests {
		code = "RATE_LIMITED"
	}
	failLater(w, code, refusal.Status(), refusal.Message(), 1000*refusal.RetryAfter())
}

// failLater sends an error that says after how many milliseconds to try again.
func failLater(w http.ResponseWriter, code string, status int, message string, retryAfter int) {
	failWith(w, crud.Fault{Code: code, Status: status, Message: message, Details: map[string]int{"retryAfter": retryAfter}})
}

// writeFault sends { error: fault }.
func writeFault(w http.ResponseWriter, status int, fault []byte) {
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		var f struct{ Details struct{ RetryAfter float64 } }
		seconds := 1
		if json.Unmarshal(fault, &f) == nil && f.Details.RetryAfter > 1000 {
			seconds = int((f.Details.RetryAfter + 999) / 1000)
		}
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write([]byte(`{"error":`))
	w.Write(fault)
	w.Write([]byte("}"))
}

// conn is the connection of one request. Nothing is delivered to it.
type conn struct{ ctx context.Context }

var errNoEvents = errors.New("rest: a request gets no events")

func (c conn) ID() string               { return "" }
func (c conn) Context() context.Context { return c.ctx }
func (c conn) Wire() crud.Wire          { return nil }
func (c conn) Send(crud.Frame) error    { return errNoEvents }
func (c conn) Writable() bool           { return true }
func (c conn) Close(string)             {}
