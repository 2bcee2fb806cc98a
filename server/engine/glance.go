package engine

// Glance is what an open session is at one moment.
type Glance struct {
	Session   *Session
	Handler   Handler
	Transport string // Polling or WebSocket
	Waiting   int    // bytes that wait for the client
}

// Sessions gives the open sessions, in no particular order. It looks at every one.
func (srv *Server) Sessions() []Glance {
	all := make([]Glance, 0, srv.Len())
	srv.each(func(s *Session) {
		if s.reason != "" {
			return
		}
		g := Glance{Session: s, Handler: s.handler, Transport: Polling, Waiting: s.queued}
		if s.conn != nil {
			g.Transport = WebSocket
		}
		all = append(all, g)
	})
	return all
}
