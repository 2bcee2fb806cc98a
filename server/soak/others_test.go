package soak

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"ackbase/server/client"
	"ackbase/server/hostile"
)

// others are the clients beside the healthy ones. They come again and again until the run stops.
type others struct {
	*load
	began  time.Time
	beat   time.Duration // between two writes of the noise
	wg     sync.WaitGroup
	visits [otherKinds]atomic.Int64
	odd    [otherKinds]atomic.Int64 // of these those that did not go as they should

	mu          sync.Mutex
	subscribers []*subscriber // sipping and resuming
	oddest      [otherKinds]string
}

type otherKind int

const (
	churning  otherKind = iota // those of TestChurn
	resuming                   // subscribers that drop their connection and resume by the cursor
	sipping                    // subscribers that read less than is sent to them
	deaf                       // clients that ask for much and read nothing
	attacking                  // clients that send what no client should
	otherKinds
)

func (k otherKind) String() string {
	return [...]string{"churning", "resuming", "sipping", "deaf", "attacking"}[k]
}

// noise is the collection that sippers subscribe to, with large items.
const (
	noise     = "noise"
	noiseSize = 96 << 10
)

// beat is the time between two writes of the noise, in a run of that length.
func beat(length time.Duration) time.Duration { return min(length/120, 400*time.Millisecond) }

// begin starts n clients for a run of that length.
func (o *others) begin(collections []string, n int, length time.Duration) error {
	corpus, err := corpus()
	if err != nil {
		return err
	}
	o.began, o.beat = time.Now(), beat(length)
	over := length / 20
	tenth := max(1, n/10)
	o.start(resuming, tenth, over, time.Second, o.resumer(collections))
	o.start(sipping, tenth/4+1, over, time.Second, o.sipper(tenth/4+1))
	o.start(deaf, tenth/4+1, over, time.Second, o.walker([]way{{"stall", stall}}))
	o.start(attacking, tenth, over, 5*time.Second, o.walker(attacks, corpus))
	o.start(churning, max(1, n-3*tenth), over, 10*time.Second, o.walker(slices.Concat(ways, waits, []way{{"no CONNECT", noConnect}})))
	return nil
}

// corpus is what the hostile corpus has for any server with protocol 3 that serves the verbs and has usual timeouts.
func corpus() ([]way, error) {
	cases, err := hostile.Cases()
	var list []way
	for _, c := range cases {
		if strings.HasPrefix(c.Name, "namespaces/") || strings.HasPrefix(c.Name, "timeouts/") {
			continue
		}
		list = append(list, way{c.Name, func(v visitor) error {
			return c.Play(v.Context, v.URL, &hostile.Options{Patience: patience})
		}})
	}
	return list, err
}

// start starts n clients of a kind, spread over a time, each of which visits, rests, and visits again.
func (o *others) start(k otherKind, n int, over, rest time.Duration, visitor func(i int) func() error) {
	for i := range n {
		o.wg.Go(func() {
			visit := visitor(i)
			if o.stopping(over * time.Duration(i) / time.Duration(n)) {
				return
			}
			for {
				o.visits[k].Add(1)
				if err := visit(); err != nil && o.acting.Err() == nil {
					o.odd[k].Add(1)
					o.mu.Lock()
					if o.oddest[k] == "" {
						o.oddest[k] = err.Error()
					}
					o.mu.Unlock()
				}
				if o.stopping(rest/2 + rand.N(rest)) {
					return
				}
			}
		})
	}
}

// walker goes in each of the ways in turn, the lists taking turns.
func (o *others) walker(lists ...[]way) func(i int) func() error {
	return func(i int) func() error {
		return func() error {
			i++
			list := lists[i%len(lists)]
			way := list[i/len(lists)%len(list)]
			if err := way.walk(newVisitor(o.acting, o.URL, i)); err != nil {
				return fmt.Errorf("%s: %w", way.name, err)
			}
			return nil
		}
	}
}

// resumer subscribes, leaves after a while in some way, and resumes.
func (o *others) resumer(collections []string) func(i int) func() error {
	return func(i int) func() error {
		s := &subscriber{load: o.load, streams: []*stream{{
			collection: collections[i%len(collections)], bucket: noBucket, patch: i%4 == 0,
		}}}
		o.mu.Lock()
		o.subscribers = append(o.subscribers, s)
		o.mu.Unlock()
		return func() error {
			opening := visitor.open
			if rand.IntN(10) == 0 {
				opening = visitor.openPolling
			}
			if err := s.join(opening); err != nil {
				return err
			}
			o.stopping(rand.N(3 * time.Second))
			if s.client.WS != nil && rand.IntN(2) == 0 {
				s.client.WS.Reset()
			}
			s.client.Leave()
			if s.faulty != nil {
				o.faults.add(s.faulty)
			}
			return s.faulty
		}
	}
}

