// Package metrics tells Prometheus what a server does. The packages that do it
// count for themselves and know nothing of this one; what they have counted is
// looked at when somebody asks.
package metrics

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"ackbase/collections/bolt"
	"ackbase/crud"
	"ackbase/crud/rest"
	"ackbase/server"
)

// Sources are what is measured. All are needed.
type Sources struct {
	Sockets *server.Server
	Verbs   *crud.Service
	Streams *rest.Handler
	Store   *bolt.Store
}

// Handler answers with the metrics of the sources, of the Go runtime and of the
// process, in the formats of Prometheus.
func Handler(s *Sources) http.Handler {
	return promhttp.HandlerFor(registry(s), promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

func registry(s *Sources) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(s, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}

// metric is one metric of ackbase.
type metric struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

func counter(name, help string, labels ...string) metric {
	return metric{prometheus.NewDesc("ackbase_"+name, help, labels, nil), prometheus.CounterValue}
}

func gauge(name, help string, labels ...string) metric {
	return metric{prometheus.NewDesc("ackbase_"+name, help, labels, nil), prometheus.GaugeValue}
}

var (
	connections        = gauge("connections", "Open connections (Engine.IO sessions), by transport.", "transport")
	connectionsOpened  = counter("connections_opened_total", "Connections that were opened: handshakes that were accepted.")
	connectionsRefused = counter("connections_refused_total", "Handshakes, and TCP connections before one, that were refused, by why.", "reason")
	connectionsClosed  = counter("connections_closed_total", "Connections that have closed, by why.", "reason")
	waiting            = gauge("waiting_bytes", "Bytes that wait for slow clients, of all connections.")
	incoming           = gauge("incoming_bytes", "Bytes of messages that have not come as a whole, of all connections.")
	sockets            = gauge("sockets", "Connected sockets: connections, once for each namespace that they have joined.")
	namespaces         = gauge("namespaces", "Namespaces.")

	streams       = gauge("streams", "Open streams over HTTP: plain WebSockets and server-sent events.")
	streamsClosed = counter("streams_closed_total", "Streams over HTTP that have ended, by why.", "reason")
	httpLimited   = counter("http_requests_refused_total", "Requests over HTTP that were refused, since their address had sent too many.")

	requests      = counter("requests_total", "Requests, by verb.", "verb")
	requestErrors = counter("request_errors_total", "Requests that were answered with an error, by verb and code.", "verb", "code")
	requestTime   = prometheus.NewDesc("ackbase_request_duration_seconds",
		"Time from a request to its answer, by verb. Of GET one request in 64 is timed.", []string{"verb"}, nil)

	subscriptions = gauge("subscriptions", "Subscriptions of all sockets.")
	rooms         = gauge("rooms", "Different collections, items and filters that are subscribed to.")
	delivered     = counter("events_delivered_total", "Events of changes, once for each socket they were sent to.")
	published     = counter("events_published_total", "Events of PUBLISH, once for each socket they were sent to.")
	behind        = gauge("sockets_behind", "Sockets whose events stay in the log, since they are slow or read a snapshot.")
	caughtUp      = counter("catchup_changes_total", "Changes that sockets behind have caught up with, by where they were read.", "source")
	ringBytes     = gauge("ring_bytes", "Memory of the recent changes that are kept for sockets behind.")
	ringChanges   = gauge("ring_changes", "Recent changes that are kept in memory.")
	changes       = counter("store_changes_total", "Changes written.")
	commits       = prometheus.NewDesc("ackbase_store_commit_updates", "Updates that one commit carried.", nil, nil)
	commitSeconds = counter("store_commit_seconds_total", "Time that commits took.")
	fileBytes     = gauge("store_file_bytes", "Size of the database file.")
	logChanges    = gauge("store_log_changes", "Changes that the change log has.")
	logOldest     = gauge("store_log_oldest_timestamp_seconds", "When the oldest change of the log was written; 0 where there is none.")
	logPruned     = counter("store_log_pruned_total", "Changes that were removed from the log, since they were not to be kept any more.")
)

// Describe implements prometheus.Collector: what there is shows when it is collected.
func (s *Sources) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (s *Sources) Collect(to chan<- prometheus.Metric) {
	tell := func(m metric, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(m.desc, m.kind, value, labels...)
	}

	io := s.Sockets.Stats()
	tell(connections, float64(io.Polling), "polling")
	tell(connections, float64(io.WebSocket), "websocket")
	tell(connectionsOpened, float64(io.Opened))
	for reason, n := range io.Refused {
		tell(connectionsRefused, float64(n), reason)
	}
	for reason, n := range io.Closed {
		tell(connectionsClosed, float64(n), reason)
	}
	tell(waiting, float64(io.Waiting))
	tell(incoming, float64(io.Incoming))
	tell(sockets, float64(io.Sockets))
	tell(namespaces, float64(io.Namespaces))

	over := s.Streams.Stats()
	tell(streams, float64(over.Open))
	for reason, n := range over.Closed {
		tell(streamsClosed, float64(n), reason)
	}
	tell(httpLimited, float64(over.Limited))

	verbs := s.Verbs.Stats()
	for verb, n := range verbs.Requests {
		tell(requests, float64(n), verb)
		for code, n := range verbs.Faults[verb] {
			tell(requestErrors, float64(n), verb, code)
		}
		to <- latency(verb, verbs.Latency[verb])
	}
	tell(subscriptions, float64(verbs.Subscriptions))
	tell(rooms, float64(verbs.Rooms))
	tell(delivered, float64(verbs.Delivered))
	tell(published, float64(verbs.Published))
	tell(behind, float64(verbs.Behind))
	tell(caughtUp, float64(verbs.FromRing), "ring")
	tell(caughtUp, float64(verbs.FromLog), "log")
	tell(ringBytes, float64(verbs.RingBytes))
	tell(ringChanges, float64(verbs.RingChanges))

	store := s.Store.Stats()
	tell(changes, float64(store.Changes))
	tell(commitSeconds, store.CommitTime.Seconds())
	tell(fileBytes, float64(store.FileBytes))
	tell(logChanges, float64(store.Kept))
	oldest := 0.0
	if !store.Oldest.IsZero() {
		oldest = float64(store.Oldest.UnixMilli()) / 1000
	}
	tell(logOldest, oldest)
	tell(logPruned, float64(store.Pruned))
	to <- commitSizes(&store)
}

func latency(verb string, h crud.Histogram) prometheus.Metric {
	count := uint64(0)
	buckets := make(map[float64]uint64, len(crud.Bounds))
	for i, bound := range crud.Bounds {
		count += h.Counts[i]
		buckets[bound.Seconds()] = count
	}
	count += h.Counts[len(crud.Bounds)]
	return prometheus.MustNewConstHistogram(requestTime, count, h.Sum.Seconds(), buckets, verb)
}

func commitSizes(s *bolt.Stats) prometheus.Metric {
	count := uint64(0)
	buckets := make(map[float64]uint64, len(s.Sizes))
	for i, n := range s.Sizes {
		count += n
		buckets[float64(int(1)<<i)] = count
	}
	return prometheus.MustNewConstHistogram(commits, count, float64(s.Updates), buckets)
}
