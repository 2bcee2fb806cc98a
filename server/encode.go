package server

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"unicode/utf8"

	"ackbase/server/engine"
	"ackbase/server/packet"
)

// Binary is bytes that travel as a binary attachment also where they are nested in an argument of
// Emit or Ack, such as in a field of a struct. (A []byte that is an argument itself is an
// attachment too; a nested []byte is base64 text, as in encoding/json.)
type Binary []byte

var binaryHead = []byte(`{"_placeholder":true,"base64":"`)

// MarshalJSON gives a form that Emit and Ack turn into an attachment. Other uses of encoding/json
// should convert to []byte.
func (b Binary) MarshalJSON() ([]byte, error) {
	out := base64.StdEncoding.AppendEncode(append([]byte(nil), binaryHead...), b)
	return append(out, `"}`...), nil
}

// UnmarshalJSON takes what Decode makes of an attachment.
func (b *Binary) UnmarshalJSON(data []byte) error { return json.Unmarshal(data, (*[]byte)(b)) }

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 512); return &b }}

// putBuffer gives a buffer back, unless it has become too large to keep.
func putBuffer(buf *[]byte, b []byte) {
	if cap(b) <= 64<<10 {
		*buf = b[:0]
		buffers.Put(buf)
	}
}

// messages makes the messages of one packet: its text, then its attachments.
func messages(kind packet.Type, namespace string, id int64, data []byte, attachments [][]byte) []*engine.Message {
	if len(attachments) == 0 {
		return []*engine.Message{engine.NewText(packet.AppendHead(nil, kind, 0, namespace, id), data)}
	}
	if kind == packet.Event {
		kind = packet.BinaryEvent
	} else {
		kind = packet.BinaryAck
	}
	list := make([]*engine.Message, 0, 1+len(attachments))
	list = append(list, engine.NewText(packet.AppendHead(nil, kind, len(attachments), namespace, id), data))
	for _, a := range attachments {
		list = append(list, engine.NewBinary(a))
	}
	return list
}

// encodeEvent encodes an event's name and arguments.
func encodeEvent(name string, args []any) (data []byte, attachments [][]byte, err error) {
	if err := checkName(name); err != nil {
		return nil, nil, err
	}
	return encodeArgs(append([]any{name}, args...))
}

func checkName(name string) error {
	if packet.Reserved(name) {
		return errors.New("server: " + name + " is a reserved event name")
	}
	return nil
}

// encodeArgs encodes an array of arguments.
func encodeArgs(args []any) (data []byte, attachments [][]byte, err error) {
	b := []byte{'['}
	for i, arg := range args {
		if i > 0 {
			b = append(b, ',')
		}
		switch v := arg.(type) {
		case []byte:
			b = packet.AppendPlaceholder(b, len(attachments))
			attachments = append(attachments, v)
		case Binary:
			b = packet.AppendPlaceholder(b, len(attachments))
			attachments = append(attachments, v)
		case json.RawMessage:
			if b, err = appendRaw(b, v); err != nil {
				return nil, nil, err
			}
		default:
			var encoded bytes.Buffer
			encoder := json.NewEncoder(&encoded)
			encoder.SetEscapeHTML(false)
			if err := encoder.Encode(arg); err != nil {
				return nil, nil, fmt.Errorf("server: argument %d cannot be encoded: %w", i, err)
			}
			b, attachments = takeBinary(b, bytes.TrimSuffix(encoded.Bytes(), []byte("\n")), attachments)
		}
	}
	b = append(b, ']')
	if len(attachments) > 0 {
		if err := packet.CheckPlaceholders(b, len(attachments)); err != nil {
			return nil, nil, err
		}
	}
	return b, attachments, nil
}

// takeBinary appends encoded, with what Binary.MarshalJSON made in it turned into placeholders.
func takeBinary(dst, encoded []byte, attachments [][]byte) ([]byte, [][]byte) {
	for {
		at := bytes.Index(encoded, binaryHead) // never within a text, where quotes are escaped
		if at < 0 {
			return append(dst, encoded...), attachments
		}
		start := at + len(binaryHead)
		end := start + bytes.IndexByte(encoded[start:], '"')
		raw, err := base64.StdEncoding.AppendDecode(nil, encoded[start:end])
		if err != nil || encoded[end+1] != '}' { // not Binary's own
			dst = append(dst, encoded[:start]...)
			encoded = encoded[start:]
			continue
		}
		dst = packet.AppendPlaceholder(append(dst, encoded[:at]...), len(attachments))
		attachments = append(attachments, raw)
		encoded = encoded[end+2:]
	}
}

// appendRaw appends JSON of the program's own or another client's, after a look at whether it would
// break the packet.
func appendRaw(dst []byte, raw json.RawMessage) ([]byte, error) {
	if len(raw) == 0 {
		return append(dst, "null"...), nil
	}
	if _, err := packet.Valid(raw); err != nil {
		return dst, fmt.Errorf("server: a raw argument cannot be sent: %w", err)
	}
	if !utf8.Valid(raw) {
		return dst, errors.New("server: a raw argument cannot be sent: it is not UTF-8")
	}
	return append(dst, raw...), nil
}

// encodeRaw encodes an array of raw arguments, after the name where it is not nil.
func encodeRaw(name *string, args []json.RawMessage, attachments [][]byte) ([]byte, error) {
	b := []byte{'['}
	if name != nil {
		if err := checkName(*name); err != nil {
			return nil, err
		}
		quoted, err := json.Marshal(*name)
		if err != nil {
			return nil, err
		}
		b = append(b, quoted...)
	}
	var err error
	for i, arg := range args {
		if i > 0 || name != nil {
			b = append(b, ',')
		}
		if b, err = appendRaw(b, arg); err != nil {
			return nil, err
		}
		if len(attachments) > 0 {
			if err := packet.CheckPlaceholders(arg, len(attachments)); err != nil {
				return nil, err
			}
		}
	}
	return append(b, ']'), nil
}
