package main

import "fmt"

// kiln is a potter's kiln: the machine of this example. Its state says all of it, so that it
// goes on from there, whoever reads it.
type kiln struct {
	ID          int      `json:"id"`
	Name        string   `json:"name"`
	State       string   `json:"state"` // loading, heating, holding, cooling, unloading
	Firing      int      `json:"firing"`
	Temperature int      `json:"temperature"` // °C
	Target      int      `json:"target"`
	Stage       int      `json:"stage"`          // of the programme
	Held        int      `json:"held,omitempty"` // steps that the target has been held
	Shelves     int      `json:"shelves"`
	Load        []string `json:"load"`
}

// programme is what a firing is made of: heat up by a rate for each step, then hold.
var programme = []struct{ to, rate, hold int }{{200, 40, 2}, {600, 57, 3}, {1040, 73, 4}}

const (
	room = 20 // °C
	safe = 60 // at which a kiln may be opened
)

var pieces = []string{"six bowls", "a tall vase", "twelve tiles", "four mugs", "a teapot", "two jugs", "a platter", "nine beads"}

// kilns are the machines as they are installed.
var kilns = []kiln{
	{ID: 1, Name: "Stoneware kiln", State: "loading", Temperature: room, Target: room, Shelves: 4, Load: []string{}},
	{ID: 2, Name: "Earthenware kiln", State: "heating", Firing: 1, Temperature: 180, Target: 200, Shelves: 3, Load: []string{"two jugs", "four mugs", "a platter"}},
	{ID: 3, Name: "Test kiln", State: "cooling", Firing: 1, Temperature: 420, Target: safe, Stage: 2, Shelves: 1, Load: []string{"nine beads"}},
}

// step is what a kiln does next, and why. k is not changed.
func (k kiln) step() (next kiln, reason string) {
	next = k
	next.Load = append([]string{}, k.Load...)
	stage := programme[min(max(k.Stage, 0), len(programme)-1)]
	switch k.State {
	case "loading":
		if len(k.Load) < k.Shelves {
			piece := pieces[(k.Firing*3+len(k.Load)*5+k.ID)%len(pieces)]
			next.Load = append(next.Load, piece)
			return next, fmt.Sprintf("shelf %d of %d: %s", len(next.Load), k.Shelves, piece)
		}
		next.State, next.Firing, next.Stage, next.Target = "heating", k.Firing+1, 0, programme[0].to
		return next, fmt.Sprintf("firing %d begins", next.Firing)
	case "heating":
		next.Temperature += stage.rate
		if next.Temperature < stage.to {
			return next, fmt.Sprintf("heating to %d °C", stage.to)
		}
		next.Temperature, next.State, next.Held = stage.to, "holding", 0
		return next, fmt.Sprintf("%d °C reached", stage.to)
	case "holding":
		if next.Held++; next.Held < stage.hold {
			next.Temperature = stage.to + next.Held%2*3 - 1
			return next, fmt.Sprintf("holding %d °C", stage.to)
		}
		next.Held = 0
		if k.Stage+1 < len(programme) {
			next.State, next.Stage, next.Target = "heating", k.Stage+1, programme[k.Stage+1].to
			return next, fmt.Sprintf("on to %d °C", next.Target)
		}
		next.State, next.Target = "cooling", safe
		return next, "fired: the heat is off"
	case "cooling":
		next.Temperature -= max(8, (k.Temperature-room)*13/100)
		if next.Temperature > safe {
			return next, "cooling down"
		}
		next.State = "unloading"
		return next, "cool enough to open"
	case "unloading":
		if next.Temperature = max(room, k.Temperature-10); len(k.Load) > 0 {
			piece := k.Load[len(k.Load)-1]
			next.Load = next.Load[:len(k.Load)-1]
			return next, "taken out: " + piece
		}
		next.State, next.Target, next.Stage = "loading", room, 0
		return next, "empty, and ready for the next firing"
	}
	// Somebody wrote a state that is none.
	next = kilns[(max(k.ID, 1)-1)%len(kilns)]
	return next, fmt.Sprintf("%q is no state: the kiln begins anew", k.State)
}
