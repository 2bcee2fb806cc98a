package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/gobwas/ws"

	"ackbase/server/packet"
)

// target is where a server is and how its clients join.
type target struct {
	host      string // address and port
	path      string // with the query, up to where the transport is named
	namespace string
	join      string // the Engine.IO message that asks for the namespace
}

// target reads the flags that say where the server is: http://host:port or ws://host:port with the path
// of the Socket.IO server where it is not /socket.io/ and a query if there is to be one, the namespace, and what CONNECT carries.
func (c *Command) target() (t target, err error) {
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || u.Host == "":
		return t, fmt.Errorf("%q is no URL of a server: write one such as http://127.0.0.1:3000", c.URL)
	case u.Scheme == "https" || u.Scheme == "wss":
		return t, fmt.Errorf("%s: the generator speaks plain TCP only: give the http:// address behind the TLS proxy", c.URL)
	case u.Scheme != "http" && u.Scheme != "ws":
		return t, fmt.Errorf("%q has the scheme %s: it must be http or ws", c.URL, u.Scheme)
	case c.Namespace != "" && (c.Namespace[0] != '/' || strings.ContainsAny(c.Namespace, ",\x1e")):
		return t, fmt.Errorf("--namespace: %q is no namespace: it begins with a slash and has no comma, such as /chat", c.Namespace)
	case c.Auth != "" && (c.Auth[0] != '{' || !json.Valid([]byte(c.Auth))):
		return t, fmt.Errorf(`--auth: %q is no JSON object: write one such as {"token":"…"}`, c.Auth)
	}
	t.host = u.Host
	if u.Port() == "" {
		t.host = net.JoinHostPort(u.Hostname(), "80")
	}
	if t.path = u.EscapedPath(); t.path == "" || t.path == "/" {
		t.path = "/socket.io/"
	}
	t.path += "?"
	if u.RawQuery != "" {
		t.path += u.RawQuery + "&"
	}
	t.path += "EIO=4&transport="
	if t.namespace = c.Namespace; t.namespace == "" {
		t.namespace = "/"
	}
	t.join = string(packet.AppendHead([]byte{byte(packet.EngineMessage)}, packet.Connect, 0, t.namespace, packet.NoID)) + c.Auth
	return t, nil
}

// opened reads an OPEN packet.
func opened(text []byte) (sid string, interval time.Duration, err error) {
	var open struct {
		SID          string
		PingInterval int64
	}
	if len(text) == 0 || text[0] != byte(packet.EngineOpen) || json.Unmarshal(text[1:], &open) != nil || open.SID == "" {
		return "", 0, fmt.Errorf("it is no Socket.IO server of protocol 5: it began with %.60q instead of an Engine.IO 4 OPEN packet", text)
	}
	return open.SID, time.Duration(open.PingInterval) * time.Millisecond, nil
}

// joined reads the server's answer to CONNECT.
func (t *target) joined(text []byte) error {
	if len(text) > 0 && text[0] == byte(packet.EngineMessage) {
		p, err := packet.Parse(text[1:], 0)
		switch {
		case err != nil || string(p.Namespace) != t.namespace:
		case p.Type == packet.Connect:
			return nil
		case p.Type == packet.ConnectError:
			return fmt.Errorf("the server refuses clients in the namespace %s: %.400s", t.namespace, p.Data)
		}
	}
	return fmt.Errorf("the server answered CONNECT with %.200q", text)
}

// explain says in words why there is no connection to the server.
func (t *target) explain(err error) error {
	var address *net.DNSError
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("nothing listens on %s: start the server, or give the URL that it listens on", t.host)
	case errors.As(err, &address):
		return fmt.Errorf("there is no host %s: %w", address.Name, err)
	case errors.Is(err, syscall.EMFILE):
		return fmt.Errorf("no further descriptor: %w (raise the limit with ulimit -n)", err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("no further port of this machine is free for a connection to %s: %w (fewer --connections, or a wider net.ipv4.ip_local_port_range)", t.host, err)
	case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%s did not answer within %v", t.host, dialTimeout)
	}
	return fmt.Errorf("no Socket.IO connection to %s: %w", t.host, err)
}

// refusedStatus is an HTTP status other than the one that was asked for.
func refusedStatus(status int, body []byte) error {
	body = bytes.TrimSpace(body)
	if status == http.StatusNotFound || status == http.StatusOK { // a web page, say
		return fmt.Errorf("status %d: there is no Socket.IO server at this path (%.200s)", status, body)
	}
	return fmt.Errorf("status %d: %.200s", status, body)
}

// dialWebSocket does the WebSocket handshake. early is what came with its answer.
func (t *target) dialWebSocket(ctx context.Context) (socket net.Conn, early []byte, err error) {
	var refused error
	dialer := ws.Dialer{ReadBufferSize: 1024, WriteBufferSize: 512, OnStatusError: func(status int, _ []byte, answer io.Reader) {
		body := []byte(nil)
		if res, err := http.ReadResponse(bufio.NewReader(answer), nil); err == nil {
			body, _ = io.ReadAll(io.LimitReader(res.Body, 1000)) // what there is of it says enough
		}
		refused = refusedStatus(status, body)
	}}
	socket, reader, _, err := dialer.Dial(ctx, "ws://"+t.host+t.path+"websocket")
	if refused != nil {
		err = refused
	}
	if err != nil {
		return nil, nil, t.explain(err)
	}
	if reader != nil {
		early, err = reader.Peek(reader.Buffered())
		early = bytes.Clone(early)
		ws.PutReader(reader)
	}
	return socket, early, err
}
