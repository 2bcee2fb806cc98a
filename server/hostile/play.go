package hostile

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Options of a play. A nil *Options and the zero value are good.
type Options struct {
	// Path of the Socket.IO server, /socket.io/ if empty.
	Path string
	// Patience is how long the server may take for one reaction, 20 s if 0.
	Patience time.Duration
}

// Play plays the case against the server at a URL like http://127.0.0.1:3000.
// The error says at which step the server did something else than what the case expects.
// Before it returns, all sessions are closed that the case has not abandoned, and all
// connections. Any number of cases may be played at the same time.
func (c Case) Play(ctx context.Context, server string, o *Options) error {
	u, err := url.Parse(server)
	if err != nil {
		return err
	}
	p := newPlayer(ctx, u.Host, o)
	defer p.leave()
	return p.run(c.Steps, 0)
}

// player is one play of a case.
type player struct {
	ctx     context.Context
	options Options
	host    string

	conns   []*conn
	conn    *conn // the present one; nil before the first
	session *session
	round   int    // of the repeat around the present step
	asked   int    // id of the last ask
	event   string // the id of the last server-sent event
}

// session is an Engine.IO session of the case.
type session struct {
	sid       string
	eio       string
	came      []string // packets of a poll that are still to be heard
	socket    *conn    // its WebSocket, nil on polling
	abandoned bool
}

func newPlayer(ctx context.Context, host string, o *Options) *player {
	p := &player{ctx: ctx, host: host}
	if o != nil {
		p.options = *o
	}
	if p.options.Path == "" {
		p.options.Path = "/socket.io/"
	}
	if p.options.Patience == 0 {
		p.options.Patience = 20 * time.Second
	}
	return p
}

func (p *player) run(steps []Step, round int) error {
	for _, step := range steps {
		if err := p.ctx.Err(); err != nil {
			return err
		}
		if step.Count > 0 {
			for i := range step.Count {
				if err := p.run(step.Steps, i); err != nil {
					return fmt.Errorf("round %d: %w", i, err)
				}
			}
			continue
		}
		p.round = round
		text, err := expand(step.Text, round, p.named)
		if err == nil {
			err = verbs[step.Verb](p, text)
		}
		if err != nil {
			return fmt.Errorf("%s: %s %.80s: %w", step.Place, step.Verb, step.Text, err)
		}
	}
	return nil
}

// named is what a name in a step stands for.
func (p *player) named(name string) (string, bool) {
	sid := ""
	if p.session != nil {
		sid = p.session.sid
	}
	if header, ok := strings.CutPrefix(name, "header "); ok && p.conn != nil && p.conn.header != nil {
		return p.conn.header.Get(header), true
	}
	switch name {
	case "host":
		return p.host, true
	case "event":
		return p.event, true
	case "sid":
		return sid, true
	case "path":
		if p.session == nil {
			return "", false
		}
		return p.target("polling"), true
	}
	return "", false
}

// target is the path and query of a request of the present session, or of the handshake
// of a new one.
func (p *player) target(transport string) string { return p.targetOf(p.session, transport) }

func (p *player) targetOf(s *session, transport string) string {
	target := p.options.Path + "?EIO=" + s.eio + "&transport=" + transport
	if s.sid != "" {
		target += "&sid=" + s.sid
	}
	return target
}

// leave closes what the case has left open.
func (p *player) leave() {
	said := map[*session]bool{}
	for _, c := range p.conns {
		if s := c.session; s != nil && s.socket == nil && !s.abandoned && !said[s] {
			said[s] = true
			if answer, err := p.request("POST", s, s.encode("1")); err == nil {
				_, _, _ = answer.response() // a session that has gone already is refused
			}
		}
	}
	for _, c := range p.conns {
		c.Close()
	}
}

