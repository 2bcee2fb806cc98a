package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"ackbase/server/client"
)

// silence is how long a client hears nothing of a server before it takes its connection for dead. The server's
// pings come more often.
const silence = 2500 * time.Millisecond

// request is a verb with its arguments, for any kind of caller.
type request struct {
	verb, collection string
	id               any    // nil for none
	body             any    // an item or a patch; nil for none
	key, reason      string // empty for none
	ifMatch          any    // a rev, "*" or none{}; nil for no condition
}

// none is the condition that there is no item.
type none struct{}

// reply is what came back, if something did.
type reply struct {
	answered    bool
	result      json.RawMessage
	rev, cursor string
	fault       *client.Fault
}

// refused tells whether the server has said that it does not do it, for good.
func (r reply) refused() bool {
	return r.answered && r.fault != nil && r.fault.Code != "UNAVAILABLE" && r.fault.Code != "INTERNAL" && r.fault.Code != "RATE_LIMITED"
}

// done tells whether the server has acknowledged it.
func (r reply) done() bool { return r.answered && r.fault == nil }

// caller calls verbs, connecting anew where it must. It is for one goroutine.
type caller interface {
	// do calls verbs at once and waits for the answers, or until some do not come.
	do(ctx context.Context, requests ...*request) []reply
	leave()
}

// rest pauses for a moment before something is tried again. It tells whether there is time left.
func rest(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(time.Duration(5+rand.IntN(30)) * time.Millisecond):
		return true
	}
}

// socketCaller calls over Socket.IO.
type socketCaller struct {
	url     string
	polling bool

	client *client.Client // nil without a connection
	cut    context.CancelFunc
}

// connect opens a session whose connections end with the context or by cut.
func connect(ctx context.Context, url string, polling bool, auth string) (s *client.Session, answer []byte, cut context.CancelFunc, err error) {
	ctx, cut = context.WithCancel(ctx)
	server := client.Server{Context: ctx, URL: url, Patience: silence}
	if polling {
		s, err = server.OpenPolling()
	} else {
		s, err = server.Open()
	}
	if err == nil {
		if answer, err = s.Connect(auth); err != nil {
			s.Drop()
		}
	}
	if err != nil {
		cut()
	}
	return s, answer, cut, err
}

func (c *socketCaller) do(ctx context.Context, requests ...*request) []reply {
	replies := make([]reply, len(requests))
	for c.client == nil || c.client.Over() {
		c.leave()
		session, _, cut, err := connect(ctx, c.url, c.polling, "")
		if err == nil {
			c.client, c.cut = client.Start(session, nil), cut
		} else if !rest(ctx) {
			return replies
		}
	}
	type numbered struct {
		i int
		a client.Answer
	}
	came := make(chan numbered, len(requests))
	for i, r := range requests {
		if c.client.Begin(func(a client.Answer) { came <- numbered{i, a} }, r.args()...) != nil {
			break // the answers to those before may still come
		}
	}
	timeout := time.NewTimer(silence)
	defer timeout.Stop()
	take := func(n numbered) { replies[n.i] = newReply(n.a) }
	for left := len(requests); left > 0; left-- {
		select {
		case n := <-came:
			take(n)
			continue
		case <-timeout.C:
		case <-c.client.Ended():
		case <-ctx.Done():
		}
		c.leave()
		for len(came) > 0 {
			take(<-came)
		}
		break
	}
	return replies
}

func (c *socketCaller) leave() {
	if c.client != nil {
		c.cut()
		c.client.Leave()
		c.client = nil
	}
}

// args are the request as the arguments of an event.
func (r *request) args() []any {
	args := []any{r.verb, r.collection}
	if r.id != nil {
		args = append(args, r.id)
	}
	if r.body != nil {
		args = append(args, r.body)
	}
	options := map[string]any{}
	if r.key != "" {
		options["key"] = r.key
	}
	if r.reason != "" {
		options["reason"] = r.reason
	}
	switch r.ifMatch.(type) {
	case nil:
	case none:
		options["ifMatch"] = nil
	default:
		options["ifMatch"] = r.ifMatch
	}
	if len(options) > 0 {
		args = append(args, options)
	}
	return args
}

func newReply(a client.Answer) reply {
	r := reply{answered: true, result: a.Result, fault: a.Fault}
	var meta struct{ Rev, Cursor string }
	if a.Meta != nil && json.Unmarshal(a.Meta, &meta) != nil {
		r.fault = &client.Fault{Code: "INTERNAL", Message: fmt.Sprintf("the meta %s cannot be read", a.Meta)}
	}
	r.rev, r.cursor = meta.Rev, meta.Cursor
	return r
}

// restCaller calls over HTTP.
type restCaller struct {
	url  string
	http *http.Client
}

func newRestCaller(url string) *restCaller { return &restCaller{url, newHTTP(silence)} }

// newHTTP is an HTTP client that gives up a connection on which it hears nothing. Zero:
// an answer may take as long as it goes on.
func newHTTP(timeout time.Duration) *http.Client {
	dialer := net.Dialer{Timeout: silence}
	return &http.Client{Timeout: timeout, Transport: &http.Transport{
		DisableCompression: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			return impatient{conn}, err
		},
	}}
}

// impatient is a connection that has ended when it was silent for too long.
type impatient struct{ net.Conn }

func (c impatient) Read(p []byte) (int, error) {
	_ = c.SetReadDeadline(time.Now().Add(silence))
	return c.Conn.Read(p)
}

func (c *restCaller) leave() { c.http.CloseIdleConnections() }

func (c *restCaller) do(ctx context.Context, requests ...*request) []reply {
	replies := make([]reply, len(requests))
	for i, r := range requests {
		replies[i] = c.one(ctx, r)
	}
	return replies
}

func (c *restCaller) one(ctx context.Context, r *request) reply {
	path := c.url + "/api/v2/" + r.collection
	if r.id != nil {
		path += "/" + url.PathEscape(fmt.Sprint(r.id))
	}
	if r.reason != "" {
		path += "?reason=" + url.QueryEscape(r.reason)
	}
	var body io.Reader
	if r.body != nil {
		b, err := json.Marshal(r.body)
		if err != nil {
			return reply{}
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, r.verb, path, body)
	if err != nil {
		return reply{}
	}
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.key != "" {
		req.Header.Set("Idempotency-Key", r.key)
	}
	switch condition := r.ifMatch.(type) {
	case nil:
	case none:
		req.Header.Set("If-None-Match", "*")
	case string:
		if condition != "*" {
			condition = `"` + condition + `"`
		}
		req.Header.Set("If-Match", condition)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return reply{}
	}
	defer res.Body.Close()
	result, err := io.ReadAll(res.Body)
	if err != nil {
		return reply{}
	}
	if res.StatusCode < 300 {
		return reply{answered: true, result: bytes.TrimSpace(result), rev: strings.Trim(res.Header.Get("ETag"), `"`), cursor: res.Header.Get("Ackbase-Cursor")}
	}
	var failed struct{ Error *client.Fault }
	if json.Unmarshal(result, &failed) != nil || failed.Error == nil {
		return reply{answered: true, fault: &client.Fault{Code: "INTERNAL", Message: fmt.Sprintf("the status %d with %.200q", res.StatusCode, result)}}
	}
	return reply{answered: true, fault: failed.Error}
}
