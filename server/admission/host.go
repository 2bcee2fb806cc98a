package admission

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// OwnHosts refuses requests for hosts that are not the server's, where it
// listens at a loopback address: a page elsewhere can give its own name that
// address (DNS rebinding), and would then be of the server's own origin. The server's hosts
// are the names of this machine and those of origins, which are as in
// engine.Options; "*" among them lets every host pass. flag is how a user adds an origin.
func OwnHosts(address net.Addr, origins []string, flag string, next http.Handler) http.Handler {
	listening, ok := address.(*net.TCPAddr)
	if !ok || !listening.IP.IsLoopback() || slices.Contains(origins, "*") {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isOwnHost(r.Host, origins) {
			next.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Connection", "close")
		http.Error(w, fmt.Sprintf("This server listens on this machine alone, and was asked for %q. "+
			"If a proxy here brings what is for that host, start the server with %s https://%[1]s", r.Host, flag), http.StatusForbidden)
	})
}

// isOwnHost tells whether a Host header names this machine, or the host of an origin.
func isOwnHost(header string, origins []string) bool {
	host := strings.ToLower(strings.TrimSuffix((&url.URL{Host: header}).Hostname(), "."))
	ip, err := netip.ParseAddr(host)
	switch {
	case host == "": // no browser leaves it out
		return true
	case host == "localhost", strings.HasSuffix(host, ".localhost"), err == nil && ip.IsLoopback():
		return true
	}
	return slices.ContainsFunc(origins, func(origin string) bool {
		u, err := url.Parse(strings.ToLower(origin))
		if err != nil {
			return false
		}
		domain, wild := strings.CutPrefix(u.Hostname(), "*.")
		return host == domain && !wild || wild && strings.HasSuffix(host, "."+domain)
	})
}

// ThisMachine lets only those pass who are on this machine and ask for it by a name of
// its own: nobody who comes through a proxy, as far as the request tells of one, by what
// it has or by HTTP/1.0, which no browser speaks, and nginx does that was told nothing else. flag
// is how a user lets others in.
func (l *Limits) ThisMachine(flag string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		forwarded := slices.ContainsFunc([]string{"Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip"}, func(name string) bool {
			return r.Header.Get(name) != ""
		})
		if !forwarded && r.ProtoAtLeast(1, 1) && l.Client(r).IsLoopback() && isOwnHost(r.Host, nil) {
			next.ServeHTTP(w, r)
			return
		}
		http.Error(w, "This is for the machine that the server runs on. If others are to have it, start the server with "+flag, http.StatusForbidden)
	})
}

// Only lets those clients pass whose address is in one of the ranges. flag is how a user adds one.
func (l *Limits) Only(ranges []netip.Prefix, flag string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		client := l.Client(r)
		if slices.ContainsFunc(ranges, func(p netip.Prefix) bool { return p.Contains(client) }) {
			next.ServeHTTP(w, r)
			return
		}
		http.Error(w, fmt.Sprintf("This is not for %s. If it should be, start the server with %s %[1]s", client, flag), http.StatusForbidden)
	})
}
