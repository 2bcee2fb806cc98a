package program

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"go.uber.org/goleak"

	"ackbase/collections"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type flags struct {
	Settings
	Every time.Duration `default:"1s"`
}

func sample(start func(context.Context, *Server) error) *Program {
	return &Program{Name: "sample", About: "A sample.", Port: "3000", Page: fstest.MapFS{"page/index.html": {Data: []byte("hello")}}, Start: start}
}

// begin runs a program until end is called, which returns how it ended.
func begin(t *testing.T, p *Program, data string) (url string, end func() error) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := p.Run(ctx, []string{"--listen", "127.0.0.1:0", "--data", data}, in, &flags{})
		in.CloseWithError(io.EOF)
		ended <- err
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err, <-ended)
	}
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "sample listening on ")
	if !ok {
		t.Fatalf("the first line is %q", line)
	}
	return url, func() error { stop(); return <-ended }
}

// What a program wrote is there when it runs again, and what it began has ended when it ends.
func TestRunsAgainWhereItWas(t *testing.T) {
	data := filepath.Join(t.TempDir(), "sample.db")
	type item struct {
		ID   int    `json:"id,omitempty"`
		Name string `json:"name"`
	}
	for run, want := range []int{1, 2} {
		ended := make(chan struct{})
		url, end := begin(t, sample(func(ctx context.Context, s *Server) error {
			s.Go(func(ctx context.Context) { <-ctx.Done(); close(ended) })
			made := item{Name: "a"}
			if err := s.Post(ctx, "items", &made, collections.Write{Reason: "test"}); err != nil || made.ID != want {
				t.Errorf("Post: %v %v, want id %d", made, err, want)
			}
			if found, err := s.Get(ctx, "items", "1", &made); err != nil || !found || made.ID != 1 || made.Name != "a" {
				t.Errorf("Get: %v %v %v", made, found, err)
			}
			if found, err := s.Get(ctx, "items", "9", &made); err != nil || found {
				t.Errorf("Get of what is not there: %v %v", found, err)
			}
			list, err := s.List(ctx, "items", `{"sort":"-id"}`)
			if err != nil || len(list) != want {
				t.Errorf("run %d: %d items (%v), want %d", run, len(list), err, want)
			}
			return err
		}), data)
		answer, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get(url)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || string(body) != "hello" {
			t.Errorf("the page is %q, %v", body, err)
		}
		if err := end(); err != nil {
			t.Error(err)
		}
		<-ended
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := t.TempDir()
	started := func(context.Context, *Server) error { return errors.New("no luck") }
	for want, args := range map[string][]string{
		"another program already listens": {"--listen", taken.Addr().String(), "--data", filepath.Join(dir, "a.db")},
		"give --listen an address":        {"--listen", "nowhere", "--data", filepath.Join(dir, "b.db")},
		"--data names the file":           {"--listen", "127.0.0.1:0", "--data", dir},
		"sample --help":                   {"--every", "soon"},
		"no luck":                         {"--listen", "127.0.0.1:0", "--data", filepath.Join(dir, "c.db")},
	} {
		if err := sample(started).Run(t.Context(), args, io.Discard, &flags{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", args, err, want)
		}
	}
	var help strings.Builder
	if err := sample(started).Run(t.Context(), []string{"--help"}, &help, &flags{}); err != nil || !strings.Contains(help.String(), "127.0.0.1:3000") || !strings.Contains(help.String(), "sample.db") {
		t.Errorf("--help: %v, %s", err, help.String())
	}
}
