package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestMain makes the test binary the command itself when a test starts it as
// one, so that signals and kills hit a real process. It lets many parallel tests run at the same time: the hostile
// cases wait more than they compute.
func TestMain(m *testing.M) {
	if os.Getenv("ACKBASE_TEST_PROCESS") != "" {
		main()
		os.Exit(0)
	}
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		if err := flag.Set("test.parallel", "12"); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(m)
}

// process is a running ackbase.
type process struct {
	cmd    *exec.Cmd
	url    string
	exited chan struct{} // closed when the process has ended
	rest   []byte        // of the standard output after the ready line; once exited is closed
	logs   bytes.Buffer  // the standard error output; once exited is closed
}

// command is an ackbase that has not started.
func command(tb testing.TB, args ...string) *exec.Cmd {
	tb.Helper()
	self, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), "ACKBASE_TEST_PROCESS=1",
		"GORACE=atexit_sleep_ms=0") // else the race detector keeps the process for a second more
	return cmd
}

// start runs ackbase on a free port and waits for its ready line. It is killed at the end of the test.
func start(tb testing.TB, args ...string) *process {
	tb.Helper()
	p := &process{cmd: command(tb, append([]string{"--listen", "127.0.0.1:0"}, args...)...), exited: make(chan struct{})}
	p.cmd.Stderr = &p.logs
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	ready := make(chan string, 1)
	go func() {
		defer close(p.exited)
		r := bufio.NewReader(stdout)
		line, _ := r.ReadString('\n')
		ready <- line
		p.rest, _ = io.ReadAll(r)
		_ = p.cmd.Wait() // its result is in ProcessState
	}()
	tb.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.exited
	})
	select {
	case line := <-ready:
		url, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "ackbase listening on ")
		if !ok || !strings.HasPrefix(url, "http://127.0.0.1:") || strings.HasSuffix(url, ":0") {
			_ = p.cmd.Process.Kill()
			<-p.exited
			tb.Fatalf("the first line is %q, want \"ackbase listening on http://127.0.0.1:PORT\"; logs:\n%s", line, p.logs.String())
		}
		p.url = url
	case <-time.After(patience):
		tb.Fatal("no ready line")
	}
	return p
}

// stop sends a signal and returns how long the process took to end.
func (p *process) stop(tb testing.TB, signal os.Signal) time.Duration {
	tb.Helper()
	began := time.Now()
	if err := p.cmd.Process.Signal(signal); err != nil {
		tb.Fatal(err)
	}
	select {
	case <-p.exited:
	case <-time.After(patience):
		tb.Fatalf("still running %v after %v", patience, signal)
	}
	return time.Since(began)
}

func dataFile(tb testing.TB) string { return filepath.Join(tb.TempDir(), "test.db") }

func TestStopsWithinFiveSecondsWhileClientsAreConnected(t *testing.T) {
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		t.Run(signal.String(), func(t *testing.T) {
			data := dataFile(t)
			p := start(t, "--data", data)

			idle := connect(t, p.url)
			idle.must(t, "SUBSCRIBE", "items")
			silent, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://")) // as browsers do ahead of time
			if err != nil {
				t.Fatal(err)
			}
			defer silent.Close()
			polling := pendingPoll(t, p.url)
			writer := connect(t, p.url)
			const writes = 200
			for i := range writes {
				if _, err := writer.send("POST", "items", map[string]int{"n": i}); err != nil {
					t.Fatal(err)
				}
			}
			acked := 0
			if a, err := writer.receive(0); err != nil || a.fault != nil {
				t.Fatalf("the first write: %v, %+v", err, a.fault)
			}

			took := p.stop(t, signal)
			if took > 5*time.Second {
				t.Errorf("took %v to stop, want at most five seconds", took)
			}
			if code := p.cmd.ProcessState.ExitCode(); code != 0 {
				t.Errorf("exit code %d, want 0; logs:\n%s", code, p.logs.String())
			}
			if len(p.rest) > 0 {
				t.Errorf("the standard output has more than the ready line: %q", p.rest)
			}
			<-polling

			// What was acknowledged is on disk, and the connections ended without a DISCONNECT packet (41),
			// after which a stock client would not come back.
			for acked = 1; ; acked++ {
				if a, err := writer.receive(acked); err != nil || a.fault != nil {
					break
				}
			}
			for {
				message, err := idle.read()
				if err != nil {
					break
				}
				if strings.HasPrefix(message, "41") {
					t.Errorf("the server sent the packet %s: a stock client would not reconnect", message)
				}
			}
			again := connect(t, start(t, "--data", data).url)
			var items []json.RawMessage
			if err := json.Unmarshal(again.must(t, "GET", "items", map[string]int{"limit": 1000}).result, &items); err != nil {
				t.Fatal(err)
			}
			if len(items) < acked {
				t.Errorf("%d writes were acknowledged before the stop, %d items are there", acked, len(items))
			}
		})
	}
}

