package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// ErrClosed is the end of a session by the server.
var ErrClosed = errors.New("the server closed the session")

// Session is one Engine.IO session in bare packets, over WebSocket or polling. One goroutine may read
// while others send.
type Session struct {
	Server
	SID string
	WS  *WebSocket // nil over polling

	http *http.Client
	end  context.CancelFunc // ends its requests; nil for a session that began as a WebSocket
	came [][]byte           // of a poll's payload, still to be read

	posting sync.Mutex   // over polling, where one POST at a time is allowed
	stamp   atomic.Int64 // of the last request, which tells it from one that net/http sends again by itself
}

// opened reads the OPEN packet.
func (s *Session) opened() error {
	packet, err := s.Next()
	if err == nil {
		_, rest, found := bytes.Cut(packet, []byte(`"sid":"`))
		sid, _, closed := bytes.Cut(rest, []byte(`"`))
		if s.SID = string(sid); !found || !closed || packet[0] != '0' {
			err = fmt.Errorf("the server sent %q, want OPEN", packet)
		}
	}
	if err != nil {
		s.Drop()
	}
	return err
}

// Connect joins the main namespace with the JSON of an auth, which may be empty, and returns what the answer carries.
func (s *Session) Connect(auth string) ([]byte, error) {
	if err := s.Send("40" + auth); err != nil {
		return nil, err
	}
	packet, err := s.Read()
	if err == nil && !bytes.HasPrefix(packet, []byte(`40{"sid":"`)) {
		err = fmt.Errorf("the server sent %q, want CONNECT", packet)
	}
	if err != nil {
		return nil, err
	}
	return bytes.Clone(packet[2:]), nil
}

// Send sends packets, over polling in one body.
func (s *Session) Send(packets ...string) error {
	if s.WS != nil {
		return s.WS.Send(packets...)
	}
	s.posting.Lock()
	defer s.posting.Unlock()
	status, _, err := s.Request(s.Context, http.MethodPost, strings.Join(packets, "\x1e"))
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("a POST got status %d", status)
	}
	return err
}

// Next is the next packet, valid until the next call.
func (s *Session) Next() ([]byte, error) {
	if len(s.came) == 0 && s.WS != nil { // what the last poll brought before an upgrade comes first
		return s.WS.Next()
	}
	if len(s.came) == 0 {
		status, body, err := s.Request(s.Context, http.MethodGet, "")
		if err != nil {
			return nil, err
		}
		if status != http.StatusOK || len(body) == 0 {
			return nil, fmt.Errorf("%w: a poll got status %d", ErrClosed, status)
		}
		s.came = bytes.Split(body, []byte{'\x1e'})
	}
	packet := s.came[0]
	s.came = s.came[1:]
	return packet, nil
}

// Read is the next packet that is neither NOOP nor PING; pings are answered.
func (s *Session) Read() ([]byte, error) {
	for {
		packet, err := s.Next()
		switch {
		case err != nil:
			return nil, err
		case len(packet) == 1 && packet[0] == '2':
			if err := s.Send("3"); err != nil {
				return nil, err
			}
		case len(packet) == 1 && packet[0] == '6':
		case len(packet) == 1 && packet[0] == '1':
			return nil, ErrClosed
		default:
			return packet, nil
		}
	}
}

// ReadUntil reads up to a packet that begins so.
func (s *Session) ReadUntil(prefix string) error {
	for {
		packet, err := s.Read()
		if err != nil {
			return fmt.Errorf("waiting for %s: %w", prefix, err)
		}
		if bytes.HasPrefix(packet, []byte(prefix)) {
			return nil
		}
	}
}

// ReadToEnd reads until the server has ended the session. pongs says whether pings are answered.
func (s *Session) ReadToEnd(pongs bool) error {
	read := s.Next
	if pongs {
		read = s.Read
	}
	for {
		if _, err := read(); err != nil {
			var timeout net.Error
			if errors.As(err, &timeout) && timeout.Timeout() {
				return fmt.Errorf("the server did not end the session: %w", err)
			}
			return nil
		}
	}
}

// Request makes an HTTP request of the session, or the one that opens it.
func (s *Session) Request(ctx context.Context, method, body string) (status int, answer []byte, err error) {
	url := s.URL + "/socket.io/?EIO=4&transport=polling&t=" + strconv.FormatInt(s.stamp.Add(1), 36)
	if s.SID != "" {
		url += "&sid=" + s.SID
	}
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "text/plain;charset=UTF-8")
	}
	res, err := s.http.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	answer, err = io.ReadAll(res.Body)
	return res.StatusCode, answer, err
}

// Probe begins the upgrade of a polling session: the server has answered it.
func (s *Session) Probe() (*WebSocket, error) {
	socket, err := s.OpenWebSocket(engineQuery + "&sid=" + s.SID)
	if err != nil {
		return nil, err
	}
	err = socket.Send("2probe")
	if err == nil {
		var packet []byte
		if packet, err = socket.Next(); err == nil && string(packet) != "3probe" {
			err = fmt.Errorf("the server sent %q, want 3probe", packet)
		}
	}
	if err != nil {
		_ = socket.Close()
	}
	return socket, err
}

// Upgrade moves a polling session, which nobody polls at the time, to a WebSocket.
func (s *Session) Upgrade() error {
	socket, err := s.Probe()
	if err != nil {
		return err
	}
	if err := socket.Send("5"); err != nil {
		_ = socket.Close()
		return err
	}
	s.http.CloseIdleConnections()
	s.WS = socket
	return nil
}

// Drop ends the connection without a word, and requests under way with it. It may be called again.
func (s *Session) Drop() {
	if s.WS != nil {
		_ = s.WS.Close()
	}
	if s.http != nil {
		s.end()
		s.http.CloseIdleConnections()
	}
}
