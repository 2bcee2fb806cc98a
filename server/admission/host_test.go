package admission

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

var teapot = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })

// A page of another site can name this machine, but its requests still carry its own name.
func TestOwnHosts(t *testing.T) {
	here := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 3000}
	origins := []string{"https://shop.example", "https://*.wild.example:8443"}
	for _, c := range []struct {
		address net.Addr
		origins []string
		host    string
		served  bool
	}{
		{here, nil, "localhost", true},
		{here, nil, "localhost:3000", true},
		{here, nil, "LocalHost.:3000", true},
		{here, nil, "app.localhost:3000", true},
		{here, nil, "127.0.0.1:3000", true},
		{here, nil, "127.9.9.9", true},
		{here, nil, "[::1]:3000", true},
		{here, nil, "", true},
		{here, nil, "evil.example:3000", false},
		{here, nil, "evil.example", false},
		{here, nil, "localhost.evil.example", false},
		{here, nil, "127.0.0.1.evil.example", false},
		{here, nil, "192.0.2.1:3000", false},
		{&net.TCPAddr{IP: net.IPv6loopback}, nil, "evil.example", false},
		{here, origins, "shop.example", true},
		{here, origins, "SHOP.example:3000", true},
		{here, origins, "a.wild.example", true},
		{here, origins, "wild.example", false},
		{here, origins, "evil.example", false},
		{here, origins, "localhost", true},
		{here, []string{"*"}, "evil.example", true},
		{&net.TCPAddr{IP: net.IPv4zero}, nil, "evil.example", true},
		{&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}, nil, "evil.example", true},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host = c.host
		w := httptest.NewRecorder()
		OwnHosts(c.address, c.origins, "--origin", teapot).ServeHTTP(w, r)
		if served := w.Code == http.StatusTeapot; served != c.served {
			t.Errorf("at %s with origins %v, Host %q: status %d, want it served: %t", c.address, c.origins, c.host, w.Code, c.served)
		}
		if text := w.Body.String(); !c.served && (w.Code != http.StatusForbidden || !strings.Contains(text, "--origin https://"+c.host)) {
			t.Errorf("Host %q: status %d, %q, want 403 with what would be right", c.host, w.Code, text)
		}
	}
}

func TestOnly(t *testing.T) {
	handler := New(&Options{TrustedProxies: proxies}).Only([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, "--metrics-from", teapot)
	for _, c := range []struct {
		request *http.Request
		served  bool
	}{
		{from("127.0.0.1:1"), true},
		{from("203.0.113.7:1"), false},
		{from("203.0.113.7:1", "127.0.0.1"), false},
		{from("10.0.0.1:1", "203.0.113.7"), false},
		{from("@"), false},
	} {
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, c.request)
		if served := w.Code == http.StatusTeapot; served != c.served {
			t.Errorf("%s %v: status %d, want it served: %t", c.request.RemoteAddr, c.request.Header, w.Code, c.served)
		}
		if !c.served && (w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "--metrics-from")) {
			t.Errorf("%s: status %d, %q, want 403 with what would be right", c.request.RemoteAddr, w.Code, w.Body)
		}
	}
}

// Who comes through a proxy on the machine looks like somebody on it, but for what the proxy tells.
func TestThisMachine(t *testing.T) {
	handler := New(&Options{TrustedProxies: proxies}).ThisMachine("--console", teapot)
	for _, c := range []struct {
		peer, host string
		header     []string
		served     bool
	}{
		{"127.0.0.1:1", "localhost:3000", nil, true},
		{"127.0.0.1:1", "127.0.0.1:3000", nil, true},
		{"[::1]:1", "[::1]:3000", nil, true},
		{"127.0.0.1:1", "shop.example", nil, false},
		{"127.0.0.1:1", "localhost", []string{"X-Forwarded-For", "127.0.0.1"}, false},
		{"127.0.0.1:1", "localhost", []string{"X-Real-IP", "127.0.0.1"}, false},
		{"127.0.0.1:1", "localhost", []string{"X-Forwarded-Proto", "https"}, false},
		{"127.0.0.1:1", "localhost", []string{"Forwarded", "for=_hidden"}, false},
		{"127.0.0.1:1", "localhost", []string{"Via", "1.1 front"}, false},
		{"203.0.113.7:1", "localhost", nil, false},
		{"10.0.0.1:1", "localhost", nil, false},
		{"@", "localhost", nil, false},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr, r.Host = c.peer, c.host
		for i := 0; i+1 < len(c.header); i += 2 {
			r.Header.Set(c.header[i], c.header[i+1])
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if served := w.Code == http.StatusTeapot; served != c.served {
			t.Errorf("%s, Host %s, %v: status %d, want it served: %t", c.peer, c.host, c.header, w.Code, c.served)
		}
		if !c.served && (w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), "--console")) {
			t.Errorf("%s: status %d, %q, want 403 with what would be right", c.peer, w.Code, w.Body)
		}
	}

	// As nginx asks for "proxy_pass http://127.0.0.1:3000;" and nothing else.
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Proto, r.ProtoMinor, r.RemoteAddr, r.Host = "HTTP/1.0", 0, "127.0.0.1:1", "127.0.0.1:3000"
	w := httptest.NewRecorder()
	if handler.ServeHTTP(w, r); w.Code != http.StatusForbidden {
		t.Errorf("HTTP/1.0: status %d, want 403", w.Code)
	}
}
