package hostile

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"
)

// Bystand starts two well-behaved clients beside the hostile ones, one over each transport,
// on the main namespace of a server that has the verbs. Again and again each writes an item
// of a collection to which it has subscribed, for which it must hear the acknowledgement
// and then the event, each within Options.Patience, and nothing else.
//
// It returns when both have subscribed. leave ends them and returns what the server did
// wrong, or nil; it must be called once, unless there was an error.
func Bystand(server string, o *Options) (leave func() error, err error) {
	return bystand(server, o, overSocket("websocket"), overSocket("polling"))
}

// BystandOverHTTP does the same over plain HTTP: both clients write with PUT, and hear of it, the
// one by server-sent events, the other over a plain WebSocket.
func BystandOverHTTP(server string, o *Options) (leave func() error, err error) {
	return bystand(server, o, overEvents, overFeed)
}

// bystander is one of them.
type bystander struct {
	name  string
	begin []Step
	write func(n int) []Step
}

// overSocket is a client over a transport of Socket.IO.
func overSocket(transport string) bystander {
	collection := "bystander-" + transport
	return bystander{
		name: transport,
		begin: []Step{
			{Verb: transport},
			{Verb: "connect"},
			{Verb: "ask", Text: fmt.Sprintf("%q,%q", "SUBSCRIBE", collection)},
			{Verb: "answered", Text: `[{"cursor":"*"},null,{"room":"` + collection + `"}]`},
		},
		write: func(n int) []Step {
			return []Step{
				{Verb: "ask", Text: fmt.Sprintf(`"PUT",%q,{"id":1,"n":%d}`, collection, n)},
				{Verb: "answered", Text: fmt.Sprintf(`[{"id":1,"n":%d},null,*`, n)},
				{Verb: "hear", Text: fmt.Sprintf(`42["%s",{*"item":{"id":1,"n":%d}}*]`, kind(n), n)},
			}
		},
	}
}

var overEvents = bystander{
	name: "server-sent events",
	begin: []Step{
		{Verb: "tcp"},
		{Verb: "raw", Text: "GET /api/v2/bystander-events?watch HTTP/1.1\r\nHost: <<host>>\r\n\r\n"},
		{Verb: "begins", Text: "200"},
		{Verb: "event", Text: "BOOKMARK *"},
		{Verb: "tcp"},
	},
	write: func(n int) []Step {
		return append(put("bystander-events", n),
			Step{Verb: "event", Text: fmt.Sprintf(`%s {*"item":{"id":1,"n":%d}}`, kind(n), n)})
	},
}

var overFeed = bystander{
	name:  "plain WebSocket",
	begin: []Step{{Verb: "feed", Text: "/ws/bystander-feed"}, {Verb: "tcp"}},
	write: func(n int) []Step {
		return append(put("bystander-feed", n),
			Step{Verb: "hear", Text: fmt.Sprintf(`{"id":1,"snapshot":{"type":"%s",*"item":{"id":1,"n":%d}}}`, kind(n), n)})
	},
}

// put writes the item on the second connection, and goes on with the first.
func put(collection string, n int) []Step {
	body := fmt.Sprintf(`{"id":1,"n":%d}`, n)
	return []Step{
		{Verb: "on", Text: "2"},
		{Verb: "raw", Text: fmt.Sprintf("PUT /api/v2/%s/1 HTTP/1.1\r\nHost: <<host>>\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", collection, len(body), body)},
		{Verb: "answer", Text: "20* " + body},
		{Verb: "on", Text: "1"},
	}
}

// kind is the type of the change that the nth write makes.
func kind(n int) string {
	if n == 0 {
		return "ADDED"
	}
	return "MODIFIED"
}

func bystand(server string, o *Options, clients ...bystander) (leave func() error, err error) {
	u, err := url.Parse(server)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	errs := make([]error, len(clients))
	leave = func() error {
		cancel()
		running.Wait()
		return errors.Join(errs...)
	}
	for i, b := range clients {
		p := newPlayer(context.Background(), u.Host, o)
		if err := b.run(p, b.begin); err != nil {
			p.leave()
			return nil, errors.Join(err, leave())
		}
		running.Go(func() {
			defer p.leave()
			errs[i] = b.goOn(ctx, p)
		})
	}
	return leave, nil
}

// goOn writes until ctx ends.
func (b bystander) goOn(ctx context.Context, p *player) error {
	for n := 0; ; n++ {
		if err := b.run(p, b.write(n)); err != nil {
			return fmt.Errorf("after %d writes: %w", n, err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (b bystander) run(p *player, steps []Step) error {
	for _, step := range steps {
		step.Place = "the bystander over " + b.name
		if err := p.run([]Step{step}, 0); err != nil {
			return err
		}
	}
	return nil
}
