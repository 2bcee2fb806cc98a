package hostile

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
)

// protocol3 tells whether the session speaks Engine.IO protocol 3.
func (s *session) protocol3() bool { return strings.HasPrefix(s.eio, "3") }

// encode makes a polling body of one packet.
func (s *session) encode(packet string) string {
	if s.protocol3() {
		return strconv.Itoa(units(packet)) + ":" + packet
	}
	return packet
}

// encodeBinary makes a polling body of one binary message.
func (s *session) encodeBinary(data string) string {
	text := base64.StdEncoding.EncodeToString([]byte(data))
	if s.protocol3() {
		return s.encode("b4" + text)
	}
	return "b" + text
}

// units is the length of a text as JavaScript counts it.
func units(text string) int { return len(utf16.Encode([]rune(text))) }

// decode takes the packets from the body of a poll. A binary one begins with "b:".
func (s *session) decode(body string) (packets []string, err error) {
	if !s.protocol3() {
		for packet := range strings.SplitSeq(body, "\x1e") {
			if packet, err = fromBase64(packet, "b"); err != nil {
				return nil, err
			}
			packets = append(packets, packet)
		}
		return packets, nil
	}
	for body != "" {
		if body[0] <= 1 { // as binary data: a byte for each digit of the length, which 255 ends
			digits, rest, found := strings.Cut(body[1:], "\xff")
			n := 0
			for _, digit := range []byte(digits) {
				n = n*10 + int(digit)
			}
			if !found || n > len(rest) {
				return nil, fmt.Errorf("%.200q is no payload of protocol 3", body)
			}
			packet := rest[:n]
			if body[0] == 1 {
				packet = "b:" + strings.TrimPrefix(packet, "\x04")
			}
			packets, body = append(packets, packet), rest[n:]
			continue
		}
		length, rest, found := strings.Cut(body, ":")
		n, err := strconv.Atoi(length)
		if err != nil || !found {
			return nil, fmt.Errorf("%.200q is no payload of protocol 3", body)
		}
		end := 0
		for _, r := range rest {
			if n <= 0 {
				break
			}
			n -= utf16.RuneLen(r)
			end += len(string(r))
		}
		if n != 0 {
			return nil, fmt.Errorf("%.200q is shorter than it says", body)
		}
		packet, err := fromBase64(rest[:end], "b4")
		if err != nil {
			return nil, err
		}
		packets, body = append(packets, packet), rest[end:]
	}
	if len(packets) == 0 {
		return nil, fmt.Errorf("an empty payload")
	}
	return packets, nil
}

// fromBase64 decodes a packet that begins with what marks a binary one.
func fromBase64(packet, mark string) (string, error) {
	encoded, binary := strings.CutPrefix(packet, mark)
	if !binary {
		return packet, nil
	}
	data, err := base64.StdEncoding.DecodeString(encoded)
	return "b:" + string(data), err
}
