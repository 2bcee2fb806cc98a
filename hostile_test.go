package main

import (
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"ackbase/server/hostile"
)

// TestHostile plays the hostile corpus against real processes, beside clients that must
// notice nothing. The processes live on, warn of nothing but slow clients, give back what
// the cases took, and stop in peace. (crud/socketio plays it within one process and counts
// what is left more closely.)
func TestHostile(t *testing.T) {
	cases, err := hostile.Cases()
	if err != nil {
		t.Fatal(err)
	}
	unhurried := start(t, "--data", dataFile(t), "--log-level", "warn", "--allow-eio3")
	hurried := start(t, "--data", dataFile(t), "--log-level", "warn", "--allow-eio3",
		"--ping-interval", "2s", "--ping-timeout", "3s", "--connect-timeout", "4s", "--upgrade-timeout", "2s", "--stall-timeout", "3s")
	leave, err := hostile.Bystand(unhurried.url, &hostile.Options{Patience: patience})
	if err != nil {
		t.Fatal(err)
	}
	processes := []*process{unhurried, hurried}
	var before [2][2]float64
	for i, p := range processes {
		before[i] = [2]float64{p.metric(t, "go_goroutines", ""), p.metric(t, "process_open_fds", "")}
	}

	t.Run("case", func(t *testing.T) {
		for _, c := range cases {
			if strings.HasPrefix(c.Name, "namespaces/") {
				continue // of a program with namespaces of its own
			}
			t.Run(c.Name, func(t *testing.T) {
				t.Parallel()
				p := unhurried
				if strings.HasPrefix(c.Name, "timeouts/") {
					p = hurried
				}
				if err := c.Play(t.Context(), p.url, &hostile.Options{Patience: patience}); err != nil {
					t.Error(err)
				}
			})
		}
	})

	await(t, "the end of all that the cases opened", func() bool {
		for i, p := range processes {
			if p.metric(t, "go_goroutines", "") > before[i][0]+3 || p.metric(t, "process_open_fds", "") > before[i][1]+3 {
				return false
			}
		}
		return true
	})
	if err := leave(); err != nil {
		t.Error(err)
	}
	http.DefaultClient.CloseIdleConnections()
	for _, p := range processes {
		p.stop(t, syscall.SIGTERM)
		if code := p.cmd.ProcessState.ExitCode(); code != 0 {
			t.Errorf("exit code %d", code)
		}
		for line := range strings.Lines(p.logs.String()) {
			if !strings.Contains(line, `msg="engine: session closed" reason=stalled`) { // what the slow ones get
				t.Errorf("logged: %s", line)
			}
		}
	}
}

func await(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			tb.Fatalf("never came: %s", what)
		}
	}
}
