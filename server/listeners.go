package server

import (
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// listeners are the handlers of a namespace or a socket. They are read for each event without a
// lock: the set is immutable and replaced as a whole. The zero value is ready.
type listeners struct {
	mu  sync.Mutex // held to replace set
	set atomic.Pointer[listenerSet]
}

type listenerSet struct {
	named    map[string]*namedListeners
	any      []*func(*Event)
	outgoing []*func(name string, args []json.RawMessage)
	uses     []*func(*Event) error
	errors   []*func(*Event, error)
}

// namedListeners are the handlers of one event. The name is kept so that an event need not make a
// string of its own.
type namedListeners struct {
	name     string
	handlers []*func(*Event)
}

var noListeners listenerSet

// load gives the present set, never nil and never to be changed.
func (l *listeners) load() *listenerSet {
	if set := l.set.Load(); set != nil {
		return set
	}
	return &noListeners
}

// change replaces the set by a changed copy.
func (l *listeners) change(f func(*listenerSet)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	set := *l.load()
	f(&set)
	l.set.Store(&set)
}

// with and without give changed copies of a list.
func with[T any](list []*T, item *T) []*T { return append(slices.Clone(list), item) }

func without[T any](list []*T, item *T) []*T {
	return slices.DeleteFunc(slices.Clone(list), func(other *T) bool { return other == item })
}

func (l *listeners) add(name string, handler func(*Event)) (off func()) {
	l.change(func(set *listenerSet) {
		set.named = maps.Clone(set.named)
		if set.named == nil {
			set.named = make(map[string]*namedListeners)
		}
		entry := &namedListeners{name: name}
		if old := set.named[name]; old != nil {
			entry.handlers = old.handlers
		}
		entry.handlers = with(entry.handlers, &handler)
		set.named[name] = entry
	})
	return func() {
		l.change(func(set *listenerSet) {
			old := set.named[name]
			if old == nil {
				return
			}
			set.named = maps.Clone(set.named)
			entry := &namedListeners{name, without(old.handlers, &handler)}
			if set.named[name] = entry; len(entry.handlers) == 0 {
				delete(set.named, name)
			}
		})
	}
}

func (l *listeners) addAny(handler func(*Event)) (off func()) {
	l.change(func(set *listenerSet) { set.any = with(set.any, &handler) })
	return func() { l.change(func(set *listenerSet) { set.any = without(set.any, &handler) }) }
}

func (l *listeners) addOutgoing(handler func(string, []json.RawMessage)) (off func()) {
	l.change(func(set *listenerSet) { set.outgoing = with(set.outgoing, &handler) })
	return func() { l.change(func(set *listenerSet) { set.outgoing = without(set.outgoing, &handler) }) }
}

func (l *listeners) addUse(middleware func(*Event) error) {
	l.change(func(set *listenerSet) { set.uses = with(set.uses, &middleware) })
}

func (l *listeners) addError(handler func(*Event, error)) {
	l.change(func(set *listenerSet) { set.errors = with(set.errors, &handler) })
}
