package packet

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// decode3 reads a whole polling body of protocol 3.
func decode3(body []byte, binary bool) (packets []EnginePacket, err error) {
	decode := DecodePayload3
	if binary {
		decode = DecodePayload3Binary
	}
	for more := true; more; {
		var p EnginePacket
		if p, body, more, err = decode(body); err != nil {
			return packets, err
		}
		packets = append(packets, p)
	}
	return packets, nil
}

// encode3 writes a polling body of protocol 3.
func encode3(packets []EnginePacket, binary bool) (body []byte) {
	for _, p := range packets {
		var data []byte
		switch {
		case !p.Binary:
			data = append([]byte{byte(p.Type)}, p.Data...)
		case binary:
			data = AppendBinary3(nil, p.Data)
		default:
			data = AppendBase64Binary3(nil, p.Data)
		}
		if binary {
			body = AppendPayload3BinaryHead(body, len(data), p.Binary)
		} else {
			body = AppendPayload3Head(body, data)
		}
		body = append(body, data...)
	}
	return body
}

func text3(text string) EnginePacket {
	return EnginePacket{EngineType(text[0]), []byte(text[1:]), false}
}

func binary3(data string) EnginePacket { return EnginePacket{EngineMessage, []byte(data), true} }

var noop3 = EnginePacket{Type: EngineNoop}

// The cases are what engine.io-parser 2.2 writes and reads, and what is wrong in other ways.
func TestDecodePayload3(t *testing.T) {
	long := strings.Repeat("x", 12344)
	for _, c := range []struct {
		body string
		want []EnginePacket
		err  error
	}{
		{"6:4hello", []EnginePacket{text3("4hello")}, nil},
		{"6:4hello2:4a1:26:2probe", []EnginePacket{text3("4hello"), text3("4a"), text3("2"), text3("2probe")}, nil},
		{"1:4", []EnginePacket{text3("4")}, nil},
		{"0:", []EnginePacket{noop3}, nil},
		{"0:1:10:", []EnginePacket{noop3, text3("1"), noop3}, nil},
		{"2:4€3:4😀2:4é", []EnginePacket{text3("4€"), text3("4😀"), text3("4é")}, nil},
		{"4:4a:b", []EnginePacket{text3("4a:b")}, nil},
		{"12345:4" + long, []EnginePacket{text3("4" + long)}, nil},
		{"10:b4AQIDBA==1:3", []EnginePacket{binary3("\x01\x02\x03\x04"), text3("3")}, nil},
		{"2:b4", []EnginePacket{binary3("")}, nil},
		{"2:4€", []EnginePacket{text3("4€")}, nil},

		{"", nil, ErrPayload},
		{"4hello", nil, ErrPayload},
		{":4", nil, ErrPayload},
		{"1", nil, ErrPayload},
		{"1:", nil, ErrPayload},
		{"3:4a", nil, ErrPayload},
		{"-1:4", nil, ErrPayload},
		{"+1:4", nil, ErrPayload},
		{" 1:4", nil, ErrPayload},
		{"1.0:4", nil, ErrPayload},
		{"1e0:4", nil, ErrPayload},
		{"0x1:4", nil, ErrPayload},
		{"4:4€", nil, ErrPayload}, // bytes counted, not units
		{"2:4😀", nil, ErrPayload}, // half of a surrogate pair
		{"99999999999999999999999:4", nil, ErrPayload},
		{"9223372036854775808:4", nil, ErrPayload},
		{strings.Repeat("9", 5000) + ":4", nil, ErrPayload},
		{"1:41", []EnginePacket{text3("4")}, ErrPayload},
		{"1:4x", []EnginePacket{text3("4")}, ErrPayload},
		{"1:7", nil, ErrEngineType},
		{"3:abc", nil, ErrEngineType},
		{"1:b", nil, ErrEngineType},
		{"2:b2", nil, ErrEngineType},
		{"6:bAQIDB", nil, ErrEngineType},
		{"3:b4!", nil, ErrBase64},
		{"1:\x04", nil, ErrEngineType},
	} {
		got, err := decode3([]byte(c.body), false)
		if !errors.Is(err, c.err) {
			t.Errorf("%.60q: error %v, want %v", c.body, err, c.err)
		}
		if diff := cmp.Diff(c.want, got, cmp.Transformer("data", func(b []byte) string { return string(b) })); diff != "" {
			t.Errorf("%.60q: %s", c.body, diff)
		}
	}
}

