package packet

import (
	"bytes"
	"encoding/base64"
	"errors"
)

// EngineType is the type of an Engine.IO packet, as it stands on the wire.
type EngineType byte

// The Engine.IO packet types (Engine.IO protocol 4, "Packet types").
const (
	EngineOpen    EngineType = '0'
	EngineClose   EngineType = '1'
	EnginePing    EngineType = '2'
	EnginePong    EngineType = '3'
	EngineMessage EngineType = '4'
	EngineUpgrade EngineType = '5'
	EngineNoop    EngineType = '6'
)

// PayloadSeparator stands between the packets of a polling body.
const PayloadSeparator = 0x1e

// payloadBinary starts a packet of text that holds binary data.
const payloadBinary = 'b'

// What can be wrong with an Engine.IO packet.
var (
	ErrEngineType = errors.New("not an Engine.IO packet: it must start with a type from 0 to 6")
	ErrBase64     = errors.New("not a binary Engine.IO packet: after b there must be standard base64")
)

// EnginePacket is one packet of Engine.IO. Data shares memory with what it was
// decoded from.
type EnginePacket struct {
	Type   EngineType
	Data   []byte
	Binary bool // only of a message
}

// DecodeEngine reads one packet from the text of a WebSocket message or, with
// DecodePayload, of a polling body. Binary data, which a client with forceBase64
// writes as text over WebSocket too, is decoded in place, over its own base64. The
// padding of base64 may be left out; nothing else is forgiven, since a packet must not
// change on the way. It allocates nothing.
func DecodeEngine(text []byte) (EnginePacket, error) {
	if len(text) > 0 && text[0] == payloadBinary {
		data, err := decodeBase64(text[1:])
		if err != nil {
			return EnginePacket{}, err
		}
		return EnginePacket{Type: EngineMessage, Data: data, Binary: true}, nil
	}
	if len(text) == 0 || text[0] < byte(EngineOpen) || text[0] > byte(EngineNoop) {
		return EnginePacket{}, ErrEngineType
	}
	return EnginePacket{Type: EngineType(text[0]), Data: text[1:]}, nil
}

// DecodePayload reads the first packet of a polling body and returns what
// follows its separator; more is false after the last packet.
func DecodePayload(body []byte) (p EnginePacket, rest []byte, more bool, err error) {
	text := body
	if i := bytes.IndexByte(body, PayloadSeparator); i >= 0 {
		text, rest, more = body[:i], body[i+1:], true
	}
	if p, err = DecodeEngine(text); err != nil {
		return EnginePacket{}, nil, false, err
	}
	return p, rest, more, nil
}

// decodeBase64 decodes text over itself. The decoder of encoding/base64 writes
// at most as far as it has read, and skips line ends, which no client writes.
func decodeBase64(text []byte) ([]byte, error) {
	if bytes.IndexByte(text, '\n') >= 0 || bytes.IndexByte(text, '\r') >= 0 {
		return nil, ErrBase64
	}
	encoding := base64.StdEncoding
	if len(text)%4 != 0 {
		encoding = base64.RawStdEncoding
	}
	n, err := encoding.Decode(text, text)
	if err != nil {
		return nil, ErrBase64
	}
	return text[:n], nil
}

// AppendPayload appends a packet of a polling body to dst: the separator if dst
// is not empty, then the packet. For a binary message only Data counts.
func AppendPayload(dst []byte, p EnginePacket) []byte {
	if len(dst) > 0 {
		dst = append(dst, PayloadSeparator)
	}
	if p.Binary {
		dst = append(dst, payloadBinary)
		return base64.StdEncoding.AppendEncode(dst, p.Data)
	}
	dst = append(dst, byte(p.Type))
	return append(dst, p.Data...)
}

// Base64Len is the length of what AppendBase64 appends for n bytes.
func Base64Len(n int) int { return base64.StdEncoding.EncodedLen(n) }

// AppendBase64 appends data in the base64 of polling bodies. Pieces join up to
// the base64 of the whole where all but the last are a multiple of 3 bytes long.
func AppendBase64(dst, data []byte) []byte { return base64.StdEncoding.AppendEncode(dst, data) }
