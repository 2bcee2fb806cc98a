package engine

import (
	"bufio"
	"bytes"
	"compress/flate"
	"crypto/rand"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gobwas/ws"
)

const extensions = "Sec-WebSocket-Extensions: "

func TestDeflateNegotiation(t *testing.T) {
	const accepted = "Sec-Websocket-Extensions: permessage-deflate;server_no_context_takeover;client_no_context_takeover\r\n"
	on, off := start(t, &Options{Deflate: true}, nil), start(t, nil, nil)
	for offer, want := range map[string]bool{
		"permessage-deflate; client_max_window_bits": true, // browsers, ws
		"permessage-deflate":                         true,
		"permessage-deflate; server_no_context_takeover; client_no_context_takeover; client_max_window_bits=9": true,
		"x-webkit-deflate-frame, permessage-deflate":                                                           true,
		"permessage-deflate; server_max_window_bits=10":                                                        false,
		"permessage-deflate; server_max_window_bits=10, permessage-deflate":                                    true,
		"permessage-deflate; server_max_window_bits=99":                                                        false,
		"permessage-deflate; server_no_context_takeover=1":                                                     false,
		"permessage-deflate; unknown":                                                                          false,
		"permessage-bzip2":                                                                                     false,
	} {
		head, _ := on.handshake("EIO=4&transport=websocket", upgradeHeaders+extensions+offer+"\r\n")
		if !strings.HasPrefix(head, "HTTP/1.1 101") || strings.Contains(head, accepted) != want || strings.Contains(head, "Extensions") != want {
			t.Errorf("%s: want accepted %t, got %q", offer, want, head)
		}
		head, _ = off.handshake("EIO=4&transport=websocket", upgradeHeaders+extensions+offer+"\r\n")
		if !strings.HasPrefix(head, "HTTP/1.1 101") || strings.Contains(head, "Extensions") {
			t.Errorf("%s: where it is off, got %q", offer, head)
		}
	}
	head, _ := on.handshake("EIO=4&transport=websocket", upgradeHeaders)
	if strings.Contains(head, "Extensions") {
		t.Errorf("without an offer: %q", head)
	}
}

// dialDeflate opens a WebSocket with permessage-deflate.
func (b *bench) dialDeflate(query string) *socket {
	b.Helper()
	conn := b.tcp()
	fmt.Fprintf(conn, "GET /engine.io/?%s HTTP/1.1\r\nHost: x\r\n%s%spermessage-deflate; client_max_window_bits\r\n\r\n", query, upgradeHeaders, extensions)
	s := &socket{b.TB, conn, bufio.NewReader(conn)}
	for line := ""; line != "\r\n"; {
		var err error
		if line, err = s.in.ReadString('\n'); err != nil {
			b.Fatal(err)
		}
	}
	return s
}

// connectDeflate opens a session over one.
func (b *bench) connectDeflate() *socket {
	b.Helper()
	s := b.dialDeflate("EIO=4&transport=websocket")
	parseOpen(b, s.text())
	return s
}

// wantMessage reads a message, which must be compressed or not.
func (s *socket) wantMessage(op ws.OpCode, data string, compressed bool) {
	s.Helper()
	h, err := ws.ReadHeader(s.in)
	if err != nil {
		s.Fatal(err)
	}
	payload := make([]byte, h.Length)
	if _, err := io.ReadFull(s.in, payload); err != nil {
		s.Fatal(err)
	}
	if h.Rsv == ws.Rsv(true, false, false) {
		if len(payload) >= len(data) {
			s.Errorf("%d bytes were compressed to %d", len(data), len(payload))
		}
		payload = unpack(s, payload)
	}
	if h.OpCode != op || !h.Fin || (h.Rsv != 0) != compressed || string(payload) != data {
		s.Fatalf("got %+v with %.100q of %d bytes, want %x with %.100q of %d bytes, compressed %t", h, payload, len(payload), op, data, len(data), compressed)
	}
}

// pack compresses a message with the standard library; unpack does the contrary.
func pack(data string) string {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.BestCompression)
	if err != nil {
		panic(err)
	}
	_, _ = w.Write([]byte(data))
	_ = w.Flush()
	return strings.TrimSuffix(out.String(), "\x00\x00\xff\xff")
}

