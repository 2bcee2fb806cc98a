package admission

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestRequestsOfOneAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(&Options{RequestRatePerAddress: 10, TrustedProxies: proxies})
		for i := range 100 { // ten seconds' worth at once, over a connection of its own and a proxy's
			r := from("203.0.113.7:1")
			if i%2 == 0 {
				r = from("10.0.0.1:1", "203.0.113.7")
			}
			if wait := l.Request(r); wait != 0 {
				t.Fatalf("request %d is to wait for %v", i, wait)
			}
		}
		for range 3 { // who is refused does not have to wait longer for it
			if wait := l.Request(from("203.0.113.7:2")); wait != 100*time.Millisecond {
				t.Errorf("the one too many is to wait for %v, want a tenth of a second", wait)
			}
		}
		for range 200 {
			for _, other := range []string{"127.0.0.1:1", "10.0.0.1:1", "@"} { // without a bound: see Client
				if wait := l.Request(from(other)); wait != 0 {
					t.Fatalf("%s is to wait for %v", other, wait)
				}
			}
		}
		if wait := l.Request(from("203.0.113.8:1")); wait != 0 {
			t.Errorf("another address is to wait for %v", wait)
		}
		time.Sleep(100 * time.Millisecond)
		if wait := l.Request(from("203.0.113.7:1")); wait != 0 {
			t.Errorf("after the time that it was told, the address is to wait for %v", wait)
		}
		if wait := l.Request(from("203.0.113.7:1")); wait == 0 {
			t.Error("two requests came after a wait for one")
		}
		place := enter(t, l, from("203.0.113.7:1"), Admitted) // a session is another matter
		place.Leave()
	})
}

// Addresses that have sent requests are forgotten when that changes nothing, however many they are.
func TestRequestsForgetAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := New(&Options{RequestRatePerAddress: 1, TrustedProxies: proxies})
		busy := from("203.0.113.7:1")
		for range 10 {
			l.Request(busy)
		}
		for i := range 20 * leastSweep {
			if i%leastSweep == 0 {
				time.Sleep(time.Second)
				l.Request(busy)
			}
			l.Request(from("10.0.0.1:1", fmt.Sprintf("2001:db8:%x:%x::1", i>>16, i&0xffff)))
			if n := len(l.addresses); n > 4*leastSweep {
				t.Fatalf("%d addresses are known, of which %d could not be forgotten", n, leastSweep+1)
			}
		}
		if wait := l.Request(busy); wait == 0 {
			t.Error("the one that had sent too many was forgotten")
		}
	})
}
