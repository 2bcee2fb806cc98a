package server

import (
	"strings"
	"testing"
)

// TestAckAllocatesNothing measures on the reader's goroutine, with the socket of a real connection.
func TestAckAllocatesNothing(t *testing.T) {
	io, url := serve(t, &Options{MaxBuffered: 64 << 20, HighWater: 32 << 20})
	result := make(chan float64, 1)
	answer := [][]byte{[]byte(`{"id":1,"name":"x"}`), []byte("null"), []byte(`{"rev":"1"}`)}
	io.Of("/").On("measure", func(e *Event) {
		message := []byte(`27["GET","items",1]`)
		result <- testing.AllocsPerRun(200, func() { e.Socket().conn.Message(nil, message, false) })
	})
	io.Of("/").On("GET", func(e *Event) { _ = e.AckRaw(answer...) })
	c := dial(t, url)
	c.connect("/", "")
	c.send(`42["measure"]`)
	allowed := 0.9 // the connection's buffer grows now and then
	if raceEnabled {
		allowed = 8 // sync.Pool drops at random under the race detector
	}
	if n := <-result; n > allowed {
		t.Errorf("%v allocations for an event and its answer, want none", n)
	}
	for range 201 {
		c.expect(`437[{"id":1,"name":"x"},null,{"rev":"1"}]`)
	}
}

// TestAckRawOfEverySize acknowledges with none, one and several arguments, around the size from which on they are
// not put together first.
func TestAckRawOfEverySize(t *testing.T) {
	io, url := serve(t, nil)
	io.Of("/").On("echo", func(e *Event) {
		args := make([][]byte, len(e.Args))
		for i, arg := range e.Args {
			args[i] = arg
		}
		if err := e.AckRaw(args...); err != nil {
			t.Error(err)
		}
	})
	for name, open := range map[string]func(testing.TB, string) *client{"websocket": dial, "polling": dialPolling} {
		t.Run(name, func(t *testing.T) {
			c := open(t, url)
			c.connect("/", "")
			c.send(`421["echo"]`)
			c.expect("431[]")
			for _, size := range []int{1, maxCopied - 10, maxCopied - 2, maxCopied, 10 * maxCopied, 300_000} {
				text := `"` + strings.Repeat("x", size-1) + `"`
				c.send(`422["echo",` + text + `]`)
				c.expect(`432[` + text + `]`)
				c.send(`423["echo",1,` + text + `,null]`)
				c.expect(`433[1,` + text + `,null]`)
			}
		})
	}
}
