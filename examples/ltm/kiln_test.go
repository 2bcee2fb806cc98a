package main

import (
	"slices"
	"testing"
)

// A kiln that is left alone goes through all of its states, firing after firing.
func TestFirings(t *testing.T) {
	for _, k := range kilns {
		var states []string
		hottest := 0
		for firings, steps := k.Firing+3, 0; k.Firing < firings; steps++ {
			if steps > 500 {
				t.Fatalf("%s is still in firing %d, %s", k.Name, k.Firing, k.State)
			}
			next, reason := k.step()
			if reason == "" || next.ID != k.ID || next.Temperature < room || len(next.Load) > next.Shelves {
				t.Fatalf("%+v became %+v because %q", k, next, reason)
			}
			if next.State != k.State {
				states = append(states, next.State)
			}
			hottest = max(hottest, next.Temperature)
			k = next
		}
		for _, state := range []string{"loading", "heating", "holding", "cooling", "unloading"} {
			if !slices.Contains(states, state) {
				t.Errorf("%s was never %s", k.Name, state)
			}
		}
		if hottest < 1040 || hottest > 1050 {
			t.Errorf("%s went to %d °C", k.Name, hottest)
		}
	}
}

func TestAStateThatIsNone(t *testing.T) {
	next, reason := kiln{ID: 2, State: "dancing", Stage: -7}.step()
	if next.State != kilns[1].State || reason != `"dancing" is no state: the kiln begins anew` {
		t.Errorf("it became %+v because %q", next, reason)
	}
}
