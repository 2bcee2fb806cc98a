package rest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"ackbase/crud"
)

// Feed is what a plain WebSocket on a path of a program's own tells of, and in which words.
type Feed struct {
	Collection string
	ID         string          // of one item, as in a path; empty: the whole collection
	Filters    json.RawMessage // as in SUBSCRIBE; nil: none but those of the URL
	Form       Form            // nil: { id, snapshot }, as below WebSocketPrefix

	// Snapshot begins with a message about each item that is there now, of type ADDED, and goes on from exactly
	// there. It needs a Form. A client then has no use for ?since=.
	Snapshot bool
}

// Form is a program's own message about an item. Values that are equal share the messages, so it must be comparable;
// an empty struct is good. It is called concurrently.
type Form interface {
	// Message makes the text message of a change: its type, and the item after it, of DELETED before it, which it
	// must not modify or keep.
	Message(kind string, item []byte) []byte
}

// ServeFeed answers a request with a WebSocket that sends a feed until the client goes, for paths of a program's own:
//
//	mux.HandleFunc("GET /ws/{id}", func(w http.ResponseWriter, r *http.Request) {
//		h.ServeFeed(w, r, rest.Feed{Collection: "machines", ID: r.PathValue("id")})
//	})
//
// Origins, bounds, errors, ?since= and close codes are those of WebSocketPrefix.
func (h *Handler) ServeFeed(w http.ResponseWriter, r *http.Request, f Feed) {
	if f.Snapshot && (f.Form == nil || f.ID != "") {
		panic("rest: a Feed with a Snapshot needs a Form and no ID")
	}
	if !h.admit(w, r) {
		return
	}
	t := target{collection: f.Collection, id: f.ID, hasID: f.ID != "", filters: f.Filters, form: f.Form, snapshot: f.Snapshot}
	if handshakes(w, r) {
		h.stream(w, r, t, h.serveWebSocket)
	}
}

// admit writes the headers of every answer, and refuses pages of origins that may not use the server, and
// addresses that have sent too much.
func (h *Handler) admit(w http.ResponseWriter, r *http.Request) bool {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if !h.options.AllowOrigin(w, r) {
		fail(w, "FORBIDDEN", http.StatusForbidden, "pages of this origin may not use this server: it must be started with --origin "+strconv.Quote(r.Header.Get("Origin")))
		return false
	}
	w.Header().Set("Access-Control-Expose-Headers", readable)
	if r.Method == http.MethodOptions { // what a browser asks by itself; else its page would not learn why it is refused
		return true
	}
	if wait := h.options.Admission.Request(r); wait > 0 {
		h.limited.Add(1)
		ms := int((wait + time.Millisecond - 1).Milliseconds())
		failLater(w, "RATE_LIMITED", http.StatusTooManyRequests, fmt.Sprintf("this address has sent too many requests for a while: go on in %d ms", ms), ms)
		return false
	}
	return true
}

// wire is what encodes changes for a WebSocket of this target.
func (t target) wire() crud.Wire {
	if t.form == nil {
		return snapshots{}
	}
	return formed{t.form}
}

// formed encodes changes in a Form.
type formed struct{ form Form }

// Change implements crud.ChangeWire.
func (f formed) Change(e *crud.Event) crud.Frame { return f.form.Message(e.Type(), e.Item()) }

// Event drops BOOKMARK.
func (formed) Event(string, []byte) crud.Frame { return nil }

// ask adds what the feed wants to the options that the URL gave.
func (t target) ask(options json.RawMessage) (json.RawMessage, error) {
	if t.filters == nil && !t.snapshot {
		return options, nil
	}
	all := map[string]json.RawMessage{}
	if options != nil {
		if err := json.Unmarshal(options, &all); err != nil {
			return nil, err
		}
	}
	if t.filters != nil {
		if all["filters"] != nil {
			return nil, errors.New("this path has filters of its own: leave yours out")
		}
		all["filters"] = t.filters
	}
	if t.snapshot {
		if all["since"] != nil {
			return nil, errors.New("this path begins with what is there now: leave since out")
		}
		all["snapshot"] = json.RawMessage("true")
	}
	return json.Marshal(all)
}

// begin sends the messages about the items of a snapshot, before anything live.
func (t target) begin(subscribed *answer, write func([]byte) error) error {
	if !t.snapshot {
		return nil
	}
	var result struct{ Items []json.RawMessage }
	if err := json.Unmarshal(subscribed.result, &result); err != nil {
		return fmt.Errorf("the snapshot does not parse: %w", err)
	}
	for _, item := range result.Items {
		if err := write(t.form.Message("ADDED", item)); err != nil {
			return err
		}
	}
	return nil
}
