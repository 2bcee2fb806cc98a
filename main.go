// Command ackbase is an event server that stock Socket.IO clients talk to: a
// CRUD API over the socket, with every change told to whoever subscribed.
// README.md says how to use it, `ackbase --help` lists its settings.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log"
	"log/slog"
	"maps"
	"math"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml"

	"ackbase/collections"
	"ackbase/collections/bolt"
	"ackbase/crud"
	"ackbase/crud/console"
	"ackbase/crud/metrics"
	"ackbase/crud/rest"
	"ackbase/crud/socketio"
	"ackbase/examples/catalogue"
	"ackbase/server"
	"ackbase/server/admission"
	"ackbase/server/bench"
	"ackbase/server/logs"
	"ackbase/web"
)

func main() {
	ctx, stop := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		stop()
		<-signals // somebody does not want to wait for the clean shutdown
		os.Exit(1)
	}()
	if err := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "ackbase:", err)
		os.Exit(1)
	}
}

// How long sockets and then other HTTP requests get to end after the context's
// end, so that the process is gone within five seconds in any case.
const (
	socketsEnd  = 2 * time.Second
	requestsEnd = time.Second
)

// run is the whole command: it serves until ctx ends and returns nil after a
// clean shutdown. The ready line, --help and --version go to out, logs to logs.
func run(ctx context.Context, args []string, getenv func(string) string, out, logs io.Writer) (err error) {
	if len(args) > 0 && args[0] == "bench" {
		return runBench(ctx, args[1:], out, logs)
	}
	s, err := readSettings(args, getenv, out)
	if err != nil || s == nil {
		return err
	}
	logger := s.logger(logs)

	files := admission.Files()
	maxConns, lowered, err := s.fitFiles(files)
	if err != nil {
		return err
	}
	limits := admission.New(&admission.Options{
		MaxSessions:             int(s.MaxConnections),
		MaxConns:                maxConns,
		MaxSessionsPerAddress:   int(s.MaxConnectionsPerAddress),
		HandshakeRate:           int(s.HandshakeRate),
		HandshakeRatePerAddress: int(s.HandshakeRatePerAddress),
		TrustedProxies:          prefixes(s.TrustedProxy),
	})
	listener, err := net.Listen("tcp", s.Listen)
	if err != nil {
		return listenError(s.Listen, err)
	}
	defer listener.Close() // for the ways out before Serve; closing it twice does no harm

	store, err := bolt.Open(s.Data, &bolt.Options{Collections: s.collections, Keep: s.keep, Logger: logger})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	db := collections.New(store, &collections.Options{
		Collections: s.collections,
		Declared:    s.DeclaredOnly,
		MaxItem:     int(s.MaxItem),
		MaxDepth:    int(s.MaxDepth),

		KeepKeys:     time.Duration(s.KeepKeys),
		MaxKeys:      int(s.MaxKeys),
		MaxKeysBytes: int64(s.MaxKeysBytes),
	})
	if err := s.seed(ctx, db, logger); err != nil {
		if ctx.Err() != nil {
			return nil // asked to stop while loading
		}
		return err
	}

	service := crud.New(db, &crud.Options{
		MaxAnswer:        int(s.MaxAnswer),
		MaxSnapshot:      int(s.MaxSnapshot),
		MaxSubscriptions: int(s.MaxSubscriptions),
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
	})
	sockets := server.New(&server.Options{
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
	})
	socketio.Bind(sockets.Of("/"), service)
	var watching sync.WaitGroup
	watched, endWatch := context.WithCancel(ctx)
	watching.Go(func() { sockets.LimitMemory(watched, int(s.MaxMemory)) })
	defer watching.Wait()
	defer endWatch()

	mux := http.NewServeMux()
	mux.Handle("/", web.New(nil))
	mux.Handle("/socket.io/", web.ClientFiles("/socket.io/", sockets))
	overHTTP := rest.New(service, &rest.Options{
		MaxBody:      int(s.MaxMessage),
		AllowOrigin:  sockets.AllowOrigin,
		BodyTimeout:  time.Duration(s.BodyTimeout),
		Admission:    limits,
		HighWater:    int(s.HighWater),
		MaxBuffered:  int(s.MaxBuffered),
		StallTimeout: time.Duration(s.StallTimeout),
		PingInterval: time.Duration(s.PingInterval),
		Logger:       logger,
	})
	mux.Handle(rest.Prefix, overHTTP)
	mux.Handle(rest.WebSocketPrefix, overHTTP)
	mux.HandleFunc("GET /openapi.json", rest.OpenAPI)
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { tell(w, nil) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { tell(w, ready(ctx, db)) })
	mux.Handle("GET /metrics", limits.Only(prefixes(s.MetricsFrom), "--metrics-from",
		metrics.Handler(&metrics.Sources{Sockets: sockets, Verbs: service, Streams: overHTTP, Store: store})))
	consoleHandler := http.Handler(http.HandlerFunc(noConsole))
	if on, asked := s.showConsole(listener.Addr()); on {
		api := console.New(&console.Sources{Sockets: sockets, Verbs: service, Streams: overHTTP, Store: store, DB: db, Version: version()})
		defer api.Close()
		both := http.NewServeMux()
		both.Handle("/", web.Console())
		both.Handle(console.Prefix, api)
		consoleHandler = both
		if !asked { // who comes through a proxy, and so from anywhere, must not find it
			consoleHandler = limits.ThisMachine("--console", both)
		}
	}
	mux.Handle("/console", consoleHandler)
	mux.Handle("/console/", consoleHandler)
	httpServer := &http.Server{
		Handler:           admission.OwnHosts(listener.Addr(), s.Origin, "--origin", mux),
		ConnState:         limits.ConnState,
		ReadHeaderTimeout: time.Duration(s.HeaderTimeout),
		ReadTimeout:       time.Duration(s.BodyTimeout),
		WriteTimeout:      time.Duration(s.AnswerTimeout),
		IdleTimeout:       time.Duration(s.IdleTimeout),
		MaxHeaderBytes:    64 << 10,
		Protocols:         new(http.Protocols),
		ErrorLog:          log.New(httpErrors{logger}, "", 0),
	}
	httpServer.Protocols.SetHTTP1(true) // a WebSocket takes its connection over, which HTTP/2 does not allow

	if lowered {
		logger.Info("fewer connections than --max-connections are let in, since this process may have few files open", "files", files, "connections", int(s.MaxConnections))
	}
	failed := make(chan error, 1)
	go func() { failed <- httpServer.Serve(limits.Listener(listener, logger)) }()
	fmt.Fprintf(out, "ackbase listening on http://%s\n", listener.Addr())
	select {
	case <-ctx.Done():
	case err = <-failed:
		err = fmt.Errorf("the server stopped accepting connections: %w", err)
	}

	listener.Close() // nobody new from here on
	service.Close()  // what is under way is answered
	overHTTP.Close()
	stopping, cancel := context.WithTimeout(context.Background(), socketsEnd)
	defer cancel()
	if late := sockets.Shutdown(stopping); late != nil {
		logger.Warn("some clients did not take what waited for them before the end", "err", late)
	}
	stopping, cancel = context.WithTimeout(context.Background(), requestsEnd)
	defer cancel()
	if late := httpServer.Shutdown(stopping); late != nil {
		httpServer.Close()
	}
	return err
}

