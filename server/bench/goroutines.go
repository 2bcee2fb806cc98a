package bench

import (
	"bufio"
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// goroutines is what the server's /metrics tells as go_goroutines; ok is false where
// it has no such page.
func (r *run) goroutines(ctx context.Context) (n int64, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.target.host+"/metrics", nil)
	if err != nil {
		return 0, false
	}
	request.Close = true // a connection kept open would count among the server's
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	res, err := transport.RoundTrip(request)
	if err != nil {
		return 0, false
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return 0, false
	}
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if value, found := strings.CutPrefix(lines.Text(), "go_goroutines "); found {
			n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			return int64(n), err == nil
		}
	}
	return 0, false
}
