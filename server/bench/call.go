package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ackbase/server/packet"
)

// caller calls verbs over WebSocket connections, in a closed loop or at a rate.
type caller struct {
	*run
	loop  *loop
	h     handler // the caller itself, or what contains it
	conns []*conn // that call; further ones of the loop only receive

	rate  float64 // calls a second; 0 for a closed loop
	total int64   // how many calls there are to be; 0 for any number
	args  func(dst []byte, due time.Duration) []byte
	// answer takes an ack's data and how long it took; nil for the one that counts.
	answer func(data []byte, latency time.Duration)

	start   time.Duration // when the first call is due
	stopped bool          // no further calls
	issued  int64
	pending int64 // calls whose answer is awaited
	next    int   // whose turn it is, at a rate
	text    []byte
}

// ack implements handler.
func (k *caller) ack(c *conn, id int64, data []byte) {
	due, ok := c.end(id)
	if !ok {
		k.fail(1, "the server acknowledged %d, which no call awaits", id)
		return
	}
	k.pending--
	latency := k.now() - due
	switch {
	case k.answer != nil:
		k.answer(data, latency)
	case refused(data):
		k.fail(1, "%s", refusal(data))
	default:
		k.count(latency)
	}
}

// event implements handler: who only calls does not listen.
func (k *caller) event(*conn, []byte) {}

// refused tells whether an ack carries no result: an error, or a missing item.
func refused(data []byte) bool {
	return len(data) >= 5 && string(data[:5]) == "[null"
}

// refusal is a refused ack as a sentence.
func refusal(data []byte) string {
	args, err := packet.Args(nil, data)
	if err != nil || len(args) < 2 || string(args[1]) == "null" {
		return fmt.Sprintf("a call was answered with %.200s", data)
	}
	return fmt.Sprintf("a call was refused with %.400s", args[1])
}

// due tells whether a call may go out now, and since when it is due.
func (k *caller) due(now time.Duration) (time.Duration, bool) {
	if k.stopped || k.total > 0 && k.issued >= k.total {
		return 0, false
	}
	if k.rate == 0 {
		return now, true
	}
	due := k.start + time.Duration(float64(k.issued)*float64(time.Second)/k.rate)
	return due, due <= now
}

// call queues at most n calls on a connection.
func (k *caller) call(c *conn, now time.Duration, n int) (called int) {
	for called < n && c.closed == nil && len(c.free) > 0 {
		due, ok := k.due(now)
		if !ok {
			break
		}
		k.text = k.args(k.target.appendCall(k.text[:0], c.begin(due)), due)
		c.queue(k.text)
		k.issued++
		k.pending++
		called++
	}
	return called
}

// after sends the next calls on a connection that has been answered, if the loop is closed.
func (k *caller) after(c *conn) {
	if k.rate == 0 {
		k.call(c, k.now(), len(c.free))
	}
}

// tick sends what has become due: at first everything that may be in flight,
// afterwards, at a rate, one call for each connection in turn.
func (k *caller) tick(now time.Duration) {
	if k.rate == 0 {
		if k.issued == 0 {
			for _, c := range k.conns {
				k.call(c, now, len(c.free))
				k.loop.flush(c)
			}
		}
		return
	}
	for misses := 0; misses < len(k.conns); {
		if _, ok := k.due(now); !ok {
			return
		}
		c := k.conns[k.next%len(k.conns)]
		k.next++
		if k.call(c, now, 1) == 0 {
			misses++
			continue
		}
		misses = 0
		k.loop.flush(c)
	}
}

// drive turns the loop until done, which is asked before each turn.
func (k *caller) drive(ctx context.Context, done func(now time.Duration) (bool, error)) error {
	wait := 10 * time.Millisecond
	if k.rate > 0 {
		wait = time.Millisecond
	}
	for {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("the run was stopped: %w", err)
		}
		k.bury()
		if len(k.loop.conns) == 0 {
			return fmt.Errorf("no connection is left: %s", k.firstError)
		}
		now := k.now()
		k.tick(now)
		if over, err := done(now); over || err != nil {
			return err
		}
		if err := k.loop.turn(wait, k.h, k.after); err != nil {
			return err
		}
	}
}

// bury counts the connections that ended by themselves, and their calls.
func (k *caller) bury() {
	for _, c := range k.loop.lost {
		k.fail(1, "a connection broke: %v", c.closed)
		k.fail(int64(c.inFlight()), "a call lost its connection")
		k.pending -= int64(c.inFlight())
	}
	k.loop.lost = k.loop.lost[:0]
}

// finish makes all calls of a bounded caller and waits for their answers.
func (k *caller) finish(ctx context.Context) error {
	last, since := int64(-1), k.now()
	return k.drive(ctx, func(now time.Duration) (bool, error) {
		if answered := k.issued - k.pending; answered != last {
			last, since = answered, now
		} else if k.pending > 0 && now-since > dialTimeout {
			return false, errors.New("the server has stopped answering")
		}
		return k.pending == 0 && (k.issued == k.total || k.stopped), nil
	})
}

// appendCall begins the text of an event that asks for an ack; its array follows.
func (t *target) appendCall(dst []byte, id int64) []byte {
	return packet.AppendHead(append(dst, byte(packet.EngineMessage)), packet.Event, 0, t.namespace, id)
}
