package settings

import (
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"ackbase/collections"
	"ackbase/collections/bolt"
	"ackbase/crud"
	"ackbase/crud/rest"
	"ackbase/server"
	"ackbase/server/admission"
	"ackbase/server/logs"
)

// AdmissionOptions are those of who may come in. maxConns is what FitFiles has returned.
func (s *Settings) AdmissionOptions(maxConns int) *admission.Options {
	return &admission.Options{
		MaxSessions:             int(s.MaxConnections),
		MaxConns:                maxConns,
		MaxSessionsPerAddress:   int(s.MaxConnectionsPerAddress),
		HandshakeRate:           int(s.HandshakeRate),
		HandshakeRatePerAddress: int(s.HandshakeRatePerAddress),
		RequestRatePerAddress:   int(s.RequestRatePerAddress),
		TrustedProxies:          prefixes(s.TrustedProxy),
	}
}

// MetricsRanges are the addresses that may read /metrics.
func (s *Settings) MetricsRanges() []netip.Prefix { return prefixes(s.MetricsFrom) }

// StoreOptions are those of the store.
func (s *Settings) StoreOptions(logger *slog.Logger) *bolt.Options {
	return &bolt.Options{Collections: s.collections, Keep: s.keep, Logger: logger}
}

// CollectionsOptions are those of the data.
func (s *Settings) CollectionsOptions() *collections.Options {
	return &collections.Options{
		Collections: s.collections,
		Declared:    s.DeclaredOnly,
		MaxItem:     int(s.MaxItem),
		MaxDepth:    int(s.MaxDepth),

		KeepKeys:     time.Duration(s.KeepKeys),
		MaxKeys:      int(s.MaxKeys),
		MaxKeysBytes: int64(s.MaxKeysBytes),
	}
}

// VerbOptions are those of the verbs and of the delivery.
func (s *Settings) VerbOptions(logger *slog.Logger) *crud.Options {
	return &crud.Options{
		MaxAnswer:        int(s.MaxAnswer),
		MaxSnapshot:      int(s.MaxSnapshot),
		MaxSubscriptions: int(s.MaxSubscriptions),
		MaxFilterBytes:   int(s.MaxFilterBytes),
		MaxPending:       int(s.MaxPending),
		MaxPendingBytes:  int(s.MaxPendingBytes),
		Bookmark:         time.Duration(s.Bookmark),
		MaxPendingTotal:  int(s.MaxPendingTotal),
		RequestRate:      int(s.RequestRate),
		Publish:          s.Publish,
		Logger:           logger,

		RecoverFor:          s.RecoverFor.orOff(),
		MaxRecoverable:      int(s.MaxRecoverable),
		MaxRecoverableBytes: int64(s.MaxRecoverableBytes),
	}
}

// ServerOptions are those of the Socket.IO server.
func (s *Settings) ServerOptions(limits *admission.Limits, logger *slog.Logger) *server.Options {
	return &server.Options{
		PingInterval:   time.Duration(s.PingInterval),
		PingTimeout:    time.Duration(s.PingTimeout),
		ConnectTimeout: time.Duration(s.ConnectTimeout),
		UpgradeTimeout: time.Duration(s.UpgradeTimeout),
		AllowEIO3:      s.AllowEIO3,
		Deflate:        s.Deflate,
		MaxPayload:     int(s.MaxMessage),
		MaxPackets:     int(s.MaxPackets),
		MaxAttachments: int(s.MaxAttachments),
		MaxBinary:      int(s.MaxBinary),
		MaxWaiting:     int(s.MaxWaiting),
		MaxNamespaces:  int(s.MaxNamespaces),
		HighWater:      int(s.HighWater),
		MaxBuffered:    int(s.MaxBuffered),
		StallTimeout:   time.Duration(s.StallTimeout),
		Admission:      limits,
		Origins:        s.Origin,
		Logger:         logger,
	}
}

// RESTOptions are those of the verbs over HTTP. allowOrigin is the Socket.IO server's.
func (s *Settings) RESTOptions(limits *admission.Limits, allowOrigin func(http.ResponseWriter, *http.Request) bool, logger *slog.Logger) *rest.Options {
	return &rest.Options{
		MaxBody:      int(s.MaxMessage),
		AllowOrigin:  allowOrigin,
		BodyTimeout:  time.Duration(s.BodyTimeout),
		Admission:    limits,
		HighWater:    int(s.HighWater),
		MaxBuffered:  int(s.MaxBuffered),
		StallTimeout: time.Duration(s.StallTimeout),
		PingInterval: time.Duration(s.PingInterval),
		Logger:       logger,
	}
}

// HTTPServer is an http.Server with its bounds; what it serves is for the caller to set.
func (s *Settings) HTTPServer() *http.Server {
	h := &http.Server{
		ReadHeaderTimeout: time.Duration(s.HeaderTimeout),
		ReadTimeout:       time.Duration(s.BodyTimeout),
		WriteTimeout:      time.Duration(s.AnswerTimeout),
		IdleTimeout:       time.Duration(s.IdleTimeout),
		MaxHeaderBytes:    64 << 10,
		Protocols:         new(http.Protocols),
	}
	h.Protocols.SetHTTP1(true) // a WebSocket takes its connection over, which HTTP/2 does not allow
	return h
}

// Logger writes to w what is to be logged.
func (s *Settings) Logger(w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: slog.LevelInfo}
	switch s.LogLevel {
	case "debug":
		options.Level = slog.LevelDebug
	case "warn":
		options.Level = slog.LevelWarn
	case "error":
		options.Level = slog.LevelError
	}
	if s.LogFormat == "json" {
		return slog.New(logs.Throttle(slog.NewJSONHandler(w, options)))
	}
	return slog.New(logs.Throttle(slog.NewTextHandler(w, options)))
}
