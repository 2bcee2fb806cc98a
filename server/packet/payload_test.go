package packet

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"ackbase/server/hostile"
)

// decodeAll reads a whole polling body.
func decodeAll(body []byte) ([]EnginePacket, error) {
	var packets []EnginePacket
	for more := true; more; {
		var p EnginePacket
		var err error
		p, body, more, err = DecodePayload(body)
		if err != nil {
			return packets, err
		}
		packets = append(packets, p)
	}
	return packets, nil
}

func TestDecodePayload(t *testing.T) {
	for _, c := range []struct {
		body string
		want []EnginePacket
		err  error
	}{
		{"4hello", []EnginePacket{{EngineMessage, []byte("hello"), false}}, nil},
		{"4", []EnginePacket{{EngineMessage, []byte{}, false}}, nil},
		{"2\x1e4a\x1e3probe", []EnginePacket{{EnginePing, []byte{}, false}, {EngineMessage, []byte("a"), false}, {EnginePong, []byte("probe"), false}}, nil},
		{"4h\x1ebAQIDBA==", []EnginePacket{{EngineMessage, []byte("h"), false}, {EngineMessage, []byte{1, 2, 3, 4}, true}}, nil},
		{"bAQIDBA", []EnginePacket{{EngineMessage, []byte{1, 2, 3, 4}, true}}, nil},
		{"b", []EnginePacket{{EngineMessage, []byte{}, true}}, nil},
		{"", nil, ErrEngineType},
		{"abc", nil, ErrEngineType},
		{"7", nil, ErrEngineType},
		{"/", nil, ErrEngineType},
		{"4a\x1e", []EnginePacket{{EngineMessage, []byte("a"), false}}, ErrEngineType},
		{"4a\x1e\x1e4b", []EnginePacket{{EngineMessage, []byte("a"), false}}, ErrEngineType},
		{"b====", nil, ErrBase64},
		{"bA", nil, ErrBase64},
		{"bAQI\nDBA==", nil, ErrBase64},
		{"bAQIDBA==A", nil, ErrBase64},
		{"b-_-_", nil, ErrBase64},
	} {
		got, err := decodeAll([]byte(c.body))
		if !errors.Is(err, c.err) {
			t.Errorf("%q: error %v, want %v", c.body, err, c.err)
		}
		if len(got) != len(c.want) {
			t.Errorf("%q: %d packets, want %d", c.body, len(got), len(c.want))
			continue
		}
		for i, p := range got {
			if p.Type != c.want[i].Type || p.Binary != c.want[i].Binary || !bytes.Equal(p.Data, c.want[i].Data) {
				t.Errorf("%q: packet %d is %v, want %v", c.body, i, p, c.want[i])
			}
		}
	}
}

// Decoding in place relies on how encoding/base64 walks; every length must hold.
func TestDecodeBase64InPlace(t *testing.T) {
	for n := range 300 {
		data := make([]byte, n)
		for i := range data {
			data[i] = byte(i*7 + n)
		}
		body := AppendPayload(nil, EnginePacket{Type: EngineMessage, Data: data, Binary: true})
		if len(body) != 1+Base64Len(n) {
			t.Errorf("%d bytes are %d on the wire, Base64Len says %d", n, len(body), Base64Len(n))
		}
		unpadded := []byte(strings.TrimRight(string(body), "="))
		for _, b := range [][]byte{body, unpadded} {
			p, _, _, err := DecodePayload(b)
			if err != nil || !bytes.Equal(p.Data, data) {
				t.Fatalf("%d bytes came back as %d, error %v", n, len(p.Data), err)
			}
		}
	}
}

func TestDecodePayloadAllocatesNothing(t *testing.T) {
	body := []byte("4hello\x1e4world\x1e2")
	if n := testing.AllocsPerRun(100, func() {
		rest, more := body, true
		for more {
			var err error
			if _, rest, more, err = DecodePayload(rest); err != nil {
				t.Fatal(err)
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations for a body, want none", n)
	}
}

func FuzzDecodePayload(f *testing.F) {
	for _, seed := range []string{"4hello\x1ebAQIDBA==", "2probe", "", "\x1e", "b", "b=", "bAQ\x1e4", "4\x1e\x1e", "0{}", "6\x1e1", "b\r\n\r\n", "\xff\xfe"} {
		f.Add([]byte(seed))
	}
	for _, seed := range hostile.Bodies() {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		packets, err := decodeAll(bytes.Clone(body))
		if err != nil {
			return
		}
		var again []byte
		for _, p := range packets {
			again = AppendPayload(again, p)
		}
		second, err := decodeAll(again)
		if err != nil || len(second) != len(packets) {
			t.Fatalf("%q was written again as %q: %d packets became %d, error %v", body, again, len(packets), len(second), err)
		}
		for i := range second {
			if !bytes.Equal(second[i].Data, packets[i].Data) || second[i].Binary != packets[i].Binary {
				t.Fatalf("%q: packet %d changed", body, i)
			}
		}
	})
}
