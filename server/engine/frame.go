package engine

import (
	"encoding/binary"
	"errors"
	"unicode/utf8"

	"github.com/gobwas/ws"
)

// A frameError is what is wrong with a frame: the close code of RFC 6455
// section 7.4.1 to answer with, and a sentence for the log.
type frameError struct {
	code ws.StatusCode
	text string
}

func (e *frameError) Error() string { return e.text }

var (
	errReserved     = &frameError{ws.StatusProtocolError, "a frame has an unknown opcode, or a reserved bit for which no extension was agreed"}
	errUnmasked     = &frameError{ws.StatusProtocolError, "a frame of a client must be masked"}
	errControl      = &frameError{ws.StatusProtocolError, "a control frame must be whole and of at most 125 bytes"}
	errContinuation = &frameError{ws.StatusProtocolError, "a continuation frame must follow the start of a message, and nothing else may"}
	errLength       = &frameError{ws.StatusProtocolError, "the highest bit of a frame's length must be 0"}
	errTooBig       = &frameError{ws.StatusMessageTooBig, "a message is larger than the server's maxPayload"}
	errNotUTF8      = &frameError{ws.StatusInvalidFramePayloadData, "a text message must be UTF-8"}
	errCloseFrame   = &frameError{ws.StatusProtocolError, "a close frame must be empty or start with a close code that may be sent"}
)

// errIncomplete says that more bytes are needed to read a frame's header.
var errIncomplete = errors.New("engine: the frame goes on")

// frameHeader is the header of one frame of a client.
type frameHeader struct {
	op         ws.OpCode
	fin        bool
	compressed bool // the first frame of a compressed message
	mask       [4]byte
	size       int // of the header itself
	payload    int // bytes that follow it
}

// parseHeader reads the header of a client's frame from the start of buf. A
// payload over limit is errTooBig; a header that is not whole yet
// errIncomplete, unless what is there is already wrong. extension is the reserved
// bit that an extension uses in the first frame of a message, 0 without one.
func parseHeader(buf []byte, limit int, extension byte) (h frameHeader, err error) {
	if len(buf) < 2 {
		return h, errIncomplete
	}
	h.fin = buf[0]&0x80 != 0
	h.op = ws.OpCode(buf[0] & 0x0f)
	reserved := buf[0] & 0x70
	if h.op == ws.OpText || h.op == ws.OpBinary {
		h.compressed = reserved&extension != 0
		reserved &^= extension
	}
	if reserved != 0 || h.op.IsReserved() {
		return h, errReserved
	}
	if buf[1]&0x80 == 0 {
		return h, errUnmasked
	}
	length := uint64(buf[1] & 0x7f)
	if h.op.IsControl() && (!h.fin || length > ws.MaxControlFramePayloadSize) {
		return h, errControl
	}
	h.size = 2
	switch length {
	case 126:
		if len(buf) < 4 {
			return h, errIncomplete
		}
		length = uint64(binary.BigEndian.Uint16(buf[2:]))
		h.size = 4
	case 127:
		if len(buf) < 10 {
			return h, errIncomplete
		}
		length = binary.BigEndian.Uint64(buf[2:])
		if length>>63 != 0 {
			return h, errLength
		}
		h.size = 10
	}
	if length > uint64(limit) {
		return h, errTooBig
	}
	h.payload = int(length)
	if len(buf) < h.size+4 {
		return h, errIncomplete
	}
	copy(h.mask[:], buf[h.size:])
	h.size += 4
	return h, nil
}

// checkClose reads a client's close frame and returns the code to answer with,
// which is 0 where it had none.
func checkClose(payload []byte) (ws.StatusCode, error) {
	if len(payload) == 0 {
		return 0, nil
	}
	if len(payload) == 1 {
		return 0, errCloseFrame
	}
	code := ws.StatusCode(binary.BigEndian.Uint16(payload))
	switch {
	case code < 1000, code == 1004, code == 1005, code == 1006, code > 1014 && code < 3000, code > 4999:
		return 0, errCloseFrame
	case !utf8.Valid(payload[2:]):
		return 0, errNotUTF8
	}
	return code, nil
}

// maxClientHeader is the size of the longest header that a client writes.
const maxClientHeader = maxServerHeader + 4

// maxServerHeader is the size of the longest header that the server writes.
const maxServerHeader = 10

// headerSize is the size of the header of a server's frame.
func headerSize(payload int) int {
	switch {
	case payload < 126:
		return 2
	case payload <= 0xffff:
		return 4
	default:
		return maxServerHeader
	}
}

// appendHeader appends the header of a whole, unmasked frame.
func appendHeader(dst []byte, op ws.OpCode, payload int) []byte {
	dst = append(dst, 0x80|byte(op))
	switch headerSize(payload) {
	case 2:
		return append(dst, byte(payload))
	case 4:
		return binary.BigEndian.AppendUint16(append(dst, 126), uint16(payload))
	default:
		return binary.BigEndian.AppendUint64(append(dst, 127), uint64(payload))
	}
}

// appendClose appends a close frame; code 0 has none.
func appendClose(dst []byte, code ws.StatusCode) []byte {
	if code == 0 {
		return appendHeader(dst, ws.OpClose, 0)
	}
	return binary.BigEndian.AppendUint16(appendHeader(dst, ws.OpClose, 2), uint16(code))
}

// nextOwnFrame takes the first frame from a run of frames that this server
// wrote, which are whole and unmasked.
func nextOwnFrame(run []byte) (op ws.OpCode, payload, rest []byte) {
	size, length := 2, int(run[1])
	switch length {
	case 126:
		size, length = 4, int(binary.BigEndian.Uint16(run[2:]))
	case 127:
		size, length = maxServerHeader, int(binary.BigEndian.Uint64(run[2:]))
	}
	return ws.OpCode(run[0] & 0x0f), run[size : size+length], run[size+length:]
}
