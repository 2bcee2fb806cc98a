package engine

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// refusal is the number of a refused request, as the official server gives it.
type refusal int

const (
	codeNone               refusal = -1
	codeUnknownTransport   refusal = 0
	codeUnknownSession     refusal = 1
	codeBadMethod          refusal = 2
	codeBadRequest         refusal = 3
	codeForbidden          refusal = 4
	codeUnsupportedVersion refusal = 5
	codeBusy               refusal = 6 // not of the official server: a bound on connections
)

var refusalMessages = [...]string{
	codeUnknownTransport:   "Transport unknown",
	codeUnknownSession:     "Session ID unknown",
	codeBadMethod:          "Bad handshake method",
	codeBadRequest:         "Bad request",
	codeForbidden:          "Forbidden",
	codeUnsupportedVersion: "Unsupported protocol version",
}

// refuse answers a request that the protocol calls invalid: status 400, or 403
// for a forbidden one, with {code, message}; a WebSocket handshake gets status
// 400 and the message as plain text, and its connection closes.
func refuse(w http.ResponseWriter, upgrade bool, code refusal) {
	message := refusalMessages[code]
	if upgrade {
		refuseHandshake(w, http.StatusBadRequest, message)
		return
	}
	status := http.StatusBadRequest
	if code == codeForbidden {
		status = http.StatusForbidden
	}
	answerRefusal(w, status, code, message)
}

// answerRefusal answers with {code, message}.
func answerRefusal(w http.ResponseWriter, status int, code refusal, message string) {
	body := `{"code":` + strconv.Itoa(int(code)) + `,"message":"` + message + `"}`
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// refuseHandshake answers a WebSocket handshake that cannot be accepted.
func refuseHandshake(w http.ResponseWriter, status int, message string) {
	header := w.Header()
	header.Set("Connection", "close")
	header.Set("Content-Type", "text/plain; charset=UTF-8")
	header.Set("Content-Length", strconv.Itoa(len(message)))
	w.WriteHeader(status)
	_, _ = io.WriteString(w, message)
}

// openTail is the OPEN packet's JSON after the session's id.
func openTail(o *Options, upgrades []string) string {
	if upgrades == nil {
		upgrades = []string{}
	}
	tail, err := json.Marshal(struct {
		Upgrades     []string `json:"upgrades"`
		PingInterval int64    `json:"pingInterval"`
		PingTimeout  int64    `json:"pingTimeout"`
		MaxPayload   int      `json:"maxPayload"`
	}{upgrades, o.PingInterval.Milliseconds(), o.PingTimeout.Milliseconds(), o.MaxPayload})
	if err != nil {
		panic(err) // numbers and texts are always JSON
	}
	return `",` + strings.TrimPrefix(string(tail), "{")
}