func unpack(t testing.TB, data []byte) []byte {
	t.Helper()
	out, err := io.ReadAll(flate.NewReader(io.MultiReader(bytes.NewReader(data), strings.NewReader("\x00\x00\xff\xff\x01\x00\x00\xff\xff"))))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// packed makes a frame of a compressed message or, where op is a continuation, of what follows.
func packed(fin bool, op ws.OpCode, payload string) []byte {
	f := clientFrame(fin, op, payload)
	if op != ws.OpContinuation {
		f[0] |= compressedBit
	}
	return f
}

func TestDeflateMessages(t *testing.T) {
	b := start(t, &Options{Deflate: true, AllowEIO3: true}, nil)
	s := b.connectDeflate()
	for _, n := range []int{1, 125, 126, 1022, 1023, 1024, 5000, 70_000, 1 << 20} {
		text := "4" + strings.Repeat("größe ", n/8+1)[:n-1]
		text = strings.ToValidUTF8(text, "?")
		s.raw(packed(true, ws.OpText, pack(text)))
		s.wantMessage(ws.OpText, text, len(text) >= 1024)
		s.send(ws.OpText, text)
		s.wantMessage(ws.OpText, text, len(text) >= 1024)
		data := text[:n]
		s.raw(packed(true, ws.OpBinary, pack(data)))
		s.wantMessage(ws.OpBinary, data, len(data) >= 1024)
	}
	// What does not become shorter goes as it is.
	noise := make([]byte, 4000)
	_, _ = rand.Read(noise)
	s.send(ws.OpBinary, string(noise))
	s.wantMessage(ws.OpBinary, string(noise), false)
	// The empty message, and one in a last block, with padding.
	s.raw(packed(true, ws.OpBinary, "\x00"))
	s.wantMessage(ws.OpBinary, "", false)
	s.raw(packed(true, ws.OpText, "\x33\x49\x4c\x49\x05\x00\x00"))
	s.wantMessage(ws.OpText, "4ade", false)

	// A client without the extension gets the same message uncompressed.
	plain := b.connect()
	session, _ := b.next()
	other, _ := b.next()
	m := NewText(bytes.Repeat([]byte("all"), 1000))
	_ = session.Send(m)
	_ = other.Send(m)
	s.wantMessage(ws.OpText, "4"+strings.Repeat("all", 1000), true)
	plain.wantFrame(ws.OpText, "4"+strings.Repeat("all", 1000))

	// Protocol 3 has its own binary, compressed or not.
	s = b.dialDeflate("EIO=3&transport=websocket")
	parseOpen(t, s.text())
	s.raw(packed(true, ws.OpBinary, pack("\x04"+strings.Repeat("x", 2000))))
	s.wantMessage(ws.OpBinary, "\x04"+strings.Repeat("x", 2000), true)
	s.send(ws.OpBinary, "\x04xyz")
	s.wantMessage(ws.OpBinary, "\x04xyz", false)
}

func TestDeflateFragments(t *testing.T) {
	b := start(t, &Options{Deflate: true}, nil)
	s := b.connectDeflate()
	text := "4" + strings.Repeat("fragmented ", 500)
	whole := pack(text)
	for cut := range len(whole) {
		s.raw(packed(false, ws.OpText, whole[:cut]))
		s.send(ws.OpPing, "between")
		s.wantFrame(ws.OpPong, "between")
		s.raw(packed(true, ws.OpContinuation, whole[cut:]))
		s.wantMessage(ws.OpText, text, true)
	}
	// A message that is not compressed may follow, in fragments too.
	s.raw(clientFrame(false, ws.OpText, "4a"))
	s.raw(clientFrame(true, ws.OpContinuation, "b"))
	s.wantFrame(ws.OpText, "4ab")
}

func TestDeflateFaults(t *testing.T) {
	b := start(t, &Options{Deflate: true, MaxPayload: 10_000}, nil)
	set := func(f []byte, bits byte) []byte { f[0] |= bits; return f }
	for name, c := range map[string]struct {
		in   []byte
		code ws.StatusCode
	}{
		"a compressed ping":            {set(clientFrame(true, ws.OpPing, ""), 0x40), ws.StatusProtocolError},
		"a compressed close":           {set(clientFrame(true, ws.OpClose, ""), 0x40), ws.StatusProtocolError},
		"a compressed continuation":    {append(packed(false, ws.OpText, "\x00"), set(clientFrame(true, ws.OpContinuation, ""), 0x40)...), ws.StatusProtocolError},
		"another reserved bit":         {set(packed(true, ws.OpText, pack("4x")), 0x20), ws.StatusProtocolError},
		"no DEFLATE data":              {packed(true, ws.OpText, "\xff\xff\xff"), ws.StatusInvalidFramePayloadData},
		"data that breaks off":         {packed(true, ws.OpText, pack("4" + strings.Repeat("abcdefg", 100))[:9]), ws.StatusInvalidFramePayloadData},
		"data after the last block":    {packed(true, ws.OpText, "\x33\x49\x4c\x49\x05\x00\x00\x00more"), ws.StatusInvalidFramePayloadData},
		"bytes that are no UTF-8":      {packed(true, ws.OpText, pack("4\xff\xfe")), ws.StatusInvalidFramePayloadData},
		"one byte too many":            {packed(true, ws.OpBinary, pack(strings.Repeat("x", 10_001))), ws.StatusMessageTooBig},
		"a frame that is too big":      {packed(true, ws.OpBinary, strings.Repeat("x", 10_001)), ws.StatusMessageTooBig},
		"fragments too big together":   {append(packed(false, ws.OpBinary, strings.Repeat("x", 9000)), packed(true, ws.OpContinuation, strings.Repeat("x", 2000))...), ws.StatusMessageTooBig},
		"a probe in the wrong session": {packed(true, ws.OpText, pack("2probe")), ws.StatusNormalClosure},
	} {
		t.Run(name, func(t *testing.T) {
			s := b.connectDeflate()
			s.TB = t
			s.raw(c.in)
			s.wantClose(c.code)
		})
	}
	s := b.connectDeflate()
	s.raw(packed(true, ws.OpBinary, pack(strings.Repeat("x", 10_000))))
	s.wantMessage(ws.OpBinary, strings.Repeat("x", 10_000), true)

	off := start(t, nil, nil)
	s = off.dialDeflate("EIO=4&transport=websocket")
	parseOpen(t, s.text())
	s.raw(packed(true, ws.OpText, pack("4x")))
	s.wantClose(ws.StatusProtocolError)
}

// A small message that would become 1 GB closes the connection, and takes no more than the bound
// allows, counting all that is allocated on the way.
func TestDeflateBomb(t *testing.T) {
	const limit = 64 << 10
	b := start(t, &Options{Deflate: true, MaxPayload: limit}, nil)
	bomb := pack(strings.Repeat("\x00", 8<<20)) // 8 KB
	if len(bomb) > limit {
		t.Fatalf("the bomb has %d bytes", len(bomb))
	}
	frame := packed(true, ws.OpBinary, bomb)
	b.connectDeflate().send(ws.OpBinary, "warm up")
	var before, after runtime.MemStats
	s := b.connectDeflate()
	runtime.ReadMemStats(&before)
	s.raw(frame)
	s.wantClose(ws.StatusMessageTooBig)
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 16*limit {
		t.Errorf("the bomb took %d bytes in all", took)
	}
	_, err := inflate([]byte(bomb), limit)
	want(t, "inflate", err, error(errTooBig))
}

func TestDeflateUpgrade(t *testing.T) {
	b := start(t, &Options{Deflate: true}, nil)
	sid := b.poll()
	session, _ := b.next()
	long := bytes.Repeat([]byte("long "), 1000)
	s := b.dialDeflate(probing(sid))
	s.raw(packed(true, ws.OpText, pack("2probe")))
	s.wantMessage(ws.OpText, "3probe", false)
	_, text := b.get(sid)
	want(t, "the poll", text, "6")
	_ = session.SendText(long) // for whichever transport comes
	s.raw(packed(true, ws.OpText, pack("5")))
	s.wantMessage(ws.OpText, "4"+string(long), false)
	_ = session.SendText(long)
	s.wantMessage(ws.OpText, "4"+string(long), true)
	want(t, "transport", session.Transport(), WebSocket)
}

// A message is compressed once, whoever sends it at the same time.
func TestDeflateOnce(t *testing.T) {
	m := NewBinary(bytes.Repeat([]byte("once"), 1000))
	for _, f := range []form{deflated, typed | deflated, inBase64 | deflated} {
		var wait sync.WaitGroup
		frames := make([][]byte, 50)
		for i := range frames {
			wait.Go(func() { frames[i] = m.in(f) })
		}
		wait.Wait()
		for _, frame := range frames {
			want(t, "the same frame", &frame[0] == &frames[0][0], true)
		}
		want(t, "compressed", frames[0][0]&compressedBit != 0 && len(frames[0]) < 200, true)
	}
	small := NewText([]byte("small"))
	want(t, "a small message", &small.in(deflated)[0] == &small.frame[0], true)
}

// There are never more than the pool has places for.
func TestFixedPool(t *testing.T) {
	var made, inUse atomic.Int32
	p := newFixedPool(func() *int { made.Add(1); return new(int) })
	var wait sync.WaitGroup
	for range 200 {
		wait.Go(func() {
			v := p.get()
			if n := inUse.Add(1); int(n) > cap(p.free) {
				t.Errorf("%d are in use", n)
			}
			runtime.Gosched()
			*v++
			inUse.Add(-1)
			p.put(v)
		})
	}
	wait.Wait()
	if int(made.Load()) > cap(p.free) {
		t.Errorf("%d were made", made.Load())
	}
	sum := 0
	for range cap(p.free) {
		if v := <-p.free; v != nil {
			sum += *v
		}
	}
	want(t, "uses", sum, 200)
}

func FuzzInflate(f *testing.F) {
	for _, text := range []string{"", "4hello", strings.Repeat("abc", 1000), "\x00\xff"} {
		f.Add([]byte(pack(text)), 2000)
		f.Add([]byte(pack(text)+"\x00"), 10)
	}
	f.Add([]byte("\x33\x49\x4c\x49\x05\x00\x00"), 100)
	f.Add([]byte("\x01\x00\x00\xff\xff"), 100)
	f.Add([]byte("\xff\xff"), 100)
	f.Add([]byte(pack(strings.Repeat("\x00", 1<<20))), 1000)
	f.Fuzz(func(t *testing.T, data []byte, limit int) {
		limit = max(0, limit%100_000)
		before := bytes.Clone(data)
		out, err := inflate(data, limit)
		if !bytes.Equal(before, data) {
			t.Fatal("inflate changed its input")
		}
		in := bytes.NewReader(append(before, deflateEnd[:]...))
		wanted, oracle := io.ReadAll(io.LimitReader(flate.NewReader(in), int64(limit)+1))
		switch {
		case err == error(errTooBig) && len(wanted) <= limit, err == nil && (oracle != nil || len(wanted) > limit):
			t.Fatalf("%x to %d bytes: %v, the standard library has %d bytes and %v", before, limit, err, len(wanted), oracle)
		case err == error(errInflate) && oracle == nil && in.Len() <= 1+len(deflateEnd) && len(wanted) <= limit:
			t.Fatalf("%x was refused, the standard library takes it", before)
		case err == nil:
			if !bytes.Equal(out.b, wanted) {
				t.Fatalf("%x became %x, want %x", before, out.b, wanted)
			}
			out.release()
		}
		// And the other way.
		frame := deflateFrame(NewBinary(data).frame)
		_, payload, _ := nextOwnFrame(frame)
		if frame[0]&compressedBit == 0 {
			want(t, "a frame that was left as it is", bytes.Equal(payload, data), true)
			return
		}
		back, err := inflate(payload, len(data))
		if err != nil || !bytes.Equal(back.b, data) || len(payload) >= len(data) {
			t.Fatalf("%x came back with %v", data, err)
		}
		back.release()
	})
}
