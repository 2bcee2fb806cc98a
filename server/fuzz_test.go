package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsutil"

	"ackbase/server/hostile"
	"ackbase/server/packet"
)

// faults counts what is logged as an error: a panic that was caught.
type faults struct {
	slog.Handler
	last atomic.Pointer[string]
}

func (f *faults) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelError }

func (f *faults) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	r.Attrs(func(a slog.Attr) bool { text += " " + a.String(); return true })
	f.last.Store(&text)
	return nil
}

// FuzzConnection plays whole connections: each line of the input is a text message of Engine.IO, or
// a binary one where it begins with "b:". A first line eio3 makes it a connection of protocol 3. The
// server must not panic, must close the session at the end, and must go on to serve another client.
func FuzzConnection(f *testing.F) {
	for _, seed := range []string{
		"440\n42[\"message\",1]\n41", "40\n42", "40\n420[\"ack\"]\n430[]", "40{\"a\":1}\n40/dyn-1,\n42/dyn-1,1[\"message\",{}]\n41/dyn-1,",
		"40\n451-[\"message\",{\"_placeholder\":true,\"num\":0}]\nb:x", "40\n452-1[\"ack\",{\"_placeholder\":true,\"num\":1}]\nb:\nb:y",
		"40/slow,\n42/slow,[\"message\"]\n451-/slow,[\"x\",{\"_placeholder\":true,\"num\":0}]\nb:z\n41/slow,\n40/slow,", "40/no,\n40/no,\n42/no,[]",
		"40\n40", "44{}", "40\n450-[]", "40\n42[\"connect\"]", "40\n42[[[[", "40\n461-0[{\"_placeholder\":true,\"num\":0}]\nb:ok", "2\n3\n5\n6\n0", "b:stray",
		"40\n42[\"message\",{\"_placeholder\":true,\"num\":0}]", "40\n42[\"\\ud800\"]", "40\n4299999999999999999[\"a\"]", "40,\n41,\n42/,[\"a\"]", "3\n40\n43\n430\n430[1]\n430[1]",
	} {
		f.Add([]byte(seed))
		// There the server connects "/" by itself, and binary messages begin with their type.
		f.Add([]byte("eio3\n" + strings.ReplaceAll(strings.TrimPrefix(seed, "40\n"), "\nb:", "\nb:\x04")))
	}
	for _, seed := range []string{
		"40/dyn-1?a=1&b=%zz;c,\n42/dyn-1,1[\"ack\",1]\n41/dyn-1,", "40/no?\n40/none?x\n40?a", "2\n2probe\nb4\nb2AA\n3",
		"451-[\"ack\",{\"_placeholder\":true,\"num\":0}]\nb4AQID", "42[\"ack\",1]\nb:4stray",
	} {
		f.Add([]byte("eio3\n" + seed))
	}
	for _, seed := range hostile.Packets() {
		f.Add([]byte(seed))
	}
	log := &faults{Handler: slog.DiscardHandler}
	io := New(&Options{Logger: slog.New(log), MaxNamespaces: 4, MaxAttachments: 3, MaxWaiting: 2000, MaxBinary: 5000, MaxPayload: 10_000, AllowEIO3: true})
	hear := func(ns *Namespace) {
		ns.OnConnect(func(s *Socket) {
			s.Join("room")
			go func() { _, _ = s.EmitWithAck(s.Context(), "q") }()
		})
		ns.On("message", func(e *Event) { _ = e.Socket().EmitRaw("message-back", e.Args, e.Attachments) })
		ns.On("ack", func(e *Event) { _ = e.AckBinary(e.Args, e.Attachments) })
		ns.OnAny(func(e *Event) {
			var v any
			for i := range e.Args {
				_ = e.Decode(i, &v)
			}
			_ = e.Clone()
		})
	}
	hear(io.Of("/"))
	hear(io.OfPattern(regexp.MustCompile(`^/dyn-`)))
	io.Of("/slow").Use(func(s *Socket) error { <-s.Context().Done(); return nil })
	io.Of("/no").Use(func(*Socket) error { return &ConnectError{"no", json.RawMessage("1")} })
	url := listen(f, io)
	other := dial(f, url)
	other.connect("/", "")

	f.Fuzz(func(t *testing.T, input []byte) {
		other.TB = t // one at a time in each process
		_ = other.conn.SetDeadline(time.Now().Add(patience))
		query := "EIO=4"
		if rest, eio3 := bytes.CutPrefix(input, []byte("eio3\n")); eio3 {
			query, input = "EIO=3", rest
		}
		c := dialQuery(t, url, query)
		defer c.conn.Close()
		written := make(chan struct{})
		go func() {
			defer close(written)
			for _, line := range bytes.Split(input, []byte("\n")) {
				op := ws.OpText
				if data, binary := bytes.CutPrefix(line, []byte("b:")); binary {
					op, line = ws.OpBinary, data
				}
				if wsutil.WriteClientMessage(c.conn, op, bytes.Clone(line)) != nil {
					return // closed already
				}
			}
			_ = wsutil.WriteClientText(c.conn, []byte("1"))
		}()
		c.expectClosed()
		<-written
		if fault := log.last.Swap(nil); fault != nil {
			t.Fatal(errors.New(*fault))
		}
		other.send(`427["ack","alive"]`)
		for got := other.read(); got != `437["alive"]`; got = other.read() {
			if got != `420["q"]` { // the question of OnConnect
				t.Fatalf("another client got %q", got)
			}
		}
	})
}

