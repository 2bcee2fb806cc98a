package server

import (
	"strings"
	"sync"
	"testing"

	"github.com/gobwas/ws"
)

// AfterBatch runs once what came together has been handled, over either transport, and
// for what had to wait for the middleware after each event.
func TestAfterBatch(t *testing.T) {
	for name, open := range map[string]func(testing.TB, string) *client{"websocket": dial, "polling": dialPolling} {
		t.Run(name, func(t *testing.T) {
			io, url := serve(t, nil)
			connecting := make(chan struct{})
			io.Of("/held").Use(func(*Socket) error {
				<-connecting
				return nil
			})
			var mu sync.Mutex
			var log []string
			note := func(text string) {
				mu.Lock()
				defer mu.Unlock()
				log = append(log, text)
			}
			for _, namespace := range []string{"/", "/other", "/held"} {
				io.Of(namespace).On("e", func(e *Event) {
					text := string(e.Args[0])
					note(text)
					e.AfterBatch(func() { note("after " + text) })
					_ = e.AckRaw(e.Args[0])
				})
			}
			c := open(t, url)
			c.connect("/", "")
			c.connect("/other", "")
			check := func(want string) {
				t.Helper()
				mu.Lock()
				defer mu.Unlock()
				if got := strings.Join(log, ", "); got != want {
					t.Errorf("got %s, want %s", got, want)
				}
				log = nil
			}

			c.sendTogether(`421["e",1]`, `42/other,2["e",2]`, `423["e",3]`)
			c.expect("431[1]", "43/other,2[2]", "433[3]")
			check("1, 2, 3, after 1, after 2, after 3")
			c.sendTogether(`424["e",4]`)
			c.expect("434[4]")
			check("4, after 4")

			c.sendTogether("40/held,", `42/held,5["e",5]`, `42/held,6["e",6]`, `428["e",8]`)
			c.expect("438[8]") // so what came before it is held
			close(connecting)
			if got := c.read(); !strings.HasPrefix(got, `40/held,{"sid"`) {
				t.Fatalf("got %q, want CONNECT", got)
			}
			c.expect("43/held,5[5]", "43/held,6[6]")
			c.send(`42/held,7["e",7]`) // what follows comes after those that were held
			c.expect("43/held,7[7]")
			check("8, after 8, 5, after 5, 6, after 6, 7, after 7")
		})
	}
}

// sendTogether sends text packets so that the server reads them at once.
func (c *client) sendTogether(packets ...string) {
	c.Helper()
	if c.conn == nil {
		c.send(packets...)
		return
	}
	var frames strings.Builder
	for _, packet := range packets {
		if err := ws.WriteFrame(&frames, ws.MaskFrame(ws.NewTextFrame([]byte(packet)))); err != nil {
			c.Fatal(err)
		}
	}
	if _, err := c.conn.Write([]byte(frames.String())); err != nil {
		c.Fatal(err)
	}
}
