package crud

import (
	"slices"

	"ackbase/collections"
)

// To match a change with filters can be much work: hundreds of conditions, each of which
// may have to go over a megabyte. The hub, for which everybody waits, does a little of it
// for each change. Sessions whose filters are more than that are set apart for the change:
// they stay behind and match it on the goroutine that lets them catch up, without the
// hub's lock.

// Bounds of such work, in the bytes of a change times the conditions that look at it. A
// million of these take about a millisecond.
const (
	sessionLoad = 64 << 10 // what the hub does for one session
	hubLoad     = 4 << 20  // what it does for all, the last one not counted
	pieceLoad   = 64 << 20 // what a session that is set apart does at a time
)

// load estimates what it costs to match a change.
func load(conditions int, c *collections.Change) int {
	return conditions * (len(c.Before) + len(c.After))
}

// setApart finds the sessions that match the change themselves; they stay behind before it.
// The hub is locked.
func (s *Service) setApart(t *topic, c *collections.Change) (apart []*Session) {
	if load(t.conditions, c) <= s.hub.sessionLoad {
		return nil // so it is for each of them
	}
	left := hubLoad
	for _, r := range t.filtered {
		taken := false
		for _, a := range r.audiences {
			for _, sub := range a.members {
				switch session := sub.session; {
				case session.behind:
				case left < 0 || load(session.conditions, c) > s.hub.sessionLoad:
					s.stayBehind(session)
					apart = append(apart, session)
				default:
					taken = true
				}
			}
		}
		if taken {
			left -= load(r.filter.Conditions(), c)
		}
	}
	return apart
}

// live tells whether anybody of the audience keeps up. The hub is locked.
func (a *audience) live() bool {
	return slices.ContainsFunc(a.members, func(sub *subscription) bool { return !sub.session.behind })
}

// verdicts are what changes are for the filters of one session.
type verdicts struct {
	changes []*collections.Change
	rooms   map[*room][]verdict // one for each of changes that is of the room's collection
}

// filters are the rooms of the session that have one. The hub is locked.
func (c *Session) filters() []*room {
	rooms := make([]*room, len(c.filtered))
	for i, sub := range c.filtered {
		rooms[i] = sub.audience.room
	}
	return rooms
}

// judge matches as many of the changes as are worth one piece, at least one, with the
// filters of a session; none where the session has closed. It takes its time: the hub must
// not be locked.
func (s *Service) judge(c *Session, rooms []*room, changes []*collections.Change) verdicts {
	v := verdicts{changes, make(map[*room][]verdict, len(rooms))}
	if len(rooms) == 0 || len(changes) == 0 {
		return v
	}
	conditions := 0
	for _, r := range rooms {
		conditions += r.filter.Conditions()
	}
	n, sum := 0, 0
	for n < len(changes) && sum <= pieceLoad {
		sum += load(conditions, changes[n])
		n++
	}
	v.changes = changes[:n]
	if sum > s.hub.sessionLoad {
		select {
		case s.judging <- struct{}{}:
			defer func() { <-s.judging }()
		case <-c.conn.Context().Done():
		case <-s.ctx.Done():
		}
	}
	for _, r := range rooms {
		list := make([]verdict, n)
		for i, change := range v.changes {
			if c.closed.Load() {
				return verdicts{}
			}
			if r.collection == change.Collection {
				list[i] = r.evaluate(change)
			}
		}
		v.rooms[r] = list
	}
	return v
}

// give makes what was found out about change number i the room's verdict; false where the room
// was not asked. The hub is locked.
func (v verdicts) give(r *room, i int) bool {
	list, ok := v.rooms[r]
	if ok {
		r.judged, r.verdict = v.changes[i].Position.Seq, list[i]
	}
	return ok
}
