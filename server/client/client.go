package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
)

// Client is a socket on the main namespace, whose packets a goroutine of its own reads. Its methods may be
// called concurrently.
type Client struct {
	*Session
	event func(name string, args []json.RawMessage)
	ended chan struct{} // closed when that goroutine is gone
	err   error         // why; once ended is closed

	mu    sync.Mutex
	next  int
	calls map[int]func(Answer)
}

// Answer is what a verb acknowledged.
type Answer struct {
	Result, Meta json.RawMessage
	Fault        *Fault
}

// Fault is the error of a verb.
type Fault struct {
	Code    string
	Message string
	Details json.RawMessage
}

func (f *Fault) Error() string { return f.Code + ": " + f.Message }

// Start makes a client of a session that has connected. event may be nil; it is called by
// the goroutine that reads. The caller ends the client with Leave.
func Start(s *Session, event func(name string, args []json.RawMessage)) *Client {
	c := &Client{Session: s, event: event, ended: make(chan struct{}), calls: map[int]func(Answer){}}
	go c.run()
	return c
}

// Ended is closed when the connection has ended; Err says why then.
func (c *Client) Ended() <-chan struct{} { return c.ended }

// Err is why the connection has ended. Only once Ended is closed.
func (c *Client) Err() error { return c.err }

// Over tells whether the connection has ended.
func (c *Client) Over() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

// Leave drops the connection and waits until the client is gone.
func (c *Client) Leave() {
	if c.WS == nil {
		_ = c.Send("1") // may be lost, while the poll goes on
	}
	c.Drop()
	<-c.ended
	c.Drop()
}

// run reads until the session has ended, and drops the connection, for which the server may wait.
func (c *Client) run() {
	defer close(c.ended)
	defer c.Drop()
	for c.err == nil {
		var packet []byte
		if packet, c.err = c.Read(); c.err == nil {
			c.err = c.handle(packet)
		}
	}
}

// handle takes one packet.
func (c *Client) handle(packet []byte) error {
	at := bytes.IndexByte(packet, '[')
	if at < 2 || packet[0] != '4' {
		return fmt.Errorf("the server sent %.80q", packet)
	}
	var args []json.RawMessage
	if err := json.Unmarshal(packet[at:], &args); err != nil || len(args) == 0 {
		return fmt.Errorf("the server sent %.80q: %w", packet, err)
	}
	if packet[1] == '2' {
		if c.event != nil {
			c.event(string(bytes.Trim(args[0], `"`)), args[1:])
		}
		return nil
	}
	id, err := strconv.Atoi(string(packet[2:at]))
	c.mu.Lock()
	answered := c.calls[id]
	delete(c.calls, id)
	c.mu.Unlock()
	if err != nil || answered == nil || len(args) < 2 {
		return fmt.Errorf("the server sent %.80q, which answers nothing", packet)
	}
	a := Answer{Result: args[0]}
	if string(args[1]) != "null" {
		if err := json.Unmarshal(args[1], &a.Fault); err != nil {
			return err
		}
	}
	if len(args) > 2 {
		a.Meta = args[2]
	}
	answered(a)
	return nil
}

// Begin sends a request. answered is called by the goroutine that reads.
func (c *Client) Begin(answered func(Answer), args ...any) error {
	request, err := json.Marshal(args)
	if err != nil {
		return err
	}
	c.mu.Lock()
	id := c.next
	c.next++
	c.calls[id] = answered
	c.mu.Unlock()
	return c.Send("42" + strconv.Itoa(id) + string(request))
}

// Call sends a request and waits for its answer. A fault is an error.
func (c *Client) Call(args ...any) (Answer, error) { return c.CallContext(c.Context, args...) }

// CallContext is Call that gives up when its context ends.
func (c *Client) CallContext(ctx context.Context, args ...any) (Answer, error) {
	got := make(chan Answer, 1)
	if err := c.Begin(func(a Answer) { got <- a }, args...); err != nil {
		return Answer{}, err
	}
	select {
	case a := <-got:
		if a.Fault != nil {
			return a, a.Fault
		}
		return a, nil
	case <-c.ended:
		return Answer{}, errors.Join(errors.New("the connection ended before the answer"), c.err)
	case <-ctx.Done():
		return Answer{}, fmt.Errorf("no answer came: %w", ctx.Err())
	}
}
