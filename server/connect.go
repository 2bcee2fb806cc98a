package server

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"ackbase/server/packet"
)

// ConnectError refuses a client in middleware: CONNECT_ERROR carries the message, and the data
// where it is not nil. In a stock client they are the `message` and the `data` of connect_error's
// error.
type ConnectError struct {
	Message string
	Data    any // anything that encoding/json takes
}

func (e *ConnectError) Error() string { return e.Message }

// Handshake is what a client brought along when it connected to a namespace.
type Handshake struct {
	Auth    json.RawMessage // a JSON object, {} where the client sent none; not to be changed; see Options.AllowEIO3
	Query   url.Values      // of the request that opened the connection
	Header  http.Header     // of that request; not to be changed
	URL     *url.URL        // of that request; not to be changed
	Host    string          // its Host header
	Address string          // "address:port" of the connection, which may be a proxy's
	Client  netip.Addr      // the client's address, see package admission; the zero Addr where there is none
	Secure  bool            // it came over TLS to this process
	Time    time.Time       // when the socket asked for the namespace
}

var errLargeAuth = &ConnectError{Message: "The auth of this connection is too large"}

// connectPacket handles CONNECT.
func (c *conn) connectPacket(p packet.Packet) {
	auth := emptyObject
	if p.Data != nil {
		kind, err := packet.Valid(p.Data)
		if err == nil && kind != '{' {
			err = errConnectData
		}
		if err != nil {
			c.unparseable(err)
			return
		}
		auth = append(json.RawMessage(nil), p.Data...)
	}
	name := string(p.Namespace)
	if c.protocol3() {
		var fits bool
		if name, auth, fits = splitQuery(name); !fits {
			c.refuse(name, errLargeAuth)
			return
		}
	}
	if c.socket([]byte(name)) != nil {
		c.invalidState()
		return
	}
	c.join(name, auth)
}

// join connects a client to a namespace that it is not in.
func (c *conn) join(name string, auth json.RawMessage) {
	if len(name) > maxNamespaceName {
		c.refuse(name, &ConnectError{Message: "Invalid namespace"})
		return
	}
	if len(c.list()) >= c.server.options.MaxNamespaces {
		c.refuse(name, &ConnectError{Message: "Too many namespaces on one connection"})
		return
	}
	ns := c.server.acquireSafely(name, auth)
	if ns == nil {
		c.refuse(name, &ConnectError{Message: "Invalid namespace"})
		return
	}
	if !c.keep(len(auth)) {
		c.server.release(ns)
		c.refuse(name, errLargeAuth)
		return
	}
	s := &Socket{id: c.newID(name), namespace: ns, conn: c, session: c.session, auth: auth, issued: time.Now()}
	var back *comeback
	if recovery := ns.recoverer(); recovery != nil && !c.protocol3() {
		s.recovery, s.pid = recovery, newPID()
		if pid, offset, named := s.names(); named {
			back = &comeback{socket: s, pid: pid, offset: offset}
		}
	}
	if !c.add(s) {
		c.server.release(ns)
		return
	}
	middleware := ns.middleware()
	if len(middleware) == 0 && back == nil {
		s.connect(nil)
		return
	}
	spawned := c.server.spawn(func() { s.enter(middleware, back) })
	if !spawned {
		s.close(reasonServerClose) // shutting down; the session closes too
	}
}

// enter lets the socket in, unless the middleware refuses it. back is nil where the client does not come back.
func (s *Socket) enter(middleware []func(*Socket) error, back *comeback) {
	if back != nil && len(middleware) > 0 {
		back.find()
	}
	refused := s.ask(middleware)
	if back != nil && refused == nil && (len(middleware) == 0 || back.found != nil) && !back.recover() {
		s.Cut("not recovered as it was found: it comes again")
	}
	if s.session.Context().Err() == nil { // else the connection has ended meanwhile, and Closed takes the socket with it
		s.connect(refused)
	}
}

