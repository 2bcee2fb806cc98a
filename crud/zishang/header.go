package zishang

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// header is a Socket.IO packet, cut where its JSON begins:
// `<kind>[<attachments>-][<namespace>,][<id>][<payload>]` (Socket.IO protocol 5).
type header struct {
	kind        byte
	attachments uint64
	namespace   []byte
	id          []byte // empty where no answer is wanted
	payload     []byte
}

// The kinds of packets that carry arguments.
const (
	event       = '2'
	ack         = '3'
	binaryEvent = '5'
	binaryAck   = '6'
)

func (h *header) isEvent() bool { return h.kind == event || h.kind == binaryEvent }

func (h *header) binary() bool { return h.kind == binaryEvent || h.kind == binaryAck }

func (h *header) hasArguments() bool { return h.isEvent() || h.kind == ack || h.kind == binaryAck }

var mainNamespace = []byte("/")

// readHeader reads a packet as the library's decoder does, so that both mean the
// same. It is false for what the decoder refuses, which is not all that is malformed.
func readHeader(text []byte) (h header, ok bool) {
	if len(text) == 0 {
		return h, false
	}
	h.kind, text = text[0], text[1:]
	if h.binary() {
		count, rest, found := bytes.Cut(text, []byte("-"))
		n, err := strconv.ParseUint(string(count), 10, 64)
		if !found || err != nil {
			return h, false
		}
		h.attachments, text = n, rest
	}
	h.namespace = mainNamespace
	if len(text) > 0 && text[0] == '/' {
		h.namespace, text, _ = bytes.Cut(text, []byte(","))
	}
	digits := 0
	for digits < len(text) && text[digits] >= '0' && text[digits] <= '9' {
		digits++
	}
	h.id, h.payload = text[:digits], text[digits:]
	if digits > 0 {
		if _, err := strconv.ParseUint(string(h.id), 10, 64); err != nil {
			return h, false
		}
	}
	return h, true
}

// eventName gives the name of an event, nil where the payload does not begin with one.
func eventName(payload []byte) []byte {
	const space = " \t\r\n"
	rest, ok := bytes.CutPrefix(bytes.TrimLeft(payload, space), []byte("["))
	rest = bytes.TrimLeft(rest, space)
	if !ok || len(rest) == 0 || rest[0] != '"' {
		return nil
	}
	end := 1
	for end < len(rest) && rest[end] != '"' {
		if rest[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(rest) {
		return nil
	}
	if name := rest[1:end]; bytes.IndexByte(name, '\\') < 0 {
		return name
	}
	var name string
	if json.Unmarshal(rest[:end+1], &name) != nil {
		return nil
	}
	return []byte(name)
}
