// Command ltm runs long-running machines, and tells what becomes of them: the state of each over HTTP, every change
// of it as a patch over a plain WebSocket.
package main

import (
	"context"
	"embed"
	"io"
	"time"

	"ackbase/examples/program"
)

type flags struct {
	program.Settings
	Every time.Duration `help:"How often each machine takes a step." default:"1s"`
}

//go:embed page
var page embed.FS

func main() { program.Main(run) }

// run serves until ctx ends.
func run(ctx context.Context, args []string, out io.Writer) error {
	var f flags
	p := &program.Program{Name: "ltm", About: "Long-running machines, and every state that they were in.", Port: "8000", Page: page}
	p.Start = func(ctx context.Context, s *program.Server) error {
		if err := install(ctx, s); err != nil {
			return err
		}
		r := &recent{}
		if err := r.begin(ctx, s); err != nil {
			return err
		}
		s.Go(func(ctx context.Context) { r.follow(ctx, s) })
		for _, k := range kilns {
			s.Go(func(ctx context.Context) { operate(ctx, s, k.ID, max(f.Every, time.Millisecond)) })
		}
		serve(s, r)
		return nil
	}
	return p.Run(ctx, args, out, &f)
}
