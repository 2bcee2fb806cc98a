package crud

import "sync"

// What one session may have under way before its reader waits, unless Options say
// otherwise: enough for a client that pipelines, too little for one that wants the server's memory.
// Writes are answered with what they wrote, and many at the same time, by one
// commit: well within the bytes that may wait for a client before it counts as slow.
const (
	defaultMaxPending      = 1024
	defaultMaxPendingBytes = 2 << 20
)

// flow bounds the requests of one session that are answered later.
type flow struct {
	maxRequests, maxBytes int

	mu       sync.Mutex
	less     *sync.Cond // made when somebody must wait
	requests int
	bytes    int
}

// enter waits for a place for a request that holds so many bytes. What is
// under way ends without the waiting reader, so the wait does.
func (f *flow) enter(bytes int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.requests >= f.maxRequests || f.requests > 0 && f.bytes+bytes > f.maxBytes {
		if f.less == nil {
			f.less = sync.NewCond(&f.mu)
		}
		f.less.Wait()
	}
	f.requests++
	f.bytes += bytes
}

func (f *flow) leave(bytes int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requests--
	f.bytes -= bytes
	if f.less != nil {
		f.less.Signal()
	}
}
