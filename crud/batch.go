package crud

import "ackbase/collections"

// maxShared is how many GETs share a view, so that it is not open for long.
const maxShared = 256

// batch is requests that have come together. It is used by who calls Session.Do.
type batch struct {
	finish   func() // Session.endBatch, made once
	underWay bool
	view     collections.View // that GETs share; nil while there is none
	reads    int              // that have shared it
}

// Batch begins a batch, in which GETs by id share a view of the store; without
// one, each has its own. What Do is called with until end must have been
// received before, so that no client can expect to see more than that view. end must
// be called soon and on the same goroutine; it is nil where a batch is under way.
func (c *Session) Batch() (end func()) {
	if c.batch.underWay {
		return nil
	}
	if c.batch.finish == nil {
		c.batch.finish = c.endBatch
	}
	c.batch.underWay = true
	return c.batch.finish
}

func (c *Session) endBatch() {
	c.batch.underWay = false
	c.batch.closeView()
}

// openView gives the view for a GET. read follows.
func (b *batch) openView(s *Service) (collections.View, error) {
	if b.view == nil {
		v, err := s.viewer.OpenView(s.ctx)
		if err != nil {
			return nil, err
		}
		b.view, b.reads = v, 0
	}
	return b.view, nil
}

// read follows a GET.
func (b *batch) read() {
	if b.reads++; !b.underWay || b.reads == maxShared {
		b.closeView()
	}
}

// closeView comes before whatever may wait or write.
func (b *batch) closeView() {
	if b.view != nil {
		b.view.Close()
		b.view = nil
	}
}
