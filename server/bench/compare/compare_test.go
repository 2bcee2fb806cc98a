package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// binary is a -server flag for the real binary.
func binary(name string) string {
	return name + "=" + ackbase + " --listen 127.0.0.1:0 --data {data} --log-level warn --ping-interval 200ms --index bench-index.value"
}

// bad is one for this test binary, with a fault.
func bad(t *testing.T, name, fault string) string {
	t.Setenv(badServer, fault)
	return name + "=" + os.Args[0]
}

// tiny is an extent that takes a second or so for each measure.
var tiny = extent{rounds: 1, seconds: 0.25, warmup: time.Millisecond, large: 1500, room: 20, largeRoom: 70, idle: 20, idleSeconds: 0.3}

// compare runs the command with a tiny extent.
func compare(t *testing.T, args ...string) (page, progress string, err error) {
	t.Helper()
	usual := full
	full = tiny
	defer func() { full = usual }()
	var out, errOut bytes.Buffer
	err = run(t.Context(), append([]string{"-dir", t.TempDir(), "-timeout", "20s"}, args...), &out, &errOut)
	return out.String(), errOut.String(), err
}

// patiently is compare with windows that grow until the page tells enough: what a busy machine does
// not manage in the first it does in the last.
func patiently(t *testing.T, enough func(page string) bool, args ...string) (page, progress string) {
	t.Helper()
	for _, seconds := range []string{"0.25", "1", "5"} {
		var err error
		if page, progress, err = compare(t, append(args, "-seconds", seconds)...); err != nil {
			t.Fatalf("%v\n%s", err, progress)
		}
		if enough(page) {
			return page, progress
		}
		t.Logf("not enough in %s s:\n%s", seconds, page)
	}
	t.Fatalf("not enough in the end:\n%s", progress)
	return "", ""
}

// judged tells whether a bound was measured.
func judged(t *testing.T, page, title string) bool {
	v := verdict(t, page, title)
	return v == "holds" || v == "**does not hold**"
}

// rows are the table rows of a page whose first cell begins with a text.
func rows(page, first string) (found [][]string) {
	for line := range strings.Lines(page) {
		if cells, ok := strings.CutPrefix(line, "| "+first); ok {
			cells = strings.TrimSuffix(strings.TrimSpace(first+cells), "|")
			found = append(found, strings.Split(strings.TrimSpace(cells), " |"))
		}
	}
	return found
}

func verdict(t *testing.T, page, title string) string {
	t.Helper()
	found := rows(page, title)
	if len(found) == 0 || len(found[0]) != 4 {
		t.Fatalf("the bound %q has the rows %q in\n%s", title, found, page)
	}
	return strings.TrimSpace(found[0][3])
}

