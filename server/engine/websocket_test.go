package engine

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gobwas/ws"

	"ackbase/server/admission"
	"ackbase/server/hostile"
)

// raw frames of a hostile client, each against its own session, with the close
// code that RFC 6455 asks for.
func TestFrameRules(t *testing.T) {
	b := start(t, &Options{MaxPayload: 1000}, nil)
	masked := func(head ...byte) []byte { return append(head, 1, 2, 3, 4) }
	long := strings.Repeat("x", 200)
	for name, c := range map[string]struct {
		in   []byte
		code ws.StatusCode
	}{
		"unmasked":                        {[]byte{0x81, 1, '4'}, ws.StatusProtocolError},
		"rsv1":                            {masked(0xc1, 0x80), ws.StatusProtocolError},
		"rsv2":                            {masked(0xa1, 0x80), ws.StatusProtocolError},
		"rsv3":                            {masked(0x91, 0x80), ws.StatusProtocolError},
		"opcode 3":                        {masked(0x83, 0x80), ws.StatusProtocolError},
		"opcode 11":                       {masked(0x8b, 0x80), ws.StatusProtocolError},
		"fragmented ping":                 {masked(0x09, 0x80), ws.StatusProtocolError},
		"ping of 126 bytes":               {masked(0x89, 0xfe, 0, 126), ws.StatusProtocolError},
		"close of 126 bytes":              {masked(0x88, 0xfe, 0, 126), ws.StatusProtocolError},
		"length with the highest bit":     {masked(0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 1), ws.StatusProtocolError},
		"length of 2^62":                  {masked(0x81, 0xff, 0x40, 0, 0, 0, 0, 0, 0, 1), ws.StatusMessageTooBig},
		"1001 bytes":                      {masked(0x81, 0xfe, 0x03, 0xe9), ws.StatusMessageTooBig},
		"1001 binary bytes":               {masked(0x82, 0xfe, 0x03, 0xe9), ws.StatusMessageTooBig},
		"fragments of 1200 bytes":         {append(bytes.Repeat(clientFrame(false, ws.OpContinuation, long), 5), clientFrame(true, ws.OpContinuation, long)...), ws.StatusMessageTooBig},
		"continuation of nothing":         {clientFrame(true, ws.OpContinuation, "x"), ws.StatusProtocolError},
		"text within fragments":           {append(clientFrame(false, ws.OpText, "4a"), clientFrame(true, ws.OpText, "4b")...), ws.StatusProtocolError},
		"binary within fragments":         {append(clientFrame(false, ws.OpText, "4a"), clientFrame(false, ws.OpBinary, "b")...), ws.StatusProtocolError},
		"text that is not UTF-8":          {clientFrame(true, ws.OpText, "4\xff"), ws.StatusInvalidFramePayloadData},
		"text that ends within a rune":    {clientFrame(true, ws.OpText, "4\xe2\x82"), ws.StatusInvalidFramePayloadData},
		"fragments that are not UTF-8":    {append(clientFrame(false, ws.OpText, "4\xe2"), clientFrame(true, ws.OpContinuation, "x")...), ws.StatusInvalidFramePayloadData},
		"close with one byte":             {clientFrame(true, ws.OpClose, "\x03"), ws.StatusProtocolError},
		"close with code 999":             {clientFrame(true, ws.OpClose, "\x03\xe7"), ws.StatusProtocolError},
		"close with code 1005":            {clientFrame(true, ws.OpClose, "\x03\xed"), ws.StatusProtocolError},
		"close with code 1006":            {clientFrame(true, ws.OpClose, "\x03\xee"), ws.StatusProtocolError},
		"close with code 2000":            {clientFrame(true, ws.OpClose, "\x07\xd0"), ws.StatusProtocolError},
		"close with code 5000":            {clientFrame(true, ws.OpClose, "\x13\x88"), ws.StatusProtocolError},
		"close with a reason not UTF-8":   {clientFrame(true, ws.OpClose, "\x03\xe8\xff"), ws.StatusInvalidFramePayloadData},
		"close with code 1000":            {clientFrame(true, ws.OpClose, "\x03\xe8bye"), ws.StatusNormalClosure},
		"close with code 1001":            {clientFrame(true, ws.OpClose, "\x03\xe9"), ws.StatusGoingAway},
		"close with code 4000":            {clientFrame(true, ws.OpClose, "\x0f\xa0"), 4000},
		"close without a code":            {clientFrame(true, ws.OpClose, ""), 0},
		"what follows a close is ignored": {append(clientFrame(true, ws.OpClose, "\x03\xe8"), clientFrame(true, ws.OpText, "4late")...), ws.StatusNormalClosure},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "fragments of 1200 bytes" {
				c.in = append(clientFrame(false, ws.OpText, "4"), c.in...)
			}
			s := b.connect()
			_, h := b.next()
			s.raw(c.in)
			s.wantClose(c.code)
			reason := ReasonTransportError
			if strings.HasPrefix(name, "close with") && (c.code == 1000 || c.code == 1001 || c.code == 4000 || c.code == 0) ||
				name == "close without a code" || strings.HasPrefix(name, "what follows") {
				reason = ReasonTransportClose
			}
			h.wantClosed(t, reason)
			want(t, "messages", len(h.got()), 0)
		})
	}
}

