package soak

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/gobwas/ws"

	"ackbase/server/client"
)

// patience bounds each wait of a client. It is what a hanging server costs, no pace.
const patience = 30 * time.Second

// visitor is a client about to come.
type visitor struct {
	client.Server
	n int // a number of its own, on which depends what it does
}

// newVisitor is a visitor of a server, whose connections end with the context.
func newVisitor(ctx context.Context, url string, n int) visitor {
	return visitor{client.Server{Context: ctx, URL: url, Patience: patience}, n}
}

// session is what a visitor opens.
type session struct {
	*client.Session
	n int // the visitor's
}

// open opens a session over WebSocket.
func (v visitor) open() (*session, error) {
	s, err := v.Open()
	return &session{s, v.n}, err
}

// openPolling opens a session over polling.
func (v visitor) openPolling() (*session, error) {
	s, err := v.OpenPolling()
	return &session{s, v.n}, err
}

// join connects a client by the way of opening, such as visitor.open. event may be nil.
func (v visitor) join(opening func(visitor) (*session, error), event func(name string, data []byte)) (*client.Client, error) {
	s, err := opening(v)
	if err != nil {
		return nil, err
	}
	if _, err := s.Connect(""); err != nil {
		s.Drop()
		return nil, err
	}
	return client.Start(s.Session, func(name string, args []json.RawMessage) {
		if event != nil && len(args) > 0 {
			event(name, args[0])
		}
	}), nil
}

// A way is one of those in which a client comes, acts and goes. It fails only where the server did what it should not.
type way struct {
	name string
	walk func(v visitor) error
}

// churnItems is how many items of the collection churn the visitors change.
const churnItems = 20

