package server

// room is the sockets that have joined under one name, in a flat list without order. It is guarded
// by the mutex of its namespace, and gone when empty.
type room struct {
	name    string
	members []*Socket
}

// enter puts the socket into the room of that name. ns.mu is held. Joining twice is joining once.
func (ns *Namespace) enter(s *Socket, name string) {
	r := ns.rooms[name]
	if r == nil {
		r = &room{name: name}
		ns.rooms[name] = r
	}
	if _, in := s.rooms[r]; in {
		return
	}
	if s.rooms == nil {
		s.rooms = make(map[*room]int)
	}
	s.rooms[r] = len(r.members)
	r.members = append(r.members, s)
}

// exit takes the socket out of a room. ns.mu is held. The last member takes its place, so that
// leaving costs the same in any room.
func (ns *Namespace) exit(s *Socket, r *room) {
	at, in := s.rooms[r]
	if !in {
		return
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
	s.namespace.mu.Lock()
	defer s.namespace.mu.Unlock()
	if s.closed() {
		return // dismiss comes, or came, after the state changed
	}
	for _, name := range rooms {
		if name != s.id {
			s.namespace.enter(s, name)
		}
	}
}

// Leave takes the socket out of rooms; one that it is not in is skipped. It cannot leave the room
// of its own id.
func (s *Socket) Leave(rooms ...string) {
	ns := s.namespace
	ns.mu.Lock()
	defer ns.mu.Unlock()
	for _, name := range rooms {
		if r := ns.rooms[name]; r != nil {
			ns.exit(s, r)
		}
	}
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
