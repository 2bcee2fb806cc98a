package server

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Namespace is a channel of its own over the clients' shared connections: with its own sockets,
// rooms, middleware and handlers. [Server.Of] gives one. All methods may be called concurrently.
// Handlers and middleware should be registered before clients connect: a client that is connecting
// gets those that are there at that moment.
type Namespace struct {
	server *Server
	name   string
	parent *Namespace // the family, or nil
	family bool

	pinned bool // guarded by server.mu, as holds is: Of has named it
	holds  int  // sockets, and those on their way, of a family's namespace

	listeners listeners
	lastAckID atomic.Int64

	hooks     sync.Mutex
	uses      []func(*Socket) error // replaced when changed
	onConnect []func(*Socket)       // replaced when changed
	recovery  Recovery

	mu      sync.RWMutex
	sockets map[string]*Socket
	all     room // everybody who is connected
	rooms   map[string]*room
}

func newNamespace(s *Server, name string, parent *Namespace) *Namespace {
	return &Namespace{
		server: s, name: name, parent: parent,
		sockets: make(map[string]*Socket), rooms: make(map[string]*room),
	}
}

// Server is the server that the namespace is of.
func (ns *Namespace) Server() *Server { return ns.server }

// Name is the namespace's name with its slash, for a family the text of its expression.
func (ns *Namespace) Name() string { return ns.name }

// Use adds middleware, which runs for each socket that asks for the namespace, before it is
// connected, in the order of registration, a family's first. An error refuses the client: with a
// [*ConnectError] its message and data are what the client gets, otherwise the error's text.
// Middleware has a goroutine of its own and may block; the socket's Context ends when the client
// goes away meanwhile. It can register handlers, join rooms and store values, but not emit yet.
func (ns *Namespace) Use(middleware func(*Socket) error) {
	ns.hooks.Lock()
	defer ns.hooks.Unlock()
	ns.uses = append(slices.Clip(ns.uses), middleware)
}

// OnConnect adds a handler for sockets that have connected. It runs right after CONNECT was
// answered and before any event of the socket.
func (ns *Namespace) OnConnect(handler func(*Socket)) {
	ns.hooks.Lock()
	defer ns.hooks.Unlock()
	ns.onConnect = append(slices.Clip(ns.onConnect), handler)
}

// middleware gives the family's and the own middleware.
func (ns *Namespace) middleware() []func(*Socket) error {
	var list []func(*Socket) error
	if ns.parent != nil {
		list = ns.parent.middleware()
	}
	ns.hooks.Lock()
	defer ns.hooks.Unlock()
	return append(slices.Clip(list), ns.uses...)
}

func (ns *Namespace) connectHandlers() []func(*Socket) {
	var list []func(*Socket)
	if ns.parent != nil {
		list = ns.parent.connectHandlers()
	}
	ns.hooks.Lock()
	defer ns.hooks.Unlock()
	return append(slices.Clip(list), ns.onConnect...)
}

// On adds a handler for an event of all sockets of the namespace; [Event.Socket] tells which it is.
// It is called before the handlers that the socket has itself. Several handlers of one event run in
// the order of registration. off takes the handler away again. A handler must not block, see the
// package's documentation.
func (ns *Namespace) On(name string, handler func(*Event)) (off func()) {
	return ns.listeners.add(name, handler)
}

// OnAny adds a handler for every event that comes in, called before the middleware and the handlers
// of the event.
func (ns *Namespace) OnAny(handler func(*Event)) (off func()) { return ns.listeners.addAny(handler) }

// Socket gives the connected socket with that id, nil where there is none.
func (ns *Namespace) Socket(id string) *Socket {
	ns.mu.RLock()
	defer ns.mu.RUnlock()
	return ns.sockets[id]
}

// Len is the number of connected sockets; for a family, of all its namespaces.
func (ns *Namespace) Len() int {
	if ns.family {
		n := 0
		for _, child := range ns.server.children(ns) {
			n += child.Len()
		}
		return n
	}
	ns.mu.RLock()
	defer ns.mu.RUnlock()
	return len(ns.all.members)
}

// Emit sends an event to all sockets of the namespace. See [Broadcast.Emit].
func (ns *Namespace) Emit(name string, args ...any) error { return ns.broadcast().Emit(name, args...) }

// EmitRaw sends an event of raw arguments to all sockets. See [Broadcast.EmitRaw].
func (ns *Namespace) EmitRaw(name string, args []json.RawMessage, attachments [][]byte) error {
	return ns.broadcast().EmitRaw(name, args, attachments)
}

// EmitWithAck sends an event to all sockets and waits for their answers. See [Broadcast.EmitWithAck].
func (ns *Namespace) EmitWithAck(ctx context.Context, name string, args ...any) ([]*Reply, error) {
	return ns.broadcast().EmitWithAck(ctx, name, args...)
}

// To begins a broadcast to the sockets that are in at least one of the rooms. A socket's id is a
// room that holds that socket.
func (ns *Namespace) To(rooms ...string) *Broadcast { return ns.broadcast().To(rooms...) }

// In is To; it reads better before Join, Leave and Disconnect.
func (ns *Namespace) In(rooms ...string) *Broadcast { return ns.broadcast().To(rooms...) }

// Except begins a broadcast to everybody but the sockets in the rooms.
func (ns *Namespace) Except(rooms ...string) *Broadcast { return ns.broadcast().Except(rooms...) }

// Local begins a broadcast to the sockets of this process. See [Broadcast.Local].
func (ns *Namespace) Local() *Broadcast { return ns.broadcast().Local() }

// Volatile begins a broadcast that skips sockets which are not ready. See [Broadcast.Volatile].
func (ns *Namespace) Volatile() *Broadcast { return ns.broadcast().Volatile() }

// Timeout begins a broadcast whose answers are waited for so long. See [Broadcast.Timeout].
func (ns *Namespace) Timeout(d time.Duration) *Broadcast { return ns.broadcast().Timeout(d) }

// FetchSockets gives the connected sockets, in no particular order.
func (ns *Namespace) FetchSockets() []*Socket { return ns.broadcast().FetchSockets() }

// Disconnect disconnects all sockets; with close their connections too. See [Socket.Disconnect].
func (ns *Namespace) Disconnect(close bool) { ns.broadcast().Disconnect(close) }

func (ns *Namespace) broadcast() *Broadcast { return &Broadcast{namespace: ns} }