// showConsole tells whether the console is served, and whether that was asked for:
// it is not where others than this machine could reach it, unless it was.
func (s *settings) showConsole(address net.Addr) (on, asked bool) {
	if s.Console != nil {
		return *s.Console, *s.Console
	}
	listening, ok := address.(*net.TCPAddr)
	return ok && listening.IP.IsLoopback(), false
}

// noConsole answers for the console where there is none.
func noConsole(w http.ResponseWriter, _ *http.Request) {
	http.Error(w, "The console is off: it shows everything to whoever reaches this server. Start the server with --console to have it.", http.StatusNotFound)
}

// tell answers a request about the server's health: that all is well, or what is not.
func tell(w http.ResponseWriter, trouble error) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if trouble != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, trouble)
		return
	}
	fmt.Fprintln(w, "ok")
}

// ready tells whether the store answers: by reading an item, whether it is there or not.
func ready(ctx context.Context, db *collections.DB) error {
	if ctx.Err() != nil {
		return errors.New("shutting down")
	}
	id, err := collections.NumberID(1)
	if err != nil {
		return err
	}
	err = db.View(ctx, func(r collections.Reader) error {
		_, err := r.Get("items", id)
		return err
	})
	if errors.Is(err, collections.ErrNotFound) {
		return nil
	}
	return err
}

// runBench is `ackbase bench`: it puts load on a server and tells what that costs.
func runBench(ctx context.Context, args []string, out, logs io.Writer) error {
	var c bench.Command
	answered := false
	parser, err := kong.New(&c, kong.Name("ackbase bench"), kong.Writers(out, io.Discard), kong.Exit(func(int) { answered = true }))
	if err != nil {
		return err
	}
	if _, err := parser.Parse(args); answered || err != nil {
		return settingError("ackbase bench", err, answered)
	}
	return c.Run(ctx, out, logs)
}

// listenError says what to do about an address that cannot be had.
func listenError(address string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("another program already listens on %s: stop it, or choose another address with --listen", address)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("this user may not listen on %s: choose a port from 1024 on with --listen", address)
	}
	return fmt.Errorf("cannot listen on %q: give --listen an address of this machine and a port, such as 127.0.0.1:3000 or :3000 for all addresses (%w)", address, err)
}

