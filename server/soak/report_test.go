package soak

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func (s stage) String() string { return [...]string{"arriving", "alone", "mixed", "leaving"}[s] }

func (m measure) String() string {
	return [...]string{"GET, request to answer", "writes, request to answer", "write to event"}[m]
}

// report is the latencies of all healthy clients.
type report latencies

// report gathers them, when the clients are gone.
func (h *healthy) report() *report {
	r := &report{}
	add := func(l *latencies) {
		for s := range l {
			for m := range l[s] {
				r[s][m] = append(r[s][m], l[s][m]...)
			}
		}
	}
	for _, s := range h.subscribers {
		add(&s.latencies)
	}
	for _, c := range slices.Concat(h.readers, h.writers) {
		add(&c.latencies)
	}
	for s := range r {
		for m := range r[s] {
			slices.Sort(r[s][m])
		}
	}
	return r
}

// quantile is the latency in ms that a share q is not above.
func (r *report) quantile(s stage, m measure, q float64) float64 {
	list := r[s][m]
	if len(list) == 0 {
		return 0
	}
	return float64(list[min(int(q*float64(len(list))), len(list)-1)]) / 1000
}

// String is a table.
func (r *report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%-26s %36s %36s %s\n", "latencies in ms", "alone", "with the others", "99 %: times")
	fmt.Fprintf(&b, "%-26s %9s %8s %8s %8s %9s %8s %8s %8s\n", "", "count", "50 %", "99 %", "99.9 %", "count", "50 %", "99 %", "99.9 %")
	for m := range measures {
		fmt.Fprintf(&b, "%-26s", m)
		for _, s := range []stage{alone, mixed} {
			fmt.Fprintf(&b, " %9d %8.2f %8.2f %8.2f", len(r[s][m]), r.quantile(s, m, 0.5), r.quantile(s, m, 0.99), r.quantile(s, m, 0.999))
		}
		times := r.quantile(mixed, m, 0.99) / r.quantile(alone, m, 0.99)
		fmt.Fprintf(&b, " %8.2f", times)
		if times < 0.8 { // not by chance
			b.WriteString(" tells nothing: the machine was disturbed while they were alone")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// check fails the test where the others cost the healthy clients more than promised.
func (r *report) check(t *testing.T) {
	t.Helper()
	for m := range measures {
		if before, beside := r.quantile(alone, m, 0.99), r.quantile(mixed, m, 0.99); beside > 2*before {
			t.Errorf("%s: the 99th percentile was %.2f ms alone and %.2f ms with the others, over twice that", m, before, beside)
		}
	}
}

// watcher looks at the process each second.
type watcher struct {
	process *process
	stop    chan struct{}
	ended   chan struct{}
	marks   []mark
	last    map[string]float64 // the metrics at the last mark
	samples []sample           // of memory, while mixed
	err     error              // once ended is closed
}

// mark is the beginning of a stage.
type mark struct {
	stage stage
	at    time.Time
	cpu   float64 // seconds that the process has used until then
	own   float64 // the same of the test itself
}

type sample struct {
	at     time.Time
	memory int64
}

func watch(p *process) *watcher {
	w := &watcher{process: p, stop: make(chan struct{}), ended: make(chan struct{})}
	go func() {
		defer close(w.ended)
		for tick := time.NewTicker(time.Second); ; {
			memory, err := p.memory()
			if w.err = errors.Join(w.err, err); w.err != nil {
				return
			}
			w.samples = append(w.samples, sample{time.Now(), memory})
			select {
			case <-tick.C:
			case <-w.stop:
				tick.Stop()
				return
			}
		}
	}()
	return w
}

// enter notes that a stage begins.
func (w *watcher) enter(s stage) error {
	all, err := w.process.metrics()
	w.last = all
	w.marks = append(w.marks, mark{s, time.Now(), all["process_cpu_seconds_total"], ownCPU()})
	return err
}

func (w *watcher) end() {
	close(w.stop)
	<-w.ended
}

// median is the memory in a part of the mixed stage, such as 0.2 to 0.4: of ten minutes the third and fourth.
func (w *watcher) median(first, last float64) int64 {
	at := slices.IndexFunc(w.marks, func(m mark) bool { return m.stage == mixed })
	from, length := w.marks[at].at, w.marks[at+1].at.Sub(w.marks[at].at)
	var list []int64
	for _, s := range w.samples {
		if part := float64(s.at.Sub(from)) / float64(length); part >= first && part < last {
			list = append(list, s.memory)
		}
	}
	slices.Sort(list)
	if len(list) == 0 {
		return 0
	}
	return list[len(list)/2]
}

func (w *watcher) String() string {
	var b strings.Builder
	for i, m := range w.marks[:len(w.marks)-1] {
		passed := w.marks[i+1].at.Sub(m.at)
		fmt.Fprintf(&b, "server, %s for %v: %.2f cores; the clients %.2f\n", m.stage, passed.Round(time.Second),
			(w.marks[i+1].cpu-m.cpu)/passed.Seconds(), (w.marks[i+1].own-m.own)/passed.Seconds())
	}
	b.WriteString("server's memory in MB, medians of the tenths of that:")
	for tenth := range 10 {
		if memory := w.median(float64(tenth)/10, float64(tenth+1)/10); memory > 0 {
			fmt.Fprintf(&b, " %.0f", float64(memory)/(1<<20))
		}
	}
	b.WriteByte('\n')
	for _, name := range slices.Sorted(maps.Keys(w.last)) {
		for _, family := range []string{"ackbase_connections_opened_total", "ackbase_connections_closed_total{", "ackbase_catchup_changes_total{", "ackbase_sockets_behind"} {
			if strings.HasPrefix(name, family) {
				fmt.Fprintf(&b, "%s %.0f\n", name, w.last[name])
			}
		}
	}
	return b.String()
}

// check fails the test where memory has grown.
func (w *watcher) check(t *testing.T) {
	t.Helper()
	if early, late := w.median(0.2, 0.4), w.median(0.8, 1); float64(late) > 1.15*float64(early) {
		t.Errorf("the server's memory has grown from %d to %d bytes", early, late)
	}
}

// ownCPU is how many seconds of the processors the test has used.
func ownCPU() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}
