package main

import (
	"context"
	"encoding/json"
	"fmt"

	"ackbase/collections"
	"ackbase/examples/program"
)

// project is what sessions belong to.
type project struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// session is what commands run in.
type session struct {
	ID      int               `json:"id,omitempty"`
	Project string            `json:"project"`
	Name    string            `json:"name"`
	Keys    map[string]string `json:"keys"`
}

// line is one that a session's log has.
type line struct {
	ID      int    `json:"id,omitempty"`
	Session int    `json:"session"`
	Kind    string `json:"kind"` // command, answer, error
	Text    string `json:"text"`
}

// Bounds of a session. Those who may use the desk may write anything by the verbs; these are for its commands.
const (
	mostLines = 200 // the oldest go
	mostKeys  = 50
	maxKey    = 64 // bytes
	maxValue  = 500
)

// furnish puts projects and sessions into an empty desk.
func (d *desk) furnish(ctx context.Context) error {
	there, err := d.server.List(ctx, "projects", `{"limit":1,"total":false}`)
	if err != nil || len(there) > 0 {
		return err
	}
	w := collections.Write{Reason: "furnished"}
	for _, s := range []session{
		{Project: "harbour", Name: "Crane 4, calibration", Keys: map[string]string{"operator": "nobody yet", "load": "12 t"}},
		{Project: "harbour", Name: "Night shift", Keys: map[string]string{"lights": "on"}},
		{Project: "orchard", Name: "Frost watch", Keys: map[string]string{"threshold": "-1.5", "valves": "closed", "wind": "north-east"}},
	} {
		if err := d.server.Post(ctx, "sessions", &s, w); err != nil {
			return err
		}
	}
	// The projects last: with them the desk is furnished.
	for _, p := range []project{{"harbour", "Harbour"}, {"orchard", "Orchard"}} {
		if err := d.server.Put(ctx, "projects", p, w); err != nil {
			return err
		}
	}
	return nil
}

// find reads a session.
func (d *desk) find(ctx context.Context, id int) (*session, error) {
	var s session
	parsed, err := collections.NumberID(uint64(max(id, 0)))
	if err != nil {
		return nil, collections.Errorf(collections.ErrBadRequest, "a session is named by its number, from 1 on")
	}
	item, _, err := d.server.DB.Get(ctx, "sessions", parsed)
	if err != nil {
		return nil, err
	}
	if json.Unmarshal(item.JSON, &s) != nil {
		return nil, collections.Errorf(collections.ErrBadRequest, `the session %d is not like { "project": "harbour", "name": "…", "keys": { "name": "text" } }`, id)
	}
	return &s, nil
}

// set writes a key of a session; nil deletes it.
func (d *desk) set(ctx context.Context, s *session, key string, value *string, reason string) error {
	patch, err := json.Marshal(map[string]map[string]*string{"keys": {key: value}})
	if err != nil {
		return err
	}
	id, err := collections.NumberID(uint64(s.ID))
	if err != nil {
		return err
	}
	_, err = program.Write(func(done func(collections.Result, error)) {
		d.server.DB.Merge(ctx, "sessions", id, patch, collections.Write{Reason: reason}, done)
	})
	return err
}

// say adds a line to a session's log, and lets go of the oldest beyond the bound.
func (d *desk) say(ctx context.Context, session int, kind, text string) error {
	if err := d.server.Post(ctx, "lines", &line{Session: session, Kind: kind, Text: text}, collections.Write{}); err != nil {
		return err
	}
	q, err := collections.ParseQuery(fmt.Appendf(nil, `{"filters":{"session":%d},"limit":10}`, session))
	if err != nil {
		return err
	}
	page, _, err := d.server.DB.List(ctx, "lines", q)
	if err != nil {
		return err
	}
	for _, item := range page.Items[:min(max(page.Total-mostLines, 0), len(page.Items))] {
		if _, err := program.Write(func(done func(collections.Result, error)) {
			d.server.DB.Delete(ctx, "lines", item.ID, collections.Write{Reason: "the log is full"}, done)
		}); err != nil {
			return err
		}
	}
	return nil
}
