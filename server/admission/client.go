package admission

import (
	"net/http"
	"net/netip"
	"strings"
)

// Client is the address of the client that a request comes from: that of its
// connection or, where that is a trusted proxy, the one the proxy tells. It is the
// zero Addr where the connection has none, as in a Unix socket.
func (l *Limits) Client(r *http.Request) netip.Addr {
	client, _ := l.client(r)
	return client
}

// client is Client; bounded says that the bounds for one address are meant for it.
func (l *Limits) client(r *http.Request) (client netip.Addr, bounded bool) {
	peer := addressOf(r.RemoteAddr)
	if !l.trusted(peer) {
		return peer, isBounded(peer)
	}
	// From the nearest hop to the farthest, as long as who tells is trusted.
	client = peer
	hops := strings.Split(strings.Join(r.Header["X-Forwarded-For"], ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop := addressOf(strings.TrimSpace(hops[i]))
		if !hop.IsValid() {
			break
		}
		client = hop
		if !l.trusted(hop) {
			return client, isBounded(client)
		}
	}
	return client, false // a proxy, which does not say for whom
}

func (l *Limits) trusted(a netip.Addr) bool {
	for _, p := range l.options.TrustedProxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

func isBounded(a netip.Addr) bool { return a.IsValid() && !a.IsLoopback() }

// addressOf reads an address with or without a port.
func addressOf(text string) netip.Addr {
	if ap, err := netip.ParseAddrPort(text); err == nil {
		return ap.Addr().Unmap().WithZone("")
	}
	a, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}

// group is what counts as one address.
func group(a netip.Addr) netip.Addr {
	if a.Is6() {
		p, _ := a.Prefix(64) // cannot fail with 64 bits
		return p.Addr()
	}
	return a
}
