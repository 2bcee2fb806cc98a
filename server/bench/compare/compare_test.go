package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
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

// tiny is an extent that takes a second or two for each measure.
var tiny = extent{rounds: 1, seconds: 0.25, warmup: time.Millisecond, large: 1500, subscribers: 70, idle: 20, idleSeconds: 0.3}

// compare runs the command with a tiny extent.
func compare(t *testing.T, args ...string) (page, progress string, err error) {
	t.Helper()
	usual := full
	full = tiny
	defer func() { full = usual }()
	var out, errOut bytes.Buffer
	err = run(t.Context(), append([]string{"-dir", t.TempDir(), "-timeout", "1s"}, args...), &out, &errOut)
	return out.String(), errOut.String(), err
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
	file := filepath.Join(t.TempDir(), "page.md")
	out, progress, err := compare(t, "-server", binary("ackbase"), "-server", binary("twin"), "-out", file)
	if err != nil {
		t.Fatalf("%v\n%s", err, progress)
	}
	if out != "" {
		t.Errorf("with -out, a full run printed %q", out)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	t.Log(page)
	if strings.Contains(page, "not the full one") || strings.Contains(page, "in round") {
		t.Error("the page tells of a partial run or of faults")
	}
	for _, title := range []string{
		"GET by id: CPU to", "durable POST, 256", "durable POST with a time", "event delivered, 10,000 a second: CPU", "event delivered, 75,000 a second: CPU",
		"events to these 500", "event delivered, 10,000 a second: p99", "event delivered, 75,000 a second: p99", "memory of", "goroutines of", "20 idle connections: broken",
		"their heartbeats", "GET by id over long-polling: CPU", "GET by id: CPU at 1,500", "event: CPU for each of 70",
	} {
		if v := verdict(t, page, title); v != "holds" && v != "**does not hold**" {
			t.Errorf("%s: %s", title, v)
		}
	}
	for _, title := range []string{"events to these 500", "goroutines of", "20 idle connections: broken"} {
		if v := verdict(t, page, title); v != "holds" {
			t.Errorf("%s: %s", title, v)
		}
	}

	// Every row fills its table, and in the measures every cell.
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
		"CPU of an event contains its write", "cores, Linux", "go1.", "--index bench-index.value",
		"ackbase: `ackbase --listen", "task@v3.53.1 bench", "median of 1 rounds of 0.25 s",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(page, filepath.Dir(ackbase)) {
		t.Error("the page tells a path of this machine")
	}

	// A part of the measures leaves the page alone.
	out, progress, err = compare(t, "-server", binary("ackbase"), "-only", "^get$", "-out", file)
	if err != nil {
		t.Fatal(err)
	}
	if after, err := os.ReadFile(file); err != nil || string(after) != page {
		t.Errorf("a partial run has changed the page (%v)", err)
	}
	if !strings.Contains(progress, "stays as it is") || !strings.Contains(out, "not the full one") {
		t.Errorf("a partial run said %q and printed\n%s", progress, out)
	}
	for title, want := range map[string]string{
		"GET by id: CPU to that":      "not measured: there is no server to hold it against",
		"durable POST, 256 in flight": "not measured: it was left out",
		"memory of an idle":           "not measured: it was left out",
		"events to these":             "not measured: it was left out",
		"GET by id: CPU at":           "not measured: it was left out",
	} {
		if v := verdict(t, out, title); v != want {
			t.Errorf("%s: %q, want %q", title, v, want)
		}
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
	page, progress, err := compare(t, "-server", binary("ackbase"), "-server", bad(t, "peer", "panics"), "-only", "^(post|polling)$", "-rounds", "2", "-seconds", "0.1")
	if err != nil {
		t.Fatal(err)
	}
	if v := verdict(t, page, "durable POST, 256"); v != "not measured: peer: process ended" {
		t.Errorf("the verdict is %q", v)
	}
	if v := verdict(t, page, "GET by id over long-polling: CPU"); v != "holds" && v != "**does not hold**" {
		t.Errorf("after the end of a server the verdict of the next measure is %q", v)
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
	page, _, err := compare(t, "-only", "^event-75k$", "-timeout", "100ms", "-server", binary("ackbase"), "-server", loses)
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`, lost [45]\d(\.\d)? %`).MatchString(page) {
		t.Errorf("the share that is lost is not told in\n%s", page)
	}
	if v := verdict(t, page, "event delivered, 75,000 a second: CPU"); v != "not measured: sieve had errors, as told below" {
		t.Errorf("the verdict is %q", v)
	}

	page, _, err = compare(t, "-only", "^event-(10k|75k)$", "-timeout", "100ms", "-server", loses)
	if err != nil {
		t.Fatal(err)
	}
	if v := verdict(t, page, "events to these 500"); v != "**does not hold**" {
		t.Errorf("the verdict about the server that loses events is %q", v)
	}
	if !strings.Contains(page, "an event did not arrive, and none at all for 100ms") {
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
