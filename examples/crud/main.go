// Command crud is the sequence that ackbase grew from: two clients, their requests with callbacks, and the changes
// that reach both.
package main

import (
	"context"
	"embed"
	"io"
	"slices"

	"ackbase/examples/catalogue"
	"ackbase/examples/program"
)

type flags struct{ program.Settings }

//go:embed page
var page embed.FS

// firstItems is how many products of the catalogue an empty collection begins with.
const firstItems = 5

func main() { program.Main(run) }

// run serves until ctx ends.
func run(ctx context.Context, args []string, out io.Writer) error {
	p := &program.Program{Name: "crud", About: "Two clients, their requests, and the changes that reach both.", Port: "3000", Page: page}
	p.Start = func(ctx context.Context, s *program.Server) error {
		_, _, err := catalogue.Load(ctx, s.DB, catalogue.Collection, slices.Values(catalogue.Products()[:firstItems]), nil)
		return err
	}
	return p.Run(ctx, args, out, &flags{})
}
