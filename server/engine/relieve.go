package engine

import (
	"cmp"
	"math"
	"net/netip"
	"slices"
)

// leastRelief is how much a session must hold to be worth its end.
const leastRelief = 64 << 10

// Keep tells how many bytes the handler holds for a message of the session
// whose parts have not all come, for Server.Relieve. 0 is for none.
func (s *Session) Keep(bytes int) { s.kept.Store(clampInt32(bytes)) }

// Hold tells that the program holds so many bytes more for the session's client, less where it is
// negative, and lets go of them when the session closes, for Server.Relieve.
func (s *Session) Hold(bytes int) { s.held.Add(int64(bytes)) }

// unfinished is what is held of messages that have not come as a whole.
func (s *Session) unfinished() int { return int(s.incoming.Load()) + int(s.kept.Load()) }

// clampInt32 is n, or the most that 32 bits hold: a session has little room.
func clampInt32(n int) int32 { return int32(min(n, math.MaxInt32)) }

// Relieve cuts off sessions, with ReasonOverload, until about so many bytes less
// are held for clients: what waits for them, messages of theirs that have not come as a whole, and what Hold tells.
// The client address for which most is held comes first, and of its sessions
// the one that holds most. It returns how many were cut off.
func (srv *Server) Relieve(bytes int) int {
	type holder struct {
		session *Session
		address netip.Addr
		bytes   int
	}
	var holders []holder
	total := map[netip.Addr]int{}
	srv.each(func(s *Session) {
		h := holder{s, s.place.Address(), s.queued + s.unfinished() + int(s.held.Load())}
		if !h.address.IsValid() {
			h.address = s.request.Client
		}
		if h.bytes >= leastRelief && (s.reason == "" || s.drain) {
			holders = append(holders, h)
			total[h.address] += h.bytes
		}
	})
	slices.SortFunc(holders, func(a, b holder) int {
		return cmp.Or(cmp.Compare(total[b.address], total[a.address]), a.address.Compare(b.address), cmp.Compare(b.bytes, a.bytes))
	})
	n := 0
	for _, h := range holders {
		if bytes <= 0 {
			break
		}
		bytes -= h.bytes
		n++
		h.session.mu.Lock()
		h.session.shut(ReasonOverload, 0, false)
		h.session.mu.Unlock()
	}
	return n
}
