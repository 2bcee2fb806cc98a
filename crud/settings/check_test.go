package settings

import (
	"os"
	"strings"
	"testing"
)

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
	if _, err := Read([]string{"--config", "missing.yaml"}, os.Getenv, os.Stdout); err == nil || !strings.Contains(err.Error(), "missing.yaml") {
		t.Errorf("a missing configuration file: %v", err)
	}
}
