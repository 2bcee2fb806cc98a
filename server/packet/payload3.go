package packet

import (
	"errors"
	"strconv"
	"unicode/utf8"
)

// What can be wrong with a payload of Engine.IO protocol 3, beside its packets.
var (
	ErrPayload = errors.New("not a payload of Engine.IO protocol 3: before each packet there must be its length")
	ErrUTF8    = errors.New("a text packet must be UTF-8")
)

// The bytes of a binary payload of protocol 3 that begin a packet of text, begin one of
// binary data, and end the length.
const (
	payload3Text   = 0x00
	payload3Binary = 0x01
	payload3Length = 0xff
)

// binaryMessage is the type of a message as the first byte of binary data in protocol 3.
const binaryMessage = byte(EngineMessage - '0')

// DecodeEngine3 reads one packet of Engine.IO protocol 3 from a WebSocket message, or with
// the functions below from a payload: text as in protocol 4, or b4 and base64, which is
// decoded in place; binary data begins with a byte 4. It allocates nothing.
func DecodeEngine3(data []byte, binary bool) (EnginePacket, error) {
	switch {
	case binary:
		if len(data) == 0 || data[0] != binaryMessage {
			return EnginePacket{}, ErrEngineType
		}
		return EnginePacket{Type: EngineMessage, Data: data[1:], Binary: true}, nil
	case len(data) > 0 && data[0] == payloadBinary:
		if len(data) < 2 || data[1] != byte(EngineMessage) {
			return EnginePacket{}, ErrEngineType
		}
		data = data[1:]
		data[0] = payloadBinary // as in protocol 4
	}
	return DecodeEngine(data)
}

// DecodePayload3 reads the first packet of a polling body of protocol 3 that is text,
// <length>:<packet>, and returns what follows it; more is false where nothing does. The
// length counts UTF-16 units, as JavaScript does. body must be UTF-8. An empty packet, which
// the protocol allows, is a NOOP.
func DecodePayload3(body []byte) (p EnginePacket, rest []byte, more bool, err error) {
	n, digits := leadingNumber(body)
	if digits == 0 || digits == len(body) || body[digits] != ':' {
		return EnginePacket{}, nil, false, ErrPayload
	}
	text := body[digits+1:]
	size, ok := utf16Prefix(text, n)
	if !ok {
		return EnginePacket{}, nil, false, ErrPayload
	}
	return packet3(text[:size], text[size:], false)
}

// DecodePayload3Binary is DecodePayload3 for a body of type application/octet-stream: a byte
// 0 for text or 1 for binary data, the digits of the length in bytes (0 to 9, not their
// characters), a byte 255, the packet.
func DecodePayload3Binary(body []byte) (p EnginePacket, rest []byte, more bool, err error) {
	if len(body) == 0 || body[0] > payload3Binary {
		return EnginePacket{}, nil, false, ErrPayload
	}
	n, i := 0, 1
	for ; i < len(body) && body[i] <= 9 && n <= len(body); i++ {
		n = n*10 + int(body[i])
	}
	if i == 1 || i == len(body) || body[i] != payload3Length || n > len(body)-i-1 {
		return EnginePacket{}, nil, false, ErrPayload
	}
	data := body[i+1:]
	binary := body[0] == payload3Binary
	if !binary && !utf8.Valid(data[:n]) {
		return EnginePacket{}, nil, false, ErrUTF8
	}
	return packet3(data[:n], data[n:], binary)
}

// packet3 ends the decoding of a payload's first packet.
func packet3(data, rest []byte, binary bool) (EnginePacket, []byte, bool, error) {
	if len(data) == 0 && !binary {
		return EnginePacket{Type: EngineNoop}, rest, len(rest) > 0, nil
	}
	p, err := DecodeEngine3(data, binary)
	if err != nil {
		return EnginePacket{}, nil, false, err
	}
	return p, rest, len(rest) > 0, nil
}

// utf16Prefix tells how many bytes of text, which is UTF-8, are n UTF-16 units; false where
// there are fewer, or where they would end within a surrogate pair.
func utf16Prefix(text []byte, n int64) (size int, ok bool) {
	if n > int64(len(text)) {
		return 0, false
	}
	for n > 0 && size < len(text) {
		width := 1
		if text[size] >= utf8.RuneSelf {
			if _, width = utf8.DecodeRune(text[size:]); width == utf8.UTFMax {
				n--
			}
		}
		size += width
		n--
	}
	return size, n == 0
}

// utf16Len is the number of UTF-16 units of text, which is UTF-8: one for each sequence, two
// for one of four bytes.
func utf16Len(text []byte) int {
	n := 0
	for _, c := range text {
		if c&0xc0 != 0x80 {
			n++
		}
		if c >= 0xf0 {
			n++
		}
	}
	return n
}

// AppendPayload3Head appends what stands before a packet of text in a payload of protocol 3 that is
// text.
func AppendPayload3Head(dst, text []byte) []byte {
	return append(strconv.AppendInt(dst, int64(utf16Len(text)), 10), ':')
}

// AppendPayload3BinaryHead appends what stands before a packet of size bytes in a payload of
// protocol 3 that is binary. Binary data begins with its type, see AppendBinary3.
func AppendPayload3BinaryHead(dst []byte, size int, binary bool) []byte {
	kind := byte(payload3Text)
	if binary {
		kind = payload3Binary
	}
	start := len(dst) + 1
	dst = strconv.AppendInt(append(dst, kind), int64(size), 10)
	for i := start; i < len(dst); i++ {
		dst[i] -= '0'
	}
	return append(dst, payload3Length)
}

// AppendBinary3 appends a binary message as protocol 3 has it in a binary WebSocket frame or
// payload: its type and the data.
func AppendBinary3(dst, data []byte) []byte { return append(append(dst, binaryMessage), data...) }

// AppendBase64Binary3 appends a binary message as protocol 3 has it for clients without
// binary: text of b, its type and the base64 of the data.
func AppendBase64Binary3(dst, data []byte) []byte {
	return AppendBase64(append(dst, payloadBinary, byte(EngineMessage)), data)
}

// Base64Binary3Len is the length of what AppendBase64Binary3 appends for n bytes.
func Base64Binary3Len(n int) int { return 2 + Base64Len(n) }
