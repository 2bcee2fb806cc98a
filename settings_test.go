package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"

	"ackbase/collections"
)

// read reads settings from a command line, an environment and a configuration file's text.
func read(tb testing.TB, args []string, env map[string]string, file string) (*settings, string, error) {
	tb.Helper()
	if file != "" {
		name := filepath.Join(tb.TempDir(), "ackbase.yaml")
		if err := os.WriteFile(name, []byte(file), 0o600); err != nil {
			tb.Fatal(err)
		}
		args = append([]string{"--config", name}, args...)
	}
	var out bytes.Buffer
	s, err := readSettings(args, func(name string) string { return env[name] }, &out)
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

func TestCollectionsOfFlagsAndFileAddUp(t *testing.T) {
	const file = `
collections:
  items:
    ids: uuid
    indexes: [price, category+price]
  orders: {ids: "prefix:A"}
  plain:
`
	s, _, err := read(t, []string{"--index", "items.price", "--index", "items.maker.name", "--ids", "items=prefix:P", "--ids", "users=uuid"}, nil, file)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]collections.Collection{
		"items":  {IDs: "prefix:P", Indexes: []collections.Index{{Paths: []string{"category", "price"}}, {Paths: []string{"maker.name"}}, {Paths: []string{"price"}}}},
		"orders": {IDs: "prefix:A"},
		"plain":  {},
		"users":  {IDs: "uuid"},
	}
	if diff := cmp.Diff(want, s.collections); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestKeepChanges(t *testing.T) {
	const day = 24 * time.Hour
	type kept struct {
		common collections.Keep
		own    map[string]collections.Collection
	}
	for name, c := range map[string]struct {
		args []string
		env  string
		file string
		want kept
	}{
		"default":     {want: kept{common: collections.DefaultKeep}},
		"flags":       {args: []string{"--keep-changes=1000", "--keep-changes", "items=7d,100", "--keep-changes=logs=all"}, want: kept{collections.Keep{Changes: 1000}, map[string]collections.Collection{"items": {Keep: collections.Keep{Age: 7 * day, Changes: 100}}, "logs": {Keep: collections.KeepAll}}}},
		"one alone":   {args: []string{"--keep-changes=items=7d"}, want: kept{own: map[string]collections.Collection{"items": {Keep: collections.Keep{Age: 7 * day}}}}},
		"environment": {env: "12h,1000; items=7d", want: kept{collections.Keep{Age: 12 * time.Hour, Changes: 1000}, map[string]collections.Collection{"items": {Keep: collections.Keep{Age: 7 * day}}}}},
		"file":        {file: "keep-changes: [items=7d, 1000]\ncollections: {orders: {keep: 100}, logs: {keep: [1d, 5]}}\n", want: kept{collections.Keep{Changes: 1000}, map[string]collections.Collection{"items": {Keep: collections.Keep{Age: 7 * day}}, "orders": {Keep: collections.Keep{Changes: 100}}, "logs": {Keep: collections.Keep{Age: day, Changes: 5}}}}},
		"flag wins":   {args: []string{"--keep-changes=items=7d"}, file: "collections: {items: {keep: 100}}\n", want: kept{own: map[string]collections.Collection{"items": {Keep: collections.Keep{Age: 7 * day}}}}},
	} {
		t.Run(name, func(t *testing.T) {
			s, _, err := read(t, c.args, map[string]string{"ACKBASE_KEEP_CHANGES": c.env}, c.file)
			if err != nil {
				t.Fatal(err)
			}
			if c.want.own == nil {
				c.want.own = map[string]collections.Collection{}
			}
			if diff := cmp.Diff(c.want, kept{s.keep, s.collections}, cmp.AllowUnexported(kept{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestBadSettingsSayWhatWouldBeRight(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		env  map[string]string
		file string
		want []string // parts of the message
	}{
		"duration without unit": {args: []string{"--ping-interval=25"}, want: []string{"--ping-interval", `"25"`, "25s"}},
		"size in words":         {args: []string{"--max-item=big"}, want: []string{"--max-item", `"big"`, "512KB"}},
		"size too large":        {args: []string{"--max-item=99999999GB"}, want: []string{"--max-item"}},
		"size zero":             {args: []string{"--max-item=0"}, want: []string{"--max-item", "more than zero"}},
		"negative count":        {args: []string{"--max-snapshot=-1"}, want: []string{"--max-snapshot", "more than zero"}},
		"count in words":        {args: []string{"--max-snapshot=many"}, want: []string{"--max-snapshot", "many"}},
		"negative duration":     {args: []string{"--ping-timeout=-5s"}, want: []string{"--ping-timeout", "more than zero"}},
		"negative, 0 is off":    {args: []string{"--recover-for=-5s"}, want: []string{"--recover-for", "0 for off"}},
		"level":                 {args: []string{"--log-level=loud"}, want: []string{"--log-level", "debug", "loud"}},
		"fraction of a count":   {args: []string{"--max-pending=1.5"}, want: []string{"--max-pending", "1.5", "256"}},
		"too deep":              {args: []string{"--max-depth=65"}, want: []string{"--max-depth", "64"}},
		"no range":              {args: []string{"--trusted-proxy=10.0.0.0/33"}, want: []string{"--trusted-proxy", "10.0.0.0/33", "10.0.0.0/8"}},
		"a name for a range":    {env: map[string]string{"ACKBASE_METRICS_FROM": "10.0.0.7,prometheus"}, want: []string{"ACKBASE_METRICS_FROM", "prometheus", "10.0.0.7"}},
		"cut off too early":     {args: []string{"--max-buffered=512KB"}, want: []string{"--max-buffered", "--high-water"}},
		"unknown flag":          {args: []string{"--port=80"}, want: []string{"--port", "--help"}},
		"flag without value":    {args: []string{"--listen"}, want: []string{"--listen needs a value"}},
		"origin with path":      {args: []string{"--origin=https://a.example/shop"}, want: []string{"--origin", "https://shop.example"}},
		"origin without scheme": {args: []string{"--origin=a.example"}, want: []string{"--origin", "https://shop.example"}},
		"index without path":    {args: []string{"--index=items"}, want: []string{"--index", "items.price"}},
		"index of a bad name":   {args: []string{"--index=1items.price"}, want: []string{"1items"}},
		"index with empty path": {args: []string{"--index=items.price+"}, want: []string{"price+"}},
		"ids of no kind":        {args: []string{"--ids=items=roman"}, want: []string{"roman", "uuid"}},
		"ids without kind":      {args: []string{"--ids=items"}, want: []string{"--ids", "items=uuid"}},
		"ids with empty prefix": {args: []string{"--ids=items=prefix:"}, want: []string{"prefix:A"}},
		"ids with slash":        {args: []string{"--ids=items=prefix:a/"}, want: []string{"prefix"}},
		"ids with digit":        {args: []string{"--ids=items=prefix:5"}, want: []string{"items", "prefix"}},
		"ids of two kinds":      {args: []string{"--ids=items=uuid", "--ids=items=number"}, want: []string{"items", "uuid", "number"}},
		"nothing declared":      {args: []string{"--declared-only"}, want: []string{"--declared-only", "--ids"}},
		"seed":                  {args: []string{"--seed=shop"}, want: []string{"--seed", "shop", "catalogue"}},
		"seed of none":          {args: []string{"--seed=catalogue:0"}, want: []string{"--seed", "catalogue:100000"}},
		"seed of words":         {args: []string{"--seed=catalogue:many"}, want: []string{"--seed", "many"}},
		"environment":           {env: map[string]string{"ACKBASE_PING_INTERVAL": "soon"}, want: []string{"ACKBASE_PING_INTERVAL", "soon", "25s"}},
		"enum in environment":   {env: map[string]string{"ACKBASE_LOG_LEVEL": "loud"}, want: []string{"ACKBASE_LOG_LEVEL", "loud", "debug"}},
		"bool in environment":   {env: map[string]string{"ACKBASE_DECLARED_ONLY": "perhaps"}, want: []string{"ACKBASE_DECLARED_ONLY", "perhaps"}},
		"value in file":         {file: "max-message: a lot\n", want: []string{"ackbase.yaml", "a lot", "2MB"}},
		"unknown key":           {file: "lisen: x\n", want: []string{"ackbase.yaml", `"lisen"`, "listen", "max-message", "collections"}},
		"config in file":        {file: "config: x\n", want: []string{`"config"`}},
		"map for a value":       {file: "listen: {a: b}\n", want: []string{"ackbase.yaml", "listen"}},
		"no YAML":               {file: "listen: [\n", want: []string{"ackbase.yaml", "YAML"}},
		"a list":                {file: "- listen\n", want: []string{"ackbase.yaml", "YAML"}},
		"collections as a list": {file: "collections: [items]\n", want: []string{"ackbase.yaml", "{items: {ids: uuid"}},
		"unknown field":         {file: "collections: {items: {id: uuid}}\n", want: []string{`"id"`, "ids, indexes and keep"}},
		"collection as a text":  {file: "collections: {items: uuid}\n", want: []string{"items: {ids: uuid"}},
		"indexes as a map":      {file: "collections: {items: {indexes: {a: b}}}\n", want: []string{"indexes of items"}},
		"ids as a list":         {file: "collections: {items: {ids: [uuid, number]}}\n", want: []string{"ids of items"}},
		"publish":               {args: []string{"--publish=chat/1/2"}, want: []string{"--publish", "chat/1/2", "chat/*"}},
		"publish in file":       {file: "publish: [chat, 1chat]\n", want: []string{"ackbase.yaml", "1chat"}},
		"keep without a unit":   {args: []string{"--keep-changes=30x"}, want: []string{"--keep-changes", "30x", "30d,1000000"}},
		"keep nothing":          {args: []string{"--keep-changes=0"}, want: []string{"--keep-changes", "more than zero"}},
		"keep for two ages":     {args: []string{"--keep-changes=30d,7d"}, want: []string{"--keep-changes", "one age"}},
		"keep of nothing":       {args: []string{"--keep-changes==7d"}, want: []string{"--keep-changes", "items=7d"}},
		"keep twice":            {args: []string{"--keep-changes=30d", "--keep-changes=1000"}, want: []string{"without a rule", "30d and 1000", "30d,1000000"}},
		"keep items twice":      {args: []string{"--keep-changes=items=30d;items=1000"}, want: []string{"items", "30d and 1000"}},
		"keep a bad name":       {args: []string{"--keep-changes=1items=7d"}, want: []string{"1items"}},
		"keep in environment":   {env: map[string]string{"ACKBASE_KEEP_CHANGES": "long"}, want: []string{"long", "30d"}},
		"keep in file":          {file: "collections: {items: {keep: long}}\n", want: []string{"items", "long", "30d"}},
		"keep as a map":         {file: "collections: {items: {keep: {a: b}}}\n", want: []string{"items", "30d"}},
		"collection's bad name": {file: "collections: {1items: {}}\n", want: []string{"1items"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, out, err := read(t, c.args, c.env, c.file)
			if err == nil {
				t.Fatalf("accepted: %+v", s)
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not tell of %q", err, part)
				}
			}
			if strings.Contains(err.Error(), "\n") || out != "" {
				t.Errorf("the error is one line and nothing else is printed: %q, %q", err, out)
			}
		})
	}
	if _, err := readSettings([]string{"--config", "missing.yaml"}, os.Getenv, os.Stdout); err == nil || !strings.Contains(err.Error(), "missing.yaml") {
		t.Errorf("a missing configuration file: %v", err)
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

// TestLimitsAreDocumented compares the table of limits in crud/PROTOCOL.md with the flags.
func TestLimitsAreDocumented(t *testing.T) {
	protocol, err := os.ReadFile("crud/PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]string{} // the default by the flag's name
	for _, row := range regexp.MustCompile(`(?m)^\|.*\| ([^|]+) \| `+"`--([a-z-]+)`"+` \|$`).FindAllStringSubmatch(string(protocol), -1) {
		documented[row[2]] = strings.NewReplacer(" ", "", ",", "", "min", "m").Replace(row[1])
	}
	flags := map[string]string{}
	parser, err := kong.New(&settings{})
	if err != nil {
		t.Fatal(err)
	}
	for _, flag := range parser.Model.Flags {
		if flag.Group != nil && slices.Contains([]string{"Limits", "Messages", "Connections", "Clients", "Slow clients"}, flag.Group.Key) && flag.HasDefault && flag.Name != "metrics-from" {
			flags[flag.Name] = strings.ReplaceAll(flag.Default, ",", "")
		}
	}
	if diff := cmp.Diff(flags, documented); diff != "" {
		t.Errorf("the defaults of the flags and those in crud/PROTOCOL.md (-flags +document):\n%s", diff)
	}
}

// TestMaxConnectionsFitTheSystem: a default is lowered, a choice is refused.
func TestMaxConnectionsFitTheSystem(t *testing.T) {
	for _, c := range []struct {
		args        []string
		files       int
		connections int
		refused     string
	}{
		{nil, 0, 20_000, ""},
		{nil, 1 << 20, 20_000, ""},
		{nil, 20_100, 20_000, ""},
		{nil, 20_099, 19_999, ""},
		{nil, 1024, 924, ""},
		{nil, 100, 0, "ulimit -n"},
		{[]string{"--max-connections=500"}, 1024, 500, ""},
		{[]string{"--max-connections=30000"}, 1024, 0, "room for 924"},
	} {
		s, _, err := read(t, c.args, nil, "")
		if err != nil {
			t.Fatal(err)
		}
		chosen := int(s.MaxConnections)
		most, lowered, err := s.fitFiles(c.files)
		switch {
		case c.refused != "":
			if err == nil || !strings.Contains(err.Error(), c.refused) {
				t.Errorf("%v with %d files: %v, want an error that tells of %q", c.args, c.files, err, c.refused)
			}
		case err != nil, int(s.MaxConnections) != c.connections, lowered != (c.connections != chosen), c.files > 0 && most != c.files-100:
			t.Errorf("%v with %d files: %d connections, lowered %v, %d in all, %v; want %d", c.args, c.files, s.MaxConnections, lowered, most, err, c.connections)
		}
	}
}
