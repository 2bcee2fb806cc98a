package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"ackbase/server/packet"
)

// Reply is a client's answer to an event that was sent with EmitWithAck.
type Reply struct {
	Socket      *Socket
	Args        []json.RawMessage // raw JSON; may be kept
	Attachments [][]byte          // see Event.Attachments
}

// Decode decodes argument number i, from 0. See [Event.Decode].
func (r *Reply) Decode(i int, v any) error { return decode(r.Args, r.Attachments, i, v) }

// ackWaiter waits for the answers to one id. A nil reply says that the socket has closed.
type ackWaiter interface {
	answered(s *Socket, r *Reply)
}

// awaitAck registers a waiter; false where the socket is not connected.
func (s *Socket) awaitAck(id int64, w ackWaiter) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.Connected() {
		return false
	}
	if s.acks == nil {
		s.acks = make(map[int64]ackWaiter)
	}
	s.acks[id] = w
	return true
}

func (s *Socket) forgetAck(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.acks, id)
}

// onAck handles an ACK packet. One that nobody waits for, a second one too, is ignored, as in the
// official server.
func (s *Socket) onAck(e *Event) {
	s.mu.Lock()
	w := s.acks[e.id]
	delete(s.acks, e.id)
	s.mu.Unlock()
	if w != nil {
		kept := e.Clone()
		w.answered(s, &Reply{Socket: s, Args: kept.Args, Attachments: kept.Attachments})
	}
}

// single waits for one answer.
type single chan *Reply

func (c single) answered(_ *Socket, r *Reply) { c <- r }

// EmitWithAck sends an event and waits for the client's acknowledgement, until ctx ends: give it a
// deadline. It returns ctx's error then, and ErrClosed when the socket closes first. It must not be
// called on the goroutine of a handler, which would wait for itself.
func (s *Socket) EmitWithAck(ctx context.Context, name string, args ...any) (*Reply, error) {
	data, attachments, err := encodeEvent(name, args)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	id := s.namespace.lastAckID.Add(1) - 1
	answer := make(single, 1)
	if !s.awaitAck(id, answer) {
		return nil, ErrClosed
	}
	defer s.forgetAck(id)
	if err := s.emit(data, attachments, id); err != nil {
		return nil, err
	}
	select {
	case r := <-answer:
		if r == nil {
			return nil, ErrClosed
		}
		return r, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// ErrMissingAcks is returned by a broadcast with acknowledgements when some sockets did not answer.
var ErrMissingAcks = errors.New("server: not all sockets have acknowledged")

// collector waits for the answers of many.
type collector struct {
	mu      sync.Mutex
	left    int // answers and closings still to come
	replies []*Reply
	done    chan struct{}
}

func (c *collector) answered(_ *Socket, r *Reply) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r != nil {
		c.replies = append(c.replies, r)
	}
	if c.left--; c.left == 0 {
		close(c.done)
	}
}

// EmitWithAck sends an event to all sockets of the broadcast and collects their answers, in the
// order in which they came, until all have answered or closed, or ctx or the time of
// [Broadcast.Timeout] ends. Where some are missing, the error wraps ErrMissingAcks and, after a
// timeout, ctx's error; the answers that came are returned with it. It must not be called on the
// goroutine of a handler.
func (b *Broadcast) EmitWithAck(ctx context.Context, name string, args ...any) ([]*Reply, error) {
	data, attachments, err := encodeEvent(name, args)
	if err != nil {
		return nil, err
	}
	if b.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, b.timeout)
		defer cancel()
	}
	targets := b.FetchSockets()
	c := &collector{left: len(targets) + 1, done: make(chan struct{})}
	ids := make(map[*Namespace]int64)
	for _, s := range targets {
		if _, known := ids[s.namespace]; !known {
			ids[s.namespace] = s.namespace.lastAckID.Add(1) - 1
		}
	}
	defer func() {
		for _, s := range targets {
			s.forgetAck(ids[s.namespace])
		}
	}()
	forms := make(map[*Namespace]*Prepared)
	for _, s := range targets {
		p := forms[s.namespace]
		if p == nil {
			list := messages(packet.Event, s.namespace.name, ids[s.namespace], data, attachments)
			p = &Prepared{data: data, forms: []*preparedForm{{namespace: s.namespace.name, messages: list}}}
			forms[s.namespace] = p
		}
		if b.volatile && !s.Writable() || !s.awaitAck(ids[s.namespace], c) {
			c.answered(s, nil)
			continue
		}
		_ = s.Queue(p) // one that has closed answers so
	}
	b.namespace.server.Flush()
	c.answered(nil, nil) // the one that kept it open until all were sent
	var cause error
	select {
	case <-c.done:
	case <-ctx.Done():
		cause = ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	replies := c.replies[:len(c.replies):len(c.replies)]
	if missing := len(targets) - len(replies); missing > 0 {
		err := fmt.Errorf("%w: %d of %d", ErrMissingAcks, missing, len(targets))
		if cause != nil {
			err = fmt.Errorf("%w: %w", err, cause)
		}
		return replies, err
	}
	return replies, nil
}
