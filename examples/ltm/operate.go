package main

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"ackbase/collections"
	"ackbase/examples/program"
)

// collection is where the machines are.
const collection = "ltm"

// install puts those machines in place that are not there yet.
func install(ctx context.Context, s *program.Server) error {
	for _, k := range kilns {
		var there json.RawMessage
		found, err := s.Get(ctx, collection, strconv.Itoa(k.ID), &there)
		if err == nil && !found {
			err = s.Put(ctx, collection, k, collections.Write{Reason: "installed"})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// operate lets a machine take its steps until ctx ends. All that it knows is in the store: after a
// restart it goes on where it was.
func operate(ctx context.Context, s *program.Server, id int, every time.Duration) {
	for next := time.NewTicker(every); ; {
		select {
		case <-ctx.Done():
			next.Stop()
			return
		case <-next.C:
		}
		if err := takeStep(ctx, s, id); err != nil && ctx.Err() == nil {
			s.Log.Warn("a machine could not take its step", "machine", id, "err", err)
		}
	}
}

func takeStep(ctx context.Context, s *program.Server, number int) error {
	id, err := collections.NumberID(uint64(number))
	if err != nil {
		return err
	}
	item, _, err := s.DB.Get(ctx, collection, id)
	if errors.Is(err, collections.ErrNotFound) {
		return install(ctx, s) // somebody deleted it
	}
	if err != nil {
		return err
	}
	var k kiln
	if json.Unmarshal(item.JSON, &k) != nil {
		k = kiln{State: "broken"} // somebody wrote something else
	}
	k.ID = number
	next, reason := k.step()
	next.ID = number
	unchanged, err := collections.ParseIfMatch(json.RawMessage(strconv.Quote(item.Rev.String())))
	if err != nil {
		return err
	}
	err = s.Put(ctx, collection, next, collections.Write{Reason: reason, IfMatch: unchanged})
	if errors.Is(err, collections.ErrPrecondition) {
		return nil // somebody was faster: the next step begins from what they wrote
	}
	return err
}
