package server

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestOrder sends 2,000 events each way at the same time, binary ones and acknowledgements both
// ways among them: every one arrives once and in order, nothing gets between a
// packet and its attachments.
func TestOrder(t *testing.T) {
	for name, open := range map[string]func(testing.TB, string) *client{
		"websocket": dial, "polling": dialPolling, "upgrade": dialPolling,
	} {
		t.Run(name, func(t *testing.T) {
			io, url := serve(t, nil)
			wait := exchange(t, io)
			c := open(t, url)
			c.connect("/", "")
			c.both(name == "upgrade")
			wait()
		})
	}
}

const exchanged = 2000

// exchange makes the server acknowledge every event "n" and send as many events "s" to the first
// socket, every tenth of them with an attachment and every hundredth waiting for its acknowledgement.
func exchange(t *testing.T, io *Server) (wait func()) {
	heard := 0
	io.Of("/").On("n", func(e *Event) {
		var n int
		if len(e.Attachments) > 0 {
			_, _ = fmt.Sscan(string(e.Attachments[0]), &n)
			_ = e.AckBinary(e.Args, e.Attachments)
		} else if err := e.Decode(0, &n); err != nil {
			t.Error(err)
		} else {
			_ = e.AckRaw(e.Args[0])
		}
		if n != heard {
			t.Errorf("the server got %d after %d", n, heard-1)
		}
		heard = n + 1
	})
	var sending sync.WaitGroup
	io.Of("/").OnConnect(func(s *Socket) {
		sending.Go(func() {
			ctx, cancel := context.WithTimeout(s.Context(), patience)
			defer cancel()
			for i := range exchanged {
				var err error
				switch {
				case i%100 == 99:
					_, err = s.EmitWithAck(ctx, "s", i)
				case i%10 == 9:
					err = s.Emit("s", i, fmt.Append(nil, i))
				default:
					err = s.Emit("s", i)
				}
				if err != nil {
					t.Errorf("event %d: %v", i, err)
					return
				}
				if i%20 == 0 {
					time.Sleep(time.Millisecond) // spreads them over the polls and the upgrade
				}
			}
		})
	})
	return sending.Wait
}

// both is the client's part. With upgrade, it changes from polling to WebSocket in the middle.
func (c *client) both(upgrade bool) {
	var writing, reading sync.Mutex
	var sending sync.WaitGroup
	halfway := make(chan struct{})
	sending.Go(func() {
		for i := 0; i < exchanged; i += 10 {
			var packets []string
			for n := i; n < i+9; n++ {
				packets = append(packets, fmt.Sprintf(`42%d["n",%d]`, n, n))
			}
			packets = append(packets, fmt.Sprintf(`451-%d["n",{"_placeholder":true,"num":0}]`, i+9), fmt.Sprint("b:", i+9))
			writing.Lock()
			c.send(packets...)
			writing.Unlock()
			if i == exchanged/4 {
				close(halfway)
			}
		}
	})
	if upgrade {
		sending.Go(func() {
			<-halfway
			c.upgrade(func() { writing.Lock(); reading.Lock() }, func() { reading.Unlock(); writing.Unlock() })
		})
	}
	acks, events := 0, 0
	attachment := "" // what must come next
	for acks < exchanged || events < exchanged || attachment != "" {
		reading.Lock()
		got := c.next()
		reading.Unlock()
		switch {
		case got == "2":
			writing.Lock()
			c.send("3")
			writing.Unlock()
		case got == "6":
		case attachment != "":
			if got != attachment {
				c.Fatalf("got %q, want the attachment %q", got, attachment)
			}
			attachment = ""
		case strings.HasPrefix(got, "43"), strings.HasPrefix(got, "46"):
			want := fmt.Sprintf("43%d[%d]", acks, acks)
			if acks%10 == 9 {
				want = fmt.Sprintf(`461-%d[{"_placeholder":true,"num":0}]`, acks)
				attachment = fmt.Sprintf("b:%d", acks)
			}
			if got != want {
				c.Fatalf("got %q, want %q", got, want)
			}
			acks++
		default:
			id := fmt.Sprint(events / 100)
			want := fmt.Sprintf(`42["s",%d]`, events)
			switch {
			case events%100 == 99:
				want = fmt.Sprintf(`42%s["s",%d]`, id, events)
			case events%10 == 9:
				want = fmt.Sprintf(`451-["s",%d,{"_placeholder":true,"num":0}]`, events)
				attachment = fmt.Sprintf("b:%d", events)
			}
			if got != want {
				c.Fatalf("got %q, want %q", got, want)
			}
			if events%100 == 99 {
				writing.Lock()
				c.send("43" + id + "[]")
				writing.Unlock()
			}
			events++
		}
	}
	sending.Wait()
	if upgrade && c.conn == nil {
		c.Error("the upgrade never came")
	}
}
