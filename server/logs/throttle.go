// Package logs keeps a log readable while somebody floods what it tells of.
package logs

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Of one message so many lines are written in one window of time.
const (
	most   = 10
	window = 10 * time.Second
)

// maxMessages is how many messages are told apart; those beyond are not held back.
const maxMessages = 1000

// Throttle passes records on to a handler, but of each message, whatever its
// attributes, at most ten in ten seconds. The first after that tells how many were left
// out, as "unlogged". Records at debug level all pass: who asked for them wants to see them.
func Throttle(next slog.Handler) slog.Handler {
	return &throttle{Handler: next, windows: &windows{of: make(map[string]*counter)}}
}

type throttle struct {
	slog.Handler
	*windows
}

// windows are shared by a handler and those made from it.
type windows struct {
	mu sync.Mutex
	of map[string]*counter // by message
}

// counter is what has come of one message.
type counter struct {
	began    time.Time
	written  int
	unlogged int
}

// Handle implements slog.Handler.
func (t *throttle) Handle(ctx context.Context, r slog.Record) error {
	if r.Level >= slog.LevelInfo {
		unlogged, pass := t.pass(r.Message, r.Time)
		if !pass {
			return nil
		}
		if unlogged > 0 {
			r = r.Clone()
			r.AddAttrs(slog.Int("unlogged", unlogged))
		}
	}
	return t.Handler.Handle(ctx, r)
}

// pass tells whether a message is to be written, and how many like it were not.
func (w *windows) pass(message string, now time.Time) (unlogged int, pass bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.of[message]
	if c == nil {
		if len(w.of) >= maxMessages {
			return 0, true
		}
		c = &counter{began: now}
		w.of[message] = c
	}
	if now.Sub(c.began) >= window {
		unlogged = c.unlogged
		*c = counter{began: now}
	}
	if c.written == most {
		c.unlogged++
		return 0, false
	}
	c.written++
	return unlogged, true
}

// WithAttrs implements slog.Handler.
func (t *throttle) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &throttle{t.Handler.WithAttrs(attrs), t.windows}
}

// WithGroup implements slog.Handler.
func (t *throttle) WithGroup(name string) slog.Handler {
	return &throttle{t.Handler.WithGroup(name), t.windows}
}