// verbs are the steps. Each gets what follows its name, expanded.
var verbs = map[string]func(p *player, text string) error{
	"websocket": func(p *player, text string) error { return p.openWebSocket(eioOf(text), extensionsOf(text)) },
	"polling":   func(p *player, text string) error { return p.openPolling(eioOf(text)) },
	"upgrade":   func(p *player, _ string) error { return p.upgrade() },
	"feed":      (*player).openFeed,
	"tcp":       func(p *player, _ string) error { _, err := p.dial(); return err },
	"start":     (*player).start,
	"on":        (*player).on,

	"send":    (*player).send,
	"binary":  (*player).binary,
	"connect": (*player).connect,
	"ask":     (*player).ask,
	"frame":   (*player).frame,
	"raw":     func(p *player, text string) error { return p.write([]byte(text)) },
	"|":       func(p *player, text string) error { return p.write([]byte(text + "\r\n")) },
	"request": func(p *player, text string) error {
		return p.write([]byte(text + " HTTP/1.1\r\nHost: " + p.host + "\r\n"))
	},
	"body": func(p *player, text string) error {
		return p.write(fmt.Appendf(nil, "Content-Length: %d\r\n\r\n%s", len(text), text))
	},
	"bytewise": func(p *player, _ string) error { p.conn.bytewise = true; return nil },
	"drop":     func(p *player, _ string) error { p.conn.Close(); return nil },
	"reset":    func(p *player, _ string) error { p.conn.reset(); return nil },
	"pause":    (*player).pause,
	"abandon":  func(p *player, _ string) error { p.session.abandoned = true; return nil },

	"hear":     (*player).hear,
	"answered": func(p *player, text string) error { return p.hear("43" + strconv.Itoa(p.asked) + text) },
	"fails":    func(p *player, text string) error { return p.fails(text) },
	"alive":    func(p *player, _ string) error { return p.alive() },
	"get":      func(p *player, text string) error { return p.exchange("GET", text) },
	"post":     func(p *player, text string) error { return p.exchange("POST", text) },
	"answer":   (*player).answer,
	"header":   (*player).headerIs,
	"begins":   (*player).begins,
	"event":    (*player).heardEvent,
	"control":  (*player).control,
	"closed":   (*player).closed,
	"cut":      func(p *player, _ string) error { return p.cut() },
	"ends":     func(p *player, _ string) error { return p.ends() },
	"gone":     func(p *player, _ string) error { return p.exchange("GET", `400 {"code":1,*`) },
}

// extensionsOf reads what a step that opens a WebSocket asks for.
func extensionsOf(text string) string {
	if text == "deflate" {
		return "permessage-deflate"
	}
	return ""
}

// eioOf reads the EIO=N of a step that opens a session, with what may stand behind it.
func eioOf(text string) string {
	if eio, ok := strings.CutPrefix(text, "EIO="); ok {
		return eio
	}
	return "4"
}

func (p *player) on(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > len(p.conns) {
		return fmt.Errorf("there are connections 1 to %d", len(p.conns))
	}
	p.conn = p.conns[n-1]
	if p.conn.session != nil {
		p.session = p.conn.session
	}
	return nil
}

func (p *player) pause(text string) error {
	d, err := time.ParseDuration(text)
	if err != nil {
		return err
	}
	select {
	case <-time.After(d):
	case <-p.ctx.Done():
	}
	return nil
}

// send sends a packet on the present connection or, for a polling session, in a POST.
func (p *player) send(text string) error {
	if p.conn.webSocket {
		return p.frame("text " + text)
	}
	return p.exchange("POST", "200 "+p.session.encode(text))
}

func (p *player) binary(text string) error {
	if p.conn.webSocket {
		return p.frame("binary " + text)
	}
	return p.exchange("POST", "200 "+p.session.encodeBinary(text))
}

func (p *player) connect(namespace string) error {
	head := "40"
	if namespace != "" {
		head += namespace + ","
	}
	if p.session.protocol3() && namespace == "" {
		return p.hear(head) // which comes by itself
	}
	if err := p.send(head); err != nil {
		return err
	}
	if p.session.protocol3() {
		return p.hear(head)
	}
	return p.hear(head + `{"sid":"*"}`)
}

func (p *player) ask(args string) error {
	p.asked++
	return p.send("42" + strconv.Itoa(p.asked) + "[" + args + "]")
}

func (p *player) fails(code string) error {
	return p.hear("43" + strconv.Itoa(p.asked) + `[null,{"code":"` + code + `",*}]`)
}

func (p *player) alive() error {
	if err := p.ask(`"GET","alive","alive"`); err != nil {
		return err
	}
	return p.fails("NOT_FOUND")
}

// hear reads the next packet that is neither ping nor NOOP.
func (p *player) hear(pattern string) error {
	for {
		packet, err := p.next()
		switch {
		case err != nil:
			return err
		case packet == "2":
			if err := p.send("3"); err != nil {
				return err
			}
		case packet == "6", packet == "3" && p.session.protocol3():
		case matches(pattern, packet):
			return nil
		default:
			return fmt.Errorf("heard %.300q, want %.300q", packet, pattern)
		}
	}
}

