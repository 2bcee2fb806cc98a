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
// all. compare is as for slices.SortFunc and must not look at Key, UserAgent or Sockets; it may be nil, which is by
// age, the oldest first. It looks at every connection.
func (s *Server) Clients(most int, compare func(a, b *Client) int) (first []*Client, total int) {
	inOrder := func(a, b *Client) int {
		by := 0
		if compare != nil {
			by = compare(a, b)
		}
		return cmp.Or(by, a.Opened.Compare(b.Opened), cmp.Compare(a.session.ID(), b.session.ID()))
	}
	sessions := s.engine.Sessions()
	var c Client // one for all that are looked at
	for i := range sessions {
		g := &sessions[i]
		c = Client{
			Transport: g.Transport, Protocol: g.Session.Protocol(), Waiting: g.Waiting, Opened: g.Session.Opened(),
			Address: g.Session.Request().Client, session: g.Session,
		}
		if most <= 0 || len(first) == most && inOrder(&c, first[most-1]) > 0 {
			continue
		}
		kept := c
		kept.conn, _ = g.Handler.(*conn)
		at, _ := slices.BinarySearchFunc(first, &kept, inOrder)
		if len(first) == most {
			first = first[:most-1]
		}
		first = slices.Insert(first, at, &kept)
	}
	for _, c := range first {
		sum := sha256.Sum256([]byte(c.session.ID()))
		c.Key = hex.EncodeToString(sum[:8])
		c.UserAgent = c.session.Request().Header.Get("User-Agent")
		if c.conn != nil {
			c.Sockets = slices.DeleteFunc(c.conn.list(), func(s *Socket) bool { return !s.Connected() })
			slices.SortFunc(c.Sockets, func(a, b *Socket) int { return cmp.Compare(a.namespace.name, b.namespace.name) })
		}
	}
	return first, len(sessions)
}
