package main

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"ackbase/collections"
	"ackbase/examples/program"
)

// mostKept is how many snapshots of a machine are told at once.
const mostKept = 300

// snapshot is one change of a machine, as the WebSocket tells it.
type snapshot struct {
	Type   string          `json:"type"`
	Rev    string          `json:"rev"`
	Cursor string          `json:"cursor"`
	Time   string          `json:"time"`
	Reason string          `json:"reason,omitempty"`
	Patch  json.RawMessage `json:"patch"`
	Item   json.RawMessage `json:"item"`
}

// recent is the latest snapshots of each machine, read from the change log: a restart loses none.
type recent struct {
	mu  sync.Mutex
	log past
}

// past is what the change log tells of the machines up to a position.
type past struct {
	machines map[string][]*snapshot
	position collections.Position
}

// How long the log is left alone where it could not be read: twice as long each time.
const shortestPause, longestPause = 100 * time.Millisecond, 5 * time.Second

// follow goes on from what begin has read, until ctx ends. What cannot be read is tried again: until then the machines are told as
// they were.
func (r *recent) follow(ctx context.Context, s *program.Server) {
	for pause := shortestPause; ; {
		err := r.goOn(ctx, s)
		if errors.Is(err, collections.ErrGone) { // so far behind that the log has been cut
			err = r.begin(ctx, s)
		}
		if err == nil {
			pause = shortestPause
			continue
		}
		if ctx.Err() != nil {
			return
		}
		s.Log.Warn("the log cannot be read now", "again", pause, "err", err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
		pause = min(2*pause, longestPause)
	}
}

// begin reads what the log still has. A machine that has not moved in all that time stands there
// as it is.
func (r *recent) begin(ctx context.Context, s *program.Server) error {
	all, err := collections.ParseQuery(json.RawMessage(`{"limit":1000,"total":false}`))
	if err != nil {
		return err
	}
	page, at, err := s.DB.List(ctx, collection, all)
	if err != nil {
		return err
	}
	from := func(oldest collections.Position) *past {
		return &past{machines: map[string][]*snapshot{}, position: oldest}
	}
	log := from(s.DB.Oldest())
	for log.position.Seq < at.Seq {
		changes, err := log.next(ctx, s)
		if errors.Is(err, collections.ErrGone) { // cut between the two
			log = from(s.DB.Oldest())
		} else if err == nil {
			err = log.add(changes)
		}
		if err != nil && !errors.Is(err, collections.ErrGone) {
			return err
		}
	}
	for _, item := range page.Items {
		if id := item.ID.Text(); len(log.machines[id]) == 0 {
			patch, err := collections.Diff([]byte("{}"), item.JSON)
			if err != nil {
				return err
			}
			log.machines[id] = []*snapshot{{
				Type: collections.Added.String(), Rev: item.Rev.String(), Cursor: log.position.Cursor(), Reason: "as it was found",
				Time: stamp(time.Now()), Patch: patch, Item: item.JSON,
			}}
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log = *log
	return nil
}

// goOn waits for what comes next in the log.
func (r *recent) goOn(ctx context.Context, s *program.Server) error {
	changes, err := r.log.next(ctx, s) // nobody else writes it
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.add(changes)
}

// stamp is a time as the changes have it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// next waits for the changes after those that p knows.
func (p *past) next(ctx context.Context, s *program.Server) ([]*collections.Change, error) {
	return s.DB.Changes(ctx, p.position, 1000)
}

// add keeps changes that follow on those that p knows.
func (p *past) add(changes []*collections.Change) error {
	for _, c := range changes {
		if c.Collection == collection {
			if err := p.keep(c); err != nil {
				return err
			}
		}
		p.position = c.Position
	}
	return nil
}

// keep keeps a change. The first snapshot of a machine always begins from nothing, so that the
// patches of all, applied in turn to {}, give the present state.
func (p *past) keep(c *collections.Change) error {
	id := c.ID.Text()
	switch c.Type {
	case collections.Deleted:
		delete(p.machines, id)
		return nil
	case collections.Added:
		delete(p.machines, id) // another one of that id
	}
	n := &snapshot{
		Type: c.Type.String(), Rev: c.Rev().String(), Cursor: c.Position.Cursor(), Reason: c.Reason,
		Time: stamp(c.Time), Patch: c.Diff, Item: c.After,
	}
	list := append(p.machines[id], n)
	if len(list) > mostKept {
		list = slices.Clone(list[len(list)-mostKept:])
	}
	first := *list[0] // those that were handed out stay as they are
	var err error
	if len(list) == 1 || len(list) == mostKept {
		first.Patch, err = collections.Diff([]byte("{}"), first.Item)
		list[0] = &first
	}
	p.machines[id] = list
	return err
}

// of is what is known of a machine, nothing where there is none, and the cursor from which on the
// WebSocket goes on.
func (r *recent) of(id string) (list []*snapshot, cursor string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.log.machines[id]), r.log.position.Cursor()
}