// next is the next packet. A binary one begins with "b:".
func (p *player) next() (string, error) {
	if p.conn.webSocket {
		op, payload, err := p.conn.message()
		switch {
		case err != nil:
			return "", err
		case op == opClose:
			return "", fmt.Errorf("the connection was closed with %s", closeText(payload))
		case op == opBinary:
			return "b:" + string(payload), nil
		}
		return string(payload), nil
	}
	s := p.session
	if len(s.came) == 0 {
		answer, err := p.request("GET", s, "")
		if err != nil {
			return "", err
		}
		status, body, err := answer.response()
		if err != nil {
			return "", err
		}
		if status != 200 {
			return "", fmt.Errorf("a poll was answered %d %.200s", status, body)
		}
		if s.came, err = s.decode(body); err != nil {
			return "", err
		}
	}
	packet := s.came[0]
	s.came = s.came[1:]
	return packet, nil
}

// control reads the next control frame.
func (p *player) control(pattern string) error {
	op, payload, err := readFrame(p.conn.r)
	for err == nil && op == opText && string(payload) == "2" {
		op, payload, err = readFrame(p.conn.r)
	}
	if err != nil {
		return err
	}
	for name, code := range opcodes {
		if code == op {
			if got := name + " " + string(payload); !matches(pattern, got) {
				return fmt.Errorf("the next frame is %.200q", got)
			}
		}
	}
	return nil
}

// closed reads the close frame and the end.
func (p *player) closed(code string) error {
	for {
		op, payload, err := p.conn.message()
		if err != nil {
			return err
		}
		if op == opText && string(payload) == "2" {
			continue
		}
		if op != opClose {
			return fmt.Errorf("the next message is %.300q, want a close frame", payload)
		}
		if got := closeText(payload); !matches("code "+code, got) && code != "" || code == "" && len(payload) > 0 {
			return fmt.Errorf("closed with %s", got)
		}
		return p.conn.ended()
	}
}

// cut reads the end, before which there are pings at most.
func (p *player) cut() error {
	for p.conn.webSocket {
		if next, err := p.conn.r.Peek(3); err != nil || string(next) != "\x81\x012" {
			break
		}
		if _, _, err := readFrame(p.conn.r); err != nil {
			return err
		}
	}
	return p.conn.ended()
}

// ends reads the end, before which there may be a close frame.
func (p *player) ends() error {
	if first, err := p.conn.r.Peek(2); err == nil && first[0] == 0x80|opClose {
		if _, _, err := readFrame(p.conn.r); err != nil {
			return err
		}
	}
	return p.conn.ended()
}

// exchange sends a request of the session and looks at its answer.
func (p *player) exchange(method, text string) error {
	status, rest, _ := strings.Cut(text, " ")
	body := ""
	if method == "POST" {
		body, rest = rest, ""
	}
	answer, err := p.request(method, p.session, body)
	if err != nil {
		return err
	}
	return expect(answer, status, rest)
}

func (p *player) answer(text string) error {
	status, body, _ := strings.Cut(text, " ")
	err := expect(p.conn, status, body)
	if (status >= "400" || status == "!200") && errors.Is(err, syscall.ECONNRESET) {
		return nil // who refuses without having read all resets the connection, which may overtake the answer
	}
	return err
}

// expect reads a response, whose body may be anything where its pattern is empty.
func expect(c *conn, status, pattern string) error {
	got, body, err := c.response()
	unwanted, not := strings.CutPrefix(status, "!")
	switch {
	case err != nil:
		return err
	case matches(unwanted, strconv.Itoa(got)) == not:
		return fmt.Errorf("answered %d %.200s, want %s", got, body, status)
	case pattern != "" && !matches(pattern, body):
		return fmt.Errorf("answered %.300q, want %.300q", body, pattern)
	}
	return nil
}

// start sends a request of the session on a connection of its own, which becomes the
// present one.
func (p *player) start(text string) error {
	method, body, _ := strings.Cut(text, " ")
	method = strings.ToUpper(method)
	if !slices.Contains([]string{"GET", "POST"}, method) {
		return fmt.Errorf("a request is get or post")
	}
	c, err := p.request(method, p.session, body)
	if err != nil {
		return err
	}
	c.session = p.session
	p.conns = append(p.conns, c)
	p.conn = c
	return nil
}
