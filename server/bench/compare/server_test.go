package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	socketio "ackbase/server"
)

// badServer is the environment variable under which this test binary is a server
// instead, with the fault that its value names.
const badServer = "COMPARE_TEST_SERVER"

// ackbase is the real binary.
var ackbase string

func TestMain(m *testing.M) {
	if fault := os.Getenv(badServer); fault != "" && len(os.Args) == 1 {
		serveBadly(fault)
		return
	}
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "compare-test-")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		ackbase = filepath.Join(dir, "ackbase")
		if out, err := exec.Command("go", "build", "-o", ackbase, "ackbase").CombinedOutput(); err != nil {
			panic(fmt.Sprintf("go build: %v\n%s", err, out))
		}
		code := m.Run()
		if err := goleak.Find(); code == 0 && err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
		return code
	}())
}

// serveBadly serves verbs with a fault: "panics" at a POST, "loses" every other event,
// or "does not start".
func serveBadly(fault string) {
	if fault == "does not start" {
		fmt.Fprintln(os.Stderr, "the disk is on holiday")
		os.Exit(3)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	sockets := socketio.New(&socketio.Options{Logger: slog.New(slog.DiscardHandler)})
	ns := sockets.Of("/")
	posts := 0
	for _, verb := range []string{"GET", "PUT", "SUBSCRIBE"} {
		ns.On(verb, func(e *socketio.Event) { _ = e.AckRaw([]byte("{}"), []byte("null")) })
	}
	ns.On("POST", func(e *socketio.Event) {
		if fault == "panics" {
			go panic("out of fudge")
			<-make(chan struct{})
		}
		if posts++; posts%2 == 0 {
			_ = ns.EmitRaw("ADDED", []json.RawMessage{e.Args[1]}, nil)
		}
		_ = e.AckRaw([]byte("{}"), []byte("null"))
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Printf("listening on http://%s\n", listener.Addr())
	web := &http.Server{Handler: sockets}
	go func() { _ = web.Serve(listener) }()
	<-ctx.Done()
	web.Close()
}
