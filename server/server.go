package server

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"ackbase/server/engine"
)

// Server is a Socket.IO server. Make one with [New] and serve it with net/http. All methods may be
// called concurrently.
type Server struct {
	options Options
	engine  *engine.Server
	log     *slog.Logger

	mu         sync.RWMutex
	namespaces map[string]*Namespace
	patterns   []*pattern
	closing    bool
	connecting sync.WaitGroup // goroutines of middleware; Add under mu, while not closing
}

// pattern is a family of namespaces, which come into being when a client asks for one.
type pattern struct {
	match  func(name string, auth json.RawMessage) bool
	byName bool // match looks at the name alone
	parent *Namespace
}

// New makes a server. The options may be nil and are copied.
func New(o *Options) *Server {
	s := &Server{options: o.withDefaults(), namespaces: make(map[string]*Namespace)}
	s.log = s.options.Logger
	s.engine = engine.New(s.options.engine(), s.accept)
	s.Of("/")
	return s
}

// Of returns the namespace of that name, which clients can connect to from now on. "" and "/" are
// the main namespace, which always exists; a missing slash at the beginning is added. A name that
// fits a pattern of [Server.OfPattern] gives the namespace of that family, with the family's
// handlers, and keeps it. It panics on a name with a comma or U+001E, which the protocol cannot
// carry.
func (s *Server) Of(name string) *Namespace {
	if !strings.HasPrefix(name, "/") {
		name = "/" + name
	}
	if strings.ContainsAny(name, ",\x1e") {
		panic("server: the namespace's name " + name + " has a comma or U+001E, which the protocol cannot carry")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	ns := s.namespaces[name]
	if ns == nil {
		ns = newNamespace(s, name, nil)
		for _, p := range s.patterns {
			if p.byName && p.match(name, nil) {
				ns.parent = p.parent
				break
			}
		}
		s.namespaces[name] = ns
	}
	ns.pinned = true
	return ns
}

// OfPattern returns a family of namespaces: a client can connect to any whose whole name, slash
// included, the expression matches somewhere (anchor it with ^ and $). Handlers and middleware of
// the family are those of each of its namespaces; rooms and sockets are each namespace's own.
// Broadcasts of the family go to all of them. A namespace exists while sockets are in it, or for
// good once [Server.Of] named it. Families are asked in the order of their registration.
func (s *Server) OfPattern(re *regexp.Regexp) *Namespace {
	return s.family(re.String(), true, func(name string, _ json.RawMessage) bool { return re.MatchString(name) })
}

// OfFunc is like [Server.OfPattern] with a function, which gets the name and the client's auth (a
// JSON object). It runs on the goroutine that reads the client's connection and must not block;
// [Namespace.Use] is for checks that take time.
func (s *Server) OfFunc(match func(name string, auth json.RawMessage) bool) *Namespace {
	return s.family("func", false, match)
}

func (s *Server) family(name string, byName bool, match func(string, json.RawMessage) bool) *Namespace {
	parent := newNamespace(s, name, nil)
	parent.family = true
	s.mu.Lock()
	defer s.mu.Unlock()
	s.patterns = append(s.patterns, &pattern{match, byName, parent})
	return parent
}

// acquire finds the namespace that a client asks for and holds it until release; nil where there is none.
func (s *Server) acquire(name string, auth json.RawMessage) *Namespace {
	s.mu.RLock()
	ns := s.namespaces[name]
	patterns := s.patterns
	if ns != nil && ns.parent == nil {
		s.mu.RUnlock()
		return ns // never removed, so not counted
	}
	s.mu.RUnlock()

	// The functions are the program's own, so they are asked without the lock.
	var parent *Namespace
	if ns != nil {
		parent = ns.parent
	}
	for _, p := range patterns {
		if parent == nil && p.match(name, auth) {
			parent = p.parent
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if ns = s.namespaces[name]; ns == nil {
		if parent == nil {
			return nil
		}
		ns = newNamespace(s, name, parent)
		s.namespaces[name] = ns
	}
	ns.holds++
	return ns
}

// release gives back what acquire returned. A family's namespace goes with its last socket.
func (s *Server) release(ns *Namespace) {
	if ns.parent == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if ns.holds--; ns.holds == 0 && !ns.pinned {
		delete(s.namespaces, ns.name)
	}
}

// children gives the namespaces of a family that exist now.
func (s *Server) children(parent *Namespace) []*Namespace {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var list []*Namespace
	for _, ns := range s.namespaces {
		if ns.parent == parent {
			list = append(list, ns)
		}
	}
	return list
}

// ServeHTTP answers requests to the path of the options and below it; others are 404.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if path := s.options.Path; !strings.HasPrefix(r.URL.Path, path) && r.URL.Path != strings.TrimSuffix(path, "/") {
		http.NotFound(w, r)
		return
	}
	s.engine.ServeHTTP(w, r)
}

// AllowOrigin decides whether the page that a request comes from may use the server, by
// Options.Origins or Options.CheckOrigin, and writes the CORS headers if so: for other handlers of the same
// program, so that one rule holds for all. It may be called concurrently.
func (s *Server) AllowOrigin(w http.ResponseWriter, r *http.Request) bool {
	return s.engine.AllowOrigin(w, r)
}

// accept is called by the engine for each new session.
func (s *Server) accept(session *engine.Session) engine.Handler {
	c := &conn{server: s, session: session}
	c.mu.Lock() // the timer may fire before it is stored
	c.connectTimer = time.AfterFunc(s.options.ConnectTimeout, c.connectTimedOut)
	c.mu.Unlock()
	return c
}

// spawn runs the middleware of one CONNECT, unless the server is shutting down.
func (s *Server) spawn(f func()) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closing {
		return false
	}
	s.connecting.Go(f)
	return true
}

// Shutdown closes all connections, without DISCONNECT packets, so that stock clients reconnect. New
// ones are refused. It returns when all handlers have returned, or with ctx's error before that.
// The http.Server is the caller's to shut down, after this.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	err := s.engine.Shutdown(ctx)
	done := make(chan struct{})
	go func() {
		s.connecting.Wait()
		close(done)
	}()
	select {
	case <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