// httpErrors brings net/http's own complaints into the log, at the level of
// what they nearly always are: a client that sent nonsense or went away.
type httpErrors struct{ logger *slog.Logger }

func (e httpErrors) Write(line []byte) (int, error) {
	text := strings.TrimSpace(string(line))
	if strings.Contains(text, "Accept error") { // too many open files, for one
		e.logger.Warn("no connection can be accepted", "err", text)
		return len(line), nil
	}
	e.logger.Debug(text, "from", "net/http")
	return len(line), nil
}

// settings are the flags. The same names, in capitals with ACKBASE_ before and _ for -,
// are the environment's; as they are, the configuration file's.
type settings struct {
	Listen  string   `group:"Server" default:"127.0.0.1:3000" help:"Address and port to listen on. Port 0 takes a free one, which the ready line tells."`
	Console *bool    `group:"Server" help:"Serve the console at /console, which shows all data and every client to whoever reaches this server. Without it: to this machine alone, where the server listens at a loopback address; --console=false: to nobody."`
	Config  string   `group:"Server" placeholder:"FILE" help:"YAML file with any of these settings under the same names, and a section collections."`
	Origin  []string `group:"Server" placeholder:"ORIGIN" help:"Page that may connect from another origin, such as https://shop.example. Repeatable; * for every page. Without it: the same origin and localhost."`

	Data         string   `group:"Data" default:"ackbase.db" help:"File that holds the data. It is created where there is none."`
	Seed         string   `group:"Data" placeholder:"NAME" help:"Data set to load into the collection items while that is empty: catalogue (a shop's products), or catalogue:100000 for as many generated ones."`
	Index        []string `group:"Data" placeholder:"ITEMS.PATH" help:"Index that serves filters and sorts, such as items.price, or items.category+price for both at once. Repeatable."`
	IDs          []string `group:"Data" name:"ids" placeholder:"ITEMS=KIND" help:"How POST numbers a collection: items=number (the default), items=uuid, or items=prefix:A for A1, A2 and so on. Repeatable."`
	DeclaredOnly bool     `group:"Data" help:"Serve only the collections that --index, --ids, --keep-changes or the configuration file name. Without it a collection exists as soon as it is named."`

	Publish []crud.RoomPattern `group:"Data" placeholder:"ROOM" help:"Room that clients may PUBLISH events to, which are not stored: chat for those subscribed to the collection, chat/* for those to one of its items; * stands for any text. Repeatable. Without it nobody may."`

	Bookmark duration `group:"Data" default:"1m" help:"After how long without an event a subscription is told how far it has come (BOOKMARK), so that it has little to catch up with after a reconnection."`

	RecoverFor optional `group:"Limits" default:"24h" help:"How long a client whose connection was lost can come back to its subscriptions (connection state recovery); 0 switches it off."`

	MaxItem          size  `group:"Limits" default:"1MB" help:"Largest item."`
	MaxDepth         count `group:"Limits" default:"64" help:"Most arrays and objects of an item within each other; 64 at the most."`
	MaxAnswer        size  `group:"Limits" default:"16MB" help:"Largest answer. A larger one is refused with TOO_LARGE."`
	MaxSnapshot      count `group:"Limits" default:"10000" help:"Most items in the snapshot of a subscription."`
	MaxSubscriptions count `group:"Limits" default:"256" help:"Most subscriptions of one socket."`
	MaxPending       count `group:"Limits" default:"1024" help:"Most requests of one socket that are under way at once; further ones wait their turn unread."`
	MaxPendingBytes  size  `group:"Limits" default:"2MB" help:"Most bytes of such requests together."`
	MaxPendingTotal  size  `group:"Limits" default:"64MB" help:"Most bytes of the writes of all sockets that are under way at once; further ones wait their turn unread."`
	RequestRate      count `group:"Limits" default:"1000000" help:"Requests a second of one socket; ten times as many may come at once. Further ones are refused with RATE_LIMITED. The default is more than one processor answers: set it lower to hold greedy clients back."`

	KeepChanges []string `group:"Limits" sep:"none" placeholder:"[ITEMS=]AGE,NUMBER" default:"30d,10000000" help:"How much of the change log is kept, for resuming and for histories: an age, a number of changes, both or all. As items=7d of one collection alone, else of all those without, together. Repeatable."`

	KeepKeys     duration `group:"Limits" default:"24h" help:"How long an idempotency key is known: within this time a write that comes again under its key gets its first answer, and changes nothing."`
	MaxKeys      count    `group:"Limits" default:"1000000" help:"Most keys that are known. Beyond it the oldest are forgotten."`
	MaxKeysBytes size     `group:"Limits" default:"1GB" help:"Most bytes of keys and their answers in the data file. Beyond it the oldest are forgotten."`

	MaxRecoverable      count `group:"Limits" default:"100000" help:"Most sockets with subscriptions, connected or not, that can be recovered. Beyond it the oldest are forgotten."`
	MaxRecoverableBytes size  `group:"Limits" default:"256MB" help:"Most bytes of what is kept for that in the data file. Beyond it the oldest are forgotten."`

	MaxMessage     size  `group:"Messages" default:"2MB" help:"Largest message from a client, and polling body. A larger one closes its connection."`
	MaxPackets     count `group:"Messages" default:"100000" help:"Most packets in one polling body. More close the connection."`
	MaxAttachments count `group:"Messages" default:"10" help:"Most binary attachments of one packet. More close the connection."`
	MaxBinary      size  `group:"Messages" default:"16MB" help:"Most bytes of such attachments together. More close the connection."`
	MaxWaiting     size  `group:"Messages" default:"1MB" help:"Most bytes that one connection may have kept while it joins namespaces. Over it CONNECT is refused."`

	PingInterval   duration `group:"Connections" default:"25s" help:"How often a connection is asked whether it still lives."`
	PingTimeout    duration `group:"Connections" default:"20s" help:"How long it may take to answer that."`
	ConnectTimeout duration `group:"Connections" default:"45s" help:"How long a connection may stay without joining a namespace."`
	UpgradeTimeout duration `group:"Connections" default:"10s" help:"How long an upgrade from polling to WebSocket may take."`
	AllowEIO3      bool     `group:"Connections" name:"allow-eio3" help:"Serve socket.io-client 2.x too, which speaks Engine.IO protocol 3 (not JSONP)."`
	Deflate        bool     `group:"Connections" help:"Compress WebSocket messages from 1 KB on where the client offers it (permessage-deflate). It saves bandwidth and costs processor time."`
	HeaderTimeout  duration `group:"Connections" default:"10s" help:"How long a TCP connection may take to send the head of an HTTP request."`
	BodyTimeout    duration `group:"Connections" default:"1m" help:"How long all of an HTTP request may take to arrive. Of a polling body: a ping interval and a ping timeout."`
	AnswerTimeout  duration `group:"Connections" default:"5m" help:"How long the answer to an HTTP request may take, where it is no poll and no stream."`
	IdleTimeout    duration `group:"Connections" default:"2m" help:"How long a TCP connection may wait for its next HTTP request."`
	MaxNamespaces  count    `group:"Connections" default:"100" help:"Most namespaces of one connection."`

	MaxConnections           count     `group:"Clients" default:"20000" help:"Most connections; also half of the most TCP connections that are no WebSockets. Further ones are told to come later."`
	MaxConnectionsPerAddress count     `group:"Clients" default:"2000" help:"The same for one address, or one /64 of IPv6. The addresses of this machine itself have no such bound."`
	HandshakeRate            count     `group:"Clients" default:"2000" help:"New connections a second; ten times as many may come at once. Further ones are told to come later."`
	HandshakeRatePerAddress  count     `group:"Clients" default:"100" help:"The same for one address."`
	TrustedProxy             []network `group:"Clients" placeholder:"CIDR" help:"Address, or range, of a proxy whose X-Forwarded-For tells who the client is. Repeatable. Without it everybody behind a proxy has its address."`
	MetricsFrom              []network `group:"Clients" placeholder:"CIDR" default:"127.0.0.0/8,::1" help:"Clients that may read /metrics. Repeatable. A proxy on this machine must be a --trusted-proxy, or it lets everybody read."`

	HighWater    size     `group:"Slow clients" default:"1MB" help:"Bytes waiting for a client over which its events stay in the log, until half of that is left."`
	MaxBuffered  size     `group:"Slow clients" default:"4MB" help:"Most bytes of answers and other events that wait for a client. Over it the client is cut off, and reconnects."`
	MaxMemory    size     `group:"Slow clients" default:"1GB" help:"Memory in use over which the connections that hold most of it are cut off, those of one address first."`
	StallTimeout duration `group:"Slow clients" default:"10s" help:"How long a client for whom something waits may take nothing of it. Then it is cut off, and reconnects."`

	LogLevel  string `group:"Logs" default:"info" enum:"debug,info,warn,error" help:"Least level that is logged: debug, info, warn or error. Logs go to the standard error output."`
	LogFormat string `group:"Logs" default:"text" enum:"text,json" help:"Form of the logs: text or json."`
	Version   bool   `group:"Logs" help:"Print the version and exit."`

	collections map[string]collections.Collection
	keep        collections.Keep // of those without one of their own
}

