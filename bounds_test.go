package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// request writes an HTTP/1.1 request on a connection of its own and returns the answer and the connection.
func (p *process) request(tb testing.TB, head string) (*http.Response, net.Conn) {
	tb.Helper()
	conn := p.tcp(tb)
	fmt.Fprintf(conn, "%s\r\n\r\n", strings.ReplaceAll(head, "\n", "\r\n"))
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		tb.Fatalf("%s: %v", head, err)
	}
	return res, conn
}

func (p *process) tcp(tb testing.TB) net.Conn {
	tb.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn
}

// metric reads one metric, with its labels as label="value" in the order of their names.
func (p *process) metric(tb testing.TB, name, labels string) float64 {
	tb.Helper()
	return p.metrics(tb)(name, labels)
}

// metrics reads all metrics of one moment.
func (p *process) metrics(tb testing.TB) func(name, labels string) float64 {
	tb.Helper()
	res, err := http.Get(p.url + "/metrics")
	if err != nil {
		tb.Fatal(err)
	}
	defer res.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(res.Body)
	if err != nil {
		tb.Fatalf("/metrics: %s, %v", res.Status, err)
	}
	return func(name, labels string) float64 {
		tb.Helper()
		for _, m := range families[name].GetMetric() {
			if labelsOf(m) == labels {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
		tb.Errorf("/metrics has no %s{%s}", name, labels)
		return 0
	}
}

func labelsOf(m *dto.Metric) string {
	var labels []string
	for _, l := range m.Label {
		labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
	}
	return strings.Join(labels, ",")
}

// awaitMetric waits until a metric has a value.
func (p *process) awaitMetric(tb testing.TB, name, labels string, want float64) {
	tb.Helper()
	got := p.metric(tb, name, labels)
	for end := time.Now().Add(patience); got != want; got = p.metric(tb, name, labels) {
		if time.Now().After(end) {
			tb.Fatalf("%s{%s} is %v, want %v", name, labels, got, want)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

const (
	pollingHandshake = "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\nHost: localhost\nX-Forwarded-For: "
	upgrade          = "\nConnection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA=="
	socketHandshake  = "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\nHost: localhost" + upgrade + "\nX-Forwarded-For: "
	streamHandshake  = "GET /ws/items HTTP/1.1\nHost: localhost" + upgrade + "\nX-Forwarded-For: "
)

// Sessions and streams share the places, each refusal has its status, is counted, and a flood of
// them does not fill the log.
func TestConnectionsOverABound(t *testing.T) {
	defer http.DefaultClient.CloseIdleConnections()
	p := start(t, "--data", dataFile(t), "--trusted-proxy", "127.0.0.1", "--max-connections", "12", "--max-connections-per-address", "2")
	healthy := connect(t, p.url) // of this machine: no bound of its own
	enter := func(handshake, address string, want int) {
		t.Helper()
		res, conn := p.request(t, handshake+address)
		if want >= 400 {
			conn.Close() // TCP connections have a bound, too
		}
		if res.StatusCode != want || (want >= 400) != (res.Header.Get("Retry-After") != "") {
			t.Errorf("%s: %s, %v; want %d", address, res.Status, res.Header, want)
		}
	}
	enter(socketHandshake, "203.0.113.7", 101)
	enter(streamHandshake, "203.0.113.7", 101)
	for range 30 {
		enter(pollingHandshake, "203.0.113.7", 429)
		enter(socketHandshake, "203.0.113.7", 429)
		enter(streamHandshake, "203.0.113.7", 429)
	}
	for i := range 9 {
		enter(pollingHandshake, fmt.Sprint("198.51.100.", i), 200)
	}
	enter(pollingHandshake, "203.0.113.9", 503)
	enter(socketHandshake, "203.0.113.9", 503)
	healthy.must(t, "POST", "items", map[string]any{"still": "here"})
	for labels, want := range map[string]float64{`reason="sessions_of_address"`: 90, `reason="sessions"`: 2, `reason="forbidden"`: 0} {
		if got := p.metric(t, "ackbase_connections_refused_total", labels); got != want {
			t.Errorf("%v refused for %s, want %v", got, labels, want)
		}
	}
	p.awaitMetric(t, "ackbase_connections", `transport="websocket"`, 2)
	p.awaitMetric(t, "ackbase_connections", `transport="polling"`, 9)
	p.awaitMetric(t, "ackbase_streams", "", 1)
	p.stop(t, os.Kill)
	logs := p.logs.String()
	if lines := strings.Count(logs, "\n"); lines > 40 || !strings.Contains(logs, "level=WARN") || !strings.Contains(logs, "address=203.0.113.7") {
		t.Errorf("92 refusals left %d lines in the log:\n%.3000s", lines, logs)
	}
}

// A subscriber that reads nothing is cut off without a DISCONNECT packet; what it missed cost no
// memory, and who reads misses nothing.
func TestStalledSubscriberIsCutOff(t *testing.T) {
	defer http.DefaultClient.CloseIdleConnections()
	const highWater, size = 64 << 10, 200 << 10
	p := start(t, "--data", dataFile(t), "--high-water", "64KB", "--max-buffered", "1MB", "--stall-timeout", "500ms")
	slow, healthy, writer := connect(t, p.url), connect(t, p.url), connect(t, p.url)
	for _, c := range []*client{slow, healthy} {
		c.must(t, "SUBSCRIBE", "items")
	}
	if tcp, ok := slow.conn.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(4 << 10) // so that less is needed to fill what the system holds
	}
	heard := make(chan int, 1)
	go func() {
		n := 0
		defer func() { heard <- n }()
		for {
			message, err := healthy.read()
			if err != nil {
				return
			}
			if strings.HasPrefix(message, `42["ADDED"`) {
				if n++; strings.Contains(message, `"last"`) {
					return
				}
			}
		}
	}()
	text := strings.Repeat("x", size)
	posted := 0
	for {
		metric := p.metrics(t)
		if metric("ackbase_connections_closed_total", `reason="stalled"`) > 0 {
			break
		}
		// To two clients, one event of each may be on its way, or over the high water.
		if waiting := metric("ackbase_waiting_bytes", ""); waiting > 2*(highWater+2*size) {
			t.Errorf("%v bytes wait for slow clients, with a high water of %d", waiting, highWater)
		}
		if posted++; posted > 300 {
			t.Fatal("60 MB were written, and the client that reads nothing is still there")
		}
		writer.must(t, "POST", "items", map[string]string{"text": text})
	}
	writer.must(t, "POST", "items", map[string]string{"text": "last"})
	if got := <-heard; got != posted+1 {
		t.Errorf("the client that reads heard of %d of %d items", got, posted+1)
	}
	for {
		message, err := slow.read()
		if err != nil {
			break
		}
		if strings.HasPrefix(message, "41") {
			t.Errorf("it was sent %s: a stock client would not come back", message)
		}
	}
	for name, labels := range map[string]string{
		"ackbase_connections_closed_total": `reason="too slow"`, "ackbase_waiting_bytes": "", "ackbase_sockets_behind": "",
	} {
		p.awaitMetric(t, name, labels, 0)
	}
	for name, want := range map[string]float64{"ackbase_sockets": 2, "ackbase_subscriptions": 1, "ackbase_rooms": 1, "ackbase_store_changes_total": float64(posted + 1)} {
		p.awaitMetric(t, name, "", want)
	}
	if got := p.metric(t, "ackbase_events_delivered_total", ""); got < float64(posted+1) || got > float64(2*posted+2) {
		t.Errorf("%v events were delivered, of %d items to two subscribers, one of them slow", got, posted+1)
	}
	p.stop(t, os.Kill)
	if logs := p.logs.String(); !strings.Contains(logs, "level=WARN") || !strings.Contains(logs, "reason=stalled") || strings.Contains(logs, "waiting=0") {
		t.Errorf("the log does not tell of it:\n%s", logs)
	}
}

func TestRequestRate(t *testing.T) {
	defer http.DefaultClient.CloseIdleConnections()
	p := start(t, "--data", dataFile(t), "--request-rate", "20")
	busy, other := connect(t, p.url), connect(t, p.url)
	const burst = 200 // ten seconds' worth
	for range 2 * burst {
		if _, err := busy.send("GET", "items", 1); err != nil {
			t.Fatal(err)
		}
	}
	limited := 0
	var wait time.Duration
	for id := range 2 * burst {
		a, err := busy.receive(id)
		if err != nil {
			t.Fatal(err)
		}
		switch a.fault.Code {
		case "NOT_FOUND":
		case "RATE_LIMITED":
			if limited == 0 && id < burst {
				t.Errorf("request %d was refused, within the first %d", id, burst)
			}
			limited++
			var details struct{ RetryAfter int }
			if err := json.Unmarshal(a.fault.Details, &details); err != nil || details.RetryAfter <= 0 || details.RetryAfter > 5000 || a.fault.Status != 429 {
				t.Errorf("RATE_LIMITED with status %d and details %s", a.fault.Status, a.fault.Details)
			}
			wait = time.Duration(details.RetryAfter) * time.Millisecond
		default:
			t.Errorf("%s: %s", a.fault.Code, a.fault.Message)
		}
	}
	if limited == 0 {
		t.Errorf("none of %d requests at once was refused", 2*burst)
	}
	other.must(t, "POST", "items", map[string]int{"n": 1}) // is another socket's affair
	time.Sleep(wait)
	busy.must(t, "GET", "items", 1)
	if got := p.metric(t, "ackbase_request_errors_total", `code="RATE_LIMITED",verb="GET"`); got != float64(limited) {
		t.Errorf("%v requests were counted as refused, want %d", got, limited)
	}
	if got := p.metric(t, "ackbase_requests_total", `verb="GET"`); got != 2*burst+1 {
		t.Errorf("%v GETs were counted, want %d", got, 2*burst+1)
	}
	if got := p.metric(t, "ackbase_request_duration_seconds", `verb="POST"`); got != 1 {
		t.Errorf("%v POSTs were timed, want 1", got)
	}
}

// Over plain HTTP the rate is that of an address, behind a proxy too; sockets have their own.
func TestRequestRateOverHTTP(t *testing.T) {
	defer http.DefaultClient.CloseIdleConnections()
	p := start(t, "--data", dataFile(t), "--trusted-proxy", "127.0.0.1", "--request-rate-per-address", "1")
	const burst = 10 // ten seconds' worth
	kinds := []string{
		"GET /api/v2/items HTTP/1.1", "HEAD /api/v2/items/1 HTTP/1.1", "GET /api/v2/items?watch HTTP/1.1", "DELETE /api/v2/items/1 HTTP/1.1",
		"GET /ws/items HTTP/1.1" + upgrade, "GET /ws/items HTTP/1.1",
	}
	ask := func(request, client string) *http.Response {
		line, rest, _ := strings.Cut(request, "\n")
		res, conn := p.request(t, strings.TrimSuffix(line+"\nHost: localhost\nX-Forwarded-For: "+client+"\n"+rest, "\n"))
		t.Cleanup(func() { conn.Close() })
		return res
	}
	for i := range burst {
		if res := ask(kinds[i%len(kinds)], "203.0.113.7"); res.StatusCode == 429 {
			t.Errorf("request %d of %d at once was refused", i, burst)
		}
	}
	refused := 0
	for _, request := range kinds {
		var res *http.Response
		for tries := 0; res == nil || res.StatusCode != 429; tries++ { // a second may have passed, which is worth one
			if tries == 50 {
				t.Fatalf("%s: %s, after %d at once", request, res.Status, burst)
			}
			res = ask(request, "203.0.113.7")
		}
		refused++
		if res.Header.Get("Retry-After") != "1" || !strings.Contains(res.Header.Get("Access-Control-Expose-Headers"), "Retry-After") {
			t.Errorf("%s: refused with %v", request, res.Header)
		}
		if strings.HasPrefix(request, "HEAD") {
			continue
		}
		var told struct {
			Error struct {
				Code    string
				Status  int
				Details struct{ RetryAfter int }
			}
		}
		if err := json.NewDecoder(res.Body).Decode(&told); err != nil || told.Error.Code != "RATE_LIMITED" || told.Error.Status != 429 ||
			told.Error.Details.RetryAfter < 1 || told.Error.Details.RetryAfter > 1000 {
			t.Errorf("%s: refused with %+v, %v", request, told, err)
		}
	}
	for range 2 * burst {
		if res := ask("OPTIONS /api/v2/items HTTP/1.1", "203.0.113.7"); res.StatusCode != 204 {
			t.Errorf("a page's question whether it may ask was answered %s", res.Status)
		}
		if res := ask("GET /api/v2/items HTTP/1.1", "127.0.0.1"); res.StatusCode != 200 {
			t.Errorf("this machine, which has no bound of its own: %s", res.Status)
		}
	}
	if res := ask("GET /api/v2/items HTTP/1.1", "203.0.113.8"); res.StatusCode != 200 {
		t.Errorf("another address: %s", res.Status)
	}
	if res, _ := p.request(t, socketHandshake+"203.0.113.7"); res.StatusCode != 101 {
		t.Errorf("a socket of the same address: %s", res.Status)
	}
	if got := p.metric(t, "ackbase_http_requests_refused_total", ""); got != float64(refused) {
		t.Errorf("%v requests were counted as refused, want %d", got, refused)
	}
}

// Connections that send nothing, or too slowly, are closed in time, whatever they are about to send.
func TestSlowSenders(t *testing.T) {
	p := start(t, "--data", dataFile(t), "--header-timeout", "300ms", "--body-timeout", "400ms", "--idle-timeout", "300ms",
		"--ping-interval", "200ms", "--ping-timeout", "200ms", "--connect-timeout", "400ms", "--upgrade-timeout", "300ms")
	const post = "HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
	open, _ := p.request(t, "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\nHost: localhost")
	body, err := io.ReadAll(open.Body)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(body), `"sid":"`)
	sid, _, _ := strings.Cut(rest, `"`)
	for name, sent := range map[string]string{
		"nothing":                 "",
		"half a request line":     "GET /socket.io/",
		"half a head":             "GET / HTTP/1.1\r\nHost: localhost\r\n",
		"no further request":      "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"no body for HTTP":        "POST /api/v2/items " + post + "Content-Length: 100\r\n\r\n{",
		"no body for a page":      "POST / " + post + "Content-Length: 100\r\n\r\n{",
		"chunks without end":      "POST /healthz " + post + "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
		"no body for polling":     "POST /socket.io/?EIO=4&transport=polling&sid=" + sid + " " + post + "Content-Length: 100\r\n\r\n4",
		"no body for no session":  "POST /socket.io/?EIO=4&transport=polling&sid=nobody " + post + "Content-Length: 100\r\n\r\n4",
		"no CONNECT":              "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost" + strings.ReplaceAll(upgrade, "\n", "\r\n") + "\r\n\r\n",
		"no CONNECT over polling": "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: localhost\r\n\r\n",
	} {
		conn := p.tcp(t)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			if _, err := io.WriteString(conn, sent); err != nil {
				t.Fatal(err)
			}
			_, err := io.Copy(io.Discard, conn)
			if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
				t.Errorf("still open after %v", time.Since(began))
			}
		})
	}
}

// A page of another site that has given its own name this machine's address gets nothing.
func TestStrangeHosts(t *testing.T) {
	defer http.DefaultClient.CloseIdleConnections()
	p := start(t, "--data", dataFile(t), "--origin", "https://shop.example")
	for host, want := range map[string]int{"localhost:3000": 200, "127.0.0.1": 200, "shop.example": 200, "evil.example:3000": 403} {
		for _, path := range []string{"/", "/healthz", "/readyz", "/metrics", "/socket.io/?EIO=4&transport=polling", "/api/v2/items"} {
			if res, _ := p.request(t, "GET "+path+" HTTP/1.1\nHost: "+host); res.StatusCode != want {
				t.Errorf("GET %s for %s: %s, want %d", path, host, res.Status, want)
			}
		}
	}
	// A page of evil.example:3000 is of the same host as what it asks for.
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	dialer := ws.Dialer{Host: "evil.example:3000", Header: ws.HandshakeHeaderString("Origin: http://evil.example:3000\r\n")}
	conn, _, _, err := dialer.Dial(ctx, "ws"+strings.TrimPrefix(p.url, "http")+"/socket.io/?EIO=4&transport=websocket")
	if err == nil {
		conn.Close()
		t.Error("its WebSocket was accepted")
	}
}

func TestMetricsAreForWhoMayReadThem(t *testing.T) {
	p := start(t, "--data", dataFile(t), "--trusted-proxy", "127.0.0.1", "--metrics-from", "203.0.113.0/24")
	for header, want := range map[string]int{"": 403, "X-Forwarded-For: 203.0.113.7": 200, "X-Forwarded-For: 198.51.100.7": 403, "X-Forwarded-For: 203.0.113.7, 198.51.100.7": 403} {
		if res, _ := p.request(t, strings.TrimSuffix("GET /metrics HTTP/1.1\nHost: localhost\n"+header, "\n")); res.StatusCode != want {
			t.Errorf("%q: %s, want %d", header, res.Status, want)
		}
	}
}

func TestReadyUntilItStops(t *testing.T) {
	p := start(t, "--data", dataFile(t))
	conn := p.tcp(t)
	in := bufio.NewReader(conn)
	ready := func() (int, string) {
		t.Helper()
		fmt.Fprint(conn, "GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(text)
	}
	if status, text := ready(); status != 200 || text != "ok\n" {
		t.Errorf("ready: %d %q", status, text)
	}
	connect(t, p.url) // never answers the end of its connection, and so holds the clean shutdown up for a while
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(patience); ; { // until the signal has been heard
		probe, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
		if err != nil {
			break
		}
		probe.Close()
		if time.Now().After(end) {
			t.Fatal("it still listens")
		}
	}
	if status, text := ready(); status != 503 || text != "shutting down\n" {
		t.Errorf("while it shuts down: %d %q", status, text)
	}
}

// The bounds of messages, each with the flag that sets it: at the bound all is well.
func TestMessageBounds(t *testing.T) {
	p := start(t, "--data", dataFile(t), "--max-attachments", "1", "--max-binary", "100B", "--max-waiting", "50B", "--max-namespaces", "1",
		"--max-packets", "3", "--max-depth", "3", "--upgrade-timeout", "200ms")
	healthy := connect(t, p.url)
	say := func(packets ...string) *client {
		t.Helper()
		c := connect(t, p.url)
		for _, packet := range packets {
			op := ws.OpText
			data, binary := strings.CutPrefix(packet, "b:")
			if binary {
				op = ws.OpBinary
			}
			if err := wsutil.WriteClientMessage(c.conn, op, []byte(data)); err != nil {
				t.Fatal(err)
			}
		}
		return c
	}
	const one = `["GET","items",{"_placeholder":true,"num":0}]`
	for name, c := range map[string]struct {
		packets []string
		want    string // the beginning of the answer; empty where the connection closes
	}{
		"one attachment":           {[]string{"451-0" + one, "b:" + strings.Repeat("x", 100)}, `430[null,{"code":"BAD_REQUEST"`},
		"two attachments":          {[]string{`452-0["GET",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]`}, ""},
		"too large an attachment":  {[]string{"451-0" + one, "b:" + strings.Repeat("x", 101)}, ""},
		"a second namespace":       {[]string{"40/more,"}, `44/more,{"message":"Too many namespaces`},
		"a deep item":              {[]string{`420["POST","items",{"a":{"b":[]}}]`}, `430[{"id":1,"a":{"b":[]}},null`},
		"an item that is too deep": {[]string{`420["POST","items",{"a":{"b":[[]]}}]`}, `430[null,{"code":"BAD_REQUEST"`},
	} {
		got, err := say(c.packets...).read()
		if c.want == "" && err == nil || !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: answered %.100q (%v), want %q", name, got, err, c.want)
		}
	}

	polling := func(auth string, packets ...string) (status int, connected string) {
		t.Helper()
		url := p.url + "/socket.io/?EIO=4&transport=polling"
		do := func(body string) (int, string) {
			t.Helper()
			if body == "" {
				return http.StatusOK, readAll(t, url)
			}
			res, err := http.Post(url, "text/plain;charset=UTF-8", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			return res.StatusCode, ""
		}
		_, open := do("")
		_, rest, _ := strings.Cut(open, `"sid":"`)
		sid, _, _ := strings.Cut(rest, `"`)
		url += "&sid=" + sid
		do("40" + auth)
		_, connected = do("")
		if len(packets) == 0 {
			return 0, connected
		}
		status, _ = do(strings.Join(packets, "\x1e"))
		return status, connected
	}
	defer http.DefaultClient.CloseIdleConnections()
	request := `42["GET","items",1]`
	if status, connected := polling(`{"token":"`+strings.Repeat("x", 38)+`"}`, request, request, request); status != 200 || !strings.HasPrefix(connected, `40{"sid"`) {
		t.Errorf("three packets in a body, and 50 bytes of auth: %d, %s", status, connected)
	}
	if status, _ := polling("", request, request, request, request); status != 413 {
		t.Errorf("four packets in a body: %d", status)
	}
	if _, connected := polling(`{"token":"` + strings.Repeat("x", 39) + `"}`); !strings.HasPrefix(connected, `44{"message":"The auth`) {
		t.Errorf("51 bytes of auth: %s", connected)
	}

	_, rest, _ := strings.Cut(readAll(t, p.url+"/socket.io/?EIO=4&transport=polling"), `"sid":"`)
	sid, _, _ := strings.Cut(rest, `"`)
	probe := p.tcp(t)
	fmt.Fprintf(probe, "GET /socket.io/?EIO=4&transport=websocket&sid=%s HTTP/1.1\r\nHost: localhost%s\r\n\r\n", sid, strings.ReplaceAll(upgrade, "\n", "\r\n"))
	_ = probe.SetReadDeadline(time.Now().Add(patience))
	if _, err := io.Copy(io.Discard, probe); err != nil {
		t.Errorf("an upgrade that does not go on: %v", err)
	}
	healthy.must(t, "POST", "items", map[string]string{"still": "here"})
}

func readAll(tb testing.TB, url string) string {
	tb.Helper()
	res, err := http.Get(url)
	if err != nil {
		tb.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}
