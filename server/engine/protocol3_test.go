package engine

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"

	"ackbase/server/packet"
)

func eio3() *Options { return &Options{AllowEIO3: true} }

// poll3 opens a polling session of protocol 3 and returns the query of its further requests.
func (b *bench) poll3(more string) string {
	b.Helper()
	status, text := b.get("EIO=3&transport=polling" + more)
	if status != 200 {
		b.Fatalf("status %d, %s", status, text)
	}
	length, open, _ := strings.Cut(text, ":")
	want(b, "length of the OPEN packet", length, fmt.Sprint(len(open)))
	o := parseOpen(b, open)
	want(b, "upgrades", strings.Join(o.Upgrades, ","), "websocket")
	want(b, "pingInterval", o.PingInterval, int(b.options.PingInterval.Milliseconds()))
	want(b, "maxPayload", o.MaxPayload, b.options.MaxPayload)
	return "EIO=3&transport=polling&sid=" + o.SID
}

// postBinary sends a polling body as an ArrayBuffer is sent.
func (b *bench) postBinary(query, body string) int {
	b.Helper()
	res, err := http.Post(b.url(query), octetStream, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode
}

func TestProtocol3IsOffByDefault(t *testing.T) {
	b := start(t, nil, nil)
	_, body := b.get("EIO=3&transport=polling")
	want(t, "polling", body, `{"code":5,"message":"Unsupported protocol version"}`)
	_, body = b.handshake("EIO=3&transport=websocket", upgradeHeaders)
	want(t, "websocket", body, "Unsupported protocol version")
}

func TestProtocol3Refusals(t *testing.T) {
	b := start(t, eio3(), nil)
	sid3, sid4 := b.poll3(""), b.poll()
	const jsonp = `{"code":3,"message":"JSONP is not supported: use polling over XHR (jsonp: false) or websocket"}`
	for query, body := range map[string]string{
		"EIO=3&transport=polling&j=0":              jsonp,
		"EIO=2&transport=polling":                  `{"code":5,"message":"Unsupported protocol version"}`,
		"transport=polling":                        `{"code":5,"message":"Unsupported protocol version"}`,
		strings.Replace(sid3, "EIO=3", "EIO=4", 1): `{"code":3,"message":"Bad request"}`,
		strings.Replace(sid4, "EIO=4", "EIO=3", 1): `{"code":3,"message":"Bad request"}`,
	} {
		status, got := b.get(query)
		want(t, query+": status", status, 400)
		want(t, query, got, body)
	}
	_, body := b.handshake(probing(strings.Replace(sid3, "EIO=3", "EIO=4", 1)), upgradeHeaders)
	want(t, "an upgrade of another protocol", body, "Bad request")
	status, _ := b.post(sid4, "4still there")
	want(t, "the session of protocol 4 after it", status, 200)
	status, _ = b.post(sid3, "12:4still there")
	want(t, "the session of protocol 3 after it", status, 200)
}

func TestMessagesPolling3(t *testing.T) {
	b := start(t, eio3(), nil)
	for _, c := range []struct{ body, back string }{
		{"6:4hello", "6:4hello"},
		{"2:4a1:20:2:4b", "2:4a1:32:4b"},
		{"8:4äöü€😀 ", "8:4äöü€😀 "},
		{"1:4", "1:4"},
		{"1:60:1:5", ""},
		{"10:b4AQIDBA==2:4x", "\x01\x05\xff\x04\x01\x02\x03\x04\x00\x02\xff4x"},
	} {
		for _, more := range []string{"", "&b64=1"} {
			back := c.back
			if more != "" && strings.HasPrefix(c.body, "10:") {
				back = c.body
			}
			sid := b.poll3(more)
			s, _ := b.next()
			want(t, "protocol", s.Protocol(), 3)
			status, text := b.post(sid, c.body)
			want(t, "status of POST", status, 200)
			want(t, "answer to POST", text, "ok")
			if back == "" {
				b.await(s, "that nothing waits", func() bool { return s.queued == 0 })
				continue
			}
			status, text = b.get(sid)
			want(t, "status of GET", status, 200)
			want(t, "payload", text, back)
		}
	}
	sid := b.poll3("")
	want(t, "status of a binary POST", b.postBinary(sid, "\x01\x03\xff\x04\x00\xff\x00\x04\xff4€"), 200)
	res, err := http.Get(b.url(sid))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	want(t, "Content-Type", res.Header.Get("Content-Type"), "application/octet-stream")
	var body bytes.Buffer
	_, _ = body.ReadFrom(res.Body)
	want(t, "payload", body.String(), "\x01\x03\xff\x04\x00\xff\x00\x04\xff4€")
	want(t, "Content-Length", res.ContentLength, int64(body.Len()))
}

func TestInvalidPolling3(t *testing.T) {
	b := start(t, &Options{AllowEIO3: true, MaxPayload: 1000}, nil)
	for _, c := range []struct {
		body, reason string
		binary       bool
	}{
		{"", ReasonParseError, false},
		{"4hello", ReasonParseError, false},
		{"9:4a", ReasonParseError, false},
		{"2:4a9", ReasonParseError, false},
		{"2:4😀", ReasonParseError, false},
		{"2:4\xff", ReasonParseError, false},
		{"3:b4!", ReasonParseError, false},
		{"999999999999999999999999999999:4", ReasonParseError, false},
		{"1:3", ReasonTransportError, false},
		{"1:1", ReasonTransportClose, false},
		{"4" + strings.Repeat("x", 1000), ReasonTransportError, false},
		{"", ReasonParseError, true},
		{"1:4", ReasonParseError, true},
		{"\x00\x02\xff4\xff", ReasonParseError, true},
		{"\x01\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\xff\x04", ReasonParseError, true},
		{"\x01\x01\xff\x01", ReasonParseError, true},
	} {
		sid := b.poll3("")
		_, h := b.next()
		if c.binary {
			b.postBinary(sid, c.body)
		} else {
			b.post(sid, c.body)
		}
		h.wantClosed(t, c.reason)
		if c.body != "2:4a9" {
			want(t, "messages", len(h.got()), 0)
		}
	}
}

func TestMessagesWebSocket3(t *testing.T) {
	b := start(t, eio3(), nil)
	for _, more := range []string{"", "&b64=1"} {
		s := b.dial("EIO=3&transport=websocket" + more)
		parseOpen(t, s.text())
		b.next()
		s.send(ws.OpText, "4hello")
		s.wantFrame(ws.OpText, "4hello")
		op, back := ws.OpBinary, "\x04\x01\x02\x03\x04"
		if more != "" {
			op, back = ws.OpText, "b4AQIDBA=="
		}
		for _, f := range [][]byte{clientFrame(true, ws.OpBinary, "\x04\x01\x02\x03\x04"), clientFrame(true, ws.OpText, "b4AQIDBA==")} {
			s.raw(f)
			s.wantFrame(op, back)
		}
		s.send(ws.OpText, "2")
		s.wantFrame(ws.OpText, "3")
	}
	for _, c := range []struct {
		op           ws.OpCode
		text, reason string
	}{
		{ws.OpBinary, "", ReasonParseError},
		{ws.OpBinary, "4text", ReasonParseError},
		{ws.OpBinary, "\x02", ReasonParseError},
		{ws.OpText, "b", ReasonParseError},
		{ws.OpText, "b2AAAA", ReasonParseError},
		{ws.OpText, "b4*", ReasonParseError},
		{ws.OpText, "1:4", ReasonTransportClose}, // type 1
		{ws.OpText, "3", ReasonTransportError},
	} {
		s := b.dial("EIO=3&transport=websocket")
		_, h := b.next()
		parseOpen(t, s.text())
		s.send(c.op, c.text)
		s.wantClose(ws.StatusNormalClosure)
		h.wantClosed(t, c.reason)
	}
}

// Payloads in every size around the response's buffer, in either framing.
func TestPollPayloads3(t *testing.T) {
	b := start(t, &Options{AllowEIO3: true, HighWater: 8 << 20, MaxBuffered: 16 << 20}, nil)
	sids := map[string]string{"typed": b.poll3(""), "base64": b.poll3("&b64=1")}
	sessions := map[string]*Session{}
	for range sids {
		s, _ := b.next()
		form := "typed"
		if s.form.Load() == uint32(inBase64) {
			form = "base64"
		}
		sessions[form] = s
	}
	for form, s := range sessions {
		for _, n := range []int{1, 9, 10, 125, 126, 9215, 9216, 12000, 16350, 16360, 16383, 16384, 16385, 65536, 300000} {
			for _, binary := range []bool{false, true} {
				var wanted []string
				for i, size := range []int{n, 0, n, 3} {
					data := strings.Repeat("aü😀", size/3+1)[:size]
					data = strings.ToValidUTF8(data, "?")
					if binary && i%2 == 0 {
						_ = s.Send(NewBinary([]byte(data)))
						wanted = append(wanted, "true:"+data)
					} else {
						_ = s.SendText([]byte(data))
						wanted = append(wanted, "false:"+data)
					}
				}
				_, text := b.get(sids[form])
				decode := packet.DecodePayload3
				if binary && form == "typed" {
					decode = packet.DecodePayload3Binary
				}
				var got []string
				for rest, more := []byte(text), true; more; {
					var p packet.EnginePacket
					var err error
					if p, rest, more, err = decode(rest); err != nil {
						t.Fatalf("%s, %d bytes, binary %t: %v", form, n, binary, err)
					}
					got = append(got, fmt.Sprintf("%t:%s", p.Binary, p.Data))
				}
				want(t, "packets", strings.Join(got, "|") == strings.Join(wanted, "|"), true)
				b.await(s, "that nothing waits", func() bool { return s.queued == 0 })
			}
		}
	}
}

func TestUpgrade3(t *testing.T) {
	b := start(t, eio3(), nil)
	sid := b.poll3("")
	session, _ := b.next()
	_ = session.Send(NewBinary([]byte{7}))
	s := b.dial(probing(sid))
	s.send(ws.OpText, "2probe")
	s.wantFrame(ws.OpText, "3probe")
	_, text := b.get(sid)
	want(t, "the poll", text, "\x01\x02\xff\x04\x07")
	_, text = b.get(sid)
	want(t, "the poll", text, "1:6")
	_ = session.Send(NewBinary([]byte{8}), NewText([]byte("x")))
	s.send(ws.OpText, "5")
	s.wantFrame(ws.OpBinary, "\x04\x08")
	s.wantFrame(ws.OpText, "4x")
	s.send(ws.OpBinary, "\x04abc")
	s.wantFrame(ws.OpBinary, "\x04abc")
	want(t, "transport", session.Transport(), WebSocket)

	sid = b.poll3("")
	session, _ = b.next()
	s = b.dial(probing(sid))
	s.send(ws.OpBinary, "\x02probe")
	s.wantEnd()
	want(t, "transport after a probe in binary", session.Transport(), Polling)
}

// The server closes when nothing has come for the interval and the timeout together; any message
// counts. It never pings.
func TestHeartbeat3(t *testing.T) {
	inBubble(t, eio3(), nil, func(t *testing.T, b *bench) {
		from := time.Now()
		_, h, c := b.pipeOf("EIO=3&transport=websocket")
		for range 200 {
			time.Sleep(40 * time.Second)
			c.send(ws.OpText, "2")
			c.wantFrame(ws.OpText, "3")
		}
		time.Sleep(44 * time.Second)
		c.send(ws.OpText, "4x")
		c.wantFrame(ws.OpText, "4x")
		h.wantClosedBy(t, ReasonPingTimeout, from, 8089*time.Second, 8089*time.Second)
	})
	inBubble(t, &Options{AllowEIO3: true, StallTimeout: time.Hour}, nil, func(t *testing.T, b *bench) {
		from := time.Now()
		w := httptest.NewRecorder()
		b.ServeHTTP(w, newRequest("EIO=3&transport=polling"))
		want(t, "status", w.Code, 200)
		s, h := b.next()
		h.wantClosedBy(t, ReasonPingTimeout, from, 45*time.Second, 45*time.Second)
		synctest.Wait()
		want(t, "bytes that wait", s.Buffered(), 0)
	})
}

// A binary message is made once in each form, whoever sends it at the same time, and text never.
func TestMessageForms(t *testing.T) {
	text, data := NewText([]byte("größe")), NewBinary([]byte{1, 2, 3, 4})
	var wait sync.WaitGroup
	frames := make([][]byte, 100)
	for i := range frames {
		wait.Go(func() { frames[i] = data.in([...]form{typed, inBase64}[i%2]) })
	}
	wait.Wait()
	for i, frame := range frames {
		if &frame[0] != &frames[i%2][0] {
			t.Fatal("a form was made twice")
		}
	}
	want(t, "typed", string(frames[0]), "\x82\x05\x04\x01\x02\x03\x04")
	want(t, "base64", string(frames[1]), "\x81\x0ab4AQIDBA==")
	for _, f := range []form{plain, typed, inBase64} {
		want(t, "text", &text.in(f)[0] == &text.frame[0], true)
	}
}

// Opened follows accept and precedes everything else; what it sends follows OPEN.
func TestOpened(t *testing.T) {
	b := start(t, eio3(), func(s *Session, _ *recorder) { _ = s.SendText([]byte("accept")) })
	accept := b.Server.accept
	b.Server.accept = func(s *Session) Handler { return opener{accept(s)} }
	_, text := b.get("EIO=4&transport=polling")
	_, rest, _ := strings.Cut(text, "\x1e")
	want(t, "after OPEN", rest, "4accept\x1e4opened")
	s := b.dial("EIO=3&transport=websocket")
	parseOpen(t, s.text())
	s.wantFrame(ws.OpText, "4accept")
	s.wantFrame(ws.OpText, "4opened")
}

type opener struct{ Handler }

func (opener) Opened(s *Session) { _ = s.SendText([]byte("opened")) }
