// Command ackbase is an event server that stock Socket.IO clients talk to: a
// CRUD API over the socket, with every change told to whoever subscribed.
// README.md says how to use it, `ackbase --help` lists its settings.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"ackbase/collections"
	"ackbase/collections/bolt"
	"ackbase/crud"
	"ackbase/crud/console"
	"ackbase/crud/metrics"
	"ackbase/crud/rest"
	"ackbase/crud/settings"
	"ackbase/crud/socketio"
	"ackbase/examples/catalogue"
	"ackbase/server"
	"ackbase/server/admission"
	"ackbase/server/bench"
	"ackbase/server/timerslack"
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
	s, err := settings.Read(args, getenv, out)
	if err != nil || s == nil {
		return err
	}
	logger := s.Logger(logs)
	if err := timerslack.Raise(time.Millisecond); err != nil {
		logger.Debug("this process is woken more often than it need be", "err", err)
	}

	files := admission.Files()
	maxConns, lowered, err := s.FitFiles(files)
	if err != nil {
		return err
	}
	limits := admission.New(s.AdmissionOptions(maxConns))
	listener, err := net.Listen("tcp", s.Listen)
	if err != nil {
		return listenError(s.Listen, err)
	}
	defer listener.Close() // for the ways out before Serve; closing it twice does no harm

	store, err := bolt.Open(s.Data, s.StoreOptions(logger))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	db := collections.New(store, s.CollectionsOptions())
	if err := seed(ctx, s, db, logger); err != nil {
		if ctx.Err() != nil {
			return nil // asked to stop while loading
		}
		return err
	}

	service := crud.New(db, s.VerbOptions(logger))
	sockets := server.New(s.ServerOptions(limits, logger))
	socketio.Bind(sockets.Of("/"), service)
	var watching sync.WaitGroup
	watched, endWatch := context.WithCancel(ctx)
	watching.Go(func() { sockets.LimitMemory(watched, int(s.MaxMemory)) })
	defer watching.Wait()
	defer endWatch()

	mux := http.NewServeMux()
	mux.Handle("/", web.New(nil))
	mux.Handle("/socket.io/", web.ClientFiles("/socket.io/", sockets))
	overHTTP := rest.New(service, s.RESTOptions(limits, sockets.AllowOrigin, logger))
	mux.Handle(rest.Prefix, overHTTP)
	mux.Handle(rest.WebSocketPrefix, overHTTP)
	read := func(path string, h http.Handler) { mux.Handle(path, web.ReadOnly(h)) }
	read("/openapi.json", http.HandlerFunc(rest.OpenAPI))
	read("/healthz", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { tell(w, nil) }))
	read("/readyz", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { tell(w, ready(ctx, db)) }))
	read("/metrics", limits.Only(s.MetricsRanges(), "--metrics-from",
		metrics.Handler(&metrics.Sources{Sockets: sockets, Verbs: service, Streams: overHTTP, Store: store})))
	consoleHandler := http.Handler(http.HandlerFunc(noConsole))
	if on, asked := showConsole(s, listener.Addr()); on {
		api := console.New(&console.Sources{Sockets: sockets, Verbs: service, Streams: overHTTP, Store: store, DB: db, Version: settings.Version()})
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
	httpServer := s.HTTPServer()
	httpServer.Handler = admission.OwnHosts(listener.Addr(), s.Origin, "--origin", mux)
	httpServer.ConnState = limits.ConnState
	httpServer.ErrorLog = log.New(httpErrors{logger}, "", 0)

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
func showConsole(s *settings.Settings, address net.Addr) (on, asked bool) {
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
	if answered, err := settings.Flags("ackbase bench", &c, args, out); answered || err != nil {
		return err
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

// seed loads the data set, if one is asked for.
func seed(ctx context.Context, s *settings.Settings, db *collections.DB, logger *slog.Logger) error {
	if s.Seed == "" {
		return nil
	}
	list := catalogue.Products()
	products, count := slices.Values(list), len(list)
	if s.Generated() > 0 {
		products, count = catalogue.Generate(s.Generated()), s.Generated()
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