const description = `An event server for stock Socket.IO clients: GET, POST, PUT, PATCH and DELETE
over the socket, and ADDED, MODIFIED and DELETED to whoever subscribed.

Examples:
  ackbase                                           serve ackbase.db on 127.0.0.1:3000
  ackbase --seed catalogue                          with a shop's products to play with
  ackbase --listen :8080 --data /srv/shop.db --origin https://shop.example
  ackbase --index items.price --index items.category+price
  ackbase --config ackbase.yaml                     settings from a file
  ackbase bench --help                              put load on a Socket.IO server

Every setting can also come from the environment (--log-level as ACKBASE_LOG_LEVEL,
lists separated by commas) or from the file. A flag wins over the environment, that
over the file, that over the default. Sizes are like 512KB or 2MB (1 KB is 1024
bytes), durations like 500ms, 25s or 1m30s; of --keep-changes 30d too, its list is separated
by semicolons.`

// readSettings gathers the settings. They are nil, without an error, where
// --help or --version has been answered on out.
func readSettings(args []string, getenv func(string) string, out io.Writer) (*settings, error) {
	var answered bool
	parse := func(s *settings, options ...kong.Option) (*kong.Context, error) {
		parser, err := kong.New(s, append(options,
			kong.Name("ackbase"),
			kong.Description(description),
			kong.Writers(out, io.Discard),
			kong.Exit(func(int) { answered = true }),
			kong.ConfigureHelp(kong.HelpOptions{NoAppDescFormat: true, WrapUpperBound: 100}),
			kong.ExplicitGroups([]kong.Group{
				{Key: "Server", Title: "Server"}, {Key: "Data", Title: "Data"}, {Key: "Limits", Title: "Limits"},
				{Key: "Messages", Title: "Messages"}, {Key: "Connections", Title: "Connections"},
				{Key: "Clients", Title: "Clients"}, {Key: "Slow clients", Title: "Slow clients"}, {Key: "Logs", Title: "Logs and help"},
			}),
		)...)
		if err != nil {
			return nil, err
		}
		return parser.Parse(args)
	}

	// The command line alone comes first: it may name the file, or only want help.
	var given settings
	model, err := parse(&given)
	if answered || err != nil {
		return nil, settingError("ackbase", err, answered)
	}
	if given.Version {
		_, err := fmt.Fprintln(out, "ackbase", version())
		return nil, err
	}
	if given.Config == "" {
		given.Config = getenv("ACKBASE_CONFIG")
	}
	var known []string // what the environment and the file can set
	for _, flag := range model.Model.Flags {
		if flag.Name != "help" && flag.Name != "version" && flag.Name != "config" {
			known = append(known, flag.Name)
		}
	}
	file, err := readFile(given.Config, known)
	if err != nil {
		return nil, err
	}
	sources := map[string]string{} // where a setting came from that the command line does not have
	resolve := kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		if !slices.Contains(known, flag.Name) {
			return nil, nil
		}
		variable := "ACKBASE_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
		if value := getenv(variable); value != "" {
			sources[flag.Name] = "the environment variable " + variable
			return value, nil
		}
		if values, ok := file.values[flag.Name]; ok {
			sources[flag.Name] = "the configuration file " + given.Config
			if flag.Tag.Sep == noSeparator {
				return strings.Join(values, ruleSeparator), nil
			}
			return strings.Join(values, ","), nil
		}
		return nil, nil
	})
	s := &settings{}
	if _, err := parse(s, kong.Resolvers(resolve)); err != nil {
		for name, source := range sources {
			if message, ok := strings.CutPrefix(err.Error(), "--"+name+": "); ok {
				return nil, fmt.Errorf("%s, in %s: %s", name, source, message)
			}
			if strings.HasPrefix(err.Error(), "--"+name+" ") {
				return nil, fmt.Errorf("%w (it comes from %s)", err, source)
			}
		}
		return nil, settingError("ackbase", err, false)
	}
	return s, s.check(file)
}

