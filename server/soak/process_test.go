package soak

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// process is a running ackbase.
type process struct {
	cmd    *exec.Cmd
	url    string
	logs   *syncedBuffer
	exited chan struct{} // closed when the process has ended
}

// binary is the ackbase to test: the one that ACKBASE_BIN names, or one that it builds.
func binary(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("ACKBASE_BIN"); path != "" {
		return path
	}
	path := filepath.Join(t.TempDir(), "ackbase")
	build := exec.Command("go", "build", "-o", path, "ackbase")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as task build does
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

// startProcess starts ackbase on a free port with a file of its own. It is killed at the end of the test,
// if it runs then.
func startProcess(t *testing.T, flags ...string) *process {
	t.Helper()
	p := &process{logs: &syncedBuffer{}, exited: make(chan struct{})}
	p.cmd = exec.Command(binary(t), append([]string{"--listen", "127.0.0.1:0", "--data", filepath.Join(t.TempDir(), "soak.db")}, flags...)...)
	p.cmd.Stderr = p.logs
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	go func() {
		defer close(p.exited)
		_ = p.cmd.Wait() // its result is in ProcessState
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.exited
	})
	var found bool
	if p.url, found = strings.CutPrefix(strings.TrimSpace(line), "ackbase listening on "); !found {
		t.Fatalf("the first line is %q (%v), want the address; logs:\n%s", line, err, p.logs)
	}
	return p
}

// stop ends the process, which must do so cleanly.
func (p *process) stop(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-p.exited
	if logs := p.logs.String(); p.cmd.ProcessState.ExitCode() != 0 || logs != "" {
		t.Errorf("the process ended with %v and the logs, of which none are due at this level:\n%.10000s", p.cmd.ProcessState, logs)
	}
}

// metrics are what /metrics tells, without labels summed up: goroutines, descriptors, connections and so on.
func (p *process) metrics() (map[string]float64, error) {
	res, err := http.Get(p.url + "/metrics")
	if err != nil {
		return nil, err
	}
	defer http.DefaultClient.CloseIdleConnections()
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("/metrics: %s (%w)", res.Status, err)
	}
	all := map[string]float64{}
	for line := range strings.Lines(string(body)) {
		line = strings.TrimSpace(line)
		at := strings.LastIndexByte(line, ' ')
		if at < 0 || line[0] == '#' {
			continue
		}
		name := line[:at]
		family, labels, _ := strings.Cut(name, "{")
		if v, err := strconv.ParseFloat(line[at+1:], 64); err == nil {
			all[family] += v
			if labels != "" {
				all[name] = v
			}
		}
	}
	return all, nil
}

// settled waits until nothing of any client is left and none of the figures is over its limit, and tells
// them: goroutines, descriptors, and what belongs to clients.
func (p *process) settled(t *testing.T, limits map[string]float64) map[string]float64 {
	t.Helper()
	figures := map[string]float64{}
	await(t, "the end of all that belongs to clients", func() error {
		all, err := p.metrics()
		if err != nil {
			return err
		}
		for _, name := range []string{
			"go_goroutines", "process_open_fds",
			"ackbase_connections", "ackbase_sockets", "ackbase_rooms", "ackbase_subscriptions", "ackbase_sockets_behind", "ackbase_waiting_bytes",
		} {
			value, told := all[name]
			switch most, limited := limits[name]; {
			case !told:
				err = errors.Join(err, fmt.Errorf("/metrics does not tell %s", name))
			case limited && value > most, strings.HasPrefix(name, "ackbase_") && value > 0:
				err = errors.Join(err, fmt.Errorf("%s is %v", name, value))
			}
			figures[name] = value
		}
		return err
	})
	return figures
}

// memory is the process's own memory in bytes, without the pages of the mapped file; 0 where
// the system does not tell.
func (p *process) memory() (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if os.IsNotExist(err) {
		return 0, nil
	}
	_, rest, _ := bytes.Cut(status, []byte("RssAnon:"))
	line, _, _ := bytes.Cut(rest, []byte(" kB"))
	kb, err2 := strconv.ParseInt(string(bytes.TrimSpace(line)), 10, 64)
	if err == nil {
		err = err2
	}
	return kb << 10, err
}

// syncedBuffer is a buffer that a process writes to while it is read.
type syncedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncedBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncedBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
