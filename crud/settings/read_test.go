package settings

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// read reads settings from a command line, an environment and a configuration file's text.
func read(tb testing.TB, args []string, env map[string]string, file string) (*Settings, string, error) {
	tb.Helper()
	if file != "" {
		name := filepath.Join(tb.TempDir(), "ackbase.yaml")
		if err := os.WriteFile(name, []byte(file), 0o600); err != nil {
			tb.Fatal(err)
		}
		args = append([]string{"--config", name}, args...)
	}
	var out bytes.Buffer
	s, err := Read(args, func(name string) string { return env[name] }, &out)
	return s, out.String(), err
}

func TestSettingsDefaults(t *testing.T) {
	s, _, err := read(t, nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	got := []any{s.Listen, s.Data, int64(s.MaxMessage), int64(s.MaxItem), int64(s.MaxAnswer), int(s.MaxSnapshot), int(s.MaxSubscriptions), time.Duration(s.PingInterval), time.Duration(s.PingTimeout), s.LogLevel, s.LogFormat, s.DeclaredOnly, len(s.collections)}
	want := []any{"127.0.0.1:3000", "ackbase.db", int64(2 << 20), int64(1 << 20), int64(16 << 20), 10_000, 256, 25 * time.Second, 20 * time.Second, "info", "text", false, 0}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the defaults (-want +got):\n%s", diff)
	}
}

func TestFlagWinsOverEnvironmentOverFileOverDefault(t *testing.T) {
	const file = "listen: 127.0.0.1:1111\ndata: file.db\nmax-item: 100KB\nping-interval: 1s\nlog-format: json\norigin: [https://a.example, https://b.example]\ndeclared-only: true\ncollections: {things: }\n"
	env := map[string]string{
		"ACKBASE_LISTEN": "127.0.0.1:2222", "ACKBASE_DATA": "env.db", "ACKBASE_MAX_ITEM": "200KB",
		"ACKBASE_INDEX": "items.a,items.b", "ACKBASE_PING_TIMEOUT": "3s", "ACKBASE_LOG_LEVEL": "",
	}
	s, _, err := read(t, []string{"--listen", "127.0.0.1:3333", "--ping-timeout=4s"}, env, file)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]any{
		"flag over all": s.Listen, "environment over file": s.Data, "size": int64(s.MaxItem), "flag over environment": time.Duration(s.PingTimeout),
		"file over default": time.Duration(s.PingInterval), "enum of the file": s.LogFormat, "empty variable": s.LogLevel,
		"list of the environment": s.Index, "list of the file": s.Origin, "boolean of the file": s.DeclaredOnly,
	}
	want := map[string]any{
		"flag over all": "127.0.0.1:3333", "environment over file": "env.db", "size": int64(200 << 10), "flag over environment": 4 * time.Second,
		"file over default": time.Second, "enum of the file": "json", "empty variable": "info",
		"list of the environment": []string{"items.a", "items.b"}, "list of the file": []string{"https://a.example", "https://b.example"}, "boolean of the file": true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestConfigFileMayComeFromTheEnvironment(t *testing.T) {
	name := filepath.Join(t.TempDir(), "ackbase.yaml")
	if err := os.WriteFile(name, []byte("max-snapshot: 77\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, _, err := read(t, nil, map[string]string{"ACKBASE_CONFIG": name}, "")
	if err != nil || s.MaxSnapshot != 77 {
		t.Errorf("settings %+v, %v; want max-snapshot 77", s, err)
	}
}

func TestHelpAndVersion(t *testing.T) {
	s, help, err := read(t, []string{"--help", "--listen=nonsense"}, nil, "")
	if s != nil || err != nil {
		t.Fatalf("--help: %v, %v; want neither settings nor an error", s, err)
	}
	for _, part := range []string{
		"Usage: ackbase", "Examples:", "ACKBASE_LOG_LEVEL", "\nServer\n", "\nData\n", "\nLimits\n", "\nConnections\n",
		`--listen="127.0.0.1:3000"`, `--data="ackbase.db"`, "--config=FILE", "--origin=ORIGIN", "--index=", "--ids=", "--declared-only", "--seed=NAME",
		"--ping-interval=25s", "--ping-timeout=20s", "--connect-timeout=45s", "--max-message=2MB", "--max-item=1MB", "--max-answer=16MB",
		"--max-snapshot=10000", "--max-subscriptions=256", "--keep-changes=", `--log-level="info"`, `--log-format="text"`, "--version",
	} {
		if !strings.Contains(help, part) {
			t.Errorf("--help does not have %q", part)
		}
	}
	for line := range strings.Lines(help) {
		if len(line) > 101 {
			t.Errorf("--help has a line of %d characters: %q", len(line), line)
		}
	}
	if t.Failed() {
		t.Log(help)
	}
	s, version, err := read(t, []string{"--version"}, nil, "")
	if s != nil || err != nil || !strings.HasPrefix(version, "ackbase ") {
		t.Errorf("--version: %v, %q, %v", s, version, err)
	}
}

func TestConsoleSettingMayComeFromEverywhere(t *testing.T) {
	for _, c := range []struct {
		args []string
		env  map[string]string
		file string
		want string
	}{
		{want: "unset"},
		{args: []string{"--console"}, want: "true"},
		{args: []string{"--console=false"}, want: "false"},
		{env: map[string]string{"ACKBASE_CONSOLE": "true"}, want: "true"},
		{file: "console: false\n", want: "false"},
		{args: []string{"--console"}, file: "console: false\n", want: "true"},
	} {
		s, _, err := read(t, c.args, c.env, c.file)
		if err != nil {
			t.Fatal(err)
		}
		got := "unset"
		if s.Console != nil {
			got = map[bool]string{true: "true", false: "false"}[*s.Console]
		}
		if got != c.want {
			t.Errorf("%v %v %q: the console is %s, want %s", c.args, c.env, c.file, got, c.want)
		}
	}
	if _, _, err := read(t, []string{"--console=maybe"}, nil, ""); err == nil || !strings.Contains(err.Error(), "--console") {
		t.Errorf("--console=maybe: %v", err)
	}
}
