package engine

import (
	"net/url"

	"github.com/gobwas/ws"

	"ackbase/server/packet"
)

// What protocol 3 has otherwise than 4: binary messages begin with their type, or are text for
// clients without binary (see form); polling bodies tell lengths; the client pings.

// protocolOf is the protocol that a handshake asks for, 0 for one that there is none of, and the
// form of the session's frames.
func (srv *Server) protocolOf(query url.Values) (protocol int, f form) {
	switch eio := query.Get("EIO"); {
	case eio == "4":
		return 4, plain
	case eio != "3" || !srv.options.AllowEIO3:
		return 0, plain
	case query.Get("b64") != "":
		return 3, inBase64
	}
	return 3, typed
}

// octetStream is the type of a binary polling body, either way.
const octetStream = "application/octet-stream"

// decoder reads the first packet of a polling body.
type decoder func(body []byte) (p packet.EnginePacket, rest []byte, more bool, err error)

// decoder is what reads the session's polling bodies of a type.
func (s *Session) decoder(contentType string) decoder {
	switch {
	case s.protocol != 3:
		return packet.DecodePayload
	case contentType == octetStream:
		return packet.DecodePayload3Binary
	}
	return packet.DecodePayload3
}

// A framing is how the packets of a poll's answer are told apart.
type framing byte

const (
	separated     framing = iota // protocol 4: U+001E between them, binary as b and base64
	counted                      // protocol 3: their lengths before them
	countedBinary                // protocol 3 with binary among them: the same, and binary as it is
)

// framingOf is how the session's client reads an answer of these frames.
func (s *Session) framingOf(out *outbox) framing {
	if s.protocol != 3 {
		return separated
	}
	for i := 0; out != nil && i < len(out.chunks); i++ {
		for rest := out.chunks[i].b; len(rest) > 0; {
			var op ws.OpCode
			if op, _, rest = nextOwnFrame(rest); op == ws.OpBinary {
				return countedBinary
			}
		}
	}
	return counted
}

// maxPacketHead is the most that appendPacketHead appends.
const maxPacketHead = 24

// appendPacketHead appends what stands before a packet in a poll's answer. first says that none
// has come before it.
func (f framing) appendPacketHead(dst []byte, op ws.OpCode, data []byte, first bool) []byte {
	switch f {
	case counted:
		return packet.AppendPayload3Head(dst, data)
	case countedBinary:
		return packet.AppendPayload3BinaryHead(dst, len(data), op == ws.OpBinary)
	}
	if !first {
		dst = append(dst, packet.PayloadSeparator)
	}
	if op == ws.OpBinary {
		dst = append(dst, 'b')
	}
	return dst
}