// settingError makes a sentence of what kong complains about in a command's flags.
func settingError(command string, err error, answered bool) error {
	if err == nil || answered {
		return nil
	}
	if name, _, missing := strings.Cut(err.Error(), ": "); missing && strings.HasSuffix(err.Error(), "(<EOL>)") {
		return fmt.Errorf("%s needs a value (%s --help lists all settings)", name, command)
	}
	return fmt.Errorf("%w (%s --help lists all settings)", err, command)
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}

// check gathers what is said of collections, by the file and by the flags
// (indexes add up; ids and what is kept of a flag win), and refuses settings that make no sense.
func (s *settings) check(file *configFile) error {
	indexes, ids, keeps := file.indexes, file.ids, file.keeps
	kept, err := s.keepRules()
	if err != nil {
		return err
	}
	s.keep = kept[""]
	delete(kept, "")
	maps.Copy(keeps, kept)
	for _, index := range s.Index {
		name, paths, ok := strings.Cut(index, ".")
		if !ok || name == "" || paths == "" {
			return fmt.Errorf("--index: %q is no index: write the collection, a dot and a path, such as items.price, or several paths, such as items.category+price", index)
		}
		indexes[name] = append(indexes[name], paths)
	}
	flagged := map[string]string{}
	for _, scheme := range s.IDs {
		name, kind, ok := strings.Cut(scheme, "=")
		if !ok || name == "" || kind == "" {
			return fmt.Errorf("--ids: %q is not like items=uuid, items=number or items=prefix:A", scheme)
		}
		if other, twice := flagged[name]; twice && other != kind {
			return fmt.Errorf("--ids: %s is to be %s and %s: name one of them", name, other, kind)
		}
		ids[name], flagged[name] = kind, kind
	}
	s.collections = map[string]collections.Collection{}
	names := slices.Concat(file.named, slices.Collect(maps.Keys(indexes)), slices.Collect(maps.Keys(ids)), slices.Collect(maps.Keys(keeps)))
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		if err := collections.CheckName(name); err != nil {
			return fmt.Errorf("a collection is declared under a bad name: %w", err)
		}
		c, err := declare(ids[name], indexes[name])
		if err != nil {
			return fmt.Errorf("the collection %s: %w", name, err)
		}
		c.Keep = keeps[name]
		s.collections[name] = c
	}
	if err := (&collections.Options{Collections: s.collections}).Check(); err != nil {
		return err
	}
	if s.DeclaredOnly && len(names) == 0 {
		return errors.New("--declared-only serves only declared collections and none is declared: name one with --ids, --index, --keep-changes or in the configuration file, such as --ids items=number")
	}
	if s.MaxDepth > collections.MaxDepth {
		return fmt.Errorf("--max-depth: %d is too deep: it is %d at the most", s.MaxDepth, collections.MaxDepth)
	}
	if s.MaxBuffered < s.HighWater {
		return fmt.Errorf("--max-buffered: a client would be cut off before its events stay in the log: give at least the %d bytes of --high-water", s.HighWater)
	}
	for _, origin := range s.Origin {
		if u, err := url.Parse(origin); origin != "*" && (err != nil || u.Scheme == "" || u.Host == "" || strings.TrimRight(u.Path, "/") != u.Path || u.Path != "") {
			return fmt.Errorf("--origin: %q is no origin: write scheme and host without a path, such as https://shop.example, or *", origin)
		}
	}
	_, _, err = s.dataSet()
	return err
}

