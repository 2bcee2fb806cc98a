package console

import (
	"context"
	"net/http"
	"runtime/metrics"
	"strconv"
	"sync"
	"time"

	"ackbase/crud"
)

const (
	interval = time.Second
	// maxSamples is how far back the series goes: ten minutes.
	maxSamples = 600
	// keepSampling is how long samples are taken after somebody has asked for them,
	// so that the page finds its past again when it is opened anew.
	keepSampling = 10 * time.Minute
	// window is how many samples a quantile is of, since few requests a second would make it jump.
	window = 10
)

// sample is what the process had done, and was, at a moment.
type sample struct {
	at time.Time

	reads, writes, faults uint64 // requests since the start; of them, refused ones
	events, changes       uint64 // delivered, written
	readTimes, writeTimes crud.Histogram

	heap, memory                  uint64 // bytes
	connections, streams, waiting int
	fileBytes                     int64
}

// sample takes one. It looks at every connection.
func (h *Handler) sample() sample {
	verbs, sockets, store := h.sources.Verbs.Stats(), h.sources.Sockets.Stats(), h.sources.Store.Stats()
	s := sample{
		at: time.Now(), events: verbs.Delivered, changes: store.Changes, fileBytes: store.FileBytes,
		connections: sockets.Polling + sockets.WebSocket, waiting: sockets.Waiting,
		streams: h.sources.Streams.Stats().Open,
	}
	for verb, n := range verbs.Requests {
		count, times := &s.writes, &s.writeTimes
		if !writes[verb] {
			count, times = &s.reads, &s.readTimes
		}
		*count += n
		for _, faults := range verbs.Faults[verb] {
			s.faults += faults
		}
		weight := uint64(1)
		if verb == "GET" {
			weight = crud.TimedGETs
		}
		for i, n := range verbs.Latency[verb].Counts {
			times.Counts[i] += n * weight
		}
	}
	read := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(read)
	s.heap, s.memory = read[0].Value.Uint64(), read[1].Value.Uint64()-read[2].Value.Uint64()
	return s
}

// writes are the verbs that change something. All others are reads.
var writes = map[string]bool{"POST": true, "PUT": true, "PATCH": true, "DELETE": true}

// series is the samples of the last minutes, which one goroutine takes while
// somebody wants them.
type series struct {
	take func() sample

	ctx context.Context // ends with close
	end context.CancelFunc
	wg  sync.WaitGroup

	mu      sync.Mutex
	running bool
	asked   time.Time
	samples []sample // the oldest first; at most maxSamples and a window before them
}

func newSeries(take func() sample) *series {
	s := &series{take: take}
	s.ctx, s.end = context.WithCancel(context.Background())
	return s
}

func (s *series) close() {
	s.mu.Lock()
	s.end()
	s.mu.Unlock()
	s.wg.Wait()
}

// since gives the samples after a time, with a window of those before, from
// which rates and quantiles are computed; from says where the samples begin. It
// keeps the sampling going, which begins with the first call.
func (s *series) since(after time.Time) (list []sample, from int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = time.Now()
	if !s.running && s.ctx.Err() == nil {
		s.running = true
		s.samples = append(s.samples[:0], s.take())
		s.wg.Go(s.run)
	}
	begin := 0
	for begin < len(s.samples) && !s.samples[begin].at.After(after) {
		begin++
	}
	first := max(0, begin-window)
	return append([]sample(nil), s.samples[first:]...), begin - first
}

func (s *series) run() {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-s.ctx.Done():
			return
		}
		taken := s.take() // without the lock: it looks at every connection
		s.mu.Lock()
		if time.Since(s.asked) > keepSampling {
			s.running, s.samples = false, nil
			s.mu.Unlock()
			return
		}
		if s.samples = append(s.samples, taken); len(s.samples) > maxSamples+window {
			s.samples = append(s.samples[:0], s.samples[1:]...)
		}
		s.mu.Unlock()
	}
}

