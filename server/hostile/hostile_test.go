package hostile

import (
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestCorpus(t *testing.T) {
	cases, err := Cases()
	if err != nil {
		t.Fatal(err)
	}
	if len(cases) < 250 {
		t.Errorf("%d cases, want 250 or more", len(cases))
	}
	for _, c := range cases {
		if len(c.Steps) == 0 {
			t.Errorf("%s has no steps", c.Name)
		}
	}
	more, err := CommandCases()
	if err != nil {
		t.Fatal(err)
	}
	if len(more) < 250 {
		t.Errorf("%d cases for the command, want 250 or more", len(more))
	}
	for _, c := range more {
		if len(c.Steps) == 0 {
			t.Errorf("%s has no steps", c.Name)
		}
	}
	for _, step := range slices.Concat(corpusSteps(), expandedSteps(more)) { // which panics where a text does not expand
		kind, payload, _ := strings.Cut(step.text, " ")
		if _, err := appendFrame(nil, kind, payload); step.verb == "frame" && err != nil {
			t.Errorf("%s: %v", step.caseName, err)
		}
	}
	for what, n := range map[string]int{
		"streams": len(Streams()), "packets": len(Packets()), "bodies": len(Bodies()), "requests": len(Requests()),
	} {
		if n < 50 {
			t.Errorf("%d %s as seeds, want 50 or more", n, what)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"websocket\n":                "before the first case",
		"= a\nwebsockets\n":          `"websockets" is no step`,
		"= a\nrepeat x\nend\n":       "how often",
		"= a\nrepeat 2\nwebsocket\n": "no end",
		"= a\nrepeat 2\n= b\n":       "no end",
		"= a\nend\n":                 `"end" is no step`,
	} {
		if cases, err := parse("file.txt", text); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "file.txt") {
			t.Errorf("%q gave %+v, %v", text, cases, err)
		}
	}
}

func TestExpand(t *testing.T) {
	named := func(name string) (string, bool) { return "S", name == "sid" }
	for text, want := range map[string]string{
		"plain {}":                   "plain {}",
		"<<3*ab>>c":                  "abababc",
		`[<<3*{"n":<<i>>},>>0]`:      `[{"n":0},{"n":1},{"n":2},0]`,
		"<<2*<<hex ff 00>>>><<sid>>": "\xff\x00\xff\x00S",
		"<<i>>":                      "7",
		"<<gzip >>":                  "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\x01\x00\x00\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00",
	} {
		if got, err := expand(text, 7, named); err != nil || got != want {
			t.Errorf("%q became %q, %v, want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"<<", "<<3*a", "<<x*a>>", "<<hex zz>>", "<<nothing>>"} {
		if got, err := expand(text, 0, named); err == nil {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func TestMatches(t *testing.T) {
	for pattern, texts := range map[string][2]string{ // one that fits, one that does not
		"abc":    {"abc", "abcd"},
		"a*":     {"abc", "ba"},
		"*c":     {"abc", "cb"},
		"a*b*c":  {"a--b--c", "acb"},
		"4*|5":   {"4x|5", "4x"},
		`{"a*"}`: {`{"a":"b"}`, `{"b"}`},
		"aa*aa":  {"aaaa", "aaa"},
	} {
		if !matches(pattern, texts[0]) || matches(pattern, texts[1]) {
			t.Errorf("%q: %q %t, %q %t", pattern, texts[0], matches(pattern, texts[0]), texts[1], matches(pattern, texts[1]))
		}
	}
}

// A server that says nothing, and one that says something else, fail a case.
func TestPlayFails(t *testing.T) {
	fails(t, func(conn net.Conn) {
		t.Cleanup(func() { conn.Close() })
		_, _ = conn.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"))
	}, map[string]string{
		"tcp\nanswer 200 ok\n":            "",
		"tcp\nanswer !200\n":              "case.txt:3: answer !200: answered 200 ok",
		"tcp\nanswer 200 no\n":            `answered "ok", want "no"`,
		"tcp\nanswer 200\ncut\n":          "i/o timeout",
		"tcp\non 2\n":                     "connections 1 to 1",
		"websocket\n":                     "the handshake was answered 200",
		"polling\n":                       "no OPEN packet",
		"tcp\nrepeat 2\nanswer 2*\nend\n": "round 1",
	})
}

// A server that resets the connection has refused, where that is what the case expects.
func TestPlayReset(t *testing.T) {
	fails(t, func(conn net.Conn) {
		_, _ = conn.Read(make([]byte, 1)) // so that the client has its connection
		_ = conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	}, map[string]string{
		"tcp\nraw GET\nanswer 400\ncut\n":  "",
		"tcp\nraw GET\nanswer !200\ncut\n": "",
		"tcp\nraw GET\nanswer 200\n":       "connection reset",
		"tcp\nraw GET\nanswer *\n":         "connection reset",
	})
}

// fails plays cases against a server that does the same to every connection, each with what the error says; nothing where there
// is none.
func fails(t *testing.T, serve func(net.Conn), plays map[string]string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	defer func() {
		listener.Close()
		<-ended
	}()
	go func() {
		defer close(ended)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serve(conn)
		}
	}()
	for steps, want := range plays {
		cases, err := parse("case.txt", "= x\n"+steps)
		if err != nil {
			t.Fatal(err)
		}
		patience := 20 * time.Second
		if want == "i/o timeout" || want == "round 1" { // nothing more comes
			patience = 300 * time.Millisecond
		}
		err = cases[0].Play(t.Context(), "http://"+listener.Addr().String(), &Options{Patience: patience})
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", steps, err, want)
		}
	}
}
