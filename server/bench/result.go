package bench

import (
	"fmt"
	"strings"
	"time"
)

// Result is what a run measured. doc.go says how to read it.
type Result struct {
	Kind        string  `json:"kind"`
	URL         string  `json:"url"`
	Connections int     `json:"connections"`
	Depth       int     `json:"depth,omitempty"`
	Rate        float64 `json:"rate,omitempty"` // asked for, a second
	Seconds     float64 `json:"seconds"`        // the window as it was

	Count     int64    `json:"count"`                // answers, events or heartbeats within the window
	PerSecond float64  `json:"perSecond"`            // Count by Seconds
	Errors    int64    `json:"errors"`               // of the whole run
	Error     string   `json:"firstError,omitempty"` // what the first of them was
	Written   int64    `json:"written,omitempty"`    // fanout: the writes of the whole run
	Delivered int64    `json:"delivered,omitempty"`  // fanout: the events of the whole run, each counted once
	Lost      int64    `json:"lost,omitempty"`       // fanout: events that did not come though their write was acknowledged
	Doubled   int64    `json:"doubled,omitempty"`    // fanout: events that came again
	Held      int64    `json:"held,omitempty"`       // idle: connections that were there at the end
	Latency   *Latency `json:"latency,omitempty"`    // nil where nothing has one

	Server     *Server  `json:"server,omitempty"`                  // nil without --pid
	Goroutines *float64 `json:"goroutinesPerConnection,omitempty"` // idle: gained by connections; nil where the server's /metrics does not tell
	Generator  float64  `json:"generatorCPUs,omitempty"`           // the generator's own CPU in the window, in cores
}

// Latency is a distribution in milliseconds.
type Latency struct {
	P50  float64 `json:"p50"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p999"`
	Max  float64 `json:"max"`
}

// Server is what the server's process used.
type Server struct {
	CPUs          float64 `json:"cpus"`                // in the window, in cores
	CPUPerOp      float64 `json:"cpuPerOp,omitempty"`  // microseconds for one of Count
	Memory        int64   `json:"memory"`              // resident bytes that belong to no file (RssAnon) at the window's end
	PerConnection int64   `json:"memoryPerConnection"` // such bytes gained since before the first connection, by connections
}

// String is the result for a person, several lines.
func (r *Result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %d connections", r.Kind, r.URL, r.Connections)
	if r.Depth > 0 {
		fmt.Fprintf(&b, ", depth %d", r.Depth)
	}
	if r.Rate > 0 {
		fmt.Fprintf(&b, ", rate %g/s", r.Rate)
	}
	fmt.Fprintf(&b, ", %.1f s\n", r.Seconds)
	what := map[string]string{Fanout: "events", Idle: "heartbeats"}[r.Kind]
	if what == "" {
		what = "answers"
	}
	fmt.Fprintf(&b, "  %-12s %d (%.0f/s), errors %d\n", what, r.Count, r.PerSecond, r.Errors)
	if r.Error != "" {
		fmt.Fprintf(&b, "  %-12s %s\n", "first error", r.Error)
	}
	if r.Kind == Fanout {
		fmt.Fprintf(&b, "  %-12s %d of %d (%d writes), lost %d, doubled %d\n", "delivered",
			r.Delivered, r.Written*int64(r.Connections), r.Written, r.Lost, r.Doubled)
	}
	if r.Kind == Idle {
		fmt.Fprintf(&b, "  %-12s %d of %d connections", "held", r.Held, r.Connections)
		if r.Goroutines != nil {
			fmt.Fprintf(&b, ", %.2f goroutines each", *r.Goroutines)
		}
		b.WriteByte('\n')
	}
	if l := r.Latency; l != nil {
		fmt.Fprintf(&b, "  %-12s p50 %.3g ms, p99 %.3g ms, p99.9 %.3g ms, most %.3g ms\n", "latency", l.P50, l.P99, l.P999, l.Max)
	}
	if s := r.Server; s != nil {
		fmt.Fprintf(&b, "  %-12s %.2f cores", "server", s.CPUs)
		if s.CPUPerOp > 0 && r.Kind != Idle {
			fmt.Fprintf(&b, ", %.2f µs of CPU each", s.CPUPerOp)
		}
		fmt.Fprintf(&b, ", %.1f MB, %.1f KB a connection\n", float64(s.Memory)/(1<<20), float64(s.PerConnection)/(1<<10))
	}
	if r.Generator > 0 {
		fmt.Fprintf(&b, "  %-12s %.2f cores\n", "generator", r.Generator)
	}
	return b.String()
}

func latencyOf(h *histogram) *Latency {
	if h.total == 0 {
		return nil
	}
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	return &Latency{ms(h.quantile(0.5)), ms(h.quantile(0.99)), ms(h.quantile(0.999)), ms(h.most)}
}
