package faults

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/gobwas/ws"

	"ackbase/server/client"
)

// errGone is the answer of a feed whose cursor is too old.
var errGone = errors.New("the cursor is gone")

// feedListener listens without Socket.IO: to server-sent events, or over a plain WebSocket.
type feedListener struct {
	url    string
	http   *http.Client
	stream *stream
	plain  bool // over a WebSocket
}

func (l *feedListener) heard() []*stream { return []*stream{l.stream} }

func (l *feedListener) listen(ctx context.Context) (err error) {
	defer l.http.CloseIdleConnections()
	s := l.stream
	if !s.begun() && (l.plain || s.patch) {
		if err := l.page(ctx); err != nil {
			return err
		}
	}
	if l.plain {
		err = l.socket(ctx)
	} else {
		err = l.events(ctx)
	}
	if errors.Is(err, errGone) {
		return l.page(ctx)
	}
	return err
}

// page begins the stream at the cursor of a page, with its items.
func (l *feedListener) page(ctx context.Context) error {
	query := url.Values{"limit": {"1000"}}
	l.filter(query)
	res, err := l.get(ctx, "/api/v2/"+l.stream.collection, query, "")
	if err != nil {
		return err
	}
	defer res.Body.Close()
	items := []json.RawMessage{}
	if err := json.NewDecoder(res.Body).Decode(&items); err != nil {
		return err
	}
	if total, err := strconv.Atoi(res.Header.Get("X-Total-Count")); err != nil || total != len(items) {
		return fatal{fmt.Errorf("%s: a page of %d items says that there are %q", l.stream.who, len(items), res.Header.Get("X-Total-Count"))}
	}
	if err := l.stream.begin(res.Header.Get("Ackbase-Cursor"), items); err != nil {
		return fatal{err}
	}
	return nil
}

// filter adds the stream's filter to a query.
func (l *feedListener) filter(query url.Values) {
	if l.stream.bucket != noBucket {
		query.Set("filters[bucket]", strconv.Itoa(l.stream.bucket))
	}
}

// get makes a request whose answer is 200.
func (l *feedListener) get(ctx context.Context, path string, query url.Values, last string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.url+path+"?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	res, err := l.http.Do(req)
	if err == nil && res.StatusCode != http.StatusOK {
		err = l.refusal(res)
	}
	return res, err
}

// refusal is the error of an answer that is none.
func (l *feedListener) refusal(res *http.Response) error {
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	switch {
	case err != nil:
		return err
	case res.StatusCode == http.StatusGone:
		return errGone
	case res.StatusCode >= 500:
		return fmt.Errorf("%s %s", res.Status, body)
	}
	return fatal{fmt.Errorf("%s: %s was answered %s %s", l.stream.who, res.Request.URL, res.Status, body)}
}

// path is the stream's below a prefix.
func (l *feedListener) path(prefix string) string {
	path := prefix + l.stream.collection
	if l.stream.id != "" {
		path += "/" + strings.Trim(l.stream.id, `"`)
	}
	return path
}

// events listens to server-sent events, as an EventSource does.
func (l *feedListener) events(ctx context.Context) error {
	s := l.stream
	query := url.Values{"watch": {""}}
	l.filter(query)
	if s.patch {
		query.Set("patch", "true")
	}
	res, err := l.get(ctx, l.path("/api/v2/"), query, s.cursor)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	lines := bufio.NewReader(res.Body)
	var name, id, data string
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return err
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch field {
		case "event":
			name = value
		case "id":
			id = value
		case "data":
			data = value
		case "":
			if data != "" {
				if err := l.event(name, id, data); err != nil {
					return fatal{err}
				}
			}
			name, id, data = "", "", ""
		}
	}
}

func (l *feedListener) event(name, id, data string) error {
	s := l.stream
	var e event
	if err := json.Unmarshal([]byte(data), &e); err != nil {
		return fmt.Errorf("%s: %s: %w", s.who, data, err)
	}
	switch {
	case e.Cursor != id:
		return fmt.Errorf("%s: the event with the id %s has the cursor %s", s.who, id, e.Cursor)
	case name == "BOOKMARK" && !s.begun():
		return s.begin(id, nil)
	case name == "BOOKMARK":
		return s.mark(id)
	case name != e.Type:
		return fmt.Errorf("%s: the event %s is %s", s.who, name, data)
	}
	return s.take(&e)
}

// socket listens over a plain WebSocket.
func (l *feedListener) socket(ctx context.Context) error {
	s := l.stream
	query := url.Values{"since": {s.cursor}}
	l.filter(query)
	conn, err := client.Server{Context: ctx, URL: l.url, Patience: silence}.OpenWebSocket(l.path("/ws/") + "?" + query.Encode())
	if status := ws.StatusError(0); errors.As(err, &status) {
		switch {
		case status == http.StatusGone:
			return errGone
		case status < 500:
			return fatal{fmt.Errorf("%s: the WebSocket was refused: %w", s.who, err)}
		}
	}
	if err != nil {
		return err
	}
	defer conn.Close()
	for {
		message, err := conn.Next()
		if err != nil {
			return err
		}
		var frame struct {
			ID       json.RawMessage
			Snapshot event
		}
		if err := json.Unmarshal(message, &frame); err != nil {
			return fatal{fmt.Errorf("%s: %s: %w", s.who, message, err)}
		}
		frame.Snapshot.ID = frame.ID
		if err := s.take(&frame.Snapshot); err != nil {
			return fatal{err}
		}
	}
}
