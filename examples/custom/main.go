// Command custom is a Socket.IO server with events and namespaces of its own
// beside the CRUD verbs, and with a bare Engine.IO server on another path.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"ackbase/collections"
	"ackbase/collections/bolt"
	"ackbase/crud"
	"ackbase/crud/socketio"
	"ackbase/server"
	"ackbase/server/engine"
)

type flags struct {
	Listen         string        `help:"Address to listen on." default:"127.0.0.1:3000"`
	PingInterval   time.Duration `help:"Time between two pings." default:"25s"`
	PingTimeout    time.Duration `help:"Time to answer a ping." default:"20s"`
	ConnectTimeout time.Duration `help:"Time to join a namespace." default:"45s"`
	MaxPayload     int           `help:"Most bytes of one message." default:"1000000"`
	AllowEIO3      bool          `help:"Serve clients of Engine.IO protocol 3 too, such as socket.io-client 2.x." name:"allow-eio3"`
	Deflate        bool          `help:"Compress WebSocket messages for clients that offer it."`
	Data           string        `help:"File with the items of the verbs. Without it they are gone when the program ends."`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "custom:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends. It writes the address that it listens on to out.
func run(ctx context.Context, args []string, out io.Writer) (err error) {
	var f flags
	exited := false
	parser, err := kong.New(&f, kong.Name("custom"), kong.Writers(out, out), kong.Exit(func(int) { exited = true }))
	if err != nil {
		return err
	}
	if _, err := parser.Parse(args); exited || err != nil {
		if exited {
			return nil // --help has been printed
		}
		return err
	}

	sockets := server.New(&server.Options{
		PingInterval: f.PingInterval, PingTimeout: f.PingTimeout, ConnectTimeout: f.ConnectTimeout, MaxPayload: f.MaxPayload,
		AllowEIO3: f.AllowEIO3, Deflate: f.Deflate,
	})
	bind(sockets.Of("/"))
	bind(sockets.Of("/custom"))
	members := sockets.Of("/members")
	members.Use(checkToken)
	bind(members)

	// The verbs, for the same sockets: GET, POST … SUBSCRIBE.
	store, closeStore, err := open(f.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeStore()) }()
	verbs := crud.New(collections.New(store, nil), nil)
	defer verbs.Close()
	socketio.Bind(sockets.Of("/"), verbs)

	bare := engine.New(&engine.Options{
		PingInterval: f.PingInterval, PingTimeout: f.PingTimeout, MaxPayload: f.MaxPayload, AllowEIO3: f.AllowEIO3,
	}, func(*engine.Session) engine.Handler { return echo{} })

	mux := http.NewServeMux()
	mux.Handle("/socket.io/", sockets)
	mux.Handle("/engine.io/", bare)

	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", f.Listen)
	if err != nil {
		return err
	}
	web := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- web.Serve(listener) }()
	fmt.Fprintf(out, "listening on http://%s\n", listener.Addr())

	select {
	case err = <-served:
	case <-ctx.Done():
		_ = listener.Close()
		// Awaited, since Shutdown would close the listener again, and complain.
		if closed := <-served; !errors.Is(closed, net.ErrClosed) {
			return closed
		}
	}
	ending, cancel := context.WithTimeout(context.Background(), 4*time.Second)
	defer cancel()
	failed := errors.Join(sockets.Shutdown(ending), bare.Shutdown(ending), web.Shutdown(ending))
	if err != nil && !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return failed
}

// open opens the store in a file, or in one that close removes.
func open(file string) (store *bolt.Store, close func() error, err error) {
	remove := func() error { return nil }
	if file == "" {
		dir, err := os.MkdirTemp("", "custom")
		if err != nil {
			return nil, nil, err
		}
		file = filepath.Join(dir, "items.db")
		remove = func() error { return os.RemoveAll(dir) }
	}
	store, err = bolt.Open(file, nil)
	if err != nil {
		return nil, nil, errors.Join(err, remove())
	}
	return store, func() error { return errors.Join(store.Close(), remove()) }, nil
}

// bind gives a namespace its events.
func bind(ns *server.Namespace) {
	ns.OnConnect(func(s *server.Socket) {
		_ = s.Emit("auth", s.Handshake().Auth)
	})
	ns.On("message", func(e *server.Event) {
		_ = e.Socket().EmitRaw("message-back", e.Args, e.Attachments)
	})
	ns.On("message-with-ack", func(e *server.Event) {
		_ = e.AckBinary(e.Args, e.Attachments)
	})
}

// checkToken lets those in whose auth has the right token.
func checkToken(s *server.Socket) error {
	var auth struct{ Token string }
	if json.Unmarshal(s.Handshake().Auth, &auth) != nil || auth.Token != "open sesame" {
		return &server.ConnectError{Message: "the token is wrong", Data: map[string]string{"code": "UNAUTHENTICATED"}}
	}
	return nil
}

// echo sends every message of an Engine.IO session back as it came.
type echo struct{}

func (echo) Message(s *engine.Session, data []byte, binary bool) {
	if binary {
		_ = s.Send(engine.NewBinary(data))
		return
	}
	_ = s.SendText(data)
}

func (echo) BatchEnd(*engine.Session)       {}
func (echo) Drained(*engine.Session)        {}
func (echo) Closed(*engine.Session, string) {}