func TestControlFramesBetweenFragments(t *testing.T) {
	b := start(t, nil, nil)
	s := b.connect()
	_, h := b.next()
	s.raw(clientFrame(false, ws.OpText, "4he"))
	s.raw(clientFrame(true, ws.OpPing, "are you there"))
	s.wantFrame(ws.OpPong, "are you there")
	s.raw(clientFrame(false, ws.OpContinuation, ""))
	s.raw(clientFrame(true, ws.OpPong, "nobody asked"))
	s.raw(clientFrame(true, ws.OpContinuation, "llo"))
	s.wantFrame(ws.OpText, "4hello")
	s.raw(clientFrame(true, ws.OpPing, strings.Repeat("p", 125)))
	s.wantFrame(ws.OpPong, strings.Repeat("p", 125))
	// A ping between fragments is allowed even where the message is at its limit.
	s.raw(clientFrame(false, ws.OpBinary, strings.Repeat("b", 2<<20)))
	s.raw(clientFrame(true, ws.OpPing, strings.Repeat("q", 125)))
	s.wantFrame(ws.OpPong, strings.Repeat("q", 125))
	s.raw(clientFrame(true, ws.OpContinuation, ""))
	s.wantFrame(ws.OpBinary, strings.Repeat("b", 2<<20))
	want(t, "messages", len(h.got()), 2)
}

// Every length that changes the header, every way of cutting the stream.
func TestFrameLengthsAndCuts(t *testing.T) {
	b := start(t, nil, nil)
	s := b.connect()
	for _, n := range []int{0, 1, 123, 124, 125, 126, 2000, 2047, 2048, 16383, 16384, 65533, 65534, 65535, 65536, 200000, 2<<20 - 1} {
		text := "4" + strings.Repeat("x", n)
		frame := clientFrame(true, ws.OpText, text)
		go func() {
			for len(frame) > 0 {
				cut := min(len(frame), 1+rand.IntN(1+len(frame)/3))
				s.raw(frame[:cut])
				frame = frame[cut:]
			}
		}()
		s.wantFrame(ws.OpText, text)
	}
	for cut := range 12 {
		frames := append(clientFrame(true, ws.OpText, "4one"), clientFrame(true, ws.OpBinary, "two")...)
		s.raw(frames[:cut])
		s.raw(frames[cut:])
		s.wantFrame(ws.OpText, "4one")
		s.wantFrame(ws.OpBinary, "two")
	}
}

// What arrives together is one batch, answered with one write.
func TestBatch(t *testing.T) {
	b := start(t, nil, nil)
	s := b.connect()
	_, h := b.next()
	var in []byte
	var wanted strings.Builder
	for i := range 50 {
		in = append(in, clientFrame(true, ws.OpText, fmt.Sprintf("4%d", i))...)
		fmt.Fprintf(&wanted, "false:%d ", i)
	}
	s.raw(in)
	for i := range 50 {
		s.wantFrame(ws.OpText, fmt.Sprintf("4%d", i))
	}
	want(t, "messages", strings.Join(h.got(), " ")+" ", wanted.String())
	h.mu.Lock()
	defer h.mu.Unlock()
	want(t, "batches", h.batches, 1)
}

