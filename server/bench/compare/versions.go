package main

import (
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// versions says what a server is made of: for a Go binary what its build tells, for a
// script in Node the packages that it is installed with. It is empty where neither is known.
func (s *server) versions() string {
	program, err := exec.LookPath(s.command[0])
	if err != nil {
		return ""
	}
	if info, err := buildinfo.ReadFile(program); err == nil {
		return goVersions(info)
	}
	for _, word := range s.command[1:] {
		switch filepath.Ext(word) {
		case ".js", ".mjs", ".cjs":
			return nodeVersions(program, filepath.Dir(word))
		}
	}
	return ""
}

// goVersions tells the compiler, the revision, and those libraries that do what is measured.
func goVersions(info *buildinfo.BuildInfo) string {
	all := []string{info.GoVersion}
	settings := map[string]string{}
	for _, setting := range info.Settings {
		settings[setting.Key] = setting.Value
	}
	if revision := settings["vcs.revision"]; revision != "" {
		text := "revision " + revision[:min(12, len(revision))]
		if settings["vcs.modified"] == "true" {
			text += " with changes"
		}
		all = append(all, text)
	}
	for _, dep := range info.Deps {
		for _, library := range []string{"github.com/gobwas/ws", "github.com/zishang520/", "go.etcd.io/bbolt"} {
			if strings.HasPrefix(dep.Path, library) {
				all = append(all, strings.TrimPrefix(dep.Path, "github.com/")+" "+dep.Version)
			}
		}
	}
	return strings.Join(all, ", ")
}

// nodeVersions tells Node's own version and those of the packages that the script's
// package.json names; of Socket.IO also what it is made of.
func nodeVersions(node, dir string) string {
	var all []string
	if out, err := exec.Command(node, "--version").Output(); err == nil {
		all = append(all, "Node "+strings.TrimSpace(string(out)))
	}
	var script struct{ Dependencies map[string]string }
	if readJSON(filepath.Join(dir, "package.json"), &script) != nil {
		return strings.Join(all, ", ")
	}
	names := slices.Collect(maps.Keys(script.Dependencies))
	if script.Dependencies["socket.io"] != "" {
		names = append(names, "engine.io", "ws")
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		var installed struct{ Version string }
		if readJSON(filepath.Join(dir, "node_modules", name, "package.json"), &installed) == nil {
			all = append(all, fmt.Sprintf("%s %s", name, installed.Version))
		}
	}
	return strings.Join(all, ", ")
}

func readJSON(name string, value any) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, value)
}