// TestAgainstItself compares the real server with itself in all measures. What they
// come to is nothing that a test could know, but that they come to something.
func TestAgainstItself(t *testing.T) {
	titles := []string{
		"GET by id: CPU to that of twin", "durable POST, 256 in flight: CPU to that of twin", "durable POST with a time-ordered key (¹): CPU to that of twin",
		"event delivered, 20 subscribers, 400 a second: CPU", "event delivered, 20 subscribers, 3,000 a second: CPU", "these events: lost, doubled",
		"event delivered, 20 subscribers, 400 a second: p99", "event delivered, 20 subscribers, 3,000 a second: p99",
		"memory of an idle", "goroutines of an idle", "20 idle connections: broken", "their heartbeats, % of a core",
		"GET by id over long-polling: CPU", "GET by id: CPU at 1,500 items to that at 1,000, ackbase alone", "event: CPU for each of 70 subscribers to that for each of 50",
	}
	const perSubscriber = "CPU of an event contains its write" // told where the further subscribers could be measured
	page, _ := patiently(t, func(page string) bool {
		return strings.Contains(page, perSubscriber) && !slices.ContainsFunc(titles, func(title string) bool { return !judged(t, page, title) })
	}, "-server", binary("ackbase"), "-server", binary("twin"))
	if strings.Contains(page, "not the full one") || strings.Contains(page, "in round") {
		t.Errorf("the page tells of a partial run or of faults:\n%s", page)
	}
	if want := fmt.Sprintf("Of %d bounds", len(titles)); !strings.Contains(page, want) || !strings.Contains(page, "and 0 were not measured") {
		t.Errorf("the page does not say %q in\n%s", want, page)
	}
	for _, title := range []string{"these events: lost", "20 idle connections: broken"} {
		if v := verdict(t, page, title); v != "holds" {
			t.Errorf("%s: %s", title, v)
		}
	}

	// Every row fills its table, and every cell is filled.
	columns := 0
	for line := range strings.Lines(page) {
		switch cells := strings.Count(line, " |"); {
		case !strings.HasPrefix(line, "|"):
			columns = 0
		case strings.HasPrefix(line, "|---"):
		case columns == 0:
			columns = cells
		case cells != columns:
			t.Errorf("%d cells in a table of %d columns: %s", cells, columns, line)
		case strings.Contains(line, "| |"):
			t.Errorf("an empty cell: %s", line)
		}
	}
	for _, want := range []string{
		perSubscriber, "cores, Linux", "go1.", "--index bench-index.value",
		"ackbase: `ackbase --listen", "task@v3.53.1 bench", "median of 1 rounds (1 where no bound is about it) of",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(page, filepath.Dir(ackbase)) {
		t.Error("the page tells a path of this machine")
	}
}

// TestLeftOut holds that what is left out is not said to hold, and leaves the page alone that is there.
func TestLeftOut(t *testing.T) {
	file := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(file, []byte("measured for half an hour"), 0o600); err != nil {
		t.Fatal(err)
	}
	page, progress := patiently(t, func(page string) bool {
		return strings.Contains(page, "| GET by id, 1,000 items, 160 in flight | ackbase |")
	},
		"-server", binary("ackbase"), "-only", "^get$", "-out", file)
	if text, err := os.ReadFile(file); err != nil || string(text) != "measured for half an hour" {
		t.Errorf("the page that was there is now %q, %v", text, err)
	}
	if !strings.Contains(progress, "stays as it is, since this was no full run: -only leaves measures out") || !strings.Contains(page, "not the full one") {
		t.Errorf("a partial run said %q and printed\n%s", progress, page)
	}
	for title, want := range map[string]string{
		"GET by id: CPU to that":      "not measured: there is no server to hold it against",
		"durable POST, 256 in flight": "not measured: it was left out",
		"memory of an idle":           "not measured: it was left out",
		"these events: lost":          "not measured: it was left out",
		"GET by id: CPU at":           "not measured: it was left out",
	} {
		if v := verdict(t, page, title); v != want {
			t.Errorf("%s: %q, want %q", title, v, want)
		}
	}
}

func TestPublish(t *testing.T) {
	s := &settings{extent: full, out: filepath.Join(t.TempDir(), "page.md")}
	var out bytes.Buffer
	if err := s.publish("first", &out, t.Output()); err != nil || out.Len() > 0 {
		t.Errorf("a full run printed %q, %v", &out, err)
	}
	s.rounds--
	if err := s.publish("second", &out, t.Output()); err != nil || out.String() != "second" {
		t.Errorf("a partial run printed %q, %v", &out, err)
	}
	if text, err := os.ReadFile(s.out); err != nil || string(text) != "first" {
		t.Errorf("the file has %q, %v", text, err)
	}
}

// TestTurns holds the order of the rounds.
func TestTurns(t *testing.T) {
	_, progress, err := compare(t, "-server", binary("a"), "-server", binary("b"), "-only", "^get$", "-rounds", "3", "-seconds", "0.02")
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, match := range regexp.MustCompile(`round (\d), (\w):`).FindAllStringSubmatch(progress, -1) {
		order = append(order, match[1]+match[2])
	}
	if got, want := fmt.Sprint(order), "[1a 1b 2b 2a 3a 3b]"; got != want {
		t.Errorf("the order was %s, want %s", got, want)
	}
}

// TestServerEnds holds that the end of a server is told and does not end the run.
func TestServerEnds(t *testing.T) {
	page, progress := patiently(t, func(page string) bool { return judged(t, page, "GET by id over long-polling: CPU") }, // the measure after
		"-server", binary("ackbase"), "-server", bad(t, "peer", "panics"), "-only", "^(post|polling)$", "-rounds", "2")
	if v := verdict(t, page, "durable POST, 256"); v != "not measured: peer: process ended" {
		t.Errorf("the verdict is %q", v)
	}
	if cells := rows(page, "durable POST, 256 in flight |"); len(cells) != 3 || strings.TrimSpace(cells[0][2]) != "process ended" || strings.TrimSpace(cells[0][3]) != "" {
		t.Errorf("the rows are %q", cells)
	}
	if want := "* peer, durable POST, 256 in flight: in round 1: process ended: exit status 2, panic: out of fudge"; !strings.Contains(page, want) {
		t.Errorf("%q is missing in\n%s", want, page)
	}
	if !strings.Contains(progress, "its standard error output ended in:") || !strings.Contains(progress, "goroutine ") {
		t.Errorf("the progress tells nothing of the panic:\n%s", progress)
	}
}

// TestServerLoses holds that lost events are told as a share, and that a bound does not hold for them.
func TestServerLoses(t *testing.T) {
	loses := bad(t, "sieve", "loses")
	lossy := func(page string) bool { return regexp.MustCompile(`, lost \d+(\.\d+)? %`).MatchString(page) }
	page, _ := patiently(t, lossy, "-only", "^event-75k$", "-timeout", "300ms", "-server", binary("ackbase"), "-server", loses)
	if v := verdict(t, page, "event delivered, 20 subscribers, 3,000 a second: CPU"); v != "not measured: sieve had errors, as told below" {
		t.Errorf("the verdict is %q", v)
	}

	page, _ = patiently(t, lossy, "-only", "^event-(10k|75k)$", "-timeout", "300ms", "-server", loses)
	if v := verdict(t, page, "these events: lost"); v != "**does not hold**" {
		t.Errorf("the verdict about the server that loses events is %q", v)
	}
	if !strings.Contains(page, "an event did not arrive, and none at all for 300ms") {
		t.Errorf("the errors are not told in\n%s", page)
	}
}

// TestCannotStart holds that a server that does not start is said before anything is measured.
func TestCannotStart(t *testing.T) {
	_, progress, err := compare(t, "-server", binary("ackbase"), "-server", bad(t, "peer", "does not start"), "-only", "^get$")
	if err == nil || !strings.Contains(err.Error(), "peer ended before it listened") || !strings.Contains(err.Error(), "on holiday") || progress != "" {
		t.Errorf("%v\n%s", err, progress)
	}
	for want, args := range map[string][]string{
		"does not start":       {"-server", "none=/no/such/program"},
		"write name=command":   {"-server", "ackbase"},
		"no server is named":   {},
		"-rounds":              {"-server", "a=b", "-rounds", "0"},
		"has such a name":      {"-server", "a=b", "-only", "fly"},
		"is no flag":           {"-server", "a=b", "c"},
		"two servers are call": {"-server", "a=b", "-server", "a=c"},
	} {
		if _, _, err := compare(t, args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want an error with %q", args, err, want)
		}
	}
}
