package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestConsoleIsShownToThisMachineUnlessAskedFor: on a public address only where
// --console is given, on a loopback one to nobody else, and with --console=false to nobody.
func TestConsoleIsShownToThisMachineUnlessAskedFor(t *testing.T) {
	for name, c := range map[string]struct {
		listen, flag string
		host         string // what is asked for; empty: the address
		header       string // that a proxy sets
		status       int
		words        string
	}{
		"loopback":                               {listen: "127.0.0.1:0", status: 200, words: "<title>Console"},
		"loopback, through a proxy":              {listen: "127.0.0.1:0", header: "X-Forwarded-For", status: 403, words: "--console"},
		"loopback, by an origin's name":          {listen: "127.0.0.1:0", host: "shop.example", status: 403, words: "--console"},
		"loopback, by a foreign name":            {listen: "127.0.0.1:0", host: "evil.example", status: 403, words: "--origin"},
		"loopback, asked for":                    {listen: "127.0.0.1:0", flag: "--console", header: "X-Forwarded-For", host: "shop.example", status: 200, words: "<title>Console"},
		"loopback, asked for, by a foreign name": {listen: "127.0.0.1:0", flag: "--console", host: "evil.example", status: 403, words: "--origin"},
		"loopback, not wanted":                   {listen: "127.0.0.1:0", flag: "--console=false", status: 404, words: "--console"},
		"public":                                 {listen: ":0", status: 404, words: "--console"},
		"public, asked for":                      {listen: ":0", flag: "--console", status: 200, words: "<title>Console"},
		"public, not wanted":                     {listen: ":0", flag: "--console=false", status: 404, words: "--console"},
	} {
		t.Run(name, func(t *testing.T) {
			args := []string{"--listen", c.listen, "--data", dataFile(t), "--origin", "https://shop.example", "--log-level", "error"}
			if c.flag != "" {
				args = append(args, c.flag)
			}
			ctx, stop := context.WithCancel(t.Context())
			lines, out := io.Pipe()
			ended := make(chan error, 1)
			go func() { ended <- run(ctx, args, func(string) string { return "" }, out, io.Discard) }()
			defer func() {
				stop()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			}()
			line, err := bufio.NewReader(lines).ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			port := line[strings.LastIndexByte(line, ':')+1 : len(line)-1]
			client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
			ask := func(path string) (status int, body string) {
				r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:"+port+path, nil)
				if err != nil {
					t.Fatal(err)
				}
				r.Host = c.host
				if c.header != "" {
					r.Header.Set(c.header, "127.0.0.1")
				}
				answer, err := client.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				defer answer.Body.Close()
				text, err := io.ReadAll(answer.Body)
				if err != nil {
					t.Fatal(err)
				}
				if allowed := answer.Header.Get("Access-Control-Allow-Origin"); allowed != "" {
					t.Errorf("%s lets pages of %q read it", path, allowed)
				}
				return answer.StatusCode, string(text)
			}
			if status, body := ask("/console"); status != c.status || !strings.Contains(body, c.words) {
				t.Errorf("/console: %d %.200q, want %d with %q", status, body, c.status, c.words)
			}
			for _, path := range []string{"/console/console.js", "/console/api/collections", "/console/api/clients", "/console/api/series"} {
				if status, body := ask(path); status != c.status {
					t.Errorf("%s: %d %.200q, want %d", path, status, body, c.status)
				}
			}
			if c.status == 200 {
				if status, _ := ask("/console/"); status != http.StatusPermanentRedirect {
					t.Errorf("/console/: %d, want it to lead to /console, from where its parts are named", status)
				}
			}
		})
	}
}