// ways are those that any client has with any server that serves the verbs.
var ways = []way{
	{"close packet", func(v visitor) error {
		return v.visit(func(s *session) error {
			if err := s.Send("1"); err != nil {
				return err
			}
			return s.ReadToEnd(true)
		})
	}},
	{"close frame", func(v visitor) error {
		return v.visit(func(s *session) error {
			if err := s.WS.WriteBytes(client.AppendFrame(nil, ws.OpClose, ws.NewCloseFrameBody(1000, ""))); err != nil {
				return err
			}
			return s.ReadToEnd(true)
		})
	}},
	{"close packet over polling", func(v visitor) error {
		return v.visitPolling(func(s *session) error { return s.Send("1") })
	}},
	{"FIN", func(v visitor) error {
		return v.visit(func(s *session) error { return nil })
	}},
	{"FIN, and then reading on", func(v visitor) error {
		return v.visit(func(s *session) error {
			if err := s.WS.Conn.(*net.TCPConn).CloseWrite(); err != nil {
				return err
			}
			return s.ReadToEnd(false)
		})
	}},
	{"RST in a binary packet", func(v visitor) error {
		return v.visit(func(s *session) error {
			frames := client.AppendFrame(nil, ws.OpText, []byte(`452-["x",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`))
			err := s.WS.WriteBytes(client.AppendFrame(frames, ws.OpBinary, []byte{1}))
			s.WS.Reset()
			return err
		})
	}},
	{"FIN within a frame", func(v visitor) error {
		return v.visit(func(s *session) error {
			frame := client.AppendFrame(nil, ws.OpText, []byte(`420["GET","churn",1]`))
			return s.WS.WriteBytes(frame[:2+v.n%(len(frame)-2)])
		})
	}},
	{"RST within the fragments of a message", func(v visitor) error {
		return v.visit(func(s *session) error {
			first := ws.MustCompileFrame(ws.MaskFrame(ws.NewFrame(ws.OpText, false, []byte(`420["PUT","`))))
			err := s.WS.WriteBytes(first)
			s.WS.Reset()
			return err
		})
	}},
	{"40 and close frame in one segment", func(v visitor) error {
		s, err := v.open()
		if err != nil {
			return err
		}
		defer s.Drop()
		if err := s.WS.WriteBytes(client.AppendFrame(client.AppendFrame(nil, ws.OpText, []byte("40")), ws.OpClose, nil)); err != nil {
			return err
		}
		return s.ReadToEnd(true)
	}},
	{"40, verbs and 41 in one segment", func(v visitor) error {
		s, err := v.open()
		if err != nil {
			return err
		}
		defer s.Drop()
		return s.Send("40", `421["SUBSCRIBE","churn"]`, put(v.n), "41")
	}},
	{"40 and close packet in one polling body", func(v visitor) error {
		s, err := v.openPolling()
		if err != nil {
			return err
		}
		defer s.Drop()
		return s.Send("40", "1")
	}},
	{"41, 40 again, and FIN", func(v visitor) error {
		return v.visit(func(s *session) error {
			if err := s.Send("41", "40"); err != nil {
				return err
			}
			return s.ReadUntil("40")
		})
	}},
	{"CONNECT refused", func(v visitor) error {
		s, err := v.open()
		if err != nil {
			return err
		}
		defer s.Drop()
		if err := s.Send("40/nowhere,"); err != nil {
			return err
		}
		return s.ReadUntil("44/nowhere,")
	}},
	{"event before CONNECT", func(v visitor) error {
		s, err := v.open()
		if err != nil {
			return err
		}
		defer s.Drop()
		if err := s.Send(put(v.n)); err != nil {
			return err
		}
		return s.ReadToEnd(true)
	}},
	{"what is no packet", func(v visitor) error {
		return v.visit(func(s *session) error {
			if err := s.Send("4x"); err != nil {
				return err
			}
			return s.ReadToEnd(true)
		})
	}},
	{"what is no frame", func(v visitor) error {
		return v.visit(func(s *session) error {
			if err := s.WS.WriteBytes([]byte("GET / HTTP/1.1\r\n\r\n")); err != nil {
				return err
			}
			return s.ReadToEnd(true)
		})
	}},
	{"gone while events flow", func(v visitor) error {
		return v.visit(func(s *session) error {
			if err := s.Send(`428["SUBSCRIBE","churn"]`, put(v.n), put(v.n+1), put(v.n+2)); err != nil {
				return err
			}
			return s.ReadUntil(`42["`)
		})
	}},
	{"gone before the answers", func(v visitor) error {
		return v.visit(func(s *session) error {
			if err := s.Send(`4290["GET","churn",{"limit":1000}]`, put(v.n), `4291["SUBSCRIBE","churn",null,{"snapshot":true}]`,
				put(v.n+1), `4292["GET","churn",1]`); err != nil {
				return err
			}
			if v.n%2 == 0 {
				s.WS.Reset()
			}
			return nil
		})
	}},
	{"poll that its client gives up", func(v visitor) error {
		return v.visitPolling(func(s *session) error {
			for { // until nothing waits for the client any more, and the poll does
				ctx, cancel := context.WithTimeout(s.Context, 20*time.Millisecond)
				status, _, err := s.Request(ctx, http.MethodGet, "")
				cancel()
				if err != nil {
					return nil
				}
				if status != http.StatusOK {
					return fmt.Errorf("a poll got status %d", status)
				}
			}
		})
	}},
	{"two polls at a time", func(v visitor) error {
		return v.visitPolling(func(s *session) error {
			over := make(chan error, 2)
			for range 2 {
				go func() {
					for {
						status, _, err := s.Request(s.Context, http.MethodGet, "")
						if err != nil || status != http.StatusOK {
							over <- err
							return
						}
					}
				}()
			}
			return errors.Join(<-over, <-over)
		})
	}},
	{"half an upgrade", func(v visitor) error {
		return v.visitPolling(func(s *session) error {
			socket, err := s.Probe()
			if err != nil {
				return err
			}
			socket.Close()
			return s.Send("1")
		})
	}},
	{"half an upgrade, and RST", func(v visitor) error {
		return v.visitPolling(func(s *session) error {
			socket, err := s.Probe()
			if err == nil {
				socket.Reset()
			}
			return err
		})
	}},
	{"upgrade, and FIN", func(v visitor) error {
		return v.visitPolling(func(s *session) error {
			if err := s.Upgrade(); err != nil {
				return err
			}
			if err := s.Send(`428["SUBSCRIBE","churn"]`, put(v.n)); err != nil {
				return err
			}
			return s.ReadUntil(`42["`)
		})
	}},
	{"no Engine.IO", func(v visitor) error {
		conn, err := v.Dial()
		if err != nil {
			return err
		}
		defer conn.Close()
		requests := []string{
			"",
			"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHo",
			"GET /socket.io/?EIO=9&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n",
			"POST /socket.io/?EIO=4&transport=polling&sid=none HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n42",
			"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
		}
		_, err = conn.Write([]byte(requests[v.n%len(requests)]))
		return err
	}},
	{"half a body", func(v visitor) error {
		return v.visitPolling(func(s *session) error {
			conn, err := v.Dial()
			if err != nil {
				return err
			}
			defer conn.Close()
			size := "Content-Length: 5000"
			if v.n%2 == 0 {
				size = "Transfer-Encoding: chunked"
			}
			_, err = fmt.Fprintf(conn, "POST /socket.io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n3\r\n42[", s.SID, size)
			return err
		})
	}},
}

