package rest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"ackbase/crud"
)

// serverSent encodes changes as server-sent events (HTML, 9.2): the type as the
// event, the cursor as its id, the change as its data.
type serverSent struct{}

func (serverSent) Change(e *crud.Event) crud.Frame {
	return serverSentEvent(e.Type(), e.Cursor(), e.AppendJSON(nil))
}

// Event encodes BOOKMARK.
func (serverSent) Event(name string, payload []byte) crud.Frame {
	var mark struct{ Cursor string }
	if err := json.Unmarshal(payload, &mark); err != nil { // cannot be: it is crud's own
		panic(err)
	}
	return serverSentEvent(name, mark.Cursor, payload)
}

func serverSentEvent(name, id string, data []byte) []byte {
	b := make([]byte, 0, len(name)+len(id)+len(data)+32)
	b = append(append(b, "event: "...), name...)
	b = append(append(b, "\nid: "...), id...)
	b = append(b, "\ndata: "...)
	// JSON has line breaks between its parts only, where a space is as good.
	for _, c := range data {
		if c == '\n' || c == '\r' {
			c = ' '
		}
		b = append(b, c)
	}
	return append(b, "\n\n"...)
}

// watches tells whether a request wants server-sent events: by ?watch, whose value may be nothing, true or 1.
func (t target) watches(r *http.Request) (bool, error) {
	values, there := r.URL.Query()["watch"]
	if !there || t.history || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false, nil
	}
	if len(values) > 1 {
		return false, errRepeated("watch", values)
	}
	if !slices.Contains([]string{"", "true", "1"}, values[0]) {
		return false, fmt.Errorf("watch is true, or has no value, not %q: leave it out for an answer that ends", values[0])
	}
	return true, nil
}

// watch sends changes as server-sent events until the client goes. They go on after
// the event that the client heard last (Last-Event-ID), or else after ?since=; where
// neither is given, the first is a BOOKMARK at the present.
func (h *Handler) watch(w http.ResponseWriter, r *http.Request, t target) error {
	last := r.Header.Values("Last-Event-ID") // the URL stays the same when an EventSource reconnects
	if len(last) > 1 {
		fail(w, "BAD_REQUEST", http.StatusBadRequest, fmt.Sprintf("the header Last-Event-ID is there %d times: a stream goes on after one event", len(last)))
		return nil
	}
	since := strings.Join(last, "")
	s, subscribed := h.openStream(w, r, t, serverSent{}, since)
	if s == nil {
		return nil
	}
	defer s.close(nil)
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("X-Accel-Buffering", "no") // nginx would wait for more
	if r.Method == http.MethodHead {
		w.WriteHeader(http.StatusOK)
		return nil
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // the server's own is for requests
	send := func(b []byte) error {
		if err := control.SetWriteDeadline(time.Now().Add(h.options.StallTimeout)); err != nil {
			return err
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
		return control.Flush()
	}
	first := []byte("retry: 1000\n\n") // ms
	if since == "" && !r.URL.Query().Has("since") {
		first = append(first, subscribed.bookmark(t)...)
	}
	go func() {
		select {
		case <-r.Context().Done():
			s.end(r.Context().Err())
		case <-s.ctx.Done():
		}
	}()
	if err := send(first); err != nil {
		return err
	}
	return s.run(send, func() error { return send([]byte(":\n\n")) }) // whatever ended it: the client connects again and goes on
}

// bookmark is the answer to SUBSCRIBE as a BOOKMARK event.
func (a *answer) bookmark(t target) []byte {
	var result struct{ Cursor string }
	var meta struct{ Room string }
	if json.Unmarshal(a.result, &result) != nil || json.Unmarshal(a.meta, &meta) != nil {
		return nil // cannot be: they are crud's own
	}
	data := bytes.Join([][]byte{[]byte(`{"collection":`), quote(t.collection), []byte(`,"room":`), quote(meta.Room), []byte(`,"cursor":`), quote(result.Cursor), []byte("}")}, nil)
	return serverSentEvent("BOOKMARK", result.Cursor, data)
}
