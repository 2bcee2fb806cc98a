package program

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"ackbase/collections"
	"ackbase/collections/bolt"
	"ackbase/crud"
	"ackbase/crud/rest"
	"ackbase/crud/socketio"
	"ackbase/server"
	"ackbase/server/admission"
	"ackbase/web"
)

// Settings are the flags that every program has. A program's own struct of flags embeds them.
type Settings struct {
	Listen string `help:"Address and port to listen on. Port 0 takes a free one, which the first line tells." default:"${listen}"`
	Data   string `help:"File with the data. It is created where there is none." default:"${name}.db"`
}

func (s *Settings) settings() *Settings { return s }

// Flags is a struct that embeds Settings, as a pointer.
type Flags interface{ settings() *Settings }

// Program is an example.
type Program struct {
	Name        string // of the command
	About       string // one sentence for --help
	Port        string // where it listens unless told otherwise
	Collections map[string]collections.Collection
	Page        fs.FS // a folder "page" with index.html

	// Start adds what is the program's own, before the first request. An error ends the program.
	Start func(ctx context.Context, s *Server) error
}

// Server is a program that is starting: its parts, for Start to add to.
type Server struct {
	DB      *collections.DB
	Sockets *server.Server // with the verbs on "/"
	HTTP    *rest.Handler  // the verbs at /api/v2/
	Mux     *http.ServeMux
	Log     *slog.Logger

	ctx     context.Context
	running sync.WaitGroup
}

// Go runs f until it returns; its context ends when the program does, which waits for it
// before the store closes.
func (s *Server) Go(f func(ctx context.Context)) {
	s.running.Go(func() { f(s.ctx) })
}

// Main runs a program until it is told to end, and exits.
func Main(run func(ctx context.Context, args []string, out io.Writer) error) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

//go:embed page
var shared embed.FS

// keptChanges is how many changes the log keeps: the programs write by themselves, for as long as they run.
const keptChanges = 20_000

// Run serves until ctx ends. It writes the address that it listens on to out.
func (p *Program) Run(ctx context.Context, args []string, out io.Writer, flags Flags) (err error) {
	if answered, err := p.parse(args, out, flags); answered || err != nil {
		return err
	}
	settings := flags.settings()
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", settings.Listen)
	if err != nil {
		return listenError(settings.Listen, err)
	}
	defer listener.Close()
	store, err := bolt.Open(settings.Data, &bolt.Options{Collections: p.Collections, Keep: collections.Keep{Changes: keptChanges}})
	if err != nil {
		return fmt.Errorf("%w (--data names the file)", err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()

	db := collections.New(store, &collections.Options{Collections: p.Collections})
	limits := admission.New(nil)
	sockets := server.New(&server.Options{Admission: limits})
	verbs := crud.New(db, nil)
	defer verbs.Close()
	socketio.Bind(sockets.Of("/"), verbs)
	overHTTP := rest.New(verbs, &rest.Options{Admission: limits, AllowOrigin: sockets.AllowOrigin})
	mux := http.NewServeMux()
	page := web.Page(part(shared, "page"), part(p.Page, "page"))
	mux.Handle("/", page)
	mux.Handle("/favicon.svg", page) // also where a program has paths like /{category}
	mux.Handle("/socket.io/", web.ClientFiles("/socket.io/", sockets))
	mux.Handle(rest.Prefix, overHTTP)

	running, end := context.WithCancel(ctx)
	s := &Server{DB: db, Sockets: sockets, HTTP: overHTTP, Mux: mux, Log: slog.Default(), ctx: running}
	defer s.running.Wait()
	defer end()
	if err := p.Start(running, s); err != nil {
		if ctx.Err() != nil {
			return nil // told to end while it started
		}
		return err
	}

	web := &http.Server{
		Handler:   admission.OwnHosts(listener.Addr(), nil, "--listen with an address of the network, and", mux),
		ConnState: limits.ConnState, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
	}
	served := make(chan error, 1)
	go func() { served <- web.Serve(limits.Listener(listener, s.Log)) }()
	fmt.Fprintf(out, "%s listening on http://%s\n", p.Name, listener.Addr())
	select {
	case <-ctx.Done():
	case err = <-served:
		err = fmt.Errorf("no more connections are accepted: %w", err)
	}

	// Nobody new, then what is under way is answered, then connections close so that their clients come back.
	listener.Close()
	end()
	s.running.Wait()
	verbs.Close()
	overHTTP.Close()
	ending, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	if late := errors.Join(sockets.Shutdown(ending), web.Shutdown(ending)); late != nil {
		s.Log.Warn("some clients did not take what waited for them before the end", "err", late)
		web.Close()
	}
	return err
}

// parse reads the flags. answered: --help has been printed.
func (p *Program) parse(args []string, out io.Writer, flags Flags) (answered bool, err error) {
	parser, err := kong.New(flags, kong.Name(p.Name), kong.Description(p.About), kong.Writers(out, out),
		kong.Vars{"listen": "127.0.0.1:" + p.Port, "name": p.Name}, kong.Exit(func(int) { answered = true }))
	if err != nil {
		return false, err
	}
	if _, err = parser.Parse(args); err != nil && !answered {
		return false, fmt.Errorf("%w (%s --help lists the flags)", err, p.Name)
	}
	return answered, nil
}

// listenError says what to do about an address that cannot be had.
func listenError(address string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("another program already listens on %s: stop it, or choose another address with --listen", address)
	}
	return fmt.Errorf("cannot listen on %q: give --listen an address of this machine and a port, such as 127.0.0.1:3000 (%w)", address, err)
}

func part(fsys fs.FS, folder string) fs.FS {
	sub, err := fs.Sub(fsys, folder)
	if err != nil { // cannot be: the folder's name is valid
		panic(err)
	}
	return sub
}
