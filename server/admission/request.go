package admission

import (
	"net/http"
	"time"
)

// Request counts a request that belongs to no session, and returns how long its address is to
// wait with it, where that has sent too many; else 0.
func (l *Limits) Request(r *http.Request) (wait time.Duration) {
	client, bounded := l.client(r)
	if !bounded {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	a := l.address(group(client))
	if a.requests == nil {
		a.requests = newLimiter(l.options.RequestRatePerAddress)
	}
	now := time.Now()
	reserved := a.requests.ReserveN(now, 1)
	if wait = reserved.DelayFrom(now); wait > 0 {
		reserved.CancelAt(now)
	}
	return wait
}
