package bench_test

import (
	"bytes"
	"encoding/json"
	"io"
	"testing"
	"time"

	"github.com/google/uuid"

	"ackbase/server"
	"ackbase/server/bench"
)

// TestKeys holds what comes with each POST: no options without --key, a fresh
// UUIDv4 or UUIDv7 with it, the latter in ascending order over all connections.
func TestKeys(t *testing.T) {
	for key, version := range map[string]uuid.Version{"none": 0, "random": 4, "time": 7} {
		t.Run(key, func(t *testing.T) {
			arguments := make(chan []json.RawMessage, 1000)
			url := serve(t, nil, func(ns *server.Namespace) {
				ns.On("POST", func(e *server.Event) {
					args := make([]json.RawMessage, len(e.Args)) // e's own are valid in here only
					for i, arg := range e.Args {
						args[i] = bytes.Clone(arg)
					}
					arguments <- args
					if err := e.AckRaw([]byte(`{}`), []byte("null")); err != nil {
						t.Log(err)
					}
				})
			})
			// One connection: the server handles its calls in the order in which they were made.
			c := bench.Command{Kind: bench.Post, URL: url, Key: key, Connections: 1, Depth: 4, Rate: 200, Seconds: 0.2, Warmup: time.Millisecond}
			if r, err := c.Measure(t.Context(), io.Discard); err != nil || r.Errors > 0 {
				t.Fatalf("%+v, %v", r, err)
			}
			close(arguments)
			seen, last := map[string]bool{}, ""
			for args := range arguments {
				if version == 0 {
					if len(args) != 2 {
						t.Fatalf("without a key the arguments are %s", args)
					}
					continue
				}
				var options struct{ Key string }
				if len(args) != 3 || json.Unmarshal(args[2], &options) != nil {
					t.Fatalf("the arguments are %s", args)
				}
				id, err := uuid.Parse(options.Key)
				if err != nil || id.Version() != version || seen[options.Key] {
					t.Errorf("the key %q: %v, version %v, seen before: %v", options.Key, err, id.Version(), seen[options.Key])
				}
				if version == 7 && options.Key <= last {
					t.Errorf("the key %s comes after %s and sorts before it", options.Key, last)
				}
				seen[options.Key], last = true, options.Key
			}
			if version > 0 && len(seen) < 10 {
				t.Errorf("%d keys came", len(seen))
			}
		})
	}
}
