package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReadmeProgramBuilds builds the Go program that README.md shows.
func TestReadmeProgramBuilds(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```go\n(package main.*?)```").FindSubmatch(readme)
	if block == nil {
		t.Fatal("README.md has no Go program any more")
	}
	program := filepath.Join(t.TempDir(), "main.go")
	if err := os.WriteFile(program, block[1], 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", "vet", program).CombinedOutput(); err != nil {
		t.Errorf("go vet: %v\n%s", err, out)
	}
}

// TestReadmeNamesEveryFolder holds the list of folders in README.md.
func TestReadmeNamesEveryFolder(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "list", "-f", "{{.ImportPath}}", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	for folder := range strings.FieldsSeq(string(out)) {
		folder = strings.TrimPrefix(strings.TrimPrefix(folder, "ackbase"), "/")
		if name, ok := strings.CutPrefix(folder, "examples/"); ok {
			folder = name // all in the row of examples/
		} else if folder != "" {
			folder += "/"
		}
		if !strings.Contains(string(readme), "`"+folder) && folder != "" {
			t.Errorf("README.md does not say what is in %s", folder)
		}
	}
}