// pendingPoll opens a long-polling session whose poll waits. The channel is
// closed when the poll has ended.
func pendingPoll(tb testing.TB, url string) <-chan struct{} {
	tb.Helper()
	get := func(query string) (string, error) {
		res, err := http.Get(url + "/socket.io/?EIO=4&transport=polling" + query)
		if err != nil {
			return "", err
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		return string(body), err
	}
	open, err := get("")
	if err != nil {
		tb.Fatal(err)
	}
	var handshake struct{ SID string }
	if err := json.Unmarshal([]byte(strings.TrimPrefix(open, "0")), &handshake); err != nil || handshake.SID == "" {
		tb.Fatalf("the handshake %q has no sid (%v)", open, err)
	}
	query := "&sid=" + handshake.SID
	res, err := http.Post(url+"/socket.io/?EIO=4&transport=polling"+query, "text/plain;charset=UTF-8", strings.NewReader("40"))
	if err != nil {
		tb.Fatal(err)
	}
	res.Body.Close()
	if connected, err := get(query); err != nil || !strings.HasPrefix(connected, "40") {
		tb.Fatalf("CONNECT was answered %q (%v)", connected, err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = get(query) // however it ends
		http.DefaultClient.CloseIdleConnections()
	}()
	return ended
}

func TestSecondSignalExitsAtOnce(t *testing.T) {
	p := start(t, "--data", dataFile(t))
	address := strings.TrimPrefix(p.url, "http://")
	connect(t, p.url) // never answers the end of its connection, and so holds the clean shutdown up for a while
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for { // until the first signal has been heard
		conn, err := net.Dial("tcp", address)
		if err != nil {
			break
		}
		conn.Close()
	}
	p.stop(t, syscall.SIGTERM)
	if code := p.cmd.ProcessState.ExitCode(); code != 1 {
		t.Errorf("the process ended with %v, want exit code 1 from the second signal", p.cmd.ProcessState)
	}
}

// TestKilledServerKeepsWhatItAcknowledged kills the process with SIGKILL while
// 64 clients write, and looks for every acknowledged item after a restart. Each client
// then repeats its writes under their keys, the one without an answer among them, and all have taken effect once.
func TestKilledServerKeepsWhatItAcknowledged(t *testing.T) {
	const clients, enough = 64, 3000
	data := dataFile(t)
	p := start(t, "--data", data, "--index", "items.client+n")

	type posted struct {
		id        json.Number
		client, n int
		answer    answer
	}
	post := func(c *client, client, n int) (answer, error) {
		item := map[string]any{"client": client, "n": n, "text": strings.Repeat("x", n%300)}
		return c.call("POST", "items", item, map[string]any{"key": fmt.Sprintf("%d-%d", client, n)})
	}
	var (
		acked [clients][]posted
		total atomic.Int64
		full  = make(chan struct{})
		wg    sync.WaitGroup
	)
	for i := range clients {
		c := connect(t, p.url)
		wg.Go(func() {
			for n := 0; ; n++ {
				a, err := post(c, i, n)
				if err != nil {
					return // killed
				}
				if a.fault != nil {
					t.Errorf("client %d, write %d: %s: %s", i, n, a.fault.Code, a.fault.Message)
					return
				}
				var item struct{ ID json.Number }
				if err := json.Unmarshal(a.result, &item); err != nil {
					t.Error(err)
					return
				}
				acked[i] = append(acked[i], posted{item.ID, i, n, a})
				if total.Add(1) == enough {
					close(full)
				}
			}
		})
	}
	select {
	case <-full:
	case <-time.After(2 * patience):
		t.Errorf("only %d writes in %v", total.Load(), 2*patience)
	}
	_ = p.cmd.Process.Kill()
	<-p.exited
	wg.Wait()

	began := time.Now()
	p = start(t, "--data", data, "--index", "items.client+n")
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("the file took %v to open, want it at once", took)
	}
	c := connect(t, p.url)
	seen := map[json.Number]bool{}
	for _, list := range acked {
		for _, w := range list {
			if seen[w.id] {
				t.Fatalf("the id %s was given twice", w.id)
			}
			seen[w.id] = true
			a, err := c.call("GET", "items", w.id)
			if err != nil {
				t.Fatal(err)
			}
			var item struct{ Client, N int }
			if err := json.Unmarshal(a.result, &item); err != nil || a.fault != nil || item.Client != w.client || item.N != w.n {
				t.Fatalf("item %s, acknowledged to client %d as its write %d, is %s (%+v)", w.id, w.client, w.n, a.result, a.fault)
			}
			again, err := post(c, w.client, w.n)
			if err != nil || !bytes.Equal(again.result, w.answer.result) || !bytes.Equal(again.meta, w.answer.meta) {
				t.Fatalf("client %d's write %d was answered %s %s, and after the kill %s %s (%+v, %v)",
					w.client, w.n, w.answer.result, w.answer.meta, again.result, again.meta, again.fault, err)
			}
		}
	}
	for i, list := range acked { // what was on its way was stored or was not
		for range 2 {
			if a, err := post(c, i, len(list)); err != nil || a.fault != nil {
				t.Fatalf("client %d's last write: %+v, %v", i, a.fault, err)
			}
		}
		var meta struct{ Total int }
		query := map[string]any{"limit": 1, "filters": map[string]any{"client": i}}
		if err := json.Unmarshal(c.must(t, "GET", "items", query).meta, &meta); err != nil || meta.Total != len(list)+1 {
			t.Errorf("client %d made %d writes and has %d items (%v)", i, len(list)+1, meta.Total, err)
		}
	}
	var next struct{ ID json.Number }
	if err := json.Unmarshal(c.must(t, "POST", "items", map[string]any{"after": true}).result, &next); err != nil || seen[next.ID] {
		t.Errorf("a write after the restart got the id %s (%v), which is another item's", next.ID, err)
	}
}

func TestSeedLoadsOnceAndIsServed(t *testing.T) {
	data := dataFile(t)
	p := start(t, "--data", data, "--seed", "catalogue")
	c := connect(t, p.url)
	total := func(c *client) int {
		var meta struct{ Total int }
		if err := json.Unmarshal(c.must(t, "GET", "items", map[string]int{"limit": 1}).meta, &meta); err != nil {
			t.Fatal(err)
		}
		return meta.Total
	}
	products := total(c)
	if products < 120 {
		t.Errorf("%d products, want at least 120", products)
	}
	c.must(t, "DELETE", "items", 1)
	p.stop(t, syscall.SIGTERM)
	if logs := p.logs.String(); !strings.Contains(logs, fmt.Sprintf("items=%d", products)) {
		t.Errorf("the log does not tell how many items were loaded:\n%s", logs)
	}

	p = start(t, "--data", data, "--seed", "catalogue:50")
	if again := total(connect(t, p.url)); again != products-1 {
		t.Errorf("%d items after a start with --seed on a collection that has some, want the %d from before", again, products-1)
	}
}

func TestStopsWhileLoadingTheSeed(t *testing.T) {
	cmd := command(t, "--listen", "127.0.0.1:0", "--data", dataFile(t), "--seed", "catalogue:10000000")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	logs := bufio.NewScanner(stderr)
	for logs.Scan() && !strings.Contains(logs.Text(), "items=10000") { // it tells its progress
	}
	began := time.Now()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	rest, _ := io.ReadAll(stderr)
	if err := cmd.Wait(); err != nil || time.Since(began) > 5*time.Second {
		t.Errorf("ended with %v after %v, want exit code 0 within five seconds; logs:\n%s", err, time.Since(began), rest)
	}
}

func TestServesPageAndHealth(t *testing.T) {
	p := start(t, "--data", dataFile(t))
	defer http.DefaultClient.CloseIdleConnections()
	for path, want := range map[string]string{
		"/":                                   "text/html; charset=utf-8",
		"/healthz":                            "text/plain; charset=utf-8",
		"/socket.io/?EIO=4&transport=polling": "text/plain; charset=UTF-8",
		"/socket.io/?EIO=4&transport=carrierpigeon": "application/json",
	} {
		res, err := http.Get(p.url + path)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if got := res.Header.Get("Content-Type"); !strings.EqualFold(got, want) || (res.StatusCode == 200) == (want == "application/json") {
			t.Errorf("GET %s: %s, %s; want %s", path, res.Status, got, want)
		}
	}
}

// TestFailsWithOneSentence starts ackbase where it cannot run.
func TestFailsWithOneSentence(t *testing.T) {
	data := dataFile(t)
	running := start(t, "--data", data)
	damaged := dataFile(t)
	if err := os.WriteFile(damaged, bytes.Repeat([]byte("no database\n"), 2000), 0o600); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(t.TempDir(), "missing", "test.db")
	for name, c := range map[string]struct {
		args []string
		want []string // parts of the sentence
	}{
		"port in use":     {[]string{"--listen", strings.TrimPrefix(running.url, "http://"), "--data", dataFile(t)}, []string{"--listen", "another program"}},
		"bad address":     {[]string{"--listen", "nonsense", "--data", dataFile(t)}, []string{"nonsense", "127.0.0.1:3000"}},
		"file in use":     {[]string{"--listen", "127.0.0.1:0", "--data", data}, []string{data}},
		"no such folder":  {[]string{"--listen", "127.0.0.1:0", "--data", missing}, []string{missing}},
		"a folder":        {[]string{"--listen", "127.0.0.1:0", "--data", t.TempDir()}, []string{"folder"}},
		"damaged file":    {[]string{"--listen", "127.0.0.1:0", "--data", damaged}, []string{damaged}},
		"unknown flag":    {[]string{"--lisen", ":1"}, []string{"--lisen", "--listen"}},
		"no such command": {[]string{"serve"}, []string{"serve", "--help"}},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := command(t, c.args...)
			var stdout, stderr bytes.Buffer
			cmd.Stdout, cmd.Stderr = &stdout, &stderr
			var exit *exec.ExitError
			if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != 1 {
				t.Errorf("ended with %v, want exit code 1", err)
			}
			sentence := stderr.String()
			if !strings.HasPrefix(sentence, "ackbase: ") || strings.Count(sentence, "\n") != 1 {
				t.Errorf("the standard error output is not one line from ackbase:\n%s", sentence)
			}
			for _, part := range c.want {
				if !strings.Contains(sentence, part) {
					t.Errorf("%q does not tell of %q", sentence, part)
				}
			}
			if stdout.Len() > 0 {
				t.Errorf("the standard output has %q", stdout.String())
			}
		})
	}
}

// TestBench: the command measures a running server, and refuses what it cannot do.
func TestBench(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ready, out := io.Pipe()
	served := make(chan error, 1)
	go func() {
		served <- run(ctx, []string{"--listen", "127.0.0.1:0", "--data", filepath.Join(t.TempDir(), "bench.db")},
			func(string) string { return "" }, out, io.Discard)
	}()
	line, err := bufio.NewReader(ready).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	url := strings.TrimPrefix(strings.TrimSpace(line), "ackbase listening on ")
	var report bytes.Buffer
	none := func(string) string { return "" }
	if err := run(t.Context(), []string{"bench", "get", url, "--connections", "2", "--items", "10", "--seconds", "0.3", "--warmup", "100ms", "--json"},
		none, &report, io.Discard); err != nil {
		t.Errorf("%v\n%s", err, &report)
	}
	if !json.Valid(report.Bytes()) {
		t.Errorf("no JSON: %s", &report)
	}
	if err := run(t.Context(), []string{"bench", "fly", url}, none, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "get") || !strings.Contains(err.Error(), "ackbase bench --help") {
		t.Errorf("a load of an unknown kind: %v", err)
	}
	cancel()
	if err := <-served; err != nil {
		t.Error(err)
	}
}