// sipper subscribes to the noise, falls behind, and catches up. Where the server cuts it off, it resumes. Of n
// sippers each catches up at its own time, as clients do.
func (o *others) sipper(n int) func(i int) func() error {
	return func(i int) func() error {
		s := &subscriber{load: o.load, streams: []*stream{{collection: noise, bucket: noBucket}}}
		o.mu.Lock()
		o.subscribers = append(o.subscribers, s)
		o.mu.Unlock()
		return func() error {
			err := s.join(func(v visitor) (*session, error) {
				session, err := v.open()
				if err == nil {
					_ = session.WS.Conn.(*net.TCPConn).SetReadBuffer(2 * noiseSize)
					session.WS.R = bufio.NewReaderSize(sip{o, time.Duration(cycle * i / n), session.WS.Conn}, noiseSize/4)
				}
				return session, err
			})
			if err != nil {
				return err
			}
			select {
			case <-o.acting.Done(): // finish reads the rest
				return nil
			case <-s.client.Ended():
			}
			if s.faulty != nil {
				o.faults.add(s.faulty)
			}
			return s.faulty
		}
	}
}

// cycle is how many beats it takes to fall behind, and to catch up in the last quarter.
const cycle = 100

// sip reads a quarter of the noise for so long that the system's buffers, some 4 MB, do not hold the rest, then
// all of it, and so on.
type sip struct {
	*others
	phase time.Duration // in beats
	net.Conn
}

func (s sip) Read(p []byte) (int, error) {
	if (time.Since(s.began)/s.beat+s.phase)%cycle < cycle*3/4 {
		s.stopping(s.beat)
	}
	return s.Conn.Read(p)
}

// attacks are what a client does that means harm, beside what TestChurn and the hostile corpus have.
var attacks = []way{
	{"a flood of requests, read", func(v visitor) error {
		return v.visit(func(s *session) error {
			if err := s.WS.WriteBytes(flood(1000)); err != nil {
				return err
			}
			return s.ReadUntil("43999[")
		})
	}},
	{"a flood of requests, not read", func(v visitor) error {
		return v.visit(func(s *session) error { return s.WS.WriteBytes(flood(1000)) })
	}},
	{"random bytes", func(v visitor) error {
		return v.visit(func(s *session) error {
			garbage := make([]byte, 1000)
			for i := range garbage {
				garbage[i] = byte(rand.Uint32())
			}
			return s.WS.WriteBytes(garbage)
		})
	}},
	{"too large a message", func(v visitor) error {
		return v.visit(func(s *session) error {
			if err := s.Send(`42["` + strings.Repeat("x", 3<<20) + `"]`); err != nil {
				return nil // cut off already
			}
			return s.ReadToEnd(true)
		})
	}},
	{"deep nesting", func(v visitor) error {
		return v.visit(func(s *session) error {
			if err := s.Send(`42["GET",` + strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000) + "]"); err != nil {
				return err
			}
			return s.ReadToEnd(true)
		})
	}},
	{"many namespaces", func(v visitor) error {
		return v.visit(func(s *session) error {
			var packets []string
			for n := range 200 {
				packets = append(packets, fmt.Sprintf("40/nowhere-%d,", n))
			}
			if err := s.Send(packets...); err != nil {
				return err
			}
			return s.ReadUntil("44/nowhere-199,")
		})
	}},
	{"as many subscriptions as there may be", func(v visitor) error {
		return v.visit(func(s *session) error {
			var packets []string
			for n := range 300 {
				packets = append(packets, fmt.Sprintf(`42%d["SUBSCRIBE","churn",{"filters":{"n":%d}}]`, 700+n, n))
			}
			if err := s.Send(packets...); err != nil {
				return err
			}
			return s.ReadUntil("43999[null,{")
		})
	}},
	{"headers byte by byte", func(v visitor) error {
		return trickle(v, "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\nX: ", "y")
	}},
	{"a body byte by byte", func(v visitor) error {
		return v.visitPolling(func(s *session) error {
			return trickle(v, fmt.Sprintf("POST /socket.io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n42[", s.SID), "1")
		})
	}},
}

// flood is requests with the acknowledgements 0 to n-1, in frames.
func flood(n int) (frames []byte) {
	for id := range n {
		frames = client.AppendFrame(frames, 1, fmt.Appendf(nil, `42%d["GET","churn",%d]`, id, 1+id%churnItems))
	}
	return frames
}

// trickle sends the beginning of a request, and then a byte now and then, for some seconds.
func trickle(v visitor, head, more string) error {
	conn, err := v.Dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = io.WriteString(conn, head)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for range 50 {
		if err != nil {
			return nil // the server has had enough
		}
		select {
		case <-tick.C:
			_, err = io.WriteString(conn, more)
		case <-v.Context.Done():
			return nil
		}
	}
	return nil
}
