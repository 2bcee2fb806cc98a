package admission

import (
	"fmt"
	"net/http"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// from is a request of a connection from an address, through proxies where forwarded is given.
func from(address string, forwarded ...string) *http.Request {
	return &http.Request{RemoteAddr: address, Header: http.Header{"X-Forwarded-For": forwarded}}
}

// proxies are the trusted ones of the tests.
var proxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}

func TestClient(t *testing.T) {
	l := New(&Options{TrustedProxies: proxies})
	for name, c := range map[string]struct {
		request *http.Request
		client  string
		bounded bool
	}{
		"no proxy":                        {from("203.0.113.7:1"), "203.0.113.7", true},
		"who is not trusted tells":        {from("203.0.113.7:1", "198.51.100.1"), "203.0.113.7", true},
		"one proxy":                       {from("10.1.2.3:1", "198.51.100.1"), "198.51.100.1", true},
		"a client that lies to the proxy": {from("10.1.2.3:1", "192.0.2.1, 198.51.100.1"), "198.51.100.1", true},
		"two proxies":                     {from("10.1.2.3:1", "192.0.2.1, 198.51.100.1, 10.9.9.9"), "198.51.100.1", true},
		"two headers":                     {from("10.1.2.3:1", "192.0.2.1,198.51.100.1", "10.9.9.9"), "198.51.100.1", true},
		"with ports":                      {from("10.1.2.3:1", "198.51.100.1:4711"), "198.51.100.1", true},
		"IPv6":                            {from("[fd00::1]:1", "[2001:db8::7]:99"), "2001:db8::7", true},
		"IPv4 as IPv6":                    {from("[::ffff:10.1.2.3]:1", "::ffff:198.51.100.1"), "198.51.100.1", true},
		"nonsense from the client":        {from("10.1.2.3:1", "nonsense, 10.9.9.9"), "10.9.9.9", false},
		"a proxy that does not tell":      {from("10.1.2.3:1"), "10.1.2.3", false},
		"this machine":                    {from("127.0.0.1:1"), "127.0.0.1", false},
		"this machine, IPv6":              {from("[::1]:1"), "::1", false},
		"a Unix socket":                   {from("@"), "invalid IP", false},
	} {
		client, bounded := l.client(c.request)
		if client.String() != c.client || bounded != c.bounded || l.Client(c.request) != client {
			t.Errorf("%s: %s, bounded %t; want %s, %t", name, client, bounded, c.client, c.bounded)
		}
	}
}

// enter asks for a place and compares the answer.
func enter(t *testing.T, l *Limits, r *http.Request, want Refusal) Place {
	t.Helper()
	place, got := l.Enter(r)
	if got != want {
		t.Errorf("%s %v: refusal %q, want %q", r.RemoteAddr, r.Header["X-Forwarded-For"], got, want)
	}
	return place
}

func TestSessionsOfOneAddress(t *testing.T) {
	l := New(&Options{MaxSessionsPerAddress: 3, TrustedProxies: proxies})
	first := enter(t, l, from("203.0.113.7:1"), Admitted)
	enter(t, l, from("203.0.113.7:2"), Admitted)
	enter(t, l, from("10.0.0.1:1", "203.0.113.7"), Admitted)
	enter(t, l, from("203.0.113.7:3"), AddressFull)
	enter(t, l, from("10.0.0.1:1", "203.0.113.7"), AddressFull)
	enter(t, l, from("203.0.113.8:1"), Admitted)
	first.Leave()
	enter(t, l, from("203.0.113.7:4"), Admitted)
	enter(t, l, from("203.0.113.7:5"), AddressFull)
	for i := range 4 { // one /64 is one address
		want := Admitted
		if i == 3 {
			want = AddressFull
		}
		enter(t, l, from(fmt.Sprintf("[2001:db8::%d:7]:1", i)), want)
	}
	enter(t, l, from("[2001:db8:0:1::7]:1"), Admitted)
	for range 10 {
		enter(t, l, from("127.0.0.1:1"), Admitted)
		enter(t, l, from("10.0.0.1:1"), Admitted) // for whoever, the proxy does not say
		enter(t, l, from("@"), Admitted)
	}
	Place{}.Leave()
	if got := l.Refused()["sessions_of_address"]; got != 4 {
		t.Errorf("%d refusals were counted, want 4", got)
	}
}

func TestSessionsInAll(t *testing.T) {
	l := New(&Options{MaxSessions: 5})
	var places []Place
	for i := range 5 {
		places = append(places, enter(t, l, from(fmt.Sprintf("203.0.113.%d:1", i)), Admitted))
	}
	enter(t, l, from("203.0.113.99:1"), Full)
	enter(t, l, from("127.0.0.1:1"), Full)
	places[2].Leave()
	enter(t, l, from("127.0.0.1:1"), Admitted)
	enter(t, l, from("127.0.0.1:1"), Full)
}

func TestHandshakeRates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(&Options{HandshakeRate: 4, HandshakeRatePerAddress: 2})
		one, other := from("203.0.113.7:1"), from("203.0.113.8:1")
		for range 20 { // ten seconds' worth
			enter(t, l, one, Admitted)
		}
		for range 100 {
			enter(t, l, one, AddressHurried) // costs the others nothing
		}
		for range 20 {
			enter(t, l, other, Admitted)
		}
		enter(t, l, from("203.0.113.9:1"), Hurried)
		enter(t, l, from("127.0.0.1:1"), Hurried)
		time.Sleep(time.Second)
		enter(t, l, one, Admitted)
		enter(t, l, one, Admitted)
		enter(t, l, one, AddressHurried)
		enter(t, l, other, Admitted)
		enter(t, l, other, Admitted)
		enter(t, l, from("203.0.113.9:1"), Hurried)
		time.Sleep(time.Second)
		enter(t, l, from("203.0.113.9:1"), Admitted)
	})
}

// Addresses are forgotten when they have gone, and those that are refused are not remembered at all.
func TestAddressesAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(&Options{HandshakeRate: 10_000, MaxSessions: 50_000})
		address := func(i int) *http.Request {
			return from(netip.AddrFrom4([4]byte{11, byte(i >> 16), byte(i >> 8), byte(i)}).String())
		}
		for i := range 40_000 {
			enter(t, l, address(i), Admitted).Leave()
		}
		stays := enter(t, l, address(1_000_000), Admitted)
		if n := len(l.addresses); n != 40_001 {
			t.Errorf("%d addresses are known while their rate may matter, want 40,001", n)
		}
		time.Sleep(time.Minute)
		for i := range 30_000 {
			enter(t, l, address(100_000+i), Admitted).Leave()
			time.Sleep(time.Millisecond)
		}
		if n := len(l.addresses); n > 2*leastSweep {
			t.Errorf("%d addresses are known, of which one has a session", n)
		}
		stays.Leave()
		for range 100_000 {
			l.all.Allow()
		}
		known := len(l.addresses)
		for i := range 1000 {
			enter(t, l, address(200_000+i), Hurried)
		}
		if n := len(l.addresses); n != known {
			t.Errorf("%d addresses were remembered that came in vain", n-known)
		}
	})
}