// waits are ways that end by a timeout of the server.
var waits = []way{
	{"no pong", func(v visitor) error {
		return v.visit(func(s *session) error { return s.ReadToEnd(false) })
	}},
	{"no poll", func(v visitor) error {
		return v.visitPolling(func(s *session) error { return nil })
	}},
	{"upgrade that does not go on", func(v visitor) error {
		return v.visitPolling(func(s *session) error {
			socket, err := s.Probe()
			if err != nil {
				return err
			}
			defer socket.Close()
			for err == nil {
				_, err = socket.Next()
			}
			return nil
		})
	}},
	{"stall", stall},
}

// stall asks for more than the system's buffers take, and reads nothing of it until it has been cut off.
func stall(v visitor) error {
	return v.visit(func(s *session) error {
		if err := s.Send(fmt.Sprintf(`428["PUT","large",{"id":1,"text":"%0200000d"}]`, 0)); err != nil {
			return err
		}
		for range 80 {
			if err := s.Send(`429["GET","large",1]`); err != nil {
				break // cut off already
			}
		}
		return awaitEnd(s.WS)
	})
}

// noConnect opens a session and joins nothing.
func noConnect(v visitor) error {
	s, err := v.open()
	if err != nil {
		return err
	}
	defer s.Drop()
	return s.ReadToEnd(true)
}

// visit opens a session over WebSocket, joins, subscribes in some way and writes, goes the given way, and
// drops what is left.
func (v visitor) visit(goes func(*session) error) error { return v.visitBy(visitor.open, goes) }

// visitPolling is visit over polling.
func (v visitor) visitPolling(goes func(*session) error) error {
	return v.visitBy(visitor.openPolling, goes)
}

func (v visitor) visitBy(opening func(visitor) (*session, error), goes func(*session) error) error {
	s, err := opening(v)
	if err != nil {
		return err
	}
	defer s.Drop()
	if err := s.act(); err != nil {
		return err
	}
	return goes(s)
}

// act joins the namespace and uses it, in a way that depends on n.
func (s *session) act() error {
	n := s.n
	if _, err := s.Connect(""); err != nil {
		return err
	}
	rooms := []string{
		`"churn"`,
		fmt.Sprintf(`"churn",%d`, 1+n%churnItems),
		fmt.Sprintf(`"churn",{"filters":{"n":{"$gt":%d}}}`, n),
	}
	options := []string{``, `,null,{"patch":true}`, `,null,{"snapshot":true}`}
	packets := []string{`420["SUBSCRIBE",` + rooms[n%3] + `]`, put(n)}
	if n%5 == 0 { // one more, and one less
		packets = append(packets, `429["SUBSCRIBE","churn"`+options[n%len(options)]+`]`, `429["UNSUBSCRIBE",`+rooms[n%3]+`]`)
	}
	if err := s.Send(packets...); err != nil {
		return err
	}
	return s.ReadUntil("430[")
}

var puts atomic.Int64

// put is a packet that changes an item, and whose answer nobody awaits.
func put(n int) string {
	return fmt.Sprintf(`421["PUT","churn",%d,{"n":%d,"text":"%0100d"},{"reason":"churn"}]`, 1+n%churnItems, puts.Add(1), n)
}

// awaitEnd waits until the connection has been closed, without reading what came.
func awaitEnd(w *client.WebSocket) error {
	// A frame that is never whole shows whether somebody is there, and is no sign of life.
	err := w.WriteBytes([]byte{0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 0, 1, 2, 3, 4})
	for end := time.Now().Add(patience); err == nil; err = w.WriteBytes([]byte{0}) {
		if time.Now().After(end) {
			return errors.New("the server did not cut off a client that reads nothing")
		}
		time.Sleep(20 * time.Millisecond)
	}
	return nil
}
