package server

import (
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
