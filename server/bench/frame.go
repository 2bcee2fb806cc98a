package bench

import (
	"encoding/binary"
	"errors"

	"github.com/gobwas/ws"
)

// maxFrame bounds what the generator takes from a server.
const maxFrame = 64 << 20

var (
	errMasked   = errors.New("the server sent a masked frame, which only clients may do")
	errReserved = errors.New("the server sent a frame with reserved bits, though no extension was agreed on")
	errLength   = errors.New("the server sent a frame of more than 64 MB")
)

// appendFrame appends text as one masked text frame (or another opcode's). The
// mask is not zero, since servers have a short cut for that.
func appendFrame(dst []byte, op ws.OpCode, mask [4]byte, text []byte) []byte {
	dst = append(dst, 0x80|byte(op))
	switch n := len(text); {
	case n < 126:
		dst = append(dst, 0x80|byte(n))
	case n < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, 0x80|126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, 0x80|127), uint64(n))
	}
	dst = append(dst, mask[:]...)
	start := len(dst)
	dst = append(dst, text...)
	ws.Cipher(dst[start:], mask, 0)
	return dst
}

// frame is one WebSocket frame from a server. Its data points into what was read.
type frame struct {
	op   ws.OpCode
	fin  bool
	data []byte
}

// cutFrame cuts the first frame off b. ok is false while it is not complete.
func cutFrame(b []byte) (f frame, rest []byte, ok bool, err error) {
	if len(b) < 2 {
		return f, b, false, nil
	}
	if b[0]&0x70 != 0 {
		return f, b, false, errReserved
	}
	if b[1]&0x80 != 0 {
		return f, b, false, errMasked
	}
	head, n := 2, uint64(b[1])
	switch {
	case n == 126 && len(b) >= 4:
		head, n = 4, uint64(binary.BigEndian.Uint16(b[2:]))
	case n == 127 && len(b) >= 10:
		head, n = 10, binary.BigEndian.Uint64(b[2:])
	case n >= 126:
		return f, b, false, nil
	}
	if n > maxFrame {
		return f, b, false, errLength
	}
	end := head + int(n)
	if len(b) < end {
		return f, b, false, nil
	}
	return frame{ws.OpCode(b[0] & 0x0f), b[0]&0x80 != 0, b[head:end]}, b[end:], true, nil
}
