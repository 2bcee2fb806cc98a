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
	mu       sync.Mutex
	machines map[string][]*snapshot
	position collections.Position // up to which the log has been read
}

// follow reads the log up to now, and goes on in the background.
func (r *recent) follow(ctx context.Context, s *program.Server) error {
	if err := r.begin(ctx, s); err != nil {
		return err
	}
	s.Go(func(ctx context.Context) {
		for ctx.Err() == nil {
			err := r.read(ctx, s)
			if errors.Is(err, collections.ErrGone) { // so far behind that the log has been cut
				err = r.begin(ctx, s)
			}
			if err != nil && ctx.Err() == nil {
				s.Log.Error("the log cannot be read any more", "err", err)
				return
			}
		}
	})
	return nil
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
	r.restart(s.DB.Oldest())
	for r.position.Seq < at.Seq {
		err := r.read(ctx, s)
		if errors.Is(err, collections.ErrGone) { // cut between the two
			r.restart(s.DB.Oldest())
		} else if err != nil {
			return err
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, item := range page.Items {
		if id := item.ID.Text(); len(r.machines[id]) == 0 {
			patch, err := collections.Diff([]byte("{}"), item.JSON)
			if err != nil {
				return err
			}
			r.machines[id] = []*snapshot{{
				Type: collections.Added.String(), Rev: item.Rev.String(), Cursor: r.position.Cursor(), Reason: "as it was found",
				Time: stamp(time.Now()), Patch: patch, Item: item.JSON,
			}}
		}
	}
	return nil
}

func (r *recent) restart(at collections.Position) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.machines, r.position = map[string][]*snapshot{}, at
}

// stamp is a time as the changes have it.
func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// read waits for what comes next in the log.
func (r *recent) read(ctx context.Context, s *program.Server) error {
	changes, err := s.DB.Changes(ctx, r.position, 1000)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range changes {
		r.position = c.Position
		if c.Collection != collection {
			continue
		}
		if err := r.add(c); err != nil {
			return err
		}
	}
	return nil
}

// add keeps a change. The first snapshot of a machine always begins from nothing, so that the
// patches of all, applied in turn to {}, give the present state. r.mu is locked.
func (r *recent) add(c *collections.Change) error {
	id := c.ID.Text()
	switch c.Type {
	case collections.Deleted:
		delete(r.machines, id)
		return nil
	case collections.Added:
		delete(r.machines, id) // another one of that id
	}
	n := &snapshot{
		Type: c.Type.String(), Rev: c.Rev().String(), Cursor: c.Position.Cursor(), Reason: c.Reason,
		Time: stamp(c.Time), Patch: c.Diff, Item: c.After,
	}
	list := append(r.machines[id], n)
	if len(list) > mostKept {
		list = slices.Clone(list[len(list)-mostKept:])
	}
	first := *list[0] // those that were handed out stay as they are
	var err error
	if len(list) == 1 || len(list) == mostKept {
		first.Patch, err = collections.Diff([]byte("{}"), first.Item)
		list[0] = &first
	}
	r.machines[id] = list
	return err
}

// of is what is known of a machine, nothing where there is none, and the cursor from which on the
// WebSocket goes on.
func (r *recent) of(id string) (list []*snapshot, cursor string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.machines[id]), r.position.Cursor()
}
