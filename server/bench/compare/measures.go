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

// roomRate is how many events a second rooms of different sizes get that are compared with
// each other: what the largest can take with room to spare on two cores, the generator beside it.
const roomRate = 10

// contests are the measures that -only leaves.
func (s *settings) contests() []contest {
	list := []contest{
		s.versus(getByID, "GET by id, 1,000 items, 160 in flight", bench.Command{Kind: bench.Get}),
		s.versus(getAtRate, "the same at 10,000 a second, over 160 connections", bench.Command{Kind: bench.Get, Connections: 160, Rate: 10_000}),
		s.versus(post, "durable POST, 256 in flight", bench.Command{Kind: bench.Post}),
		s.versus(postKey, "the same with a fresh UUIDv7 as idempotency key (¹)", bench.Command{Kind: bench.Post, Key: "time"}),
		s.versus(postIndex, "the same with an index on a random value (²)", bench.Command{Kind: bench.Post, Collection: "bench-index"}),
		s.versus(event10k, "event delivered, 500 subscribers, 10,000 a second", bench.Command{Kind: bench.Fanout, Connections: 500, Rate: 20}),
		s.versus(event75k, "event delivered, 500 subscribers, 75,000 a second", bench.Command{Kind: bench.Fanout, Connections: 500, Rate: 150}),
		s.versus(polling, "GET by id over long-polling, 50 clients, 1 in flight each", bench.Command{Kind: bench.Polling}),
		{name: getItems, title: "GET by id, 160 in flight", entrants: []entrant{
			s.alone("1,000 items", bench.Command{Kind: bench.Get}),
			s.alone(grouped(s.large)+" items", bench.Command{Kind: bench.Get, Items: s.large}),
		}},
		{name: eventSubscribers, title: fmt.Sprintf("event delivered, %d events a second", roomRate), entrants: []entrant{
			s.alone("50 subscribers", bench.Command{Kind: bench.Fanout, Connections: 50, Rate: roomRate}),
			s.alone(grouped(s.subscribers)+" subscribers", bench.Command{Kind: bench.Fanout, Connections: s.subscribers, Rate: roomRate}),
			s.alone("1 subscriber", bench.Command{Kind: bench.Fanout, Connections: 1, Rate: roomRate}),
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
