package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// network is the lines between clients and a server.
type network struct {
	server *toxiproxy.ApiServer // never listens; the proxies want one
	lines  []*line
}

// line is a proxy on which faults come and go. Its methods are for one goroutine, but for url.
type line struct {
	network  *network
	url      string
	upstream string
	proxy    *toxiproxy.Proxy
}

// newNetwork makes n lines to the server of a process.
func newNetwork(t *testing.T, p *process, n int) *network {
	t.Helper()
	net := &network{server: toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())}
	t.Cleanup(func() {
		for _, l := range net.lines {
			l.proxy.Stop()
		}
	})
	for range n {
		l := &line{network: net, upstream: strings.TrimPrefix(p.url, "http://")}
		if err := l.lay(freeAddress(t)); err != nil {
			t.Fatal(err)
		}
		l.url = "http://" + l.proxy.Listen
		net.lines = append(net.lines, l)
	}
	return net
}

// lay begins the line at an address.
func (l *line) lay(address string) error {
	l.proxy = toxiproxy.NewProxy(l.network.server, "line", address, l.upstream)
	return l.proxy.Start()
}

// cut ends all connections of the line. Its port stays taken meanwhile, so that nobody else can have it.
func (l *line) cut() error {
	if err := l.poison("timeout", map[string]any{"timeout": 1}); err != nil {
		return err
	}
	time.Sleep(10 * time.Millisecond)
	return l.cure("timeout")
}

// toxic is a fault of a line in one direction: "upstream" to the server, "downstream" to the client.
type toxic struct {
	Name       string         `json:"name"`
	Type       string         `json:"type"`
	Stream     string         `json:"stream"`
	Attributes map[string]any `json:"attributes"`
}

// poison begins a fault in both directions, for connections that are open and for new ones.
func (l *line) poison(kind string, attributes map[string]any) error {
	for _, stream := range []string{"upstream", "downstream"} {
		b, err := json.Marshal(toxic{kind + stream, kind, stream, attributes})
		if err != nil {
			return err
		}
		if _, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(string(b))); err != nil {
			return fmt.Errorf("%s on a line: %w", kind, err)
		}
	}
	return nil
}

// cure ends a fault, and the connections that it has harmed.
func (l *line) cure(kind string) error {
	cured := make(chan error, 1)
	go func(toxics *toxiproxy.ToxicCollection) {
		for _, stream := range []string{"upstream", "downstream"} {
			if err := toxics.RemoveToxic(context.Background(), kind+stream); err != nil {
				cured <- fmt.Errorf("%s on a line: %w", kind, err)
				return
			}
		}
		cured <- nil
	}(l.proxy.Toxics)
	select {
	case err := <-cured:
		return err
	case <-time.After(patience / 4):
	}
	// toxiproxy may wait for itself for good, where a fault ends while it hands on what it holds. Then nothing of
	// that line ends any more, and its clients find another behind the same port when they give it up.
	address := l.proxy.Listen
	go l.proxy.Stop()
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if err := l.lay(address); err == nil || time.Now().After(end) {
			return err
		}
	}
}