// FuzzRoundTrip encodes an event with raw arguments and attachments and reads the packet
// as one from a client is read: it must be the same event.
func FuzzRoundTrip(f *testing.F) {
	f.Add("message", `1,{"a":[{"_placeholder":true,"num":1}]},"x"`, []byte("first"), []byte("second"), uint8(2), int64(-1))
	f.Add("größe \n \x1e", `null`, []byte{}, []byte{0xff}, uint8(1), int64(0))
	f.Add("", ` [ ] , {} `, []byte{}, []byte{}, uint8(0), int64(1<<53-1))
	for _, r := range hostile.Requests() {
		f.Add(r.Verb, r.Args, []byte(r.Verb), []byte(r.Args), uint8(len(r.Args)), int64(len(r.Args)))
	}
	f.Fuzz(func(t *testing.T, name, list string, first, second []byte, count uint8, id int64) {
		args, err := packet.Args(nil, []byte("["+list+"]"))
		if err != nil || id < packet.NoID || id > packet.MaxID {
			return
		}
		var attachments [][]byte
		if n := count % 3; n > 0 {
			attachments = [][]byte{first, second}[:n]
		}
		data, err := encodeRaw(&name, args, attachments)
		if err != nil {
			for _, arg := range args {
				if !utf8.Valid(arg) || packet.CheckPlaceholders(arg, len(attachments)) != nil {
					return
				}
			}
			if !packet.Reserved(name) {
				t.Fatalf("%q with %s: %v", name, list, err)
			}
			return
		}
		kind, n := packet.Event, len(attachments)
		if n > 0 {
			kind = packet.BinaryEvent
		}
		text := append(packet.AppendHead(nil, kind, n, "/namespace", id), data...)
		if bytes.IndexByte(text, 0x1e) >= 0 || !utf8.Valid(text) {
			t.Fatalf("%q cannot go over polling", text)
		}
		p, err := packet.Parse(text, 10)
		if err != nil || p.Type != kind || p.Attachments != n || p.ID != id || string(p.Namespace) != "/namespace" {
			t.Fatalf("%q was read as %+v, %v", text, p, err)
		}
		e := newEvent()
		if err := e.parse(packet.Event, p.Data, attachments); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if got := packet.Name(e.all[0]); utf8.ValidString(name) && got != name {
			t.Fatalf("%q was sent as %q", name, got)
		}
		if len(e.Args) != len(args) || len(e.Attachments) != n {
			t.Fatalf("%d arguments and %d attachments became %d and %d", len(args), n, len(e.Args), len(e.Attachments))
		}
		for i := range args {
			if !bytes.Equal(e.Args[i], args[i]) {
				t.Fatalf("argument %d: %q became %q", i, args[i], e.Args[i])
			}
		}
	})
}
