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
	u, err := url.Parse(server)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	var errs [2]error
	leave = func() error {
		cancel()
		running.Wait()
		return errors.Join(errs[:]...)
	}
	for i, transport := range [...]string{"websocket", "polling"} {
		b := &bystander{newPlayer(context.Background(), u.Host, o), transport, "bystander-" + transport}
		if err := b.subscribe(); err != nil {
			b.leave()
			return nil, errors.Join(err, leave())
		}
		running.Go(func() {
			defer b.leave()
			errs[i] = b.write(ctx)
		})
	}
	return leave, nil
}

// bystander is one of them.
type bystander struct {
	*player
	transport  string
	collection string
}

func (b *bystander) subscribe() error {
	for _, step := range [...]Step{
		{Verb: b.transport},
		{Verb: "connect"},
		{Verb: "ask", Text: fmt.Sprintf("%q,%q", "SUBSCRIBE", b.collection)},
		{Verb: "answered", Text: `[{"cursor":"*"},null,{"room":"` + b.collection + `"}]`},
	} {
		if err := b.step(step); err != nil {
			return err
		}
	}
	return nil
}

// write writes until ctx ends.
func (b *bystander) write(ctx context.Context) error {
	for n, event := 0, "ADDED"; ; n, event = n+1, "MODIFIED" {
		for _, step := range [...]Step{
			{Verb: "ask", Text: fmt.Sprintf(`"PUT",%q,{"id":1,"n":%d}`, b.collection, n)},
			{Verb: "answered", Text: fmt.Sprintf(`[{"id":1,"n":%d},null,*`, n)},
			{Verb: "hear", Text: fmt.Sprintf(`42["%s",{*"item":{"id":1,"n":%d}}*]`, event, n)},
		} {
			if err := b.step(step); err != nil {
				return fmt.Errorf("after %d writes: %w", n, err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (b *bystander) step(step Step) error {
	step.Place = "the bystander over " + b.transport
	return b.run([]Step{step}, 0)
}
