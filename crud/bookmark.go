package crud

import (
	"time"

	"ackbase/collections"
)

// bookmark encodes BOOKMARK { collection, room, cursor }: what the audience has been told reaches up to there. It
// carries the offset, unless that is empty.
func (a *audience) bookmark(p collections.Position, offset string) Frame {
	b := make([]byte, 0, 160)
	b = append(b, `{"collection":"`...)
	b = append(b, a.room.collection...)
	b = append(b, `","room":`...)
	b = append(b, a.room.nameJSON...)
	b = append(b, `,"cursor":"`...)
	b = append(b, p.Cursor()...)
	b = append(b, `"}`...)
	if offset != "" {
		return a.form.wire.(OffsetWire).EventAt("BOOKMARK", b, offset)
	}
	return a.form.wire.Event("BOOKMARK", b)
}

// bookmarks moves the cursors of subscriptions that have no events, so that what
// they must have replayed after a reconnection stays short.
func (s *Service) bookmarks() {
	ticks := time.NewTicker(s.opts.Bookmark)
	defer ticks.Stop()
	quiet := s.db.Head() // whoever was told nothing after this one gets a bookmark
	for {
		select {
		case <-ticks.C:
			quiet = s.bookmarkQuiet(quiet)
		case <-s.ctx.Done():
			return
		}
	}
}

// bookmarkQuiet sends a bookmark to every audience that was told nothing after
// a position, and returns where the hub stands.
func (s *Service) bookmarkQuiet(since collections.Position) collections.Position {
	h := &s.hub
	defer h.flush()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, t := range h.topics {
		for _, r := range t.rooms() {
			for _, a := range r.audiences {
				if a.told <= since.Seq && a.told < h.position.Seq {
					a.told = h.position.Seq
					a.tellPosition(h.position)
				}
			}
		}
	}
	return h.position
}

// tellPosition sends a bookmark to the members that are where the hub is. The others
// are told by the events that they still get. The hub is locked.
func (a *audience) tellPosition(p collections.Position) {
	var plain, marked Frame
	for _, sub := range a.members {
		c := sub.session
		if c.behind || !sub.live() || sub.start >= p.Seq {
			continue
		}
		var frame Frame
		if c.marks && p.Seq > c.numbered {
			if marked == nil {
				marked = a.bookmark(p, offset{position: p}.String())
			}
			frame = marked
		} else {
			if plain == nil {
				plain = a.bookmark(p, "")
			}
			frame = plain
		}
		if frame != nil {
			_ = c.conn.Send(frame) // an error means that the connection has ended; its Close follows
		}
	}
}
