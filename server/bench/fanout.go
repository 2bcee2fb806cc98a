package bench

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"time"
)

// fanout is one writer and many subscribers.
type fanout struct{ *caller }

// connect opens the subscribers, has them subscribe, and opens the writer.
func (f *fanout) connect(ctx context.Context) error {
	refusedBy := ""
	subscribe := &caller{run: f.run, loop: f.loop, total: int64(f.Connections),
		args: func(dst []byte, _ time.Duration) []byte {
			return append(append(append(dst, `["SUBSCRIBE","`...), f.Collection...), `"]`...)
		},
		answer: func(data []byte, _ time.Duration) {
			if refused(data) && refusedBy == "" {
				refusedBy = refusal(data)
			}
		},
	}
	subscribe.h = subscribe
	var err error
	if subscribe.conns, err = f.run.connect(ctx, subscribe, f.Connections, 1); err != nil {
		return err
	}
	if err := subscribe.finish(ctx); err != nil {
		return err
	}
	if refusedBy != "" {
		return fmt.Errorf("SUBSCRIBE: %s", refusedBy)
	}
	f.conns, err = f.run.connect(ctx, f.caller, 1, f.Depth)
	return err
}

// wrote takes the ack of a write.
func (f *fanout) wrote(data []byte, _ time.Duration) {
	if refused(data) {
		f.fail(1, "%s", refusal(data))
		return
	}
	f.written++
}

// event implements handler: it counts an event and how long ago its item was sent.
func (f *fanout) event(_ *conn, data []byte) {
	_, rest, ok := bytes.Cut(data, []byte(stamp))
	if !ok {
		return // not of this collection's items, such as BOOKMARK
	}
	end := 0
	for end < len(rest) && '0' <= rest[end] && rest[end] <= '9' {
		end++
	}
	sent, err := strconv.ParseInt(string(rest[:end]), 10, 64)
	if err != nil {
		f.fail(1, "an event has no time stamp: %.200q", data)
		return
	}
	f.delivered++
	f.count(f.now() - time.Duration(sent))
}

// settled tells whether every subscriber has had every event.
func (f *fanout) settled() bool {
	return f.pending == 0 && f.delivered >= f.written*int64(f.Connections)
}
