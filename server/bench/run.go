package bench

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// run is one run of a command. Its window is opened and closed by watch, on one
// goroutine; count and fail may be called by any.
type run struct {
	Command  // with its defaults
	target   target
	base     time.Time // what all times of the run count from
	progress io.Writer

	window struct {
		from, to    time.Duration // when it is to open and close; to is moved by how late it opened
		opened      time.Duration
		length      time.Duration // 0 until it has closed
		server      time.Duration // the server's CPU: at opening, then within
		generator   time.Duration // the generator's own, the same way
		memory      int64         // the server's, at closing
		memoryStart int64         // before the first connection
	}
	reported struct {
		at    time.Duration
		count int64
	}

	mu         sync.Mutex
	counting   bool // the window is open
	counted    int64
	errors     int64
	firstError string
	latency    histogram

	written, delivered, lost, doubled int64 // by fanout, over the whole run

	held           int64    // by idle: the connections that were there at the end
	goroutinesEach *float64 // of the server, for each idle connection; nil where it does not tell
}

func (r *run) now() time.Duration { return time.Since(r.base) }

// before notes what the server uses while nobody is there.
func (r *run) before() (err error) {
	if _, err = process(r.PID).cpu(); err != nil {
		return err
	}
	r.window.memoryStart, err = process(r.PID).memory()
	return err
}

// schedule sets the window: it opens after the warm-up.
func (r *run) schedule(length time.Duration) {
	r.window.from = r.now() + r.Warmup
	r.window.to = r.window.from + length
	r.reported.at = r.now()
}

func (r *run) seconds() time.Duration { return time.Duration(r.Seconds * float64(time.Second)) }

// watch opens and closes the window when it is time, and tells the progress. It
// returns true when the window has closed.
func (r *run) watch(now time.Duration) (over bool, err error) {
	switch {
	case r.window.opened == 0 && now >= r.window.from:
		r.window.opened = now
		r.window.to += now - r.window.from
		if err := r.sample(); err != nil {
			return false, err
		}
		r.mu.Lock()
		r.counting = true
		r.mu.Unlock()
	case r.window.length == 0 && now >= r.window.to:
		r.mu.Lock()
		r.counting = false
		r.mu.Unlock()
		r.window.length = now - r.window.opened
		if err := r.sample(); err != nil {
			return false, err
		}
	}
	if now-r.reported.at >= time.Second {
		r.report(now)
	}
	return r.window.length > 0, nil
}

// sample notes what has been used so far: called at the window's two ends, it leaves
// the difference.
func (r *run) sample() error {
	if own, err := process(os.Getpid()).cpu(); err == nil { // elsewhere than under Linux it is not told
		r.window.generator = own - r.window.generator
	}
	if r.PID == 0 {
		return nil
	}
	cpu, err := process(r.PID).cpu()
	if err != nil {
		return err
	}
	r.window.server = cpu - r.window.server
	r.window.memory, err = process(r.PID).memory()
	return err
}

// report prints the progress line.
func (r *run) report(now time.Duration) {
	r.mu.Lock()
	count, errors, p99 := r.counted, r.errors, r.latency.quantile(0.99)
	r.mu.Unlock()
	if r.window.opened == 0 {
		fmt.Fprintf(r.progress, "%s: warming up, errors %d\n", r.Kind, errors)
	} else {
		passed, whole := min(now, r.window.to)-r.window.opened, r.window.to-r.window.from
		perSecond := float64(count-r.reported.count) / (now - r.reported.at).Seconds()
		fmt.Fprintf(r.progress, "%s: %.0f of %.0f s, %d so far, %.0f/s, p99 %.3g ms, errors %d\n", r.Kind,
			passed.Seconds(), whole.Seconds(), count, perSecond, float64(p99)/float64(time.Millisecond), errors)
	}
	r.reported.at, r.reported.count = now, count
}

// count notes one answer or event, if the window is open.
func (r *run) count(latency time.Duration) {
	r.mu.Lock()
	if r.counting {
		r.counted++
		r.latency.record(latency)
	}
	r.mu.Unlock()
}

// fail notes n errors of one kind.
func (r *run) fail(n int64, format string, args ...any) {
	if n <= 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.errors += n; r.firstError == "" {
		r.firstError = fmt.Sprintf(format, args...)
	}
}

func (r *run) result() (*Result, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counted == 0 && r.errors > 0 {
		return nil, fmt.Errorf("nothing was answered within the window, %d errors: %s", r.errors, r.firstError)
	}
	seconds := r.window.length.Seconds()
	result := &Result{
		Kind: r.Kind, URL: r.URL, Connections: r.Connections, Rate: r.Rate, Seconds: seconds,
		Count: r.counted, PerSecond: float64(r.counted) / seconds, Errors: r.errors, Error: r.firstError,
		Written: r.written, Delivered: r.delivered, Lost: r.lost, Doubled: r.doubled,
		Held: r.held, Goroutines: r.goroutinesEach, Generator: r.window.generator.Seconds() / seconds,
	}
	if r.Kind != Idle {
		result.Latency = latencyOf(&r.latency)
	}
	if r.Kind != Idle && r.Kind != Fanout {
		result.Depth = r.Depth
	}
	if r.PID != 0 {
		result.Server = &Server{
			CPUs:          r.window.server.Seconds() / seconds,
			Memory:        r.window.memory,
			PerConnection: (r.window.memory - r.window.memoryStart) / int64(r.Connections),
		}
		if r.counted > 0 {
			result.Server.CPUPerOp = float64(r.window.server) / float64(time.Microsecond) / float64(r.counted)
		}
	}
	return result, nil
}