// Frames that came with the handshake's last segment are not lost.
func TestEarlyFrames(t *testing.T) {
	b := start(t, nil, nil)
	conn := b.tcp()
	request := "GET /engine.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n" + upgradeHeaders + "\r\n"
	if _, err := conn.Write(append([]byte(request), clientFrame(true, ws.OpText, "4early")...)); err != nil {
		t.Fatal(err)
	}
	_, h := b.next()
	_, _ = io.CopyN(io.Discard, conn, 1)
	b.await(new(Session), "the early message", func() bool { return len(h.got()) == 1 })
	want(t, "message", h.got()[0], "false:early")
}

// The client that just goes away.
func TestBrokenConnection(t *testing.T) {
	b := start(t, nil, nil)
	for _, before := range [][]byte{nil, {0x81}, clientFrame(true, ws.OpText, "4x")[:5], clientFrame(false, ws.OpText, "4x")} {
		s := b.connect()
		_, h := b.next()
		s.raw(before)
		s.Conn.Close()
		h.wantClosed(t, ReasonTransportClose)
	}
}

func TestPanickingHandler(t *testing.T) {
	b := start(t, nil, func(s *Session, h *recorder) {
		h.message = func(*Session, []byte, bool) { panic("in Message") }
	})
	s := b.connect()
	_, h := b.next()
	s.send(ws.OpText, "4x")
	s.wantEnd()
	h.wantClosed(t, ReasonForcedClose)
	sid := b.poll()
	_, h = b.next()
	b.post(sid, "4x")
	h.wantClosed(t, ReasonForcedClose)
}

func FuzzParseHeader(f *testing.F) {
	f.Add(clientFrame(true, ws.OpText, "4hello"), 100)
	f.Add(clientFrame(false, ws.OpBinary, strings.Repeat("x", 130)), 1000)
	f.Add([]byte{0x81, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4}, 1<<20)
	f.Add([]byte{0x89, 0xfe, 0, 126}, 10)
	f.Fuzz(func(t *testing.T, in []byte, limit int) {
		if limit < 0 {
			return
		}
		// With an extension, its bit may stand in the first frame of a message, and says only that.
		first := len(in) > 0 && (in[0]&0x0f == byte(ws.OpText) || in[0]&0x0f == byte(ws.OpBinary))
		compressed := len(in) > 1 && first && in[0]&compressedBit != 0
		without := bytes.Clone(in)
		if compressed {
			without[0] &^= compressedBit
		}
		plain, plainErr := parseHeader(without, limit, 0)
		plain.compressed = compressed
		if with, err := parseHeader(in, limit, compressedBit); err != plainErr || err == nil && with != plain {
			t.Fatalf("%x with the extension: %+v, %v, want %+v, %v", in, with, err, plain, plainErr)
		}
		h, err := parseHeader(in, limit, 0)
		theirs, theirErr := ws.ReadHeader(bytes.NewReader(in))
		if err == nil {
			if theirErr != nil || theirs.OpCode != h.op || theirs.Fin != h.fin || theirs.Mask != h.mask || theirs.Length != int64(h.payload) || theirs.Rsv != 0 {
				t.Fatalf("read %+v, gobwas/ws reads %+v, %v", h, theirs, theirErr)
			}
			if h.payload > limit || h.size > len(in) || h.size > maxClientHeader {
				t.Fatalf("%+v does not fit in %d bytes, limit %d", h, len(in), limit)
			}
			return
		}
		if theirErr == nil && err == errIncomplete {
			t.Fatalf("%x is whole, but taken for incomplete", in)
		}
	})
}

