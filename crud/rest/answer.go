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
	status := http.StatusOK
	switch {
	case r.Method == http.MethodPost:
		status = http.StatusCreated
		header.Set("Location", itemPath(t.collection, a.result))
	case m.Created:
		status = http.StatusCreated
	case (r.Method == http.MethodGet || r.Method == http.MethodHead) && (!t.hasID || t.history):
		pageHeaders(header, r.URL, m)
	case (r.Method == http.MethodGet || r.Method == http.MethodHead) && matches(r.Header, m.Rev):
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

// matches tells whether If-None-Match names the revision, or any.
func matches(header http.Header, rev string) bool {
	for _, list := range header.Values("If-None-Match") {
		for tag := range strings.SplitSeq(list, ",") {
			tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
			if tag == "*" || tag == `"`+rev+`"` {
				return true
			}
		}
	}
	return false
}

// fail sends an error of the handler's own.
func fail(w http.ResponseWriter, code string, status int, message string) {
	b, err := json.Marshal(crud.Fault{Code: code, Status: status, Message: message})
	if err != nil { // cannot be: texts and a number
		panic(err)
	}
	writeFault(w, status, b)
}

// refuse sends that a stream is over a bound.
func refuse(w http.ResponseWriter, refusal admission.Refusal) {
	code := "UNAVAILABLE"
	if refusal.Status() == http.StatusTooManyRequests {
		code = "RATE_LIMITED"
	}
	b, err := json.Marshal(crud.Fault{
		Code: code, Status: refusal.Status(), Message: refusal.Message(),
		Details: map[string]int{"retryAfter": 1000 * refusal.RetryAfter()}, // ms
	})
	if err != nil { // cannot be: texts and numbers marshal
		panic(err)
	}
	writeFault(w, refusal.Status(), b)
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
