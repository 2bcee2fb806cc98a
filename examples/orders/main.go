// Command orders is a shop whose orders come in live: products of two categories over HTTP, and how often each
// was ordered over plain WebSockets and over Socket.IO.
package main

import (
	"context"
	"embed"
	"io"
	"time"

	"ackbase/collections"
	"ackbase/examples/program"
)

type flags struct {
	program.Settings
	Every time.Duration `help:"How often an order comes in, in each category." default:"1.5s"`
}

//go:embed page
var page embed.FS

func main() { program.Main(run) }

// run serves until ctx ends.
func run(ctx context.Context, args []string, out io.Writer) error {
	var f flags
	p := &program.Program{
		Name: "orders", About: "A shop whose orders come in live.", Port: "3000", Page: page,
		Collections: map[string]collections.Collection{},
	}
	for _, c := range categories {
		p.Collections[c.name] = collections.Collection{IDs: collections.IDScheme("prefix:" + c.prefix)}
	}
	p.Start = func(ctx context.Context, s *program.Server) error {
		shop := &shop{server: s, every: max(f.Every, time.Millisecond)}
		return shop.open(ctx)
	}
	return p.Run(ctx, args, out, &f)
}
