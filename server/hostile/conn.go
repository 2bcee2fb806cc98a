package hostile

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"
)

// conn is one TCP connection of a case.
type conn struct {
	net.Conn
	r         *bufio.Reader
	session   *session // nil for a bare one
	webSocket bool
	bytewise  bool
	asked     *http.Request // by HEAD, whose response has no body; nil for any other
	header    http.Header   // of the last response
	events    *bufio.Reader // of a response that goes on
	patience  time.Duration
}

// dialTo opens a connection that the case does not count.
func (p *player) dialTo() (*conn, error) {
	var d net.Dialer
	raw, err := d.DialContext(p.ctx, "tcp", p.host)
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: raw, patience: p.options.Patience}
	c.r = bufio.NewReader(c)
	return c, nil
}

// dial opens the connection that the next steps are about.
func (p *player) dial() (*conn, error) {
	c, err := p.dialTo()
	if err != nil {
		return nil, err
	}
	p.conns = append(p.conns, c)
	p.conn = c
	return c, nil
}

// Read reads within the server's time for a reaction.
func (c *conn) Read(b []byte) (int, error) {
	_ = c.SetReadDeadline(time.Now().Add(c.patience))
	return c.Conn.Read(b)
}

// write writes to the present connection. That the server has closed it meanwhile is
// for the steps that expect to find out.
func (p *player) write(b []byte) error {
	c := p.conn
	if bytes.HasPrefix(b, []byte("HEAD ")) {
		c.asked = &http.Request{Method: http.MethodHead}
	}
	_ = c.SetWriteDeadline(time.Now().Add(c.patience))
	piece := len(b)
	if c.bytewise {
		piece = 1
	}
	for len(b) > 0 {
		n := min(piece, len(b))
		if _, err := c.Write(b[:n]); err != nil {
			if errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) {
				return nil
			}
			return err
		}
		b = b[n:]
	}
	return nil
}

func (c *conn) reset() {
	if tcp, ok := c.Conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	c.Close()
}

// ended reads the end of the connection, before which nothing may come.
func (c *conn) ended() error {
	b, err := c.r.ReadByte()
	switch {
	case err == nil:
		rest, _ := c.r.Peek(min(c.r.Buffered(), 200))
		return fmt.Errorf("the server sent %q, want the end", append([]byte{b}, rest...))
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, net.ErrClosed): // the last after a reset
		c.Close()
		return nil
	}
	return fmt.Errorf("want the end: %w", err)
}

// message is the next text, binary or close frame. Pongs are passed over.
func (c *conn) message() (op byte, payload []byte, err error) {
	for {
		op, payload, err = readFrame(c.r)
		if err != nil || op != opPong {
			return op, payload, err
		}
	}
}

// closeText shows the payload of a close frame: "code 1000 reason".
func closeText(payload []byte) string {
	if len(payload) < 2 {
		return fmt.Sprintf("payload %q", payload)
	}
	return strings.TrimSpace(fmt.Sprintf("code %d %s", binary.BigEndian.Uint16(payload), payload[2:]))
}

// frame sends a frame: "KIND PAYLOAD".
func (p *player) frame(text string) error {
	kind, payload, _ := strings.Cut(text, " ")
	b, err := appendFrame(nil, kind, payload)
	if err != nil {
		return err
	}
	return p.write(b)
}

// handshake makes the present connection a WebSocket. extensions are those that are asked for, and must be had.
func (p *player) handshake(target, extensions string) error {
	c := p.conn
	if extensions != "" {
		extensions = "Sec-WebSocket-Extensions: " + extensions + "\r\n"
	}
	if err := p.write([]byte("GET " + target + " HTTP/1.1\r\nHost: " + p.host + "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==\r\n" + extensions + "\r\n")); err != nil {
		return err
	}
	response, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusSwitchingProtocols {
		body, _ := io.ReadAll(response.Body)
		return fmt.Errorf("the handshake was answered %s %.200s", response.Status, body)
	}
	if extensions != "" && response.Header.Get("Sec-WebSocket-Extensions") == "" {
		return fmt.Errorf("the handshake was answered without an extension: %v", response.Header)
	}
	c.webSocket = true
	return nil
}

// openFeed opens a WebSocket that is no session.
func (p *player) openFeed(target string) error {
	if _, err := p.dial(); err != nil {
		return err
	}
	return p.handshake(target, "")
}

func (p *player) openWebSocket(eio, extensions string) error {
	c, err := p.dial()
	if err != nil {
		return err
	}
	p.session = &session{eio: eio, socket: c}
	c.session = p.session
	if err := p.handshake(p.target("websocket"), extensions); err != nil {
		return err
	}
	open, err := p.next()
	if err != nil {
		return err
	}
	return p.session.opened(open)
}

func (p *player) openPolling(eio string) error {
	c, err := p.dial()
	if err != nil {
		return err
	}
	p.session = &session{eio: eio}
	if err := p.write(requestText("GET", p.target("polling"), p.host, "")); err != nil {
		return err
	}
	status, body, err := c.response()
	if err != nil {
		return err
	}
	packets, err := p.session.decode(body)
	if status != 200 || err != nil {
		return fmt.Errorf("the handshake was answered %d %.200s (%v)", status, body, err)
	}
	p.session.came = packets[1:]
	c.session = p.session // from now on it can be said goodbye to
	return p.session.opened(packets[0])
}

// upgrade opens a WebSocket for the session.
func (p *player) upgrade() error {
	c, err := p.dial()
	if err != nil {
		return err
	}
	c.session = p.session
	return p.handshake(p.target("websocket"), "")
}

// opened reads the OPEN packet.
func (s *session) opened(packet string) error {
	var open struct{ SID string }
	data, ok := strings.CutPrefix(packet, "0")
	if err := json.Unmarshal([]byte(data), &open); !ok || err != nil || open.SID == "" {
		return fmt.Errorf("%.200q is no OPEN packet", packet)
	}
	s.sid = open.SID
	return nil
}

// requestText is a request of its own connection.
func requestText(method, target, host, body string) []byte {
	text := method + " " + target + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n"
	if method == "POST" {
		text += fmt.Sprintf("Content-Type: text/plain;charset=UTF-8\r\nContent-Length: %d\r\n", len(body))
	}
	return []byte(text + "\r\n" + body)
}

// request sends a request of a session, on a new connection that its answer closes.
func (p *player) request(method string, s *session, body string) (*conn, error) {
	c, err := p.dialTo()
	if err != nil {
		return nil, err
	}
	_ = c.SetWriteDeadline(time.Now().Add(c.patience))
	_, err = c.Write(requestText(method, p.targetOf(s, "polling"), p.host, body))
	if err != nil && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
		c.Close()
		return nil, err
	}
	return c, nil
}

// response reads an HTTP response. A connection that it ends is closed.
func (c *conn) response() (status int, body string, err error) {
	response, err := c.head()
	if err != nil {
		return 0, "", err
	}
	text, err := io.ReadAll(response.Body)
	if err != nil {
		c.Close()
	}
	return response.StatusCode, string(text), err
}

// head reads the head of an HTTP response.
func (c *conn) head() (*http.Response, error) {
	response, err := http.ReadResponse(c.r, c.asked)
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("instead of a response: %w", err)
	}
	c.asked, c.header = nil, response.Header
	return response, nil
}
