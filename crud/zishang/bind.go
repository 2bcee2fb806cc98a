package zishang

import (
	"errors"
	"sync"

	"github.com/zishang520/engine.io/v2/engine"
	"github.com/zishang520/socket.io/v2/socket"

	"ackbase/crud"
)

// Bind answers the verbs for all sockets of a namespace, or of a family of
// namespaces, and guards all connections of its server. Call it once for each
// namespace: after Attach or ServeHandler, after the namespace's middleware has
// been added, and before clients connect.
//
// It refuses a server with a parser of its own, whose packets it could not
// read, and one with connection state recovery, whose clients would take
// subscriptions for recovered that are gone.
func Bind(ns socket.Namespace, verbs *crud.Service) error {
	server := ns.Server()
	switch {
	case server.Engine() == nil:
		return errors.New("zishang: the server has no engine yet: call its Attach or ServeHandler before Bind")
	case server.Opts().GetRawParser() != nil:
		return errors.New("zishang: the server has a parser of its own: Bind reads only Socket.IO's default packets, so leave SetParser out")
	case server.Opts().GetRawConnectionStateRecovery() != nil:
		return errors.New("zishang: the server has connection state recovery, which knows nothing of subscriptions: leave SetConnectionStateRecovery out")
	}
	if err := server.Engine().On("connection", func(args ...any) { watch(args[0].(engine.Socket)) }); err != nil {
		return err
	}
	// The library emits "connect" for each socket once, as soon as it knows it, and
	// "connection", where programs have their handlers, which may block, right after.
	if err := ns.On("connect", func(args ...any) {
		s := args[0].(*socket.Socket)
		if m := watch(s.Conn()).member([]byte(s.Nsp().Name())); m != nil && m.socket == s {
			m.setKnown()
		}
	}); err != nil {
		return err
	}
	// Middleware, since it runs before CONNECT is answered: a client may send its
	// first request before the library calls the handlers of "connection".
	ns.Use(func(s *socket.Socket, next func(*socket.ExtendedError)) {
		watch(s.Conn()).join(s, verbs)
		next(nil)
	})
	return nil
}

// conns has the conn of each engine.Socket that is open: the library gives a
// connection no place to keep it.
var conns sync.Map

// watch gives the conn of a connection, and makes it where there is none yet.
func watch(e engine.Socket) *conn {
	if known, ok := conns.Load(e); ok {
		return known.(*conn)
	}
	c, known := conns.LoadOrStore(e, &conn{engine: e, ended: make(chan struct{}), members: map[string]*member{}})
	if !known {
		c.(*conn).listen()
	}
	return c.(*conn)
}

// names are those of the verbs.
var names = func() map[string]bool {
	names := map[string]bool{}
	for _, verb := range crud.Verbs() {
		names[verb] = true
	}
	return names
}()
