package main

import (
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"ackbase/server/hostile"
)

// TestHostile plays the hostile corpus against real processes, beside clients over Socket.IO and over HTTP that
// must notice nothing. The processes live on, warn of nothing but slow clients, give back what
// the cases took, and stop in peace. (crud/socketio plays what is for Socket.IO within one process and counts
// what is left more closely.)
func TestHostile(t *testing.T) {
	cases, err := hostile.Cases()
	if err != nil {
		t.Fatal(err)
	}
	more, err := hostile.CommandCases()
	if err != nil {
		t.Fatal(err)
	}
	// No BOOKMARK comes by itself, between answers that a case waits for.
	unhurried := start(t, "--data", dataFile(t), "--log-level", "warn", "--bookmark", "1h", "--allow-eio3")
	hurried := start(t, "--data", dataFile(t), "--log-level", "warn", "--bookmark", "1h", "--allow-eio3", "--header-timeout", "2s", "--body-timeout", "2s",
		"--ping-interval", "2s", "--ping-timeout", "3s", "--connect-timeout", "4s", "--upgrade-timeout", "2s", "--stall-timeout", "3s")
	deflating := start(t, "--data", dataFile(t), "--log-level", "warn", "--bookmark", "1h", "--deflate")
	processes := []*process{unhurried, hurried, deflating}
	options := &hostile.Options{Patience: patience}
	var leave []func() error
	for _, p := range []*process{unhurried, deflating} {
		for _, bystand := range []func(string, *hostile.Options) (func() error, error){hostile.Bystand, hostile.BystandOverHTTP} {
			end, err := bystand(p.url, options)
			if err != nil {
				t.Fatal(err)
			}
			leave = append(leave, end)
		}
	}
	used := make([]usage, len(processes))
	for i, p := range processes {
		used[i] = p.usage(t)
	}

	t.Run("case", func(t *testing.T) {
		for _, c := range append(cases, more...) {
			file, _, _ := strings.Cut(c.Name, "/")
			if file == "namespaces" {
				continue // of a program with namespaces of its own
			}
			t.Run(c.Name, func(t *testing.T) {
				t.Parallel()
				p := map[string]*process{"timeouts": hurried, "slow": hurried, "deflate": deflating}[file]
				if p == nil {
					p = unhurried
				}
				if err := c.Play(t.Context(), p.url, options); err != nil {
					t.Error(err)
				}
			})
		}
	})

	for i, p := range processes {
		await(t, "the end of all that the cases opened and took", func() bool {
			now := p.usage(t)
			return now.goroutines <= used[i].goroutines+3 && now.descriptors <= used[i].descriptors+3 && now.heap <= used[i].heap+kept
		})
	}
	for _, end := range leave {
		if err := end(); err != nil {
			t.Error(err)
		}
	}
	http.DefaultClient.CloseIdleConnections()
	for _, p := range processes {
		p.stop(t, syscall.SIGTERM)
		if code := p.cmd.ProcessState.ExitCode(); code != 0 {
			t.Errorf("exit code %d", code)
		}
		for line := range strings.Lines(p.logs.String()) {
			slow := strings.Contains(line, `msg="engine: session closed" reason=stalled`) || strings.Contains(line, `msg="rest: a stream was cut off" reason=stalled`)
			if !slow { // what the slow ones get
				t.Errorf("logged: %s", line)
			}
		}
	}
}

// kept is what a process may hold more than before: the newest changes, what has not been collected of what the
// clients beside go on writing, and what pools have.
const kept = 64 << 20

// usage is what a process has in use.
type usage struct{ goroutines, descriptors, heap float64 }

func (p *process) usage(tb testing.TB) usage {
	tb.Helper()
	metric := p.metrics(tb)
	return usage{metric("go_goroutines", ""), metric("process_open_fds", ""), metric("go_memstats_heap_alloc_bytes", "")}
}

func await(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			tb.Fatalf("never came: %s", what)
		}
	}
}
