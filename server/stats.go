package server

import "ackbase/server/engine"

// Stats is what a server does and has done. The counts are since it was made.
type Stats struct {
	engine.Stats
	Sockets    int // connected ones, of all namespaces
	Namespaces int
	Rooms      int // of all namespaces, those of the sockets' own ids left out
}

// Stats tells what the server does. It looks at every connection.
func (s *Server) Stats() Stats {
	stats := Stats{Stats: s.engine.Stats()}
	s.mu.RLock()
	defer s.mu.RUnlock()
	stats.Namespaces = len(s.namespaces)
	for _, ns := range s.namespaces {
		ns.mu.RLock()
		stats.Sockets += len(ns.all.members)
		stats.Rooms += len(ns.rooms)
		ns.mu.RUnlock()
	}
	return stats
}
