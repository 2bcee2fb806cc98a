package soak

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"ackbase/server/client"
)

// subscriber is a client with streams.
type subscriber struct {
	*load
	streams   []*stream
	latencies latencies
	client    *client.Client
	faulty    error // the first event that was wrong
}

// join connects the subscriber, and begins or resumes its streams.
func (s *subscriber) join(opening func(visitor) (*session, error)) (err error) {
	if s.client, err = s.visitor.join(opening, s.event); err != nil {
		return err
	}
	for _, stream := range s.streams {
		if err := stream.subscribe(s.client); err != nil {
			s.client.Leave()
			return fmt.Errorf("SUBSCRIBE %s: %w", stream.collection, err)
		}
	}
	return nil
}

// event takes an event, on the goroutine that reads.
func (s *subscriber) event(name string, data []byte) {
	var e event
	err := json.Unmarshal(data, &e)
	if err == nil && name != "BOOKMARK" {
		err = fmt.Errorf("an event %s of the room %s, to which nobody subscribed", name, e.Room)
		for _, stream := range s.streams {
			if stream.room == e.Room {
				var sent time.Duration
				if sent, err = stream.take(&e); sent > 0 {
					s.latencies.add(stage(s.stage.Load()), events, time.Since(s.base)-sent)
				}
				break
			}
		}
	}
	if err != nil && s.faulty == nil {
		s.faulty = err
	}
}

// finish waits until all that is due has come, on the connection that the subscriber has or on a new one,
// leaves, and compares.
func (s *subscriber) finish(logs map[string][]change) error {
	if s.client == nil || s.client.Over() {
		if err := s.join(visitor.open); err != nil {
			return err
		}
	}
	err := s.awaitAll(logs)
	s.client.Leave()
	if err = errors.Join(err, s.faulty); err != nil {
		return err
	}
	for _, stream := range s.streams {
		if err := stream.check(logs[stream.collection]); err != nil {
			return err
		}
	}
	return nil
}

// awaitAll waits for the last event of each stream.
func (s *subscriber) awaitAll(logs map[string][]change) error {
	for _, stream := range s.streams {
		due := stream.due(logs[stream.collection])
		if len(due) == 0 {
			return fmt.Errorf("%s: nothing is due", stream.room)
		}
		if err := s.awaitEvent(stream, due[len(due)-1].seq); err != nil {
			return err
		}
	}
	// What came too much has come before the answer to a request.
	_, err := s.client.Call("GET", s.streams[0].collection, map[string]int{"limit": 1})
	return err
}

// awaitEvent waits until a stream has had an event, for as long as it moves.
func (s *subscriber) awaitEvent(stream *stream, seq uint64) error {
	last, since := uint64(0), time.Now()
	for {
		at := stream.last.Load()
		switch {
		case at >= seq:
			return nil
		case at > last:
			last, since = at, time.Now()
		case s.client.Over():
			return fmt.Errorf("%s: the connection ended at the event number %d of %d: %w", stream.room, at, seq, s.client.Err())
		case time.Since(since) > patience:
			return fmt.Errorf("%s: nothing came after the event number %d, though %d is due", stream.room, at, seq)
		}
		time.Sleep(time.Millisecond)
	}
}
