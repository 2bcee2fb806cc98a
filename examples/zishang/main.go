// Command zishang is a Socket.IO server on the zishang520 library, with events
// and namespaces of its own, that also answers ackbase's verbs.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"github.com/zishang520/socket.io/v2/socket"

	"ackbase/collections"
	"ackbase/collections/bolt"
	"ackbase/crud"
	"ackbase/crud/zishang"
)

type flags struct {
	Listen    string `help:"Address to listen on." default:"127.0.0.1:3000"`
	AllowEIO3 bool   `help:"Serve clients of protocol 3 too, that is socket.io-client 2.x." name:"allow-eio3"`
	Data      string `help:"File with the items of the verbs. Without it they are gone when the program ends."`

	Publish []crud.RoomPattern `help:"Room that clients may PUBLISH to, such as chat, or chat/* for all its items. Repeatable." placeholder:"ROOM"`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "zishang:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends. It writes the address that it listens on to out.
func run(ctx context.Context, args []string, out io.Writer) (err error) {
	var f flags
	exited := false
	parser, err := kong.New(&f, kong.Name("zishang"), kong.Writers(out, out), kong.Exit(func(int) { exited = true }))
	if err != nil {
		return err
	}
	if _, err := parser.Parse(args); exited || err != nil {
		if exited {
			return nil // --help has been printed
		}
		return err
	}

	// The program's own server and its own events.
	options := socket.DefaultServerOptions()
	options.SetMaxHttpBufferSize(2 << 20)
	options.SetAllowEIO3(f.AllowEIO3)
	sockets := socket.NewServer(nil, options)
	handler := zishang.Handler(sockets)
	for _, name := range []string{"/", "/custom", "/members"} {
		if err := bind(sockets.Of(name, nil)); err != nil {
			return err
		}
	}
	sockets.Of("/members", nil).Use(checkToken)

	// The verbs, for the sockets of /: GET, POST … SUBSCRIBE.
	store, closeStore, err := open(f.Data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeStore()) }()
	verbs := crud.New(collections.New(store, nil), &crud.Options{Publish: f.Publish})
	defer verbs.Close()
	if err := zishang.Bind(sockets.Of("/", nil), verbs); err != nil {
		return err
	}

	mux := http.NewServeMux()
	mux.Handle("/socket.io/", handler)
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", f.Listen)
	if err != nil {
		return err
	}
	web := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- web.Serve(listener) }()
	fmt.Fprintf(out, "zishang listening on http://%s\n", listener.Addr())

	select {
	case err = <-served:
	case <-ctx.Done():
		_ = listener.Close()
		if ended := <-served; !errors.Is(ended, net.ErrClosed) {
			err = ended
		}
	}
	sockets.Close(nil)
	ending, cancel := context.WithTimeout(context.Background(), 4*time.Second)
	defer cancel()
	failed := web.Shutdown(ending)
	return errors.Join(err, failed)
}

// open opens the store in a file, or in one that close removes.
func open(file string) (store *bolt.Store, close func() error, err error) {
	remove := func() error { return nil }
	if file == "" {
		dir, err := os.MkdirTemp("", "zishang")
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
func bind(ns socket.Namespace) error {
	return ns.On("connection", func(args ...any) {
		s := args[0].(*socket.Socket)
		_ = s.On("message", func(args ...any) { _ = s.Emit("message-back", args...) })
		_ = s.On("message-with-ack", func(args ...any) {
			if acknowledge, ok := args[len(args)-1].(socket.Ack); ok {
				acknowledge(args[:len(args)-1], nil)
			}
		})
		_ = s.Emit("auth", auth(s))
	})
}

// checkToken lets those in whose auth has the right token.
func checkToken(s *socket.Socket, next func(*socket.ExtendedError)) {
	if auth(s)["token"] != "open sesame" {
		next(socket.NewExtendedError("the token is wrong", map[string]string{"code": "UNAUTHENTICATED"}))
		return
	}
	next(nil)
}

// auth is what the client sent with its CONNECT. A client of protocol 3 has a query for that.
func auth(s *socket.Socket) map[string]any {
	members := map[string]any{}
	switch sent := s.Handshake().Auth.(type) {
	case map[string]any:
		return sent
	case url.Values:
		for name := range sent {
			members[name] = sent.Get(name)
		}
	}
	return members
}
