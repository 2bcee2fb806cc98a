package logs

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A message that floods is told ten times in ten seconds and then how often it
// was left out; others, and those at debug level, are not held back by it.
func TestFloodIsToldInShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := slog.New(Throttle(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})))
		lines := func(part string) int {
			n := 0
			for line := range strings.Lines(out.String()) {
				if strings.Contains(line, part) {
					n++
				}
			}
			out.Reset()
			return n
		}
		for i := range 1000 {
			log.With("more", i).WithGroup("g").Warn("flood", "i", i)
		}
		log.Warn("another")
		if got := lines("flood"); got != 10 {
			t.Errorf("%d lines of 1,000 in no time, want 10", got)
		}
		time.Sleep(9 * time.Second)
		log.Warn("flood")
		log.Warn("another")
		if got := lines(""); got != 1 {
			t.Errorf("%d lines after nine seconds, want that of the other message alone", got)
		}
		time.Sleep(time.Second)
		log.Warn("flood")
		if got := lines("unlogged=991"); got != 1 {
			t.Error("the next window does not begin with how many were left out")
		}
		log.Warn("flood")
		if got := lines("unlogged"); got != 0 {
			t.Error("what was left out is told twice")
		}
		for range 100 {
			log.Debug("detail")
		}
		if got := lines("detail"); got != 100 {
			t.Errorf("%d of 100 lines at debug level", got)
		}
		for i := range 2 * maxMessages {
			log.Info(fmt.Sprint("message ", i))
		}
		if got := lines("message"); got != 2*maxMessages {
			t.Errorf("%d of %d different messages", got, 2*maxMessages)
		}
	})
}