// noSeparator is the tag of a setting whose values are not taken apart at commas, ruleSeparator what stands between
// several of them in one text, as in the environment.
const (
	noSeparator   = -1
	ruleSeparator = ";"
)

// keepRules reads --keep-changes: by the collection's name, and "" for the others.
func (s *settings) keepRules() (map[string]collections.Keep, error) {
	rules := map[string]collections.Keep{}
	for _, value := range s.KeepChanges {
		for rule := range strings.SplitSeq(value, ruleSeparator) {
			name, length, named := strings.Cut(rule, "=")
			if name = strings.TrimSpace(name); !named {
				name, length = "", rule
			} else if name == "" {
				return nil, fmt.Errorf("--keep-changes: %q names no collection: write it like items=7d, or 7d for all", rule)
			}
			keep, err := collections.ParseKeep(length)
			if err != nil {
				return nil, fmt.Errorf("--keep-changes: %w", err)
			}
			if other, twice := rules[name]; twice && other != keep {
				of := "the collections without a rule of their own"
				if named {
					of = name
				}
				return nil, fmt.Errorf("--keep-changes: of %s is to be kept %s and %s: name one of them, and an age together with a number as in 30d,1000000", of, other, keep)
			}
			rules[name] = keep
		}
	}
	return rules, nil
}

// declare makes what is configured of one collection.
func declare(ids string, indexes []string) (c collections.Collection, err error) {
	prefix, prefixed := strings.CutPrefix(ids, "prefix:")
	switch {
	case ids == "" || ids == "number" || ids == "uuid":
	case prefixed && prefix != "":
		if _, err := collections.TextID(prefix + "1"); err != nil {
			return c, fmt.Errorf("the prefix %q cannot begin an id: %w", prefix, err)
		}
	default:
		return c, fmt.Errorf("%q is no kind of ids: there are number, uuid and prefix:A (with the text that comes before the number)", ids)
	}
	c.IDs = collections.IDScheme(ids)
	for _, index := range slices.Compact(slices.Sorted(slices.Values(indexes))) {
		paths := strings.Split(index, "+")
		for _, path := range paths {
			if _, err := collections.ParsePath(path); err != nil {
				return c, fmt.Errorf("the index %q: %w", index, err)
			}
		}
		c.Indexes = append(c.Indexes, collections.Index{Paths: paths})
	}
	return c, nil
}

// dataSet reads --seed: the products, or nil for none, and how many they are.
func (s *settings) dataSet() (products iter.Seq[json.RawMessage], count int, err error) {
	name, number, generated := strings.Cut(s.Seed, ":")
	switch {
	case s.Seed == "":
		return nil, 0, nil
	case name != "catalogue":
		return nil, 0, fmt.Errorf("--seed: there is no data set %q: there are catalogue and, with a number of products, catalogue:100000", s.Seed)
	case !generated:
		list := catalogue.Products()
		return slices.Values(list), len(list), nil
	}
	const most = 10_000_000
	if count, err = strconv.Atoi(number); err != nil || count < 1 || count > most {
		return nil, 0, fmt.Errorf("--seed: %q is no number of products: write 1 to %d, such as catalogue:100000", number, most)
	}
	return catalogue.Generate(count), count, nil
}

