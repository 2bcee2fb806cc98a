package soak

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// The others have a process of their own, in a long run at the lowest priority: the healthy clients are to be measured beside what the
// server does for the others, not beside what it takes to be them, such as to parse megabytes that they
// have fallen behind. It is this test binary, with apartEnv in its environment. It reads an order from its standard input and,
// when the others are to stop, the writes of all writers; then it compares what the others have been told with them and
// writes what it has seen to its standard output.

const apartEnv = "ACKBASE_SOAK_OTHERS"

// order is what the others are to do.
type order struct {
	URL         string
	Collections []string
	Clients     int
	Length      time.Duration
}

// told is what they tell at the end.
type told struct {
	Visits, Odd [otherKinds]int64
	Oddest      [otherKinds]string
	Cores       float64 // that they took
	Faults      string  // empty for none
}

// String tells what they did.
func (r *told) String() string {
	var b strings.Builder
	for k := range otherKinds {
		fmt.Fprintf(&b, "%s: %d visits", k, r.Visits[k])
		if r.Odd[k] > 0 {
			fmt.Fprintf(&b, ", of which %d did not go as they should: %s", r.Odd[k], r.Oddest[k])
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "their own process took %.2f cores\n", r.Cores)
	return b.String()
}

// apart is that process.
type apart struct {
	cmd *exec.Cmd
	in  *json.Encoder
	out io.Reader
}

// idle is the command that runs another at the lowest priority: on Linux the scheduling policy SCHED_IDLE, since at nice 19 a
// process still keeps a processor for milliseconds from one that wakes.
func idle() []string {
	if _, err := exec.LookPath("chrt"); err == nil {
		return []string{"chrt", "--idle", "0"}
	}
	return []string{"nice", "-n", "19"}
}

// startApart starts the others. They are killed at the end of the test, if they are still there.
func startApart(t *testing.T, o order) *apart {
	t.Helper()
	args := []string{os.Args[0]}
	if o.Length >= measured {
		args = append(idle(), args...)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), apartEnv+"=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // again, where finish has waited
	})
	a := &apart{cmd, json.NewEncoder(in), out}
	if err := a.in.Encode(o); err != nil {
		t.Fatal(err)
	}
	return a
}

// finish ends the others, who must have been told of all the writes.
func (a *apart) finish(writes map[string][]record) (*told, error) {
	err := a.in.Encode(writes)
	r := &told{}
	err = errors.Join(err, json.NewDecoder(a.out).Decode(r), a.cmd.Wait())
	if err == nil && r.Faults != "" {
		err = errors.New(r.Faults)
	}
	if err != nil {
		err = fmt.Errorf("the others: %w", err)
	}
	return r, err
}

// beApart is the process of the others. It returns the exit code.
func beApart() int {
	began, in := time.Now(), json.NewDecoder(os.Stdin)
	fail := func(err error) int {
		fmt.Fprintln(os.Stderr, "the others:", err)
		return 1
	}
	var do order
	if err := in.Decode(&do); err != nil {
		return fail(err)
	}
	acting, stop := context.WithCancel(context.Background())
	defer stop()
	o := &others{load: &load{visitor: newVisitor(context.Background(), do.URL, 0), acting: acting, base: began}}
	if err := o.begin(do.Collections, do.Clients, do.Length); err != nil {
		return fail(err)
	}
	if err := in.Decode(&o.ledger.writes); err != nil { // the test has ended early
		return fail(err)
	}
	stop()
	o.wg.Wait()
	r := &told{Oddest: o.oddest}
	for k := range otherKinds {
		r.Visits[k], r.Odd[k] = o.visits[k].Load(), o.odd[k].Load()
	}
	r.Cores = ownCPU() / time.Since(began).Seconds()
	logs, err := o.ledger.logs()
	if err = errors.Join(err, o.faults.err()); err == nil {
		err = finish(o.subscribers, logs)
	}
	if err != nil {
		r.Faults = err.Error()
	}
	if err := json.NewEncoder(os.Stdout).Encode(r); err != nil {
		return fail(err)
	}
	return 0
}
