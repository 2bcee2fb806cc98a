package engine_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"ackbase/server/engine"
)

// upper answers every text with itself in capitals.
type upper struct{}

func (upper) Message(s *engine.Session, data []byte, binary bool) {
	if !binary {
		_ = s.SendText([]byte(strings.ToUpper(string(data)))) // a closed session needs no answer
	}
}
func (upper) BatchEnd(*engine.Session)       {}
func (upper) Drained(*engine.Session)        {}
func (upper) Closed(*engine.Session, string) {}

func Example() {
	srv := engine.New(nil, func(*engine.Session) engine.Handler { return upper{} })
	http.Handle("/engine.io/", srv)

	site := httptest.NewServer(http.DefaultServeMux)
	defer site.Close()
	do := func(res *http.Response, err error) string {
		if err != nil {
			return err.Error()
		}
		defer res.Body.Close()
		text, _ := io.ReadAll(res.Body)
		return string(text)
	}
	url := site.URL + "/engine.io/?EIO=4&transport=polling"
	open := do(http.Get(url))
	sid, _, _ := strings.Cut(strings.TrimPrefix(open, `0{"sid":"`), `"`)
	fmt.Println(do(http.Post(url+"&sid="+sid, "text/plain", strings.NewReader("4hello"))))
	fmt.Println(do(http.Get(url + "&sid=" + sid)))
	fmt.Println(srv.Shutdown(context.Background()))
	http.DefaultClient.CloseIdleConnections()
	// Output:
	// ok
	// 4HELLO
	// <nil>
}
