// Package packet is the wire: Engine.IO payloads and Socket.IO packets, as pure functions over bytes.
package packet

import (
	"bytes"
	"errors"
	"strconv"
	"unicode/utf8"
)

// Type is the type of a Socket.IO packet: the first digit of its text.
type Type byte

// The packet types of Socket.IO protocol 5.
const (
	Connect      Type = iota // a client asks for a namespace, or the server's answer to it
	Disconnect               // one side leaves a namespace
	Event                    // an event: a non-empty array, its name first
	Ack                      // the answer to an event that carried an id: an array
	ConnectError             // the server refuses a namespace
	BinaryEvent              // an Event whose arguments refer to binary attachments
	BinaryAck                // an Ack whose arguments refer to binary attachments
)

// String gives the type's name as the protocol's text writes it.
func (t Type) String() string {
	switch t {
	case Connect:
		return "CONNECT"
	case Disconnect:
		return "DISCONNECT"
	case Event:
		return "EVENT"
	case Ack:
		return "ACK"
	case ConnectError:
		return "CONNECT_ERROR"
	case BinaryEvent:
		return "BINARY_EVENT"
	case BinaryAck:
		return "BINARY_ACK"
	}
	return "packet type " + strconv.Itoa(int(t))
}

// Binary reports whether packets of the type are followed by attachments.
func (t Type) Binary() bool { return t == BinaryEvent || t == BinaryAck }

// NoID is the ID of a packet that carries none.
const NoID = int64(-1)

// MaxID is the largest ack id: the largest integer that JavaScript holds exactly.
const MaxID = int64(1)<<53 - 1

// Packet is one parsed Socket.IO packet. Its slices point into the text that it was parsed from
// and are valid as long as that text is.
type Packet struct {
	Type        Type
	Attachments int    // how many binary messages follow; 0 but for the binary types
	Namespace   []byte // "/" for the main namespace; valid UTF-8, begins with a slash, without a comma
	ID          int64  // the ack id, or NoID
	Data        []byte // the JSON that follows, nil where there is none; not looked at by Parse
}

var mainNamespace = []byte("/")

// separator stands between the packets of one polling body, so that no packet may have it in its
// text. JSON cannot.
const separator = 0x1e

// What makes a packet unparseable. Parse, Args and CheckPlaceholders return these as they are.
var (
	ErrEmpty       = errors.New("the packet is empty: it must begin with a packet type from 0 to 6")
	ErrType        = errors.New("unknown packet type: it must be a digit from 0 to 6")
	ErrAttachments = errors.New("illegal attachments: a binary packet begins with their number, from 1, and a hyphen")
	ErrTooMany     = errors.New("too many attachments in one packet")
	ErrNamespace   = errors.New("the namespace must be UTF-8 without U+001E")
	ErrID          = errors.New("the ack id is too large: it must be an integer that JavaScript holds exactly")
)

// Parse reads the head of a Socket.IO packet: `<type>[<attachments>-][<namespace>,][<id>][<data>]`.
// It allocates nothing. The data is not looked at: CONNECT's and CONNECT_ERROR's are for Valid, an event's
// and an ack's for Args. A binary packet with more than maxAttachments attachments is ErrTooMany.
//
// Source: Socket.IO protocol 5. Where the official decoder takes any text that JavaScript turns
// into a number ("0x1", "+1", a space) for a count or an id, only decimal digits count here.
func Parse(text []byte, maxAttachments int) (Packet, error) {
	p := Packet{Namespace: mainNamespace, ID: NoID}
	if len(text) == 0 {
		return p, ErrEmpty
	}
	if text[0] < '0' || text[0] > '6' {
		return p, ErrType
	}
	p.Type = Type(text[0] - '0')
	rest := text[1:]

	if p.Type.Binary() {
		n, digits := leadingNumber(rest)
		if digits == 0 || digits == len(rest) || rest[digits] != '-' || n < 1 {
			return p, ErrAttachments
		}
		if n > int64(maxAttachments) {
			return p, ErrTooMany
		}
		p.Attachments = int(n)
		rest = rest[digits+1:]
	}

	if len(rest) > 0 && rest[0] == '/' {
		end := 0
		for end < len(rest) && rest[end] != ',' {
			end++
		}
		p.Namespace = rest[:end:end]
		if !utf8.Valid(p.Namespace) || bytes.IndexByte(p.Namespace, separator) >= 0 {
			return p, ErrNamespace
		}
		if end < len(rest) {
			end++ // the comma
		}
		rest = rest[end:]
	}

	if id, digits := leadingNumber(rest); digits > 0 {
		if id > MaxID {
			return p, ErrID
		}
		p.ID = id
		rest = rest[digits:]
	}
	if len(rest) > 0 {
		p.Data = rest
	}
	return p, nil
}

// leadingNumber reads the decimal digits at the start of text. A number beyond MaxID comes back as MaxID+1.
func leadingNumber(text []byte) (n int64, digits int) {
	for digits < len(text) && text[digits] >= '0' && text[digits] <= '9' {
		n = n*10 + int64(text[digits]-'0')
		if n > MaxID {
			n = MaxID + 1
		}
		digits++
	}
	return n, digits
}

// AppendHead appends everything of a packet that stands before its data: the type, for the binary types
// the number of attachments, the namespace unless it is "" or "/", and the id unless it is NoID.
// The caller vouches that the namespace has no comma, which the wire cannot carry.
func AppendHead(dst []byte, t Type, attachments int, namespace string, id int64) []byte {
	dst = append(dst, '0'+byte(t))
	if t.Binary() {
		dst = strconv.AppendInt(dst, int64(attachments), 10)
		dst = append(dst, '-')
	}
	if namespace != "" && namespace != "/" {
		dst = append(dst, namespace...)
		dst = append(dst, ',')
	}
	if id != NoID {
		dst = strconv.AppendInt(dst, id, 10)
	}
	return dst
}
