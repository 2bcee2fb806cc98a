package rest

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"ackbase/crud"
)

// Why the server ends a stream.
var (
	errShutdown = errors.New("the server is shutting down: connect again and go on with since")
	errTooSlow  = errors.New("too slow: connect again and go on with since")
)

// stream is a client that only listens: it gets the frames of one subscription
// in their order. It implements crud.Conn.
type stream struct {
	options *Options
	ctx     context.Context
	end     context.CancelCauseFunc
	wire    crud.Wire
	session *crud.Session
	more    chan struct{} // full when something waits

	mu      sync.Mutex
	waiting [][]byte
	bytes   int // of what waits and of what is being written
	full    bool
}

// openStream makes the stream of a request and subscribes it to what the path
// names. It returns nil where the answer is an error, which it has sent. The
// caller ends the stream with close.
func (h *Handler) openStream(w http.ResponseWriter, r *http.Request, t target, wire crud.Wire, since string) (*stream, *answer) {
	args, err := subscription(r.URL, t, since)
	if err != nil {
		fail(w, "BAD_REQUEST", http.StatusBadRequest, err.Error())
		return nil, nil
	}
	s := &stream{options: &h.options, wire: wire, more: make(chan struct{}, 1)}
	s.ctx, s.end = context.WithCancelCause(h.ctx)
	s.session = h.service.Open(s)
	a := &answer{done: make(chan struct{})}
	s.session.Do("SUBSCRIBE", args, false, a)
	select {
	case <-a.done:
	case <-r.Context().Done():
		s.close(r.Context().Err())
		return nil, nil
	}
	if a.meta == nil {
		s.close(nil)
		a.write(w, r, t)
		return nil, nil
	}
	return s, a
}

// subscription makes the arguments of SUBSCRIBE from a URL.
func subscription(u *url.URL, t target, since string) ([]json.RawMessage, error) {
	args := []json.RawMessage{quote(t.collection)}
	if t.hasID {
		id, err := t.idJSON()
		if err != nil {
			return nil, err
		}
		args = append(args, id)
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, err
	}
	if query.Has("snapshot") {
		return nil, errors.New("a stream has no snapshot: GET the page or the item first, and pass its Ackbase-Cursor as since")
	}
	query.Del("watch")
	if since != "" {
		query.Set("since", since)
	}
	options, err := readOptions(query, t.hasID)
	if err == nil {
		options, err = t.ask(options)
	}
	if err != nil || options == nil {
		return args, err
	}
	return append(args, options), nil
}

// Stats is what a Handler does and has done.
type Stats struct {
	Open    int               // streams
	Closed  map[string]uint64 // streams since the Handler was made, by why
	Limited uint64            // requests that were refused, since their address had sent too many
}

// Why a stream ended, as in the sessions of server/engine.
const (
	closedByClient = "transport close"
	closedTooSlow  = "too slow"
	closedStalled  = "stalled"
	closedShutdown = "server shutting down"
)

var closings = [...]string{closedByClient, closedTooSlow, closedStalled, closedShutdown}

// counts are how many streams have ended, in the order of closings.
type counts [len(closings)]atomic.Uint64

// Stats tells what the handler does. No stream is among those that have ended and still among the open ones.
func (h *Handler) Stats() Stats {
	s := Stats{Closed: make(map[string]uint64), Limited: h.limited.Load()}
	for i, reason := range closings {
		s.Closed[reason] = h.counts[i].Load()
	}
	s.Open = int(h.open.Load())
	return s
}

// ended logs a stream that was cut off, and counts it.
func (h *Handler) ended(r *http.Request, cause error) {
	reason := closedByClient
	switch {
	case errors.Is(cause, errTooSlow):
		reason = closedTooSlow
	case errors.Is(cause, os.ErrDeadlineExceeded), errors.Is(cause, context.DeadlineExceeded):
		reason = closedStalled
	case errors.Is(cause, errShutdown):
		reason = closedShutdown
	}
	if reason == closedTooSlow || reason == closedStalled {
		h.options.Logger.Warn("rest: a stream was cut off", "reason", reason, "address", h.options.Admission.Client(r), "remote", r.RemoteAddr)
	}
	h.counts[slices.Index(closings[:], reason)].Add(1)
}

// close ends the stream, and with it its subscription. It may be called more than once; the first cause stays.
func (s *stream) close(cause error) {
	s.end(cause)
	s.session.Close()
}

func (s *stream) ID() string               { return "" } // it writes nothing
func (s *stream) Context() context.Context { return s.ctx }
func (s *stream) Wire() crud.Wire          { return s.wire }
func (s *stream) Close(reason string) {
	s.end(errors.New(reason + ": connect again and go on with since"))
}

// Send implements crud.Conn.
func (s *stream) Send(f crud.Frame) error {
	frame := f.([]byte)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bytes > s.options.MaxBuffered {
		s.end(errTooSlow)
	}
	if err := s.ctx.Err(); err != nil {
		return err
	}
	s.waiting = append(s.waiting, frame)
	s.bytes += len(frame)
	s.full = s.full || s.bytes > s.options.HighWater
	select {
	case s.more <- struct{}{}:
	default:
	}
	return nil
}

// Writable implements crud.Conn.
func (s *stream) Writable() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.full
}

// run writes what waits, as long as the stream lasts, and returns why it ended:
// beat is called when nothing was written for a while, to see whether the client lives.
func (s *stream) run(write func([]byte) error, beat func() error) error {
	timer := time.NewTicker(s.options.PingInterval)
	defer timer.Stop()
	for {
		select {
		case <-s.more:
			if err := s.drain(write); err != nil {
				return err
			}
			timer.Reset(s.options.PingInterval)
		case <-timer.C:
			if err := beat(); err != nil {
				return err
			}
		case <-s.ctx.Done():
			return context.Cause(s.ctx)
		}
	}
}

// drain writes all that waits.
func (s *stream) drain(write func([]byte) error) error {
	for {
		s.mu.Lock()
		frames := s.waiting
		s.waiting = nil
		s.mu.Unlock()
		if len(frames) == 0 {
			return nil
		}
		for _, frame := range frames {
			if s.ctx.Err() != nil {
				return context.Cause(s.ctx)
			}
			if err := write(frame); err != nil {
				return err
			}
			s.wrote(len(frame))
		}
	}
}

// wrote accounts for what has left.
func (s *stream) wrote(n int) {
	s.mu.Lock()
	s.bytes -= n
	drained := s.full && s.bytes < s.options.HighWater/2
	if drained {
		s.full = false
	}
	s.mu.Unlock()
	if drained {
		s.session.Drained()
	}
}