// FuzzWebSocket gives a session's reader any bytes, in pieces of any size. The handler
// must get the messages that a plain reader finds in them, all of them where they end
// well, and what the client gets must be whole frames.
func FuzzWebSocket(f *testing.F) {
	f.Add(append(clientFrame(true, ws.OpText, "4hello"), clientFrame(true, ws.OpBinary, "x")...), uint16(7))
	f.Add(append(clientFrame(false, ws.OpText, "4he"), clientFrame(true, ws.OpContinuation, "llo")...), uint16(3))
	f.Add(clientFrame(true, ws.OpText, "1"), uint16(1))
	f.Add(clientFrame(true, ws.OpClose, "\x03\xe8"), uint16(100))
	f.Add([]byte{0x81, 0xfe, 0x03}, uint16(2))
	for i, stream := range hostile.Streams() {
		f.Add(stream, uint16(i))
	}
	const maxPayload = 300
	b := prepare(f, &Options{MaxPayload: maxPayload, HighWater: 200, MaxBuffered: 4000}, nil)
	f.Fuzz(func(t *testing.T, in []byte, cut uint16) {
		want, whole := plainMessages(in, maxPayload)
		if whole {
			in = append(in[:len(in):len(in)], clientFrame(true, ws.OpClose, "")...)
		}
		r := newRequest("EIO=4&transport=websocket")
		s := newSession(b.Server, r, r.URL.Query(), admission.Place{})
		client, server := newPipe()
		s.conn = server
		b.open(s, b.openTail)
		h := b.handlers[s]
		done := make(chan struct{})
		go func() {
			newReader(s, server, nil).run()
			close(done)
		}()
		heard := make(chan error, 1)
		go func() {
			for {
				header, err := ws.ReadHeader(client)
				if err == nil && (header.Masked || header.Rsv != 0 || !header.Fin) {
					err = fmt.Errorf("the server sent the frame %+v", header)
				}
				if err == nil {
					_, err = io.CopyN(io.Discard, client, header.Length)
				}
				if err != nil || header.OpCode == ws.OpClose {
					client.Close()
					heard <- err
					return
				}
			}
		}()
		piece := max(1, int(cut))
		for rest := in; len(rest) > 0; {
			n := min(piece, len(rest))
			if _, err := client.Write(rest[:n]); err != nil {
				break
			}
			rest = rest[n:]
		}
		if !whole {
			client.Close()
		}
		<-done
		<-h.closed
		if err := <-heard; err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.ErrClosedPipe) {
			t.Fatal(err)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.fault != "" {
			t.Fatal(h.fault)
		}
		if got := h.messages; len(got) > len(want) || !slices.Equal(got, want[:len(got)]) || whole && len(got) < len(want) {
			t.Fatalf("%x: the handler got %q, want %q", in, got, want)
		}
		b.mu.Lock()
		delete(b.handlers, s)
		b.mu.Unlock()
		select {
		case <-b.accepted:
		default:
		}
	})
}

// plainMessages reads a client's stream in the plain way and gives the messages in it, as a
// recorder writes them down. whole is true where it ends between two frames, still open.
func plainMessages(stream []byte, maxPayload int) (messages []string, whole bool) {
	r := bytes.NewReader(stream)
	var op ws.OpCode // of the fragmented message
	var message []byte
	for {
		if r.Len() == 0 {
			return messages, true
		}
		frame := stream[len(stream)-r.Len():]
		header, err := ws.ReadHeader(r)
		if err != nil || !header.Masked || header.Rsv != 0 || header.OpCode.IsReserved() {
			return messages, false
		}
		if header.OpCode.IsControl() && (!header.Fin || frame[1]&0x7f > 125) || header.Length > int64(r.Len()) {
			return messages, false
		}
		payload := make([]byte, header.Length)
		_, _ = io.ReadFull(r, payload)
		ws.Cipher(payload, header.Mask, 0)
		switch header.OpCode {
		case ws.OpPing, ws.OpPong:
			continue
		case ws.OpClose:
			return messages, false
		case ws.OpContinuation:
			if op == 0 {
				return messages, false
			}
		default:
			if op != 0 {
				return messages, false
			}
			op, message = header.OpCode, nil
		}
		if message = append(message, payload...); len(message) > maxPayload {
			return messages, false
		}
		if !header.Fin {
			continue
		}
		encoded, isBase64 := bytes.CutPrefix(message, []byte("b"))
		switch {
		case op == ws.OpBinary:
			messages = append(messages, "true:"+string(message))
		case isBase64:
			data, ok := plainBase64(string(encoded))
			if !ok {
				return messages, false
			}
			messages = append(messages, "true:"+data)
		case !utf8.Valid(message) || len(message) == 0 || message[0] < '0' || message[0] > '6' || message[0] == '1' || message[0] == '2':
			return messages, false
		case message[0] == '4':
			messages = append(messages, "false:"+string(message[1:]))
		}
		op = 0
	}
}
