package main

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ackbase/server/bench"
)

func TestVerdict(t *testing.T) {
	for _, tt := range []struct {
		name  string
		bound bound
		want  string
	}{
		{"below", bound{most: 0.3, value: 0.299}, "holds"},
		{"at it", bound{most: 0.3, value: 0.3}, "holds"},
		{"just above, though it is printed as the bound", bound{most: 0.3, value: 0.3004}, "**does not hold**"},
		{"none allowed, none there", bound{most: 0, value: 0}, "holds"},
		{"none allowed, one there", bound{most: 0, value: 1}, "**does not hold**"},
		{"not measured", bound{most: 1, err: errors.New("the server was away")}, "not measured: the server was away"},
		{"no number", bound{most: 1, value: math.NaN()}, "not measured: it is no number"},
		{"without end", bound{most: 1, value: math.Inf(-1)}, "not measured: it is no number"},
		{"a ratio", bound{most: 0.5}.ratio(spread{median: 2}, spread{median: 4}, "µs"), "holds"},
		{"a ratio above", bound{most: 0.5}.ratio(spread{median: 2.01}, spread{median: 4}, "µs"), "**does not hold**"},
		{"a ratio to nothing", bound{most: 0.5}.ratio(spread{}, spread{}, "µs"), "not measured: what it is held against is 0"},
		{"a ratio to what failed", bound{most: 0.5}.ratio(spread{}, spread{}, "µs", nil, errors.New("it failed")), "not measured: it failed"},
		{"a figure that failed", bound{most: 0.5}.absolute(0, "%.0f", errors.New("it failed")), "not measured: it failed"},
	} {
		if got := tt.bound.verdict(); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestMedian(t *testing.T) {
	for _, tt := range []struct {
		values []float64
		want   float64
	}{
		{[]float64{3}, 3},
		{[]float64{4, 1}, 2.5},
		{[]float64{9, 1, 5}, 5},
		{[]float64{5, 5, 100, 1, 2}, 5},
		{[]float64{1, 2, 3, 1000}, 2.5},
	} {
		before := append([]float64(nil), tt.values...)
		if got := median(tt.values); got != tt.want {
			t.Errorf("of %v: %v, want %v", tt.values, got, tt.want)
		}
		for i := range before {
			if tt.values[i] != before[i] {
				t.Errorf("%v became %v", before, tt.values)
			}
		}
	}
}

// round makes a result with the given CPU for each operation.
func round(cpu float64) *bench.Result {
	return &bench.Result{Connections: 10, Held: 10, Server: &bench.Server{CPUPerOp: cpu}, Latency: &bench.Latency{P99: 10 * cpu}}
}

// TestBounds holds what the verdicts are made from, by rounds that were made up.
func TestBounds(t *testing.T) {
	s := &settings{extent: full, servers: []server{{name: "ackbase"}, {name: "node"}}}
	one := 1.0
	outcomes := []outcome{}
	for _, c := range s.contests() {
		o := outcome{contest: c, results: make([][]*bench.Result, len(c.entrants)), faults: make([]error, len(c.entrants))}
		for i := range c.entrants {
			for n := range c.entrants[i].rounds {
				r := round([]float64{4, 2, 3, 2.9, 100}[n]) // the median is 3
				if i == 1 {
					r = round([]float64{10, 11, 9, 8, 12}[n]) // 10
				}
				r.Goroutines = &one
				o.results[i] = append(o.results[i], r)
			}
		}
		outcomes = append(outcomes, o)
	}
	find := func(name string) *outcome {
		for i := range outcomes {
			if outcomes[i].name == name {
				return &outcomes[i]
			}
		}
		t.Fatalf("there is no measure %s", name)
		return nil
	}
	verdicts := func() map[string]string {
		all := map[string]string{}
		bounds := s.bounds(outcomes)
		for i := range bounds {
			all[bounds[i].title] = bounds[i].verdict()
		}
		return all
	}
	const (
		get        = "GET by id: CPU to that of node"
		event      = "event delivered, 500 subscribers, 10,000 a second: CPU to that of node"
		lost       = "these events: lost, doubled or out of order"
		broken     = "10,000 idle connections: broken, or left without a heartbeat"
		goroutines = "goroutines of an idle connection"
		memory     = "memory of an idle connection, KB"
		alone      = ", ackbase alone"
	)

	bounds := s.bounds(outcomes)
	if bounds[0].title != get || bounds[0].value != 0.3 || bounds[0].told != "0.30 (3.00 to 10.0 µs)" {
		t.Errorf("3 to 10 came to %+v", bounds[0])
	}
	for title, verdict := range verdicts() {
		want := "holds"
		if strings.HasSuffix(title, alone) { // 10 with much, 3 with little
			want = "**does not hold**"
		}
		if verdict != want {
			t.Errorf("%s: %s, want %s", title, verdict, want)
		}
	}

	for _, tt := range []struct {
		name   string
		change func() (undo func())
		want   map[string]string
	}{
		{"our round with errors", func() func() {
			r := find(getByID).results[0][2]
			r.Errors, r.Error = 1, "a call was refused"
			return func() { r.Errors = 0 }
		}, map[string]string{get: "not measured: ackbase had errors, as told below", event: "holds"}},
		{"their round with errors", func() func() {
			r := find(getByID).results[1][4]
			r.Errors = 1
			return func() { r.Errors = 0 }
		}, map[string]string{get: "not measured: node had errors, as told below"}},
		{"a round too few", func() func() {
			o := find(getByID)
			all := o.results[1]
			o.results[1] = all[:4]
			return func() { o.results[1] = all }
		}, map[string]string{get: "not measured: node: 4 of 5 rounds were made"}},
		{"the other's end", func() func() {
			o := find(event10k)
			o.faults[1] = errEnded
			return func() { o.faults[1] = nil }
		}, map[string]string{event: "not measured: node: process ended", lost: "holds"}},
		{"our failure", func() func() {
			o := find(event10k)
			o.faults[0] = errors.New("no answer")
			return func() { o.faults[0] = nil }
		}, map[string]string{event: "not measured: ackbase failed, as told below", lost: "not measured: ackbase failed, as told below"}},
		{"a lost event", func() func() {
			r := find(event75k).results[0][1]
			r.Errors, r.Lost = 1, 1
			return func() { r.Errors, r.Lost = 0, 0 }
		}, map[string]string{lost: "**does not hold**", event: "holds"}},
		{"an event lost by the other", func() func() {
			r := find(event10k).results[1][1]
			r.Errors, r.Lost = 1, 1
			return func() { r.Errors, r.Lost = 0, 0 }
		}, map[string]string{lost: "holds", event: "not measured: node had errors, as told below"}},
		{"a connection that was gone at the end", func() func() {
			r := find(idle).results[0][3]
			r.Held--
			return func() { r.Held++ }
		}, map[string]string{broken: "**does not hold**", memory: "holds"}},
		{"goroutines that nobody tells", func() func() {
			r := find(idle).results[0][3]
			r.Goroutines = nil
			return func() { r.Goroutines = &one }
		}, map[string]string{goroutines: "not measured: ackbase: its /metrics does not tell go_goroutines"}},
		{"two goroutines", func() func() {
			two := 2.0
			for _, r := range find(idle).results[0] {
				r.Goroutines = &two
			}
			return func() {
				for _, r := range find(idle).results[0] {
					r.Goroutines = &one
				}
			}
		}, map[string]string{goroutines: "**does not hold**"}},
		{"a measure left out", func() func() {
			all := outcomes
			outcomes = all[1:]
			return func() { outcomes = all }
		}, map[string]string{get: "not measured: it was left out", event: "holds"}},
	} {
		undo := tt.change()
		got := verdicts()
		for title, want := range tt.want {
			if got[title] != want {
				t.Errorf("%s: %s: %q, want %q", tt.name, title, got[title], want)
			}
		}
		undo()
	}
}

func TestLost(t *testing.T) {
	o := &outcome{results: [][]*bench.Result{
		{{Connections: 10, Written: 10, Lost: 50}, {Connections: 10, Written: 30, Lost: 0}},
		{{Connections: 10, Written: 0}},
	}}
	if got := o.lost(0); got != 0.125 {
		t.Errorf("50 of 400 came to %v", got)
	}
	if got := o.lost(1); got != 0 {
		t.Errorf("none of none came to %v", got)
	}
}

// TestPartial holds that every flag that makes a run smaller makes it a partial one.
func TestPartial(t *testing.T) {
	for _, tt := range []struct{ flags, want string }{
		{"", ""},
		{"-rounds 7 -seconds 10 -idle 20000", ""},
		{"-rounds 4", "-rounds 4 is less than 5"},
		{"-seconds 1", "-seconds 1 is less than 4"},
		{"-warmup 1ms", "-warmup 1ms is less than 1s"},
		{"-large 1000", "-large 1000 is less than 1000000"},
		{"-room 400", "-room 400 is less than 500"},
		{"-large-room 50", "-large-room 50 is less than 5000"},
		{"-idle 9", "-idle 9 is less than 10000"},
		{"-idle-seconds 1", "-idle-seconds 1 is less than 25"},
		{"-only get", "-only leaves measures out"},
	} {
		s, err := readSettings(append(strings.Fields(tt.flags), "-server", "a=b"), t.Output())
		if err != nil {
			t.Fatal(err)
		}
		if got := s.partial(); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.flags, got, tt.want)
		}
	}
}

func TestNodeVersions(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"package.json":                        `{"dependencies":{"socket.io":"^4","lmdb":"3.5.6","absent":"1"}}`,
		"node_modules/socket.io/package.json": `{"version":"4.8.4"}`,
		"node_modules/engine.io/package.json": `{"version":"6.6.12"}`,
		"node_modules/lmdb/package.json":      `{"version":"3.5.6"}`,
		"node_modules/other/package.json":     `{"version":"1.0.0"}`,
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := nodeVersions("/no/such/node", dir), "engine.io 6.6.12, lmdb 3.5.6, socket.io 4.8.4"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