// seed loads the data set, if one is asked for.
func (s *settings) seed(ctx context.Context, db *collections.DB, logger *slog.Logger) error {
	products, count, err := s.dataSet()
	if err != nil || products == nil {
		return err
	}
	start := time.Now()
	stored, loaded, err := catalogue.Load(ctx, db, catalogue.Collection, products, func(stored int) {
		logger.Info("loading the data set", "seed", s.Seed, "items", stored, "of", count)
	})
	switch {
	case err != nil:
		return err
	case !loaded:
		logger.Info("the collection has items already: the data set was not loaded", "seed", s.Seed, "collection", catalogue.Collection)
	default:
		logger.Info("loaded the data set", "seed", s.Seed, "collection", catalogue.Collection, "items", stored, "took", time.Since(start).Round(time.Millisecond))
	}
	return nil
}

// ownFiles is how many files the server may have open beside its connections.
const ownFiles = 100

// fitFiles sees that --max-connections is within what the system lets the process have open, and returns how many
// TCP connections that leaves; 0 for any number. The default is lowered, what somebody has chosen is refused.
func (s *settings) fitFiles(files int) (maxConns int, lowered bool, err error) {
	if files == 0 {
		return 0, false, nil
	}
	maxConns = files - ownFiles
	switch {
	case maxConns <= 0:
		return 0, false, fmt.Errorf("this process may have %d files open, and needs %d beside its connections: raise the limit (ulimit -n, or LimitNOFILE of systemd)", files, ownFiles)
	case int(s.MaxConnections) <= maxConns:
	case s.MaxConnections != defaultMaxConnections:
		return 0, false, fmt.Errorf("--max-connections: this process may have %d files open, which is room for %d connections, not for %d: raise the limit (ulimit -n, or LimitNOFILE of systemd), or set fewer", files, maxConns, s.MaxConnections)
	default:
		s.MaxConnections, lowered = count(maxConns), true
	}
	return maxConns, lowered, nil
}

// defaultMaxConnections is that of --max-connections.
const defaultMaxConnections = 20_000

