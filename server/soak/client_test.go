package soak

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
)

// client is a socket on the main namespace, whose packets a goroutine of its own reads. Its methods may be
// called concurrently.
type client struct {
	*session
	event func(name string, data []byte) // called by that goroutine; data is valid until it returns
	ended chan struct{}                  // closed when that goroutine is gone
	err   error                          // why; once ended is closed

	mu    sync.Mutex
	next  int
	calls map[int]func(answer)
}

// answer is what a verb acknowledged.
type answer struct {
	result, meta json.RawMessage
	fault        *fault
}

// fault is the error of a verb.
type fault struct{ Code, Message string }

func (f *fault) Error() string { return f.Code + ": " + f.Message }

// join connects a client by the way of opening, such as visitor.open. event may be nil.
func (v visitor) join(opening func(visitor) (*session, error), event func(name string, data []byte)) (*client, error) {
	s, err := opening(v)
	if err != nil {
		return nil, err
	}
	if err := s.connect(); err != nil {
		s.drop()
		return nil, err
	}
	c := &client{session: s, event: event, ended: make(chan struct{}), calls: map[int]func(answer){}}
	go c.run()
	return c, nil
}

// over tells whether the connection has ended.
func (c *client) over() bool {
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

// leave drops the connection and waits until the client is gone.
func (c *client) leave() {
	if c.ws == nil {
		_ = c.send("1") // ends the poll, too
	}
	c.drop()
	<-c.ended
	c.drop()
}

// run reads until the session has ended.
func (c *client) run() {
	defer close(c.ended)
	for c.err == nil {
		var packet []byte
		if packet, c.err = c.read(); c.err == nil {
			c.err = c.handle(packet)
		}
	}
}

// handle takes one packet.
func (c *client) handle(packet []byte) error {
	at := bytes.IndexByte(packet, '[')
	if at < 2 || packet[0] != '4' {
		return fmt.Errorf("the server sent %.80q", packet)
	}
	var args []json.RawMessage
	if err := json.Unmarshal(packet[at:], &args); err != nil || len(args) == 0 {
		return fmt.Errorf("the server sent %.80q: %w", packet, err)
	}
	if packet[1] == '2' {
		if c.event != nil && len(args) >= 2 {
			c.event(string(bytes.Trim(args[0], `"`)), args[1])
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
	a := answer{result: args[0]}
	if string(args[1]) != "null" {
		if err := json.Unmarshal(args[1], &a.fault); err != nil {
			return err
		}
	}
	if len(args) > 2 {
		a.meta = args[2]
	}
	answered(a)
	return nil
}

// start sends a request. answered is called by the reading goroutine.
func (c *client) start(answered func(answer), args ...any) error {
	request, err := json.Marshal(args)
	if err != nil {
		return err
	}
	c.mu.Lock()
	id := c.next
	c.next++
	c.calls[id] = answered
	c.mu.Unlock()
	return c.send("42" + strconv.Itoa(id) + string(request))
}

// call sends a request and waits for its answer. A fault is an error.
func (c *client) call(args ...any) (answer, error) {
	got := make(chan answer, 1)
	if err := c.start(func(a answer) { got <- a }, args...); err != nil {
		return answer{}, err
	}
	select {
	case a := <-got:
		if a.fault != nil {
			return a, a.fault
		}
		return a, nil
	case <-c.ended:
		return answer{}, errors.Join(errors.New("the connection ended before the answer"), c.err)
	}
}
