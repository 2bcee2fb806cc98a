package engine

import (
	"net/http"
	"net/url"
	"strings"
)

// AllowOrigin decides whether the page that a request comes from may connect,
// and writes the CORS headers if so. A request that no page sent is allowed.
func (srv *Server) AllowOrigin(w http.ResponseWriter, r *http.Request) bool {
	origins := r.Header["Origin"]
	if len(origins) == 0 {
		return true
	}
	origin := origins[0]
	if len(origins) > 1 || origin == "" {
		return false
	}
	header := w.Header()
	header.Add("Vary", "Origin")
	if srv.options.CheckOrigin != nil {
		if !srv.options.CheckOrigin(r) {
			return false
		}
	} else {
		allowed, anyone := matchOrigin(srv.options.Origins, origin, r.Host)
		if !allowed {
			return false
		}
		if anyone {
			// No credentials: whatever a cookie opens is not for every page.
			header.Set("Access-Control-Allow-Origin", "*")
			return true
		}
	}
	header.Set("Access-Control-Allow-Origin", origin)
	header.Set("Access-Control-Allow-Credentials", "true")
	return true
}

// matchOrigin tells whether an origin may connect to a host, and whether only
// because anyone may.
func matchOrigin(origins []string, origin, host string) (allowed, anyone bool) {
	u, err := url.Parse(origin)
	if err == nil && u.Host != "" {
		if strings.EqualFold(u.Host, host) {
			return true, false
		}
		if len(origins) == 0 && isLocalhost(u.Hostname()) {
			return true, false
		}
	}
	for _, o := range origins {
		switch {
		case o == "*":
			anyone = true
		case strings.EqualFold(o, origin):
			return true, false
		default:
			scheme, domain, wild := strings.Cut(o, "://*.")
			if wild && err == nil && strings.EqualFold(u.Scheme, scheme) &&
				len(u.Host) > len(domain)+1 && strings.EqualFold(u.Host[len(u.Host)-len(domain)-1:], "."+domain) {
				return true, false
			}
		}
	}
	return anyone, anyone
}

func isLocalhost(name string) bool {
	name = strings.ToLower(name)
	return name == "localhost" || strings.HasSuffix(name, ".localhost") || name == "127.0.0.1" || name == "::1"
}

// preflight answers a browser that asks whether it may send a request.
func preflight(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Access-Control-Allow-Methods", "GET, POST")
	if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" {
		header.Set("Access-Control-Allow-Headers", asked)
		header.Add("Vary", "Access-Control-Request-Headers")
	}
	header.Set("Access-Control-Max-Age", "600")
	header.Set("Content-Length", "0")
	w.WriteHeader(http.StatusNoContent)
}