// acquireSafely is acquire; a panic of the program's function refuses the namespace.
func (s *Server) acquireSafely(name string, auth json.RawMessage) (ns *Namespace) {
	guard(s.log, "OfFunc", func() { ns = s.acquire(name, auth) })
	return ns
}

// ask runs the middleware.
func (s *Socket) ask(middleware []func(*Socket) error) (err error) {
	err = &ConnectError{Message: "Internal server error"} // stays where one panics
	guard(s.conn.server.log, "middleware of "+s.namespace.name, func() {
		for _, use := range middleware {
			if refused := use(s); refused != nil {
				err = refused
				return
			}
		}
		err = nil
	})
	return err
}

// connect ends a CONNECT: the socket is part of its namespace before CONNECT is answered, and both
// happen under the namespace's lock, so that no broadcast gets in between.
func (s *Socket) connect(refused error) {
	c, ns := s.conn, s.namespace
	if refused != nil {
		if s.close(reasonServerClose) {
			c.refuse(ns.name, refused)
		}
		return
	}
	ns.mu.Lock()
	s.mu.Lock()
	if s.state.Load() != stateConnecting {
		s.mu.Unlock()
		ns.mu.Unlock()
		return // the client has gone
	}
	s.draining = true
	s.state.Store(stateConnected)
	s.mu.Unlock()
	ns.admit(s)
	_ = c.session.SendText(appendConnect(nil, s)) // a closed session tells by Closed
	ns.mu.Unlock()

	c.mu.Lock()
	c.joined = true
	c.stopConnectTimer()
	c.mu.Unlock()

	// The first event comes by itself after CONNECT: a bare client may not listen for it before.
	c.session.Flush()
	for _, handler := range ns.connectHandlers() {
		guard(c.server.log, "OnConnect of "+ns.name, func() { handler(s) })
	}
	s.drainHeld()
}

// appendConnect appends the answer to CONNECT.
func appendConnect(dst []byte, s *Socket) []byte {
	dst = packet.AppendHead(dst, packet.Connect, 0, s.namespace.name, packet.NoID)
	if s.conn.protocol3() {
		return dst
	}
	dst = append(dst, `{"sid":"`...)
	dst = append(dst, s.id...)
	if s.pid != "" {
		dst = append(dst, `","pid":"`...)
		dst = append(dst, s.pid...)
	}
	return append(dst, `"}`...)
}

// refuse sends CONNECT_ERROR.
func (c *conn) refuse(namespace string, err error) {
	told := &ConnectError{Message: err.Error()}
	errors.As(err, &told)
	body, failed := json.Marshal(c.refusal(told))
	if failed != nil {
		c.server.log.Error("the data of a ConnectError cannot be encoded", "namespace", namespace, "err", failed)
		body, _ = json.Marshal(c.refusal(&ConnectError{Message: told.Message}))
	}
	_ = c.session.SendText(packet.AppendHead(nil, packet.ConnectError, 0, namespace, packet.NoID), body)
}

// refusal is the data of CONNECT_ERROR.
func (c *conn) refusal(e *ConnectError) any {
	if c.protocol3() {
		return refusal3(e)
	}
	return struct {
		Message string `json:"message"`
		Data    any    `json:"data,omitempty"`
	}{e.Message, e.Data}
}

// newID gives 20 characters that cannot be guessed.
func newID() string {
	var raw [15]byte
	_, _ = rand.Read(raw[:]) // never fails, says crypto/rand
	return base64.RawURLEncoding.EncodeToString(raw[:])
}

// Handshake tells what the client brought along.
func (s *Socket) Handshake() Handshake {
	r := s.session.Request()
	return Handshake{
		Auth: s.auth, Time: s.issued,
		Query: r.URL.Query(), Header: r.Header, URL: r.URL,
		Host: r.Host, Address: r.RemoteAddr, Client: r.Client, Secure: r.Secure,
	}
}
