package crud

import (
	"slices"
	"sync"
	"time"

	"ackbase/collections"
)

// RoomsConn is a Conn that a program puts into rooms of its own, as those of a Socket.IO server are. A session that can be
// recovered keeps them with its subscriptions.
type RoomsConn interface {
	Conn

	// Rooms are their names, in order, without one twice; of a connection that has ended those that it was in at last. The list
	// stays as it is.
	// Session.Moved is to be called after they have changed.
	Rooms() []string
}

// maxRooms is how many rooms of a program are kept for one session. One that is in more goes on without a record.
const maxRooms = 1000

// joined are the rooms of the program that a session's connection is in.
type joined struct {
	conn RoomsConn

	looking sync.Mutex // held while somebody asks the connection

	mu      sync.Mutex
	names   []string // as they were when they were looked at last
	onDisk  []string // as the record has them
	open    bool     // the connection is in those that the session had before
	changed bool     // since they were looked at
	writing bool     // a goroutine is at it
}

// keepJoined lets the session keep the rooms of its connection, where that has any. names are those of its record.
func (c *Session) keepJoined(names []string, open bool) {
	if conn, ok := c.conn.(RoomsConn); ok {
		j := &joined{conn: conn, names: names, onDisk: names, open: open}
		c.joined.Store(j)
		j.look()
	}
}

// Moved tells that the program's rooms have changed that the connection is in, or, of a session that was recovered, that it is in
// those that it had. They are written soon, many changes at once, in a commit that others share. It never waits.
func (c *Session) Moved() {
	j := c.joined.Load()
	if j == nil {
		return // the first subscription looks at them
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.changed, j.open = true, true
	if !j.writing {
		j.writing = c.service.spawn(func() { c.writeJoined(j) })
	}
}

// look looks at the rooms, and tells whether they are others than on disk.
func (j *joined) look() bool {
	j.looking.Lock()
	defer j.looking.Unlock()
	j.mu.Lock()
	open := j.open
	j.changed = false // what changes from here on is told again
	j.mu.Unlock()
	if !open {
		return false
	}
	names := j.conn.Rooms()
	j.mu.Lock()
	defer j.mu.Unlock()
	j.names = names
	return !slices.Equal(names, j.onDisk)
}

// writeJoined writes the rooms until they are on disk as they are. Those of a session that ends are written with its end.
func (c *Session) writeJoined(j *joined) {
	const patience = 10 * time.Millisecond
	pause := patience
	for j.goesOn(c) {
		if !j.look() {
			continue
		}
		err := c.keepNow()
		if err == nil {
			pause = patience
			continue
		}
		j.mu.Lock()
		j.changed = true // still
		j.mu.Unlock()
		select {
		case <-time.After(pause):
		case <-c.conn.Context().Done():
			j.stop()
			return
		case <-c.service.ctx.Done():
			j.stop()
			return
		}
		pause = min(2*pause, 5*time.Second)
	}
}

// goesOn tells whether there is something to write; if not, the next change begins anew.
func (j *joined) goesOn(c *Session) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.writing = j.changed && !c.kept.lost.Load()
	return j.writing
}

func (j *joined) stop() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.writing = false
}

// latest are the rooms as a record is to have them.
func (j *joined) latest() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.names
}

// wrote notes what a record has.
func (j *joined) wrote(names []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.onDisk = names
}

// nothing changes nothing of a record.
func nothing(*record, collections.Position) error { return nil }

// keepNow writes the record as it is to be, and waits for it. The caller holds the service open.
func (c *Session) keepNow() error {
	written := make(chan error, 1)
	c.service.wg.Add(1)
	if err := c.keepOpen(nothing, func(_ collections.Position, err error) { written <- err }); err != nil {
		return err
	}
	return <-written
}