func TestDecodePayload3Binary(t *testing.T) {
	for _, c := range []struct {
		body string
		want []EnginePacket
		err  error
	}{
		{"\x00\x06\xff4hello", []EnginePacket{text3("4hello")}, nil},
		{"\x01\x05\xff\x04\x01\x02\x03\x04", []EnginePacket{binary3("\x01\x02\x03\x04")}, nil},
		{"\x00\x04\xff4€\x01\x01\xff\x04\x00\x01\xff2", []EnginePacket{text3("4€"), binary3(""), text3("2")}, nil},
		{"\x01\x01\x02\xff\x04" + "\xff\xff\xff0123abcd", []EnginePacket{binary3("\xff\xff\xff0123abcd")}, nil},
		{"\x00\x05\xffb4AQI", []EnginePacket{binary3("\x01\x02")}, nil},
		{"\x00\x00\xff", []EnginePacket{noop3}, nil},
		{"\x00\x00\x01\xff2", []EnginePacket{text3("2")}, nil},

		{"", nil, ErrPayload},
		{"\x00", nil, ErrPayload},
		{"\x00\xff", nil, ErrPayload},
		{"\x00\x01", nil, ErrPayload},
		{"\x00\x01\xff", nil, ErrPayload},
		{"\x00\x02\xff4", nil, ErrPayload},
		{"\x02\x01\xff4", nil, ErrPayload},
		{"0\x01\xff4", nil, ErrPayload},
		{"\x001\xff4", nil, ErrPayload},
		{"\x00\x0a\xff4hello", nil, ErrPayload},
		{"\x01" + strings.Repeat("\x09", 5000) + "\xff\x04", nil, ErrPayload},
		{"\x00" + strings.Repeat("\x00", 5000), nil, ErrPayload},
		{"\x00\x01\xff4\x00", []EnginePacket{text3("4")}, ErrPayload},
		{"\x00\x02\xff4\xe2", nil, ErrUTF8},
		{"\x00\x04\xff4\xed\xa0\x80", nil, ErrUTF8}, // a lone surrogate
		{"\x00\x01\xff7", nil, ErrEngineType},
		{"\x01\x00\xff", nil, ErrEngineType},
		{"\x01\x01\xff\x02", nil, ErrEngineType},
		{"\x01\x01\xff4", nil, ErrEngineType},
	} {
		got, err := decode3([]byte(c.body), true)
		if !errors.Is(err, c.err) {
			t.Errorf("%.60q: error %v, want %v", c.body, err, c.err)
		}
		if diff := cmp.Diff(c.want, got, cmp.Transformer("data", func(b []byte) string { return string(b) })); diff != "" {
			t.Errorf("%.60q: %s", c.body, diff)
		}
	}
}

func TestEncodePayload3(t *testing.T) {
	packets := []EnginePacket{text3("4größe 😀"), binary3("\x01\x02\x03\x04"), text3("3")}
	if got := string(encode3(packets, false)); got != "9:4größe 😀10:b4AQIDBA==1:3" {
		t.Errorf("as text: %q", got)
	}
	if got := string(encode3(packets, true)); got != "\x00\x01\x03\xff4größe 😀\x01\x05\xff\x04\x01\x02\x03\x04\x00\x01\xff3" {
		t.Errorf("as binary: %q", got)
	}
	for n := range 10 {
		if data := AppendBase64Binary3(nil, make([]byte, n)); len(data) != Base64Binary3Len(n) {
			t.Errorf("%d bytes become %d, Base64Binary3Len says %d", n, len(data), Base64Binary3Len(n))
		}
	}
}

// Each byte of a body is looked at a bounded number of times, however its packets are cut.
func TestDecodePayload3OfManyPackets(t *testing.T) {
	for _, binary := range []bool{false, true} {
		packets := make([]EnginePacket, 100_000)
		for i := range packets {
			packets[i] = text3("4")
		}
		got, err := decode3(encode3(packets, binary), binary)
		if err != nil || len(got) != len(packets) {
			t.Errorf("%d packets, %v", len(got), err)
		}
	}
}

func TestDecodePayload3AllocatesNothing(t *testing.T) {
	for _, binary := range []bool{false, true} {
		body := encode3([]EnginePacket{text3("4héllo"), text3("2"), text3("4😀")}, binary)
		decode := DecodePayload3
		if binary {
			decode = DecodePayload3Binary
		}
		if n := testing.AllocsPerRun(100, func() {
			rest, more := body, true
			for more {
				var err error
				if _, rest, more, err = decode(rest); err != nil {
					t.Fatal(err)
				}
			}
		}); n != 0 {
			t.Errorf("%v allocations for a body, want none", n)
		}
	}
}

func FuzzDecodePayload3(f *testing.F) {
	for _, seed := range []string{
		"6:4hello10:b4AQIDBA==", "0:0:0:", "2:4€3:4😀", "2:4😀", "1:", ":", "99999999999999999999:4", "1:41:", "2:b4", "3:b4=", "-1:4", "1:2\x1e1:3", "0", "10:\xff\xfe",
	} {
		f.Add([]byte(seed), false)
	}
	for _, seed := range []string{
		"\x00\x06\xff4hello\x01\x03\xff\x04\x01\x02", "\x01\x00\xff", "\x00\x01", "\x00\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\xff4", "\x00\xff\xff",
		"\x00\x04\xff4\xed\xa0\x80", "\x00\x00\x00\x01\xff2", "\x01\x01\xff4", "\x02\x01\xff4",
	} {
		f.Add([]byte(seed), true)
	}
	f.Fuzz(func(t *testing.T, body []byte, binary bool) {
		if !binary && !utf8.Valid(body) {
			return // not the decoder's to check
		}
		packets, err := decode3(bytes.Clone(body), binary)
		if err != nil {
			return
		}
		for _, p := range packets {
			if !p.Binary && !utf8.Valid(p.Data) {
				t.Fatalf("%q: a text packet of %q", body, p.Data)
			}
		}
		// What was understood can be written either way and is understood in the same way.
		for _, as := range []bool{false, true} {
			again := encode3(packets, as)
			second, err := decode3(bytes.Clone(again), as)
			if err != nil {
				t.Fatalf("%q was written again as %q: %v", body, again, err)
			}
			if !slices.EqualFunc(packets, second, func(a, b EnginePacket) bool {
				return a.Type == b.Type && a.Binary == b.Binary && bytes.Equal(a.Data, b.Data)
			}) {
				t.Fatalf("%q was written again as %q and became %v", body, again, second)
			}
		}
		// The lengths are those of JavaScript.
		if !binary {
			if want := len(utf16.Encode([]rune(string(body)))); utf16Len(body) != want {
				t.Fatalf("%q has %d UTF-16 units, utf16Len says %d", body, want, utf16Len(body))
			}
		}
	})
}
