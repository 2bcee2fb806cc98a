package main

import (
	"context"
	"errors"
	"strings"

	"ackbase/collections"
	"ackbase/examples/program"
	"ackbase/server"
)

// desk answers the operators' own events, for the sockets that have the verbs too.
type desk struct{ server *program.Server }

// Commands of one session run one after the other, those of several side by side.
const (
	hands   = 8  // that run commands
	waiting = 32 // for each hand; over it a command is refused
)

// open begins to take events.
func (d *desk) open() {
	var queues [hands]chan func(context.Context)
	for i := range queues {
		queue := make(chan func(context.Context), waiting)
		queues[i] = queue
		d.server.Go(func(ctx context.Context) {
			for {
				select {
				case job := <-queue:
					job(ctx)
				case <-ctx.Done():
					return
				}
			}
		})
	}
	on := func(name string, do func(ctx context.Context, r *request) error) {
		d.server.Sockets.Of("/").On(name, func(event *server.Event) {
			var r request
			if event.Decode(0, &r) != nil || r.SessionID < 1 {
				d.answer(event, collections.Errorf(collections.ErrBadRequest, `%s takes an object such as { "sessionId": 1, "command": "help" }, or with "key" in place of "command"`, name))
				return
			}
			kept := event.Clone() // it is answered after this handler
			select {
			case queues[r.SessionID%hands] <- func(ctx context.Context) { d.answer(kept, do(ctx, &r)) }:
			default:
				d.answer(event, collections.Errorf(collections.ErrUnavailable, "too much is waiting"))
			}
		})
	}
	on("command", d.command)
	on("session-delete-key", func(ctx context.Context, r *request) error {
		s, err := d.find(ctx, r.SessionID)
		if err != nil {
			return err
		}
		return d.deleteKey(ctx, s, r.Key)
	})
}

// request is what an event of an operator says.
type request struct {
	SessionID int    `json:"sessionId"`
	Command   string `json:"command"`
	Key       string `json:"key"`
}

// answer acknowledges as the verbs do: true, or null and an error.
func (d *desk) answer(event *server.Event, err error) {
	if !event.NeedsAck() {
		return
	}
	// An error of Ack means that the socket has closed: there is nobody left to answer.
	if err != nil {
		_ = event.Ack(nil, d.server.Fault(err))
		return
	}
	_ = event.Ack(true, nil, struct{}{})
}

// command runs a command: it, and what it answers, are lines of the session for all who have it open.
func (d *desk) command(ctx context.Context, r *request) error {
	s, err := d.find(ctx, r.SessionID)
	if err != nil {
		return err
	}
	c, rest, err := parse(r.Command)
	if errors.Is(err, collections.ErrNotFound) { // somebody tried: their colleagues may see it
		if said := d.say(ctx, s.ID, "command", strings.TrimSpace(r.Command)); said != nil {
			return said
		}
		return d.say(ctx, s.ID, "error", err.Error())
	}
	if err != nil {
		return err
	}
	if err := d.say(ctx, s.ID, "command", strings.TrimSpace(r.Command)); err != nil {
		return err
	}
	err = c.do(ctx, d, s, rest, func(text string) error { return d.say(ctx, s.ID, "answer", text) })
	var known *collections.Error
	if errors.As(err, &known) {
		return d.say(ctx, s.ID, "error", known.Message)
	}
	return err
}
