package faults

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"ackbase/server/client"
)

// listener listens to streams, and comes back whenever its connection breaks.
type listener interface {
	// listen connects, and returns when the connection has ended. A fatal error is one that no break explains.
	listen(ctx context.Context) error
	heard() []*stream
}

// fatal is an error that no break of a connection explains.
type fatal struct{ error }

// attend keeps a listener listening until the context ends.
func (r *round) attend(ctx context.Context, l listener) {
	for {
		err := l.listen(ctx)
		var wrong fatal
		if errors.As(err, &wrong) {
			r.ledger.wrong(err)
			return
		}
		if ctx.Err() != nil {
			return
		}
		for _, s := range l.heard() {
			s.breaks++
			if s.collection == bulletins { // these stay away for long, so that what they missed is pruned
				wait(ctx, time.Duration(rand.IntN(1500))*time.Millisecond)
			}
		}
		if !rest(ctx) {
			return
		}
	}
}

// socketListener listens over Socket.IO, to one stream or several.
type socketListener struct {
	url     string
	polling bool
	streams []*stream
	wrong   error // the first event that was wrong
}

func (l *socketListener) heard() []*stream { return l.streams }

func (l *socketListener) listen(ctx context.Context) error {
	session, _, cut, err := connect(ctx, l.url, l.polling, "")
	if err != nil {
		return err
	}
	defer cut()
	c := client.Start(session, l.event)
	defer c.Leave()
	for _, s := range l.streams {
		if err := s.subscribe(c); err != nil {
			return err
		}
	}
	select {
	case <-c.Ended():
	case <-ctx.Done():
		cut()
		<-c.Ended()
	}
	if l.wrong != nil {
		return fatal{l.wrong}
	}
	return c.Err()
}

// event takes an event, on the goroutine that reads.
func (l *socketListener) event(name string, args []json.RawMessage) {
	if err := l.take(name, args); err != nil && l.wrong == nil {
		l.wrong = err
	}
}

func (l *socketListener) take(name string, args []json.RawMessage) error {
	var e event
	if len(args) == 0 {
		return fmt.Errorf("an event %s without arguments", name)
	}
	if err := json.Unmarshal(args[0], &e); err != nil {
		return err
	}
	for _, s := range l.streams {
		switch {
		case s.room != e.Room:
		case name == "BOOKMARK":
			return s.mark(e.Cursor)
		case name != e.Type || s.collection != e.Collection:
			return fmt.Errorf("%s: the event %s is %s", s.who, name, args[0])
		default:
			return s.take(&e)
		}
	}
	return fmt.Errorf("an event %s of the room %s, to which nobody subscribed", name, e.Room)
}

// subscribe begins the stream on a connection, or resumes it there.
func (s *stream) subscribe(c *client.Client) error {
	err := s.ask(c, s.begun())
	var fault *client.Fault
	if errors.As(err, &fault) && fault.Code == "GONE" && s.begun() {
		err = s.ask(c, false)
	}
	if errors.As(err, &fault) && fault.Code != "UNAVAILABLE" {
		return fatal{fmt.Errorf("%s: SUBSCRIBE was answered %w", s.who, err)}
	}
	return err
}

// ask sends SUBSCRIBE, and takes the answer on the goroutine that reads, so that the first event cannot overtake it.
func (s *stream) ask(c *client.Client, resume bool) error {
	options := map[string]any{}
	if s.patch {
		options["patch"] = true
	}
	if s.bucket != noBucket {
		options["filters"] = map[string]any{"bucket": s.bucket}
	}
	if resume {
		options["since"] = s.cursor
	} else if s.patch {
		options["snapshot"] = true
	}
	args := []any{"SUBSCRIBE", s.collection}
	if s.id != "" {
		args = append(args, json.RawMessage(s.id))
	}
	done := make(chan error, 1)
	take := func(a client.Answer) error {
		if a.Fault != nil {
			return a.Fault
		}
		var result struct {
			Cursor string
			Items  []json.RawMessage
		}
		var meta struct{ Room string }
		if err := errors.Join(json.Unmarshal(a.Result, &result), json.Unmarshal(a.Meta, &meta)); err != nil {
			return fatal{err}
		}
		s.room = meta.Room
		if resume {
			return nil
		}
		if s.patch && result.Items == nil {
			return fatal{fmt.Errorf("%s: a snapshot was asked for and answered %s", s.who, a.Result)}
		}
		if err := s.begin(result.Cursor, result.Items); err != nil {
			return fatal{err}
		}
		return nil
	}
	if err := c.Begin(func(a client.Answer) { done <- take(a) }, append(args, options)...); err != nil {
		return err
	}
	select {
	case err := <-done:
		return err
	case <-c.Ended():
		select {
		case err := <-done:
			return err
		default:
			return errors.Join(errors.New("the connection ended before SUBSCRIBE was answered"), c.Err())
		}
	}
}
