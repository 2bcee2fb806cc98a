package hostile

import (
	"encoding/binary"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// The opcodes of RFC 6455, section 5.2.
const (
	opCont   = 0x0
	opText   = 0x1
	opBinary = 0x2
	opClose  = 0x8
	opPing   = 0x9
	opPong   = 0xa
)

var opcodes = map[string]byte{
	"cont": opCont, "text": opText, "binary": opBinary, "close": opClose, "ping": opPing, "pong": opPong,
}

// mask is what the player's frames are masked with.
var mask = [4]byte{0x5a, 0xa5, 0x3c, 0xc3}

// appendFrame appends a frame as KIND says, however wrong.
func appendFrame(dst []byte, kind string, payload string) ([]byte, error) {
	words := strings.Split(kind, "+")
	op, ok := opcodes[words[0]]
	if !ok {
		n, err := strconv.ParseUint(words[0], 0, 4)
		if err != nil {
			return nil, fmt.Errorf("%q is no opcode", words[0])
		}
		op = byte(n)
	}
	first, masked, length, width := 0x80|op, byte(0x80), uint64(len(payload)), 0
	for _, word := range words[1:] {
		switch word {
		case "more":
			first &^= 0x80
		case "rsv1":
			first |= 0x40
		case "rsv2":
			first |= 0x20
		case "rsv3":
			first |= 0x10
		case "unmasked":
			masked = 0
		case "len16":
			width = 2
		case "len64":
			width = 8
		default:
			claimed, ok := strings.CutPrefix(word, "claims:")
			n, err := strconv.ParseUint(claimed, 0, 64)
			if !ok || err != nil {
				return nil, fmt.Errorf("%q says nothing about a frame", word)
			}
			length = n
		}
	}
	dst = append(dst, first)
	switch {
	case width == 8 || length > 0xffff:
		dst = binary.BigEndian.AppendUint64(append(dst, masked|127), length)
	case width == 2 || length > 125:
		dst = binary.BigEndian.AppendUint16(append(dst, masked|126), uint16(length))
	default:
		dst = append(dst, masked|byte(length))
	}
	if masked == 0 {
		return append(dst, payload...), nil
	}
	dst = append(dst, mask[:]...)
	for i := range len(payload) {
		dst = append(dst, payload[i]^mask[i%4])
	}
	return dst, nil
}

// readFrame reads one frame of the server, which must be whole, unmasked and without
// reserved bits.
func readFrame(r io.Reader) (op byte, payload []byte, err error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:2]); err != nil {
		return 0, nil, err
	}
	if head[0]&0xf0 != 0x80 || head[1]&0x80 != 0 {
		return 0, nil, fmt.Errorf("the server's frame begins with %x", head[:2])
	}
	op = head[0] & 0xf
	length := uint64(head[1])
	switch length {
	case 126:
		_, err = io.ReadFull(r, head[:2])
		length = uint64(binary.BigEndian.Uint16(head[:]))
	case 127:
		_, err = io.ReadFull(r, head[:8])
		length = binary.BigEndian.Uint64(head[:])
	}
	if err == nil && length > maxFrame {
		err = fmt.Errorf("the server's frame claims %d bytes", length)
	}
	if err != nil {
		return 0, nil, err
	}
	payload = make([]byte, length)
	_, err = io.ReadFull(r, payload)
	return op, payload, err
}

// maxFrame is more than a server may answer with.
const maxFrame = 64 << 20
