package engine

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

func TestMatchOrigin(t *testing.T) {
	for _, c := range []struct {
		origins         string
		origin, host    string
		allowed, anyone bool
	}{
		{"", "https://shop.example", "shop.example", true, false},
		{"", "https://SHOP.example:8443", "shop.example:8443", true, false},
		{"", "https://shop.example:8443", "shop.example", false, false},
		{"", "http://localhost:5173", "shop.example", true, false},
		{"", "http://app.localhost", "shop.example", true, false},
		{"", "http://127.0.0.1:80", "shop.example", true, false},
		{"", "http://[::1]:3000", "shop.example", true, false},
		{"", "http://localhost.evil.example", "shop.example", false, false},
		{"", "https://evil.example", "shop.example", false, false},
		{"", "null", "shop.example", false, false},
		{"", "shop.example", "shop.example", false, false},
		{"", "https://%zz", "", false, false},
		{"https://a.example", "https://a.example", "shop.example", true, false},
		{"https://a.example", "http://a.example", "shop.example", false, false},
		{"https://a.example", "https://a.example.evil.example", "shop.example", false, false},
		{"https://a.example", "http://localhost", "shop.example", false, false},
		{"https://a.example", "https://shop.example", "shop.example", true, false},
		{"https://a.example https://b.example", "https://b.example", "shop.example", true, false},
		{"https://*.a.example", "https://x.a.example", "shop.example", true, false},
		{"https://*.a.example", "https://y.x.A.example", "shop.example", true, false},
		{"https://*.a.example", "https://a.example", "shop.example", false, false},
		{"https://*.a.example", "https://.a.example", "shop.example", false, false},
		{"https://*.a.example", "https://xa.example", "shop.example", false, false},
		{"https://*.a.example", "http://x.a.example", "shop.example", false, false},
		{"https://*.a.example:8443", "https://x.a.example:8443", "shop.example", true, false},
		{"*", "https://evil.example", "shop.example", true, true},
		{"*", "null", "shop.example", true, true},
		{"* https://a.example", "https://a.example", "shop.example", true, false},
	} {
		allowed, anyone := matchOrigin(strings.Fields(c.origins), c.origin, c.host)
		if allowed != c.allowed || anyone != c.anyone {
			t.Errorf("origins %q, origin %s, host %s: got %t, %t, want %t, %t", c.origins, c.origin, c.host, allowed, anyone, c.allowed, c.anyone)
		}
	}
}

func (b *bench) do(method, query string, header http.Header) *http.Response {
	b.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, b.url(query), nil)
	if err != nil {
		b.Fatal(err)
	}
	req.Header = header
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	res.Body.Close()
	return res
}

func TestCORS(t *testing.T) {
	b := start(t, nil, nil)
	res := b.do("GET", "EIO=4&transport=polling", http.Header{"Origin": {"http://localhost:5173"}})
	want(t, "status", res.StatusCode, 200)
	want(t, "origin", res.Header.Get("Access-Control-Allow-Origin"), "http://localhost:5173")
	want(t, "credentials", res.Header.Get("Access-Control-Allow-Credentials"), "true")
	want(t, "Vary", res.Header.Get("Vary"), "Origin")

	res = b.do("OPTIONS", "EIO=4&transport=polling&sid=x", http.Header{"Origin": {"http://localhost:5173"},
		"Access-Control-Request-Method": {"POST"}, "Access-Control-Request-Headers": {"authorization"}})
	want(t, "status of a preflight", res.StatusCode, 204)
	want(t, "methods", res.Header.Get("Access-Control-Allow-Methods"), "GET, POST")
	want(t, "headers", res.Header.Get("Access-Control-Allow-Headers"), "authorization")

	for _, origin := range [][]string{{"https://evil.example"}, {""}, {"http://localhost", "https://evil.example"}} {
		for _, method := range []string{"GET", "POST", "OPTIONS"} {
			res = b.do(method, "EIO=4&transport=polling", http.Header{"Origin": origin})
			want(t, "status of another site's "+method, res.StatusCode, 403)
			want(t, "origin", res.Header.Get("Access-Control-Allow-Origin"), "")
		}
	}

	open := start(t, &Options{Origins: []string{"*"}}, nil)
	res = open.do("GET", "EIO=4&transport=polling", http.Header{"Origin": {"https://any.example"}})
	want(t, "origin", res.Header.Get("Access-Control-Allow-Origin"), "*")
	want(t, "credentials", res.Header.Get("Access-Control-Allow-Credentials"), "")

	checked := start(t, &Options{CheckOrigin: func(r *http.Request) bool { return r.Header.Get("Origin") == "https://only.example" }}, nil)
	want(t, "a checked origin", checked.do("GET", "EIO=4&transport=polling", http.Header{"Origin": {"https://only.example"}}).StatusCode, 200)
	want(t, "another one", checked.do("GET", "EIO=4&transport=polling", http.Header{"Origin": {"http://localhost"}}).StatusCode, 403)
	head, _ := checked.handshake("EIO=4&transport=websocket", upgradeHeaders+"Origin: https://only.example\r\n")
	if !strings.HasPrefix(head, "HTTP/1.1 101 ") {
		t.Errorf("a handshake from a checked origin: %s", head)
	}
}

func TestTransportsOption(t *testing.T) {
	b := start(t, &Options{Transports: []string{Polling}}, nil)
	_, text := b.get("EIO=4&transport=polling")
	want(t, "upgrades", len(parseOpen(t, text).Upgrades), 0)
	_, message := b.handshake("EIO=4&transport=websocket", upgradeHeaders)
	want(t, "a WebSocket", message, "Transport unknown")
	b = start(t, &Options{Transports: []string{WebSocket}}, nil)
	status, _ := b.get("EIO=4&transport=polling")
	want(t, "polling", status, 400)
	s := b.connect()
	s.send(ws.OpText, "4x")
	s.wantFrame(ws.OpText, "4x")
}
