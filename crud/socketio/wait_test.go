package socketio

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gobwas/ws/wsutil"

	"ackbase/collections"
	"ackbase/collections/bolt"
	"ackbase/crud"
)

// unhurried is a store that takes its time to read, once it is slow.
type unhurried struct {
	*bolt.Store
	slow atomic.Bool
}

func (s *unhurried) View(ctx context.Context, fn func(collections.Reader) error) error {
	if s.slow.Load() {
		time.Sleep(100 * time.Millisecond) // long enough for what came together to be handled
	}
	return s.Store.View(ctx, fn)
}

// TestPagesTogether asks for more large pages at once than may be under way. The reader waits for a
// place, and a page for the one before to leave: which it must, though the reader has not returned.
func TestPagesTogether(t *testing.T) {
	store := &unhurried{Store: openStore(t)}
	url := serveVerbs(t, store, &crud.Options{MaxPendingBytes: 1100}, nil)
	writer := connect(t, url)
	for id := range 2 {
		writer.write(fmt.Sprintf(`42%d["PUT","large",{"id":%d,"text":"%s"}]`, id, id+1, strings.Repeat("x", 900<<10)))
		writer.read(fmt.Sprintf("43%d[{", id))
	}
	store.slow.Store(true)
	var asked []string
	for n, size := range []int{900, 0, 0, 0, 0, 900} { // so that a short one that has ended makes no room for the last
		asked = append(asked, fmt.Sprintf(`42%d["GET","large",{"filters":{"id":{"$ne":"%s"}}}]`, n, strings.Repeat("x", size)))
	}
	page := regexp.MustCompile(`^43([0-9])\[\[\{"id":1,`)
	answered := func(t *testing.T, packet string, left map[string]bool) {
		found := page.FindStringSubmatch(packet)
		if found == nil || left[found[1]] {
			t.Fatalf("got %.80q, want a page", packet)
		}
		left[found[1]] = true
	}

	t.Run("WebSocket", func(t *testing.T) {
		s := connect(t, url)
		_ = s.SetDeadline(time.Now().Add(20 * time.Second))
		s.write(asked...)
		for got := map[string]bool{}; len(got) < len(asked); {
			data, _, err := wsutil.ReadServerData(struct {
				io.Reader
				io.Writer
			}{s.in, s.Conn})
			if err != nil {
				t.Fatalf("after %d pages: %v", len(got), err)
			}
			answered(t, string(data), got)
		}
	})
	t.Run("polling", func(t *testing.T) {
		client := &http.Client{Transport: &http.Transport{}, Timeout: 20 * time.Second}
		defer client.CloseIdleConnections()
		at := url + "/socket.io/?EIO=4&transport=polling"
		do := func(res *http.Response, err error) string {
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			if err != nil || res.StatusCode != http.StatusOK {
				t.Errorf("status %d: %.80s, %v", res.StatusCode, body, err)
			}
			return string(body)
		}
		post := func(packets ...string) {
			do(client.Post(at, "text/plain;charset=UTF-8", strings.NewReader(strings.Join(packets, "\x1e"))))
		}
		_, sid, _ := strings.Cut(do(client.Get(at)), `"sid":"`)
		sid, _, _ = strings.Cut(sid, `"`)
		at += "&sid=" + sid
		post("40")
		do(client.Get(at))
		posted := make(chan struct{})
		go func() {
			defer close(posted)
			res, err := client.Post(at, "text/plain;charset=UTF-8", strings.NewReader(strings.Join(asked, "\x1e")))
			if err != nil {
				t.Error(err)
				return
			}
			res.Body.Close()
		}()
		for got := map[string]bool{}; len(got) < len(asked); {
			for _, packet := range strings.Split(do(client.Get(at)), "\x1e") {
				answered(t, packet, got)
			}
		}
		<-posted
		post("1")
	})
}
