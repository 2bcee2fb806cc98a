package server

import (
	"log/slog"
	"net/http"
	"strings"
	"time"

	"ackbase/server/admission"
	"ackbase/server/engine"
)

// Options are what a [Server] can be told. A nil *Options and the zero value are both good for the
// open internet; a field that is zero takes its default.
type Options struct {
	// Path is the URL path that the server answers, and everything below it; others are 404.
	// Default "/socket.io/".
	Path string

	// PingInterval is the time between two pings to a client, less up to a hundredth of it. Default 25 s.
	PingInterval time.Duration
	// PingTimeout is how long a client may take to answer one. Default 20 s.
	PingTimeout time.Duration
	// UpgradeTimeout is how long an upgrade to WebSocket may take. Default 10 s.
	UpgradeTimeout time.Duration
	// ConnectTimeout closes a connection that has not joined a namespace in time. Default 45 s.
	ConnectTimeout time.Duration

	// MaxPayload is the most bytes that one message or polling body of a client may have. Default 2 MiB.
	MaxPayload int
	// MaxPackets is the most packets of one polling body; over it the connection is closed. Default 100,000.
	MaxPackets int
	// MaxAttachments is the most binary attachments of one packet; more are unparseable. Default
	// 10, as in the official server.
	MaxAttachments int
	// MaxBinary is the most bytes that the attachments of one packet may have together; a packet with
	// more is unparseable. The server keeps them until the last has come. Default 16 MiB, or MaxPayload
	// where that is more.
	MaxBinary int
	// MaxNamespaces is the most namespaces that one connection may be in; a further one is refused
	// with CONNECT_ERROR. Default 100.
	MaxNamespaces int
	// MaxWaiting is the most bytes that one connection may make the server keep: the auth of its
	// sockets, and what it sends to a namespace whose middleware still runs. Over it, a CONNECT is
	// refused and an event closes the connection. Default 1 MiB.
	MaxWaiting int

	// HighWater is the number of bytes waiting for a client over which [Socket.Writable] is false.
	// Default 1 MiB.
	HighWater int
	// MaxBuffered is the most bytes that may wait for a client; over it the connection is closed.
	// Default 4 MiB.
	MaxBuffered int
	// StallTimeout closes a connection that takes nothing of what waits for it for so long. Default 10 s.
	StallTimeout time.Duration

	// Admission bounds connections and handshakes, in all and for each address. It may serve several
	// servers, which then share the bounds. Default admission.New(nil).
	Admission *admission.Limits

	// Transports are "polling" and "websocket", by default both.
	Transports []string

	// AllowEIO3 serves socket.io-client 2.x too, which speaks Engine.IO protocol 3, as the official
	// server's option of that name does. Such a client is connected to "/" without asking; its auth
	// for another namespace is what it has for a query there, an object of texts. A refusal reaches it
	// as the event "error" with the [ConnectError]'s Data, or its message where that is nil. The id
	// of its socket is, as it takes for granted, its session's, after the namespace and # but for
	// "/": whoever knows it can act as this client. JSONP is refused.
	AllowEIO3 bool

	// Deflate compresses messages of 1 KiB and more for WebSocket clients that offer
	// permessage-deflate, and reads theirs. It takes processor time, and memory for each processor
	// (1.4 MB at most), not for each connection. Polling is not compressed.
	Deflate bool

	// Origins are the origins whose pages may connect, such as "https://example.com", or "*" for
	// all. A page of the same host may always; where Origins is empty, pages of localhost may too.
	// It sets the CORS headers also.
	Origins []string
	// CheckOrigin decides in place of Origins, for requests that have an Origin header. It is
	// called concurrently.
	CheckOrigin func(*http.Request) bool

	// Logger gets one line for each connection when it closes (at level warn where the client was cut
	// off for being too slow, else at debug), one at warn for each handshake over a bound of Admission,
	// and errors of handlers. Default slog.Default().
	Logger *slog.Logger
}

// The defaults of the bounds that are this package's own; the others are the engine's.
const (
	defaultPath           = "/socket.io/"
	defaultConnectTimeout = 45 * time.Second
	defaultMaxAttachments = 10
	defaultMaxBinary      = 16 << 20
	defaultMaxNamespaces  = 100
	defaultMaxWaiting     = 1 << 20
)

// maxNamespaceName is the length of the longest namespace name in bytes that a client can ask for:
// a name is kept for as long as a socket is in the namespace.
const maxNamespaceName = 1024

// withDefaults returns a copy of o in which this package's own fields are filled in.
func (o *Options) withDefaults() Options {
	var c Options
	if o != nil {
		c = *o
	}
	if c.Path == "" {
		c.Path = defaultPath
	}
	if !strings.HasPrefix(c.Path, "/") {
		c.Path = "/" + c.Path
	}
	if !strings.HasSuffix(c.Path, "/") {
		c.Path += "/"
	}
	if c.ConnectTimeout <= 0 {
		c.ConnectTimeout = defaultConnectTimeout
	}
	if c.MaxAttachments <= 0 {
		c.MaxAttachments = defaultMaxAttachments
	}
	if c.MaxBinary <= 0 {
		c.MaxBinary = max(defaultMaxBinary, c.MaxPayload)
	}
	if c.MaxNamespaces <= 0 {
		c.MaxNamespaces = defaultMaxNamespaces
	}
	if c.MaxWaiting <= 0 {
		c.MaxWaiting = defaultMaxWaiting
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c
}

// engine gives the options of the layer below.
func (o *Options) engine() *engine.Options {
	return &engine.Options{
		PingInterval:   o.PingInterval,
		PingTimeout:    o.PingTimeout,
		UpgradeTimeout: o.UpgradeTimeout,
		MaxPayload:     o.MaxPayload,
		MaxPackets:     o.MaxPackets,
		HighWater:      o.HighWater,
		MaxBuffered:    o.MaxBuffered,
		StallTimeout:   o.StallTimeout,
		Admission:      o.Admission,
		Transports:     o.Transports,
		AllowEIO3:      o.AllowEIO3,
		Deflate:        o.Deflate,
		Origins:        o.Origins,
		CheckOrigin:    o.CheckOrigin,
		Logger:         o.Logger,
	}
}
