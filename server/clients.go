package server

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"slices"
	"time"

	"ackbase/server/engine"
)

// Client is a connection as it is at one moment.
type Client struct {
	Key       string     // tells it apart from others; the session's id cannot be found from it
	Transport string     // "polling" or "websocket"
	Protocol  int        // the revision of Engine.IO: 4, or 3
	Address   netip.Addr // the client's; the zero Addr where there is none
	UserAgent string     // as the client tells it
	Opened    time.Time
	Waiting   int       // bytes that wait for the client
	Sockets   []*Socket // connected ones, by the name of their namespace

	session *engine.Session
	conn    *conn
}

// Clients gives the first connections in an order, at most so many, and how many there are in
// all. compare is as for slices.SortFunc and must not look at Key or Sockets; it may be nil, which is by
// age, the oldest first. It looks at every connection.
func (s *Server) Clients(most int, compare func(a, b *Client) int) (first []*Client, total int) {
	sessions := s.engine.Sessions()
	all := make([]Client, len(sessions))
	order := make([]*Client, len(sessions))
	for i, g := range sessions {
		request := g.Session.Request()
		all[i] = Client{
			Transport: g.Transport, Protocol: g.Session.Protocol(), Waiting: g.Waiting, Opened: g.Session.Opened(),
			Address: request.Client, UserAgent: request.Header.Get("User-Agent"), session: g.Session,
		}
		all[i].conn, _ = g.Handler.(*conn)
		order[i] = &all[i]
	}
	slices.SortFunc(order, func(a, b *Client) int {
		by := 0
		if compare != nil {
			by = compare(a, b)
		}
		return cmp.Or(by, a.Opened.Compare(b.Opened), cmp.Compare(a.session.ID(), b.session.ID()))
	})
	for _, c := range order[:min(most, len(order))] {
		sum := sha256.Sum256([]byte(c.session.ID()))
		client := *c // of its own, so that those beyond are not kept
		client.Key = hex.EncodeToString(sum[:8])
		if c.conn != nil {
			client.Sockets = slices.DeleteFunc(c.conn.list(), func(s *Socket) bool { return !s.Connected() })
			slices.SortFunc(client.Sockets, func(a, b *Socket) int { return cmp.Compare(a.namespace.name, b.namespace.name) })
		}
		first = append(first, &client)
	}
	return first, len(all)
}