// seriesAnswer is what /series answers. A row is the time in Unix milliseconds and a
// number, or null where there is none, for each of the names that follow it.
type seriesAnswer struct {
	Names []string     `json:"names"`
	Rows  [][]*float64 `json:"rows"`

	Began     time.Time `json:"began"` // the process
	Version   string    `json:"version"`
	FileBytes int64     `json:"fileBytes"`
}

// names are the columns of a row: rates are of one second, times in milliseconds.
var columns = []string{
	"time", "reads", "writes", "faults", "events", "changes", "readP50", "readP99", "writeP50", "writeP99",
	"heap", "memory", "connections", "streams", "waiting",
}

// samples answers with what is new since ?since=, a row's time; without it, with all.
func (h *Handler) samples(w http.ResponseWriter, r *http.Request) {
	var after time.Time
	if text := r.URL.Query().Get("since"); text != "" {
		ms, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			refuse(w, http.StatusBadRequest, "since is the time of a row, in Unix milliseconds")
			return
		}
		after = time.UnixMilli(ms + 1).Add(-1) // to the end of that millisecond
	}
	list, from := h.series.since(after)
	a := seriesAnswer{Names: columns, Rows: [][]*float64{}, Began: h.began.UTC(), Version: h.sources.Version}
	if len(list) > 0 {
		a.FileBytes = list[len(list)-1].fileBytes
	}
	for i := max(from, 1); i < len(list); i++ {
		a.Rows = append(a.Rows, row(list, i))
	}
	answer(w, a)
}

// row tells of the sample at i, which is not the first.
func row(list []sample, i int) []*float64 {
	now, before, base := &list[i], &list[i-1], &list[max(0, i-window)]
	seconds := now.at.Sub(before.at).Seconds()
	rate := func(now, before uint64) *float64 {
		v := 0.0
		if seconds > 0 && now > before {
			v = float64(now-before) / seconds
		}
		return &v
	}
	gauge := func(v float64) *float64 { return &v }
	return []*float64{
		gauge(float64(now.at.UnixMilli())),
		rate(now.reads, before.reads), rate(now.writes, before.writes), rate(now.faults, before.faults),
		rate(now.events, before.events), rate(now.changes, before.changes),
		quantile(&now.readTimes, &base.readTimes, 0.5), quantile(&now.readTimes, &base.readTimes, 0.99),
		quantile(&now.writeTimes, &base.writeTimes, 0.5), quantile(&now.writeTimes, &base.writeTimes, 0.99),
		gauge(float64(now.heap)), gauge(float64(now.memory)),
		gauge(float64(now.connections)), gauge(float64(now.streams)), gauge(float64(now.waiting)),
	}
}

// quantile is the time, in milliseconds, under which the part q of the requests
// between two moments stayed, as far as the bounds of the histogram tell; nil where there was none.
func quantile(now, before *crud.Histogram, q float64) *float64 {
	var counts [len(crud.Bounds) + 1]uint64
	total := uint64(0)
	for i := range counts {
		if now.Counts[i] > before.Counts[i] { // counted while the others were read
			counts[i] = now.Counts[i] - before.Counts[i]
		}
		total += counts[i]
	}
	if total == 0 {
		return nil
	}
	rank, seen := q*float64(total), 0.0
	for i, n := range counts {
		if n == 0 || seen+float64(n) < rank {
			seen += float64(n)
			continue
		}
		low, high := time.Duration(0), crud.Bounds[len(crud.Bounds)-1]
		if i > 0 {
			low = crud.Bounds[i-1]
		}
		if i < len(crud.Bounds) {
			high = crud.Bounds[i]
		}
		v := low.Seconds() + (high-low).Seconds()*(rank-seen)/float64(n)
		v *= 1000
		return &v
	}
	v := crud.Bounds[len(crud.Bounds)-1].Seconds() * 1000
	return &v
}
