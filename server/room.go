package server

import "slices"

// room is the sockets that have joined under one name, in a flat list without order. It is guarded
// by the mutex of its namespace, and gone when empty.
type room struct {
	name    string
	members []*Socket
}

// enter puts the socket into the room of that name, and tells whether it was not in there. ns.mu is held.
func (ns *Namespace) enter(s *Socket, name string) bool {
	r := ns.rooms[name]
	if r == nil {
		r = &room{name: name}
		ns.rooms[name] = r
	}
	if _, in := s.rooms[r]; in {
		return false
	}
	if s.rooms == nil {
		s.rooms = make(map[*room]int)
	}
	s.rooms[r] = len(r.members)
	r.members = append(r.members, s)
	return true
}

// exit takes the socket out of a room, and tells whether it was in there. ns.mu is held. The last
// member takes its place, so that leaving costs the same in any room.
func (ns *Namespace) exit(s *Socket, r *room) bool {
	at, in := s.rooms[r]
	if !in {
		return false
	}
	delete(s.rooms, r)
	last := len(r.members) - 1
	moved := r.members[last]
	r.members[at] = moved
	if moved != s {
		moved.rooms[r] = at
	}
	r.members[last] = nil
	r.members = r.members[:last]
	switch {
	case last == 0:
		delete(ns.rooms, r.name)
	case cap(r.members) > 64 && last < cap(r.members)/4:
		r.members = append(make([]*Socket, 0, cap(r.members)/2), r.members...)
	}
	return true
}

// admit puts a socket among the connected ones. ns.mu is held.
func (ns *Namespace) admit(s *Socket) {
	ns.sockets[s.id] = s
	s.admitted = true
	s.position = len(ns.all.members)
	ns.all.members = append(ns.all.members, s)
}

// dismiss takes a socket out of the namespace with all its rooms.
func (ns *Namespace) dismiss(s *Socket) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	if s.recovery != nil {
		s.last = s.joined()
	}
	for r := range s.rooms {
		ns.exit(s, r)
	}
	s.rooms = nil
	if ns.sockets[s.id] == s { // else one that goes on where this one ended has its id
		delete(ns.sockets, s.id)
	}
	if !s.admitted {
		return
	}
	s.admitted = false
	members := ns.all.members
	last := len(members) - 1
	members[s.position] = members[last]
	members[s.position].position = s.position
	members[last] = nil
	ns.all.members = members[:last]
	if cap(members) > 64 && last < cap(members)/4 {
		ns.all.members = append(make([]*Socket, 0, cap(members)/2), members[:last]...)
	}
}

// Join puts the socket into rooms, which come into being with their first socket. A socket that has
// closed joins nothing.
func (s *Socket) Join(rooms ...string) {
	if s.move(rooms, nil) && s.recovery != nil {
		s.recovery.Moved(s)
	}
}

// Leave takes the socket out of rooms; one that it is not in is skipped. It cannot leave the room
// of its own id.
func (s *Socket) Leave(rooms ...string) {
	if s.move(nil, rooms) && s.recovery != nil {
		s.recovery.Moved(s)
	}
}

// move puts the socket into rooms and takes it out of others, and tells whether that changed anything.
func (s *Socket) move(in, out []string) (moved bool) {
	ns := s.namespace
	ns.mu.Lock()
	defer ns.mu.Unlock()
	if s.closed() {
		return false // dismiss comes, or came, after the state changed
	}
	for _, name := range in {
		if name != s.id && ns.enter(s, name) {
			moved = true
		}
	}
	for _, name := range out {
		if r := ns.rooms[name]; r != nil && ns.exit(s, r) {
			moved = true
		}
	}
	return moved
}

// LastRooms gives the names of the rooms that the socket is in, without that of its id and in order;
// of one that has closed, and whose namespace has a [Recovery], those that it was in at last.
func (s *Socket) LastRooms() []string {
	s.namespace.mu.RLock()
	defer s.namespace.mu.RUnlock()
	if s.last != nil {
		return slices.Clone(s.last)
	}
	return s.joined()
}

// joined gives the names of the rooms in order. ns.mu is held.
func (s *Socket) joined() []string {
	names := make([]string, 0, len(s.rooms))
	for r := range s.rooms {
		names = append(names, r.name)
	}
	slices.Sort(names)
	return names
}

// Rooms gives the names of the rooms that the socket is in: its own id first, unless it has closed,
// and then the others in no particular order.
func (s *Socket) Rooms() []string {
	s.namespace.mu.RLock()
	defer s.namespace.mu.RUnlock()
	var names []string
	if !s.closed() {
		names = append(names, s.id)
	}
	for r := range s.rooms {
		names = append(names, r.name)
	}
	return names
}
