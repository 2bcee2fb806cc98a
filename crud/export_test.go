package crud

import "ackbase/collections"

// Offer hands a change to the rooms as the feed does.
func Offer(s *Service, c *collections.Change) { s.offer(c) }

// Closing is closed when the service ends.
func Closing(s *Service) <-chan struct{} { return s.ctx.Done() }

// SetFiltersApart has every session match changes with its filters beside the hub, however
// little work that is. It is to be called before there are sessions.
func SetFiltersApart(s *Service) { s.hub.sessionLoad = 0 }

// HoldJudging takes the places in which that is done, until release.
func HoldJudging(s *Service) (release func()) {
	for range cap(s.judging) {
		s.judging <- struct{}{}
	}
	return func() {
		for range cap(s.judging) {
			<-s.judging
		}
	}
}
