package crud

import "ackbase/collections"

// Offer hands a change to the rooms as the feed does.
func Offer(s *Service, c *collections.Change) { s.offer(c) }