func (s *settings) logger(w io.Writer) *slog.Logger {
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

// size is a number of bytes that is written as 2MB, 512 KB or 65536.
type size int64

// UnmarshalText implements encoding.TextUnmarshaler for kong.
func (s *size) UnmarshalText(text []byte) error {
	number := strings.ToUpper(strings.TrimSpace(string(text)))
	shift := 0
	for i, unit := range []string{"KB", "MB", "GB"} {
		if rest, ok := strings.CutSuffix(number, unit); ok {
			number, shift = strings.TrimSpace(rest), 10*(i+1)
		}
	}
	n, err := strconv.ParseInt(strings.TrimSuffix(number, "B"), 10, 64)
	if err != nil || n < 0 || n > 1<<40>>shift {
		return fmt.Errorf("%q is no size: write bytes, or a whole number of KB, MB or GB, such as 65536, 512KB or 2MB", text)
	}
	if n == 0 {
		return errZero
	}
	*s = size(n << shift)
	return nil
}

// duration is a time.Duration whose error says what would be right.
type duration time.Duration

// UnmarshalText implements encoding.TextUnmarshaler for kong.
func (d *duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(strings.TrimSpace(string(text)))
	if err != nil {
		return fmt.Errorf("%q is no duration: write a number with its unit, such as 500ms, 25s or 1m30s", text)
	}
	if v <= 0 {
		return errZero
	}
	*d = duration(v)
	return nil
}

// optional is a duration that may be 0, for nothing at all.
type optional duration

// UnmarshalText implements encoding.TextUnmarshaler for kong.
func (o *optional) UnmarshalText(text []byte) error {
	err := (*duration)(o).UnmarshalText(text)
	if v, bad := time.ParseDuration(strings.TrimSpace(string(text))); bad == nil && v == 0 {
		*o = 0
		return nil
	}
	if errors.Is(err, errZero) {
		return errors.New("it must be more than zero, or 0 for off")
	}
	return err
}

// orOff is the duration as options take it that have a default for 0.
func (o optional) orOff() time.Duration {
	if o == 0 {
		return -1
	}
	return time.Duration(o)
}

// count is a number of things, 1 or more.
type count int

// UnmarshalText implements encoding.TextUnmarshaler for kong.
func (c *count) UnmarshalText(text []byte) error {
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || n > math.MaxInt32 {
		return fmt.Errorf("%q is no number: write a whole one, such as 256", text)
	}
	if n <= 0 {
		return errZero
	}
	*c = count(n)
	return nil
}

// network is a range of addresses, or one.
type network netip.Prefix

// UnmarshalText implements encoding.TextUnmarshaler for kong.
func (n *network) UnmarshalText(text []byte) error {
	cidr := strings.TrimSpace(string(text))
	if a, err := netip.ParseAddr(cidr); err == nil && a.Zone() == "" {
		*n = network(netip.PrefixFrom(a, a.BitLen()))
		return nil
	}
	p, err := netip.ParsePrefix(cidr)
	if err != nil {
		return fmt.Errorf("%q is no range of addresses: write an address or a CIDR range, such as 10.0.0.7 or 10.0.0.0/8", text)
	}
	*n = network(p)
	return nil
}

func prefixes(networks []network) []netip.Prefix {
	list := make([]netip.Prefix, len(networks))
	for i, n := range networks {
		list[i] = netip.Prefix(n)
	}
	return list
}

var errZero = errors.New("it must be more than zero")

// configFile is what a configuration file says. The zero value is that of no file.
type configFile struct {
	values  map[string][]string         // by the setting's name
	ids     map[string]string           // the kind of ids by collection
	indexes map[string][]string         // the indexes by collection
	keeps   map[string]collections.Keep // how much is kept by collection
	named   []string                    // the collections of the section
}

// readFile reads a configuration file that may have the known settings;
// without a name it is empty.
func readFile(name string, known []string) (*configFile, error) {
	file := &configFile{values: map[string][]string{}, ids: map[string]string{}, indexes: map[string][]string{}, keeps: map[string]collections.Keep{}}
	if name == "" {
		return file, nil
	}
	fail := func(format string, args ...any) (*configFile, error) {
		return nil, fmt.Errorf("the configuration file %s %w", name, fmt.Errorf(format, args...))
	}
	raw, err := os.ReadFile(name)
	if err != nil {
		return fail("cannot be read: %w", errors.Unwrap(err))
	}
	var values map[string]any
	if err := yaml.Unmarshal(raw, &values); err != nil {
		return fail("is not a YAML document of settings, such as `listen: 127.0.0.1:3000`: %s", yaml.FormatError(err, false, false))
	}
	for _, key := range slices.Sorted(maps.Keys(values)) {
		switch {
		case key == "collections":
			if err := file.readCollections(values[key]); err != nil {
				return fail("has a section collections in which %w", err)
			}
		case !slices.Contains(known, key):
			return fail("has the unknown setting %q: the known ones are %s and collections", key, strings.Join(known, ", "))
		case values[key] == nil: // left empty: as if it were not there
		default:
			list, ok := texts(values[key])
			if !ok {
				return fail("has a setting %s that is neither one value nor a list of values", key)
			}
			file.values[key] = list
		}
	}
	return file, nil
}

// readCollections reads the section collections: { items: { ids: uuid, indexes: [price, category+price], keep: 30d } }.
func (f *configFile) readCollections(section any) error {
	named, ok := section.(map[string]any)
	if section != nil && !ok {
		return errors.New("the names of the collections are missing: it is like `collections: {items: {ids: uuid, indexes: [price]}}`")
	}
	for _, name := range slices.Sorted(maps.Keys(named)) {
		f.named = append(f.named, name)
		fields, ok := named[name].(map[string]any)
		if named[name] != nil && !ok {
			return fmt.Errorf("%s is not like `%s: {ids: uuid, indexes: [price, category+price]}`", name, name)
		}
		for _, field := range slices.Sorted(maps.Keys(fields)) {
			list, ok := texts(fields[field])
			switch {
			case field == "ids" && ok && len(list) == 1:
				f.ids[name] = list[0]
			case field == "ids":
				return fmt.Errorf("the ids of %s are not one of number, uuid or prefix:A", name)
			case field == "indexes" && ok:
				f.indexes[name] = list
			case field == "indexes":
				return fmt.Errorf("the indexes of %s are not a list of paths, such as [price, category+price]", name)
			case field == "keep" && ok:
				keep, err := collections.ParseKeep(strings.Join(list, ","))
				if err != nil {
					return fmt.Errorf("%s is to keep what is none: %w", name, err)
				}
				f.keeps[name] = keep
			case field == "keep":
				return fmt.Errorf("what %s is to keep of its changes is no age, such as 30d, and no number", name)
			default:
				return fmt.Errorf("%s has the unknown field %q: the known ones are ids, indexes and keep", name, field)
			}
		}
	}
	return nil
}

// texts are a YAML scalar, or a list of them, as texts.
func texts(value any) ([]string, bool) {
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	var result []string
	for _, v := range list {
		switch v.(type) {
		case string, bool, int64, uint64, float64:
			result = append(result, fmt.Sprint(v))
		default:
			return nil, false
		}
	}
	return result, true
}
