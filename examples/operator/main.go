// Command operator is a desk for those who look after sessions: a store that stays connected, commands that run on
// the server, and answers that everybody sees who has the session open.
package main

import (
	"context"
	"embed"
	"io"

	"ackbase/collections"
	"ackbase/examples/program"
)

type flags struct{ program.Settings }

//go:embed page
var page embed.FS

func main() { program.Main(run) }

// run serves until ctx ends.
func run(ctx context.Context, args []string, out io.Writer) error {
	p := &program.Program{
		Name: "operator", About: "A desk for sessions: commands, answers, and keys with their values.", Port: "3000", Page: page,
		Collections: map[string]collections.Collection{
			"sessions": {Indexes: []collections.Index{{Paths: []string{"project"}}}},
			"lines":    {Indexes: []collections.Index{{Paths: []string{"session"}}}},
		},
	}
	p.Start = func(ctx context.Context, s *program.Server) error {
		d := &desk{server: s}
		if err := d.furnish(ctx); err != nil {
			return err
		}
		d.open()
		return nil
	}
	return p.Run(ctx, args, out, &flags{})
}
