package faults

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime/pprof"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// process is an ackbase that can be killed and started again, on the same file and address. Its methods
// are for one goroutine, but for url and logs.
type process struct {
	url   string
	data  string // its file
	flags []string

	cmd    *exec.Cmd
	exited chan struct{} // closed when it has ended
	logs   syncedBuffer  // of all that were started, one after the other
}

// newProcess starts an ackbase on a file. It is killed at the end of the test, if it runs then.
func newProcess(t *testing.T, data string, flags ...string) *process {
	t.Helper()
	p := &process{url: "http://" + freeAddress(t), data: data, flags: flags}
	t.Cleanup(p.kill)
	if err := p.start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// freeAddress is one on which a server can be started again: outside the range from which the system takes
// ports for clients, so that no connection can have taken it while the server is away.
func freeAddress(t *testing.T) string {
	t.Helper()
	for port := 20000 + os.Getpid()%700*16; port < 32000; port++ { // test processes that run at once begin far from each other
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		address := l.Addr().String()
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return address
	}
	t.Fatal("there is no free port")
	return ""
}

// start starts the process and returns when it listens, or has told why it does not.
func (p *process) start() error {
	p.cmd = exec.Command(binary, append([]string{"--listen", strings.TrimPrefix(p.url, "http://"), "--data", p.data}, p.flags...)...)
	p.cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0") // else the race detector keeps the process for a second more
	said := p.logs.Len()
	p.cmd.Stderr = &p.logs
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	exited := make(chan struct{})
	p.exited = exited
	line, err := bufio.NewReader(out).ReadString('\n')
	go func() {
		defer close(exited)
		_, _ = io.Copy(io.Discard, out)
		_ = p.cmd.Wait() // its result is in ProcessState
	}()
	if strings.TrimSpace(line) != "ackbase listening on "+p.url {
		_ = p.cmd.Process.Kill()
		<-exited
		return fmt.Errorf("the server did not start: its first line is %q (%v), it ended with %v and said:\n%s", line, err, p.cmd.ProcessState, p.logs.String()[said:])
	}
	return nil
}

// kill is kill -9. It may be called again.
func (p *process) kill() {
	if p.cmd != nil && p.cmd.Process != nil {
		_ = p.cmd.Process.Kill()
		<-p.exited
	}
}

// term ends the process by SIGTERM, which it must follow cleanly.
func (p *process) term() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-p.exited:
	case <-time.After(patience):
		return errors.New("the server still runs a minute after SIGTERM")
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("after SIGTERM the server ended with %v", p.cmd.ProcessState)
	}
	return nil
}

// pause stops the process for a while, as a machine that swaps, or moves to another host, does.
func (p *process) pause(d time.Duration) error {
	if err := p.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	time.Sleep(d)
	return p.cmd.Process.Signal(syscall.SIGCONT)
}

// stacks tells what the goroutines of the test do, and ends the process, which says the same of its own
// in its log.
func (p *process) stacks() []byte {
	var own bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&own, 2)
	if p.cmd.Process.Signal(syscall.SIGQUIT) == nil {
		<-p.exited
	}
	return own.Bytes()
}

// alarming is what the server must never say, whatever is done to it.
func (p *process) alarming() error {
	said := p.logs.String()
	for _, word := range []string{"panic", "DATA RACE", "fatal error"} {
		if at := strings.Index(said, word); at >= 0 {
			return fmt.Errorf("the server said:\n%.4000s", said[at:])
		}
	}
	return nil
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

func (s *syncedBuffer) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Len()
}

func (s *syncedBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
