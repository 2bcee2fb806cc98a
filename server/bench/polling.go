package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"ackbase/server/packet"
)

// pollPatience is how long a poll may hang: longer than any usual ping interval.
const pollPatience = 90 * time.Second

// polling runs get over long-polling.
func (r *run) polling(ctx context.Context) error {
	l, err := newLoop()
	if err != nil {
		return err
	}
	err = r.prepare(ctx, l)
	l.close()
	if err != nil {
		return err
	}

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	pollers := make([]*poller, r.Connections)
	defer func() {
		for _, p := range pollers {
			if p != nil {
				p.close()
			}
		}
	}()
	for i := range pollers {
		if pollers[i], err = r.poller(ctx); err != nil {
			return fmt.Errorf("polling connection %d of %d failed: %w", i+1, r.Connections, err)
		}
	}

	r.schedule(r.seconds())
	var stop atomic.Bool
	var clients sync.WaitGroup
	start := r.now()
	for i, p := range pollers {
		clients.Go(func() { p.receive(&stop) })
		clients.Go(func() { p.send(&stop, start, i) })
	}
	over := false
	for tick := time.NewTicker(10 * time.Millisecond); !over && err == nil; {
		select {
		case <-tick.C:
			over, err = r.watch(r.now())
		case <-ctx.Done():
			err = fmt.Errorf("the run was stopped: %w", ctx.Err())
		}
		if over || err != nil {
			tick.Stop()
		}
	}
	stop.Store(true)
	if err != nil {
		cancel() // closes the connections
	}
	clients.Wait()
	return err
}

// poller is one client over long-polling: a connection for its polls and one for
// its POST requests.
type poller struct {
	*run
	args     *arguments
	poll     wire
	post     wire
	path     string // with the session's id
	answered chan struct{}
	cut      func() bool // ends the watch over the context

	pong atomic.Bool // a heartbeat is to be answered
	bye  atomic.Bool // the session is to end, or has

	mu      sync.Mutex      // guards what follows
	due     []time.Duration // by ack id; unused where it is answered
	waiting int
}

// wire is an HTTP/1.1 connection, one request at a time.
type wire struct {
	socket net.Conn
	r      *bufio.Reader
	out    []byte
}

// do sends a request and returns the response's body; a status other than 200 is an error.
func (w *wire) do(method, host, path string, body []byte, patience time.Duration) ([]byte, error) {
	w.out = fmt.Appendf(w.out[:0], "%s %s HTTP/1.1\r\nHost: %s\r\n", method, path, host)
	if method == http.MethodPost {
		w.out = fmt.Appendf(w.out, "Content-Type: text/plain;charset=UTF-8\r\nContent-Length: %d\r\n", len(body))
	}
	w.out = append(append(w.out, "\r\n"...), body...)
	if err := w.socket.SetDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	if _, err := w.socket.Write(w.out); err != nil {
		return nil, err
	}
	res, err := http.ReadResponse(w.r, nil)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(res.Body, maxFrame))
	if err != nil {
		return nil, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s was answered with %w", method, refusedStatus(res.StatusCode, text))
	}
	return text, res.Body.Close()
}

// poller opens a session and joins the main namespace.
func (r *run) poller(ctx context.Context) (_ *poller, err error) {
	p := &poller{
		run: r, args: r.arguments(), answered: make(chan struct{}, 1),
		path: r.target.path + "polling", due: make([]time.Duration, r.Depth),
	}
	for i := range p.due {
		p.due[i] = unused
	}
	for _, w := range []*wire{&p.poll, &p.post} {
		dialer := net.Dialer{Timeout: dialTimeout}
		if w.socket, err = dialer.DialContext(ctx, "tcp", r.target.host); err != nil {
			if p.poll.socket != nil {
				p.poll.socket.Close()
			}
			return nil, r.target.explain(err)
		}
		w.r = bufio.NewReader(w.socket)
	}
	p.cut = context.AfterFunc(ctx, func() {
		p.poll.socket.Close()
		p.post.socket.Close()
	})
	defer func() {
		if err != nil {
			p.close()
		}
	}()

	text, err := p.poll.do(http.MethodGet, r.target.host, p.path, nil, dialTimeout)
	if err != nil {
		return nil, r.target.explain(err)
	}
	sid, _, err := opened(firstPacket(text))
	if err != nil {
		return nil, r.target.explain(err)
	}
	p.path += "&sid=" + url.QueryEscape(sid)
	if _, err := p.post.do(http.MethodPost, r.target.host, p.path, []byte(r.target.join), dialTimeout); err != nil {
		return nil, err
	}
	if text, err = p.poll.do(http.MethodGet, r.target.host, p.path, nil, dialTimeout); err != nil {
		return nil, err
	}
	return p, r.target.joined(firstPacket(text))
}

func firstPacket(body []byte) []byte {
	first, _, _ := bytes.Cut(body, []byte{packet.PayloadSeparator})
	return first
}

func (p *poller) close() {
	p.cut()
	p.poll.socket.Close()
	p.post.socket.Close()
}

