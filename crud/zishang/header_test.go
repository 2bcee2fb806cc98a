package zishang

import (
	"strconv"
	"testing"

	"github.com/zishang520/engine.io/v2/types"
	"github.com/zishang520/socket.io-go-parser/v2/parser"
)

func TestEventName(t *testing.T) {
	for payload, want := range map[string]string{
		`["GET","items",1]`: "GET", `["GET"]`: "GET", " [ \t\"GET\"\n]": "GET", `["G\u0045T"]`: "GET", `["a\"b"]`: `a"b`, `["a\\"]`: `a\`,
		`[]`: "", `["GET`: "", `["GET\`: "", `["\x"]`: "", `[1]`: "", `{"GET":1}`: "", `"GET"`: "", ``: "", `[`: "",
	} {
		if got := string(eventName([]byte(payload))); got != want {
			t.Errorf("%s: got %q, want %q", payload, got, want)
		}
	}
}

// Both read a packet alike: what the library's decoder lets through as an event or
// an ack has the same namespace and id here, and arguments there if it has a payload here.
func FuzzReadHeader(f *testing.F) {
	for _, packet := range []string{
		`2["GET","items",1]`, `27["GET"]`, `2/shop,7["GET"]`, `2/shop`, `2/shop,`, `2`, `20`, `2/`, `50-`, `51-["GET"]`, `512-/shop,["GET"]`,
		`5-["GET"]`, `5x-["GET"]`, `3`, `31[]`, `60-`, `61-7[]`, `0`, `0{"token":1}`, `1`, `4`, `7`, `218446744073709551616["GET"]`, `2 ["GET"]`, `2/a b,["GET"]x`,
		"2/\xff,[\"GET\"]", `2null`, `2007["GET"]`, `2["connect"]`, ``,
	} {
		f.Add(packet)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var packet *parser.Packet
		decoder := parser.NewDecoder()
		_ = decoder.On("decoded", func(args ...any) { packet = args[0].(*parser.Packet) })
		if decoder.Add(types.NewStringBufferString(text)) != nil {
			return
		}
		h, ok := readHeader([]byte(text))
		if packet == nil { // attachments are still to come
			if !ok || !h.binary() || h.attachments == 0 {
				t.Fatalf("%q: %+v, %v, want attachments", text, h, ok)
			}
			return
		}
		if !ok || h.kind != byte(packet.Type) || string(h.namespace) != packet.Nsp {
			t.Fatalf("%q: %+v, %v, want %+v", text, h, ok, packet)
		}
		if id, err := strconv.ParseUint(string(h.id), 10, 64); (err == nil) != (packet.Id != nil) || err == nil && id != *packet.Id {
			t.Fatalf("%q: id %q, want %v", text, h.id, packet.Id)
		}
		if _, arguments := packet.Data.([]any); h.hasArguments() && arguments != (len(h.payload) > 0) {
			t.Fatalf("%q: payload %q, want %v", text, h.payload, packet.Data)
		}
	})
}
