package admission

import (
	"log/slog"
	"net"
	"net/http"
	"net/netip"
)

// Listener bounds the TCP connections that an http.Server has from l: one over
// the bound is closed at once, before it can say anything. The server's
// ConnState must be that of the same Limits. Connections are passed on as they
// are. logger may be nil.
func (l *Limits) Listener(inner net.Listener, logger *slog.Logger) net.Listener {
	if logger == nil {
		logger = slog.Default()
	}
	return &listener{inner, l, logger}
}

type listener struct {
	net.Listener
	limits *Limits
	log    *slog.Logger
}

// Accept waits for the next connection that may come in.
func (l *listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		refusal := l.limits.connected(conn.RemoteAddr())
		if refusal == Admitted {
			return conn, nil
		}
		conn.Close()
		l.log.Warn("a TCP connection was refused", "reason", refusal.String(), "remote", conn.RemoteAddr().String())
	}
}

// ConnState counts the connections that end or become WebSockets. It is for
// http.Server.ConnState.
func (l *Limits) ConnState(conn net.Conn, state http.ConnState) {
	if state != http.StateClosed && state != http.StateHijacked {
		return
	}
	of := l.peer(conn.RemoteAddr())
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conns--
	if a := l.addresses[of]; a != nil {
		a.conns--
	}
}

// connected counts a new connection, unless it is one too many.
func (l *Limits) connected(remote net.Addr) Refusal {
	of := l.peer(remote)
	l.mu.Lock()
	defer l.mu.Unlock()
	refusal := Admitted
	if a := l.addresses[of]; a != nil && a.conns >= 2*l.options.MaxSessionsPerAddress {
		refusal = AddressConnectionsFull
	} else if l.conns >= 2*l.options.MaxSessions || l.options.MaxConns > 0 && l.conns+l.sessions >= l.options.MaxConns {
		refusal = ConnectionsFull
	}
	if refusal != Admitted {
		l.refused[refusal].Add(1)
		return refusal
	}
	l.conns++
	if of.IsValid() {
		l.address(of).conns++
	}
	return Admitted
}

// peer is the address that a connection counts for; the zero Addr for none.
func (l *Limits) peer(remote net.Addr) netip.Addr {
	a := addressOf(remote.String())
	if !isBounded(a) || l.trusted(a) {
		return netip.Addr{}
	}
	return group(a)
}
