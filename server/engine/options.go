package engine

import (
	"log/slog"
	"net/http"
	"slices"
	"time"

	"ackbase/server/admission"
)

// The names of the transports, as they stand in the query of a request.
const (
	Polling   = "polling"
	WebSocket = "websocket"
)

// Options are what a server can be told. A nil *Options and the zero value are
// both good for the open internet; a field that is zero takes its default.
type Options struct {
	// PingInterval is the time between two pings, less up to a hundredth of it, since
	// those of many sessions leave together; after a late pong, half of that. Default 25 s.
	PingInterval time.Duration
	// PingTimeout is how long a client may take to answer a ping. Default 20 s.
	PingTimeout time.Duration
	// UpgradeTimeout closes a WebSocket that does not complete its upgrade in
	// time; the session goes on over polling. Default 10 s.
	UpgradeTimeout time.Duration

	// MaxPayload is the most bytes that one message or one polling body may
	// have. Over it the session closes. Default 2 MiB.
	MaxPayload int
	// MaxPackets is the most packets of one polling body. Over it the session
	// closes. Default 100,000.
	MaxPackets int
	// HighWater is the number of waiting bytes over which Session.Writable is
	// false and no further message of the session is handled, until half of it
	// is left. Default 1 MiB.
	HighWater int
	// MaxBuffered is the most bytes that may wait. A Send that would exceed it
	// closes the session. One Send larger than HighWater is a large answer: it
	// is let through when all that waits before it is under the bound, and does
	// not count for what is sent after it. Default 4 MiB.
	MaxBuffered int
	// StallTimeout closes a session where something waits and nothing of it
	// was taken for so long (on polling: where no poll came). Default 10 s.
	StallTimeout time.Duration

	// Admission bounds sessions and handshakes, in all and for each address. It
	// may serve several servers, which then share the bounds. Default
	// admission.New(nil).
	Admission *admission.Limits

	// Transports are the transports that are offered, Polling and WebSocket
	// both by default. An upgrade is offered where both are.
	Transports []string

	// AllowEIO3 serves clients of Engine.IO protocol 3 too: socket.io-client 2.x.
	// JSONP is refused.
	AllowEIO3 bool

	// Deflate compresses messages of 1 KiB and more for WebSocket clients that
	// offer permessage-deflate (RFC 7692), and reads theirs, MaxPayload bounding
	// what comes out. It takes processor time, and memory for each processor
	// (1.4 MB at most), not for each connection. Polling is not compressed.
	Deflate bool

	// Origins are the origins whose pages may connect: exact ones such as
	// "https://example.com", "https://*.example.com" for every subdomain, or
	// "*" for all (then without credentials). A page of the same host may
	// always connect; where Origins is empty, pages of localhost may too.
	// Requests without an Origin header do not come from other sites' pages
	// and are let in.
	Origins []string
	// CheckOrigin decides in place of Origins, for requests with an Origin
	// header. It runs for every polling request and WebSocket handshake, from
	// many goroutines at once.
	CheckOrigin func(*http.Request) bool

	// Logger gets one line for each session when it closes: at level warn where
	// the client was cut off for being too slow, else at debug. It gets one at warn for
	// each handshake over a bound of Admission, and one at error for a
	// handler that panics. Default slog.Default().
	Logger *slog.Logger
}

// withDefaults returns a copy of o with every unset field filled in.
func (o *Options) withDefaults() Options {
	var c Options
	if o != nil {
		c = *o
	}
	setDefault(&c.PingInterval, 25*time.Second)
	setDefault(&c.PingTimeout, 20*time.Second)
	setDefault(&c.UpgradeTimeout, 10*time.Second)
	setDefault(&c.MaxPayload, 2<<20)
	setDefault(&c.MaxPackets, 100_000)
	setDefault(&c.HighWater, 1<<20)
	setDefault(&c.MaxBuffered, 4<<20)
	setDefault(&c.StallTimeout, 10*time.Second)
	if c.Admission == nil {
		c.Admission = admission.New(nil)
	}
	if len(c.Transports) == 0 {
		c.Transports = []string{Polling, WebSocket}
	}
	c.Transports = slices.Clone(c.Transports)
	c.Origins = slices.Clone(c.Origins)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c
}

func setDefault[T int | time.Duration](field *T, value T) {
	if *field <= 0 {
		*field = value
	}
}
