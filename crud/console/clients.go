package console

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"ackbase/crud/socketio"
	"ackbase/server"
)

// What is told of one answer's clients at the most.
const (
	usualClients = 100
	maxClients   = 500
	maxSockets   = 8   // of a client
	maxNames     = 8   // of the rooms, and of the subscriptions, of a socket
	maxText      = 200 // bytes of a name or a user agent
)

// clientsAnswer is what /clients answers.
type clientsAnswer struct {
	Total   int      `json:"total"`   // connections
	Streams int      `json:"streams"` // beside them: plain WebSockets and server-sent events
	Clients []client `json:"clients"` // the first of them, in the order that was asked for
}

type client struct {
	Key       string    `json:"key"` // tells it apart from the others while it lasts
	Transport string    `json:"transport"`
	Protocol  int       `json:"protocol"` // of Engine.IO
	Address   string    `json:"address"`  // empty where there is none
	UserAgent string    `json:"userAgent"`
	Since     time.Time `json:"since"`
	Waiting   int       `json:"waiting"` // bytes
	Count     int       `json:"count"`   // of its sockets
	Sockets   []socket  `json:"sockets"` // the first of them
}

type socket struct {
	ID            string `json:"id"`
	Namespace     string `json:"namespace"`
	Rooms         names  `json:"rooms"` // that the program has put it in, its own id left out
	Subscriptions names  `json:"subscriptions"`
	Pending       int    `json:"pending"` // requests under way
	PendingBytes  int    `json:"pendingBytes"`
	Behind        bool   `json:"behind"` // its events stay in the log, since it is slow
}

// names are the first of a list of names, cut where they are long.
type names struct {
	Count int      `json:"count"`
	First []string `json:"first"`
}

func firstOf(list []string) names {
	n := names{Count: len(list), First: []string{}}
	for _, name := range list[:min(maxNames, len(list))] {
		n.First = append(n.First, cut(name))
	}
	return n
}

// cut is a text of bounded length.
func cut(text string) string {
	if len(text) <= maxText {
		return text
	}
	end := maxText
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + "…"
}

// orders are those that clients can be asked for in.
var orders = map[string]func(a, b *server.Client) int{
	"oldest":  nil,
	"newest":  func(a, b *server.Client) int { return b.Opened.Compare(a.Opened) },
	"waiting": func(a, b *server.Client) int { return cmp.Compare(b.Waiting, a.Waiting) },
	"address": func(a, b *server.Client) int { return a.Address.Compare(b.Address) },
}

// clients answers with the first clients, ?limit= of them in the order of ?sort=.
func (h *Handler) clients(w http.ResponseWriter, r *http.Request) {
	limit, ok := number(w, r, "limit", usualClients, maxClients)
	if !ok {
		return
	}
	sort := cmp.Or(r.URL.Query().Get("sort"), "oldest")
	compare, ok := orders[sort]
	if !ok {
		refuse(w, http.StatusBadRequest, "sort is one of "+strings.Join(slices.Sorted(maps.Keys(orders)), ", "))
		return
	}
	first, total := h.sources.Sockets.Clients(limit, compare)
	a := clientsAnswer{Total: total, Streams: h.sources.Streams.Stats().Open, Clients: []client{}}
	for _, c := range first {
		a.Clients = append(a.Clients, describe(c))
	}
	answer(w, a)
}

func describe(c *server.Client) client {
	d := client{
		Key: c.Key, Transport: c.Transport, Protocol: c.Protocol, UserAgent: cut(c.UserAgent),
		Since: c.Opened.UTC(), Waiting: c.Waiting, Count: len(c.Sockets), Sockets: []socket{},
	}
	if c.Address.IsValid() {
		d.Address = c.Address.String()
	}
	for _, s := range c.Sockets[:min(maxSockets, len(c.Sockets))] {
		rooms := slices.DeleteFunc(s.Rooms(), func(name string) bool { return name == s.ID() })
		slices.Sort(rooms)
		told := socket{ID: s.ID(), Namespace: cut(s.Namespace().Name()), Rooms: firstOf(rooms), Subscriptions: firstOf(nil)}
		if session := socketio.SessionOf(s); session != nil {
			stats := session.Stats()
			told.Subscriptions = firstOf(stats.Subscriptions)
			told.Pending, told.PendingBytes, told.Behind = stats.Pending, stats.PendingBytes, stats.Behind
		}
		d.Sockets = append(d.Sockets, told)
	}
	return d
}
