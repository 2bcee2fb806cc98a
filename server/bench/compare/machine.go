package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// machine is where the figures come from.
type machine struct {
	cpu, kernel, filesystem string
	cores                   int
	load                    string        // of the last one, five and fifteen minutes
	flush                   time.Duration // the median of a 4 KB write with its fsync
}

// describe looks at the machine, and at the disk that dir is on.
func describe(dir string) (m machine, err error) {
	m.cores = runtime.NumCPU()
	m.cpu, m.kernel, m.filesystem = "unknown CPU", runtime.GOOS, "an unknown file system"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, rest, ok := bytes.Cut(text, []byte("model name")); ok {
			line, _, _ := bytes.Cut(rest, []byte("\n"))
			m.cpu = strings.Trim(string(line), "\t :")
		}
	}
	if text, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.kernel = "Linux " + strings.TrimSpace(string(text))
	}
	if text, err := os.ReadFile("/proc/self/mounts"); err == nil {
		best := ""
		for line := range strings.Lines(string(text)) {
			fields := strings.Fields(line)
			if len(fields) < 3 || !strings.HasPrefix(dir+"/", strings.TrimSuffix(fields[1], "/")+"/") {
				continue
			}
			if len(fields[1]) >= len(best) {
				best, m.filesystem = fields[1], fields[2]
			}
		}
	}
	m.load = "unknown"
	if text, err := os.ReadFile("/proc/loadavg"); err == nil {
		if fields := strings.Fields(string(text)); len(fields) > 2 {
			m.load = strings.Join(fields[:3], ", ")
		}
	}
	m.flush, err = flushTime(filepath.Join(dir, "probe"))
	return m, err
}

// flushTime is how long the disk takes to keep 4 KB: where it is next to nothing,
// durable writes cost nothing either and the figures are worth little.
func flushTime(name string) (time.Duration, error) {
	f, err := os.Create(name)
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.Remove(name) }()
	defer f.Close()
	var all []time.Duration
	page := make([]byte, 4096)
	for range 51 {
		start := time.Now()
		if _, err := f.Write(page); err != nil {
			return 0, fmt.Errorf("the disk: %w", err)
		}
		if err := f.Sync(); err != nil {
			return 0, fmt.Errorf("the disk: %w", err)
		}
		all = append(all, time.Since(start))
	}
	slices.Sort(all)
	return all[len(all)/2], nil
}