// end notes why the client ended, unless it was to.
func (p *poller) end(err error) {
	if !p.bye.Swap(true) {
		p.fail(1, "a polling connection broke: %v", err)
	}
	select {
	case p.answered <- struct{}{}:
	default:
	}
}

// receive polls until the session ends.
func (p *poller) receive(stop *atomic.Bool) {
	for !p.bye.Load() {
		body, err := p.poll.do(http.MethodGet, p.target.host, p.path, nil, pollPatience)
		if err != nil {
			p.end(err)
			return
		}
		for more := len(body) > 0; more; {
			var e packet.EnginePacket
			if e, body, more, err = packet.DecodePayload(body); err != nil {
				p.end(err)
				return
			}
			if err := p.packet(e); err != nil {
				p.end(err)
				return
			}
		}
	}
}

func (p *poller) packet(e packet.EnginePacket) error {
	switch e.Type {
	case packet.EnginePing:
		p.pong.Store(true)
		select { // the sender may be waiting for its next call to be due
		case p.answered <- struct{}{}:
		default:
		}
	case packet.EngineClose:
		return errClosed
	case packet.EngineMessage:
		s, err := packet.Parse(e.Data, 1<<10)
		if err != nil || e.Binary || s.Type != packet.Ack {
			return err
		}
		p.ack(s)
	}
	return nil
}

func (p *poller) ack(s packet.Packet) {
	now := p.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.ID < 0 || s.ID >= int64(len(p.due)) || p.due[s.ID] == unused {
		p.fail(1, "the server acknowledged %d, which no call awaits", s.ID)
		return
	}
	latency := now - p.due[s.ID]
	p.due[s.ID] = unused
	if refused(s.Data) {
		p.fail(1, "%s", refusal(s.Data))
	} else {
		p.count(latency)
	}
	if p.waiting--; p.waiting == 0 {
		select {
		case p.answered <- struct{}{}:
		default:
		}
	}
}

// send posts the calls, all of a batch in one body, until stop; then it says goodbye.
// At a rate, the clients take turns: i is this one's place.
func (p *poller) send(stop *atomic.Bool, start time.Duration, i int) {
	var body, text []byte
	for batch := 0; !stop.Load() && !p.bye.Load(); batch++ {
		due := p.now()
		if p.Rate > 0 {
			due = start + time.Duration(float64(i+batch*p.Connections)*float64(p.Depth)*float64(time.Second)/p.Rate)
			if !p.until(due, stop) {
				break
			}
		}
		body = body[:0]
		p.mu.Lock()
		for id := range p.due {
			p.due[id] = due
			text = p.args.get(p.target.appendCall(text[:0], int64(id)), due)
			if id > 0 {
				body = append(body, packet.PayloadSeparator)
			}
			body = append(body, text...)
		}
		p.waiting = len(p.due)
		p.mu.Unlock()
		if err := p.deliver(body); err != nil {
			p.end(err)
			return
		}
		if !p.settle() {
			break
		}
	}
	p.mu.Lock()
	missing := p.waiting
	p.mu.Unlock()
	p.fail(int64(missing), "a call was not answered within %v", p.Timeout)
	if p.bye.Swap(true) {
		return // broken
	}
	// CLOSE ends the poll that hangs; if it cannot be sent, closing the connection does.
	if _, err := p.post.do(http.MethodPost, p.target.host, p.path, []byte{byte(packet.EngineClose)}, p.Timeout); err != nil {
		p.poll.socket.Close()
	}
}

// settle waits for the batch's answers, answering heartbeats meanwhile; false where they did not come.
func (p *poller) settle() bool {
	timeout := time.NewTimer(max(p.window.from+p.seconds()-p.now(), 0) + p.Timeout)
	defer timeout.Stop()
	for {
		p.mu.Lock()
		waiting := p.waiting
		p.mu.Unlock()
		if waiting == 0 {
			return true
		}
		select {
		case <-p.answered:
			if p.bye.Load() || p.deliver(nil) != nil {
				return false
			}
		case <-timeout.C:
			return false
		}
	}
}

// until waits for a time, answering heartbeats meanwhile; false where the run ends before it.
func (p *poller) until(due time.Duration, stop *atomic.Bool) bool {
	for {
		wait := min(due-p.now(), 100*time.Millisecond)
		if wait <= 0 {
			return true
		}
		timer := time.NewTimer(wait)
		select {
		case <-p.answered:
		case <-timer.C:
		}
		timer.Stop()
		if stop.Load() || p.bye.Load() || p.deliver(nil) != nil {
			return false
		}
	}
}

// deliver posts a body, with the answer to a heartbeat if one is due; an empty one only for that.
func (p *poller) deliver(body []byte) error {
	if p.pong.Swap(false) {
		if len(body) > 0 {
			body = append(body, packet.PayloadSeparator)
		}
		body = append(body, byte(packet.EnginePong))
	}
	if len(body) == 0 {
		return nil
	}
	text, err := p.post.do(http.MethodPost, p.target.host, p.path, body, dialTimeout)
	if err == nil && string(text) != "ok" {
		err = errors.New("a POST was not answered with ok")
	}
	return err
}
