package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// The kinds of load.
const (
	Get     = "get"
	Post    = "post"
	Fanout  = "fanout"
	Idle    = "idle"
	Polling = "polling"
)

// Command is `ackbase bench`: one run of one kind of load. The tags are kong's. A
// zero field stands for the default that its help tells; Kind and URL are needed.
type Command struct {
	Kind string `arg:"" enum:"get,post,fanout,idle,polling" help:"Load: get, post, fanout, idle or polling."`
	URL  string `arg:"" name:"url" help:"Server, such as http://127.0.0.1:3000; with its path where that is not /socket.io/, and a query if it wants one."`

	Namespace string `placeholder:"NAME" help:"Namespace to join (/)."`
	Auth      string `placeholder:"JSON" help:"What CONNECT carries, as socket.io-client's option auth: an object such as {\"token\":\"…\"}."`

	Connections int           `placeholder:"N" help:"Connections: 10 for get, 8 for post, 500 subscribers for fanout, 1000 for idle, 50 for polling."`
	Depth       int           `placeholder:"N" help:"Calls in flight on each connection: 16 for get, 32 for post, 1 for polling."`
	Rate        float64       `placeholder:"N" help:"Calls a second over all connections; 0 for as many as get answered. Of fanout the events written a second (20)."`
	Seconds     float64       `placeholder:"S" help:"Length of the measured window (10). Of idle it is rounded up to whole ping intervals."`
	Warmup      time.Duration `placeholder:"TIME" help:"Time under load before the window (1s)."`
	Timeout     time.Duration `placeholder:"TIME" help:"How long nothing may arrive after the window before what is missing counts as lost (5s)."`

	Collection string `placeholder:"NAME" help:"Collection: bench-get, bench-post or bench-fanout."`
	Items      int    `placeholder:"N" help:"Items to read from (1000). They are put there first where the last of them is missing."`
	Size       int    `placeholder:"BYTES" help:"About how many bytes of JSON an item has (200)."`
	Key        string `placeholder:"ORDER" help:"Fresh idempotency key with each POST: none (the default), time (UUIDv7: each sorts after the one before it) or random (UUIDv4)."`

	PID   int  `name:"pid" placeholder:"PID" help:"Process of the server on this machine: tells its CPU per operation and its memory per connection."`
	JSON  bool `name:"json" help:"Print the result as JSON."`
	Quiet bool `help:"Print no progress."`
}

// The orders of idempotency keys.
const (
	keyNone   = "none"
	keyTime   = "time"
	keyRandom = "random"
)

// The bounds of a run: enough for one machine, and a slip of the finger ends in an error.
const (
	maxConnections = 60_000
	maxDepth       = 4096
	maxItems       = 10_000_000
	maxSeconds     = 3600
)

// Run measures and writes the result to out, as text or JSON; progress, a
// line a second, goes to errOut. Errors of single calls are part of the result; an error
// is returned where nothing could be measured or ctx ended.
func (c *Command) Run(ctx context.Context, out, errOut io.Writer) error {
	if c.Quiet {
		errOut = io.Discard
	}
	result, err := c.Measure(ctx, errOut)
	if err != nil {
		return err
	}
	if c.JSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(result)
	}
	_, err = io.WriteString(out, result.String())
	return err
}

// Measure is Run without its output. It leaves c as it is, may be called again, and concurrently;
// when it returns no connection and no goroutine of it is left.
func (c *Command) Measure(ctx context.Context, progress io.Writer) (*Result, error) {
	full, err := c.filled()
	if err != nil {
		return nil, err
	}
	t, err := full.target()
	if err != nil {
		return nil, err
	}
	r := &run{Command: full, target: t, base: time.Now(), progress: progress}
	if full.PID != 0 {
		if err := r.before(); err != nil {
			return nil, err
		}
	}
	switch full.Kind {
	case Polling:
		err = r.polling(ctx)
	default:
		err = r.sockets(ctx)
	}
	if err != nil {
		return nil, err
	}
	return r.result()
}

// filled is the command with its defaults, or what is wrong with it.
func (c *Command) filled() (f Command, err error) {
	f = *c
	type defaults struct {
		connections, depth int
		collection         string
		rate               float64
	}
	d, ok := map[string]defaults{
		Get:     {10, 16, "bench-get", 0},
		Post:    {8, 32, "bench-post", 0},
		Fanout:  {500, 1024, "bench-fanout", 20},
		Idle:    {1000, 1, "", 0},
		Polling: {50, 1, "bench-get", 0},
	}[f.Kind]
	if !ok {
		return f, fmt.Errorf("there is no load %q: there are get, post, fanout, idle and polling", f.Kind)
	}
	for _, n := range []struct {
		flag     string
		value    *int
		standard int
		most     int
	}{
		{"connections", &f.Connections, d.connections, maxConnections},
		{"depth", &f.Depth, d.depth, maxDepth},
		{"items", &f.Items, 1000, maxItems},
		{"size", &f.Size, 200, 1 << 20},
	} {
		if *n.value == 0 {
			*n.value = n.standard
		}
		if *n.value < 1 || *n.value > n.most {
			return f, fmt.Errorf("--%s: %d is out of bounds: it must be 1 to %d", n.flag, *n.value, n.most)
		}
	}
	if f.Rate == 0 {
		f.Rate = d.rate
	}
	if f.Seconds == 0 {
		f.Seconds = 10
	}
	if f.Warmup == 0 {
		f.Warmup = time.Second
	}
	if f.Timeout == 0 {
		f.Timeout = 5 * time.Second
	}
	if f.Collection == "" {
		f.Collection = d.collection
	}
	if f.Key == "" {
		f.Key = keyNone
	}
	switch {
	case !(f.Seconds > 0 && f.Seconds <= maxSeconds):
		return f, fmt.Errorf("--seconds: %v is out of bounds: it must be more than 0 and at most %d", f.Seconds, maxSeconds)
	case !(f.Rate >= 0 && f.Rate <= 1e7):
		return f, fmt.Errorf("--rate: %v is out of bounds: it must be 0 to 10,000,000 a second", f.Rate)
	case f.Warmup < 0 || f.Warmup > time.Hour:
		return f, fmt.Errorf("--warmup: %v is out of bounds: it must be 0s to 1h", f.Warmup)
	case f.Timeout < 0 || f.Timeout > time.Hour:
		return f, fmt.Errorf("--timeout: %v is out of bounds: it must be 0s to 1h", f.Timeout)
	case f.Key != keyNone && f.Key != keyTime && f.Key != keyRandom:
		return f, fmt.Errorf("--key: %q is no order of keys: there are none, time and random", f.Key)
	case f.PID < 0:
		return f, fmt.Errorf("--pid: %d is no process", f.PID)
	}
	return f, nil
}
