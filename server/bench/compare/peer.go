package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// How long a server may take to listen, and to end after SIGTERM.
const (
	startPatience = 30 * time.Second
	stopPatience  = 10 * time.Second
)

// peer is a running server.
type peer struct {
	server
	url    string
	dir    string
	cmd    *exec.Cmd
	cancel context.CancelFunc
	done   chan struct{} // closed when the process has ended
	said   tail
}

// start runs a server on empty data below dir and waits until it listens.
func (s *server) start(ctx context.Context, dir string) (_ *peer, err error) {
	p := &peer{server: *s, done: make(chan struct{})}
	if p.dir, err = os.MkdirTemp(dir, s.name+"-"); err != nil {
		return nil, err
	}
	words := make([]string, len(s.command))
	for i, word := range s.command {
		words[i] = strings.ReplaceAll(word, "{data}", filepath.Join(p.dir, "data"))
	}
	ctx, p.cancel = context.WithCancel(ctx)
	p.cmd = exec.CommandContext(ctx, words[0], words[1:]...)
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = stopPatience
	p.cmd.Stderr = &p.said
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		p.cancel()
		return nil, fmt.Errorf("the server %s does not start: %w", s.name, err)
	}
	ready := make(chan string, 1)
	go func() {
		defer close(p.done)
		lines := bufio.NewScanner(out)
		for told := false; lines.Scan(); {
			if _, url, ok := strings.Cut(lines.Text(), "listening on "); ok && !told {
				ready <- strings.TrimSpace(url)
				told = true
			}
		}
		_, _ = io.Copy(io.Discard, out) // after a line that was too long
		_ = p.cmd.Wait()                // how it ended is in its state
	}()
	select {
	case p.url = <-ready:
		return p, nil
	case <-p.done:
		p.stop()
		return nil, fmt.Errorf("the server %s ended before it listened: %s", s.name, p.said.String())
	case <-time.After(startPatience):
		p.stop()
		return nil, fmt.Errorf("the server %s did not print `listening on http://…` within %v: %s", s.name, startPatience, p.said.String())
	}
}

// stop ends the server and removes its data.
func (p *peer) stop() {
	p.cancel()
	<-p.done
	_ = os.RemoveAll(p.dir)
}

// ended tells whether the process has ended by itself, just now at the latest.
func (p *peer) ended() bool {
	select {
	case <-p.done:
		return true
	case <-time.After(time.Second): // its connections close before it is gone
		return false
	}
}

// lastWords is how the process ended, in one line.
func (p *peer) lastWords() string {
	words := p.cmd.ProcessState.String()
	for line := range strings.Lines(p.said.String()) {
		if strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") {
			words += ", " + strings.TrimSpace(line)
		}
	}
	return words
}

// tail keeps the end of what a server writes to its standard error output.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if over := len(t.text) - 2000; over > 0 {
		t.text = t.text[over:]
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.text))
}
