package rest

import (
	"bytes"
	"encoding/json"
	"net/http"
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

// watch sends changes as server-sent events until the client goes. They go on after
// the event that the client heard last (Last-Event-ID), or else after ?since=; where
// neither is given, the first is a BOOKMARK at the present.
func (h *Handler) watch(w http.ResponseWriter, r *http.Request, t target) error {
	since := r.Header.Get("Last-Event-ID") // the URL stays the same when an EventSource reconnects
	s, subscribed := h.openStream(w, r, t, serverSent{}, since)
	if s == nil {
		return nil
	}
	defer s.close(nil)
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("X-Accel-Buffering", "no") // nginx would wait for more
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
