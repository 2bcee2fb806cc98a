package main

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// mayImport says which packages of this module each package may import, outside
// its tests. An entry that ends in /… stands for the folders below it.
// "*" is every package but main.
var mayImport = map[string][]string{
	"ackbase":              {"*"},
	"ackbase/crud":         {"ackbase/collections"},
	"ackbase/crud/console": {"ackbase/server", "ackbase/crud", "ackbase/crud/rest", "ackbase/crud/socketio", "ackbase/collections", "ackbase/collections/bolt"},
	"ackbase/crud/metrics": {"ackbase/server", "ackbase/crud", "ackbase/crud/rest", "ackbase/collections/bolt"},
	"ackbase/crud/rest":    {"ackbase/crud", "ackbase/collections", "ackbase/server/admission"},
	// settings make the options of every part, and so know all whose options a user can set; only main knows them.
	"ackbase/crud/settings":        {"ackbase/server", "ackbase/server/admission", "ackbase/server/logs", "ackbase/crud", "ackbase/crud/rest", "ackbase/collections", "ackbase/collections/bolt"},
	"ackbase/crud/socketio":        {"ackbase/crud", "ackbase/server"},
	"ackbase/crud/zishang":         {"ackbase/crud"},
	"ackbase/server":               {"ackbase/server/engine", "ackbase/server/admission", "ackbase/server/packet"},
	"ackbase/server/admission":     {},
	"ackbase/server/engine":        {"ackbase/server/admission", "ackbase/server/packet"},
	"ackbase/server/logs":          {},
	"ackbase/server/packet":        {},
	"ackbase/server/timerslack":    {},
	"ackbase/server/hostile":       {},
	"ackbase/server/bench":         {"ackbase/server/packet"},
	"ackbase/server/bench/compare": {"ackbase/server/bench"},
	"ackbase/server/client":        {},
	"ackbase/server/soak":          {}, // tests alone
	"ackbase/crud/faults":          {}, // tests alone
	"ackbase/collections":          {},
	"ackbase/collections/…":        {"ackbase/collections"}, // each store, and storetest
	"ackbase/web":                  {},
	"ackbase/examples/…":           {"*"},
}

// lives says where alone a library may be imported, tests of other packages included where so said.
var lives = []struct {
	library string // the beginning of an import path
	in      []string
	tests   bool // tests elsewhere may use it too
}{
	{"go.etcd.io/bbolt", []string{"ackbase/collections/bolt"}, false},
	{"github.com/gobwas/", []string{"ackbase/server/engine", "ackbase/server/bench", "ackbase/server/client"}, true},
	{"github.com/coder/websocket", []string{"ackbase/crud/rest"}, true},
	{"github.com/klauspost/compress/", []string{"ackbase/server/engine"}, false},
	{"github.com/evanphx/json-patch", []string{"ackbase/collections"}, true},
	{"github.com/tidwall/", []string{"ackbase/collections"}, true},
	{"github.com/alecthomas/kong", []string{"ackbase/crud/settings", "ackbase/examples/…"}, false},
	{"github.com/goccy/go-yaml", []string{"ackbase/crud/settings"}, false},
	{"github.com/prometheus/", []string{"ackbase/crud/metrics"}, true},
	{"golang.org/x/time/rate", []string{"ackbase/server/admission", "ackbase/crud"}, false},
	{"github.com/Shopify/toxiproxy", []string{"ackbase/crud/faults"}, false},
	{"github.com/anishathalye/porcupine", []string{"ackbase/crud/faults"}, false},
	{"github.com/zishang520/", []string{"ackbase/crud/zishang", "ackbase/examples/zishang"}, false},
}

// TestImports holds who may know whom, so that each line of code has one room.
func TestImports(t *testing.T) {
	type goPackage struct {
		ImportPath                         string
		Imports, TestImports, XTestImports []string
	}
	list := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "./...")
	out, err := list.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v: %s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		seen[p.ImportPath] = true
		allowed, ok := mayImport[p.ImportPath]
		for folder, list := range mayImport {
			if !ok && isIn(p.ImportPath, []string{folder}) {
				allowed, ok = list, true
			}
		}
		if !ok {
			t.Errorf("%s has no entry in mayImport: say whom it may know", p.ImportPath)
		}
		for _, imported := range p.Imports {
			ours := imported == "ackbase" || strings.HasPrefix(imported, "ackbase/")
			if ours && !slices.Contains(allowed, imported) && (imported == "ackbase" || !slices.Contains(allowed, "*")) {
				t.Errorf("%s imports %s: it may import %s of this module", p.ImportPath, imported, oneOf(allowed))
			}
		}
		for _, rule := range lives {
			imports := p.Imports
			if !rule.tests {
				imports = slices.Concat(p.Imports, p.TestImports, p.XTestImports)
			}
			for _, imported := range imports {
				if strings.HasPrefix(imported, rule.library) && !isIn(p.ImportPath, rule.in) {
					t.Errorf("%s imports %s, which has its place in %s", p.ImportPath, imported, oneOf(rule.in))
				}
			}
		}
	}
	for _, want := range []string{"ackbase", "ackbase/crud", "ackbase/server/engine", "ackbase/collections/bolt"} {
		if !seen[want] {
			t.Errorf("go list did not tell of %s but only of %v", want, slices.Sorted(maps.Keys(seen)))
		}
	}
}

// TestBinaryHasNoZishang holds that the command has nothing of the library that
// crud/zishang binds, which is for programs that have such a server already.
func TestBinaryHasNoZishang(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	if !slices.Contains(deps, "ackbase/crud/socketio") {
		t.Errorf("go list did not tell the command's packages but %v", deps)
	}
	for _, dep := range deps {
		if strings.Contains(dep, "zishang") {
			t.Errorf("the command contains %s", dep)
		}
	}
}

// isIn tells whether a package is one of a list, in which folder/… stands for what is below it.
func isIn(path string, list []string) bool {
	return slices.ContainsFunc(list, func(entry string) bool {
		base, below := strings.CutSuffix(entry, "…")
		return path == entry || below && strings.HasPrefix(path, base)
	})
}

func oneOf(list []string) string {
	if len(list) == 0 {
		return "nothing"
	}
	return strings.Join(list, " or ")
}
