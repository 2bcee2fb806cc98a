package main

import (
	"fmt"

	"ackbase/server/bench"
)

// The contests' names.
const (
	getByID          = "get"
	getAtRate        = "get-rate"
	post             = "post"
	postKey          = "post-key"
	postIndex        = "post-index"
	event10k         = "event-10k"
	event75k         = "event-75k"
	polling          = "polling"
	getItems         = "get-items"
	eventSubscribers = "event-subscribers"
	idle             = "idle"
)

// How many events a second are written: to the room that all servers have, few and many,
// and to the rooms of different sizes that are compared with each other. The
// last is what the largest can take on two cores, the generator beside it, with something to spare.
const (
	fewEvents  = 20
	manyEvents = 150
	roomEvents = 10
)

// othersRounds is how many rounds are enough for an entrant that no bound is about.
const othersRounds = 3

// contests are the measures that -only leaves.
func (s *settings) contests() []contest {
	list := []contest{
		s.versus(getByID, "GET by id, 1,000 items, 160 in flight", bench.Command{Kind: bench.Get}),
		s.versus(getAtRate, "the same at 10,000 a second, over 160 connections", bench.Command{Kind: bench.Get, Connections: 160, Rate: 10_000}),
		s.versus(post, "durable POST, 256 in flight", bench.Command{Kind: bench.Post}),
		s.versus(postKey, "the same with a fresh UUIDv7 as idempotency key (¹)", bench.Command{Kind: bench.Post, Key: "time"}),
		s.versus(postIndex, "the same with an index on a random value (²)", bench.Command{Kind: bench.Post, Collection: "bench-index"}),
		s.versus(event10k, s.delivered(fewEvents), bench.Command{Kind: bench.Fanout, Connections: s.room, Rate: fewEvents}),
		s.versus(event75k, s.delivered(manyEvents), bench.Command{Kind: bench.Fanout, Connections: s.room, Rate: manyEvents}),
		s.versus(polling, "GET by id over long-polling, 50 clients, 1 in flight each", bench.Command{Kind: bench.Polling}),
		{name: getItems, title: "GET by id, 160 in flight", entrants: []entrant{
			s.alone("1,000 items", bench.Command{Kind: bench.Get}),
			s.alone(grouped(s.large)+" items", bench.Command{Kind: bench.Get, Items: s.large}),
		}},
		{name: eventSubscribers, title: fmt.Sprintf("event delivered, %d events a second", roomEvents), entrants: []entrant{
			s.alone("50 subscribers", bench.Command{Kind: bench.Fanout, Connections: 50, Rate: roomEvents}),
			s.alone(grouped(s.largeRoom)+" subscribers", bench.Command{Kind: bench.Fanout, Connections: s.largeRoom, Rate: roomEvents}),
			s.alone("1 subscriber", bench.Command{Kind: bench.Fanout, Connections: 1, Rate: roomEvents}),
		}},
		s.versus(idle, grouped(s.idle)+" idle connections", bench.Command{Kind: bench.Idle, Connections: s.idle}),
	}
	var chosen []contest
	for _, c := range list {
		c.fresh = c.name == idle
		for i := range c.entrants {
			e := &c.entrants[i]
			e.load.Seconds, e.load.Warmup, e.load.Timeout, e.rounds = s.seconds, s.warmup, s.timeout, s.rounds
			if c.name == idle {
				e.load.Seconds = s.idleSeconds
			}
			if c.name == idle && i > 0 {
				e.rounds = 1 // no bound is about the others, and a round is long
			}
			if i > 1 {
				e.rounds = min(e.rounds, othersRounds)
			}
			if c.name == postKey && i > 0 {
				e.load.Key = "" // the seed's contract has none
			}
		}
		if s.only == nil || s.only.MatchString(c.name) {
			chosen = append(chosen, c)
		}
	}
	return chosen
}

// versus is a contest of all servers under one load.
func (s *settings) versus(name, title string, load bench.Command) contest {
	c := contest{name: name, title: title}
	for _, server := range s.servers {
		c.entrants = append(c.entrants, entrant{name: server.name, server: server, load: load})
	}
	return c
}

// alone is the first server as an entrant.
func (s *settings) alone(name string, load bench.Command) entrant {
	return entrant{name: name, server: s.servers[0], load: load}
}

// delivered is the title of events to the room, at so many a second.
func (s *settings) delivered(events int) string {
	return fmt.Sprintf("event delivered, %s subscribers, %s a second", grouped(s.room), grouped(s.room*events))
}
