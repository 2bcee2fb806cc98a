package crud_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"ackbase/collections"
)

// TestASnapshotThatNeverCame: a snapshot of what is subscribed to already takes the place of events that are on their
// way. When the connection breaks, nobody knows whether it came: then the client is not recovered, but where nothing was on its way.
func TestASnapshotThatNeverCame(t *testing.T) {
	s, _ := open(t, nil)
	writer := dial(s, "writer", 1<<20)
	defer writer.hangUp()
	for n, test := range []struct {
		missed string // the collection of a change that was on its way
		want   bool
	}{{"items", false}, {"others", true}, {"", true}} {
		t.Run(fmt.Sprintf("%q", test.missed), func(t *testing.T) {
			c := dialRecoverable(s, fmt.Sprint("pid", n), 1<<20)
			c.must(t, "SUBSCRIBE", "items")
			put(t, writer, "items", 10*n)
			offset := c.offsetOf(t)
			if test.missed != "" {
				put(t, writer, test.missed, 10*n+1)
			}
			for i := range 2 {
				c.ask(i, "SUBSCRIBE", "items", map[string]any{"snapshot": true})
				if a := nextAnswer(c); a.fault != "null" {
					t.Fatal(a)
				}
			}
			again := c.lose(s, offset) // as it would if neither answer had come
			if got := again != nil; got != test.want {
				t.Fatalf("recovered: %t", got)
			}
			if again == nil {
				return
			}
			defer again.hangUp()
			put(t, writer, "items", 10*n+2)
			again.expect(t, "MODIFIED", fmt.Sprintf(`"n":%d`, 10*n+2))
		})
	}
}

// TestBrokenAroundASnapshot breaks the connection behind each frame that a client gets which is told of one collection and takes
// snapshots of another that it holds: it is recovered wherever it has got the BOOKMARK behind the last of them, and it is told each change
// once, in order, but those that a snapshot has.
func TestBrokenAroundASnapshot(t *testing.T) {
	const snapshot = "snapshot"
	for name, script := range map[string][]string{ // collections that are written, and snapshots
		"one":                  {"others", "items", "others", snapshot, "items", "others"},
		"two":                  {"items", "others", snapshot, "others", "items", snapshot, "others", "items"},
		"one behind the other": {"others", "items", snapshot, snapshot, "items"},
		"after nothing":        {snapshot, "others", snapshot},
	} {
		for _, room := range []int{1, 4} { // how much it takes before it is slow
			t.Run(fmt.Sprint(name, ", ", room), func(t *testing.T) {
				s, db := open(t, nil)
				writer := dial(s, "writer", 1<<20)
				defer writer.hangUp()
				recovered := 0
				for at, over := 0, false; !over; at++ {
					c := dialRecoverable(s, fmt.Sprint("pid ", at), room)
					told := told{t: t, at: map[string]uint64{}}
					for _, room := range []string{"items", "others"} {
						told.at[room] = cursor(t, c.must(t, "SUBSCRIBE", room)).Seq
					}
					done := make(chan struct{})
					go func() {
						defer close(done)
						for i, step := range append(script, "items", "others") {
							if step == snapshot {
								c.ask(0, "SUBSCRIBE", "items", map[string]any{"snapshot": true})
							} else {
								put(t, writer, step, 100*at+i)
							}
						}
					}()
					end := fmt.Sprintf(`"n":%d`, 100*at+len(script)+1)
					for range at {
						if over = told.take(c.next(), end); over {
							break
						}
					}
					again := c.lose(s, told.offset)
					<-done
					if again == nil {
						if told.shown == strings.Count(fmt.Sprint(script), snapshot) {
							t.Fatalf("after %v it was not recovered: %v", told.frames, c.refused)
						}
						continue
					}
					recovered++
					end = fmt.Sprintf(`"n":%d`, 100*at+99)
					for _, room := range []string{"items", "others"} {
						put(t, writer, room, 100*at+99)
					}
					told.waiting = false
					for !told.take(again.next(), end) {
					}
					told.check(db)
					again.hangUp()
				}
				if recovered < 4 {
					t.Errorf("recovered %d times alone: the test shows nothing", recovered)
				}
			})
		}
	}
}

// told is what a client has been told of its two subscriptions.
type told struct {
	t       *testing.T
	at      map[string]uint64 // up to where, by the room
	steps   []step
	frames  []any
	offset  *string
	shown   int  // snapshots behind which an offset came
	waiting bool // for the BOOKMARK behind a snapshot
}

// step is an event: nothing between from and to is of the room.
type step struct {
	room     string
	from, to uint64
}

// take takes a frame, and tells whether it is the event of others that says end.
func (o *told) take(frame any, end string) bool {
	o.t.Helper()
	o.frames = append(o.frames, frame)
	e, _ := frame.(event)
	if o.waiting && (e.name != "BOOKMARK" || e.offset == "") {
		o.t.Fatalf("no BOOKMARK with an offset came behind a snapshot: %v", o.frames)
	}
	if a, answered := frame.(answer); answered {
		if a.fault != "null" {
			o.t.Fatal(a)
		}
		o.waiting, o.at["items"] = true, cursor(o.t, a).Seq
		return false
	}
	var c change
	if err := json.Unmarshal([]byte(e.payload), &c); err != nil {
		o.t.Fatalf("%v: %v", frame, err)
	}
	o.offset = &e.offset
	at := position(o.t, c.Cursor).Seq
	if e.name == "BOOKMARK" {
		if !o.waiting || at != o.at[c.Room] {
			o.t.Fatalf("a BOOKMARK at %d, where %v is told: %v", at, o.at, o.frames)
		}
		o.waiting = false
		o.shown++
		return false
	}
	o.steps = append(o.steps, step{c.Room, o.at[c.Room], at})
	o.at[c.Room] = at
	return c.Room == "others" && strings.Contains(e.payload, end)
}

// check holds the events against the log.
func (o *told) check(db *collections.DB) {
	o.t.Helper()
	changes, err := db.Changes(context.Background(), collections.Position{Epoch: db.Head().Epoch}, 10_000)
	if err != nil {
		o.t.Fatal(err)
	}
	for _, s := range o.steps {
		for _, c := range changes {
			if c.Collection == s.room && c.Position.Seq > s.from && c.Position.Seq < s.to || s.to <= s.from {
				o.t.Fatalf("%s was told of %d, and then of %d, in the log there is %d: %v", s.room, s.from, s.to, c.Position.Seq, o.frames)
			}
		}
	}
}
