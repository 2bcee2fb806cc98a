package rest

import (
	"encoding/base64"
	"net/http"
	"strings"
)

// handshakes tells whether a request is the opening handshake of a WebSocket (RFC 6455, 4.2.1). Where it is
// not, it is answered as everything else here is, which websocket.Accept would not do, and before
// anything is subscribed.
func handshakes(w http.ResponseWriter, r *http.Request) bool {
	header := w.Header()
	keys, versions := r.Header.Values("Sec-WebSocket-Key"), r.Header.Values("Sec-WebSocket-Version")
	switch {
	case !r.ProtoAtLeast(1, 1) || !names(r.Header, "Upgrade", "websocket") || !names(r.Header, "Connection", "upgrade") || r.Method != http.MethodGet:
		header.Set("Connection", "Upgrade")
		header.Set("Upgrade", "websocket")
		fail(w, "BAD_REQUEST", http.StatusUpgradeRequired, "this path is a WebSocket: open it with new WebSocket(…); GET "+Prefix+"{collection} answers without one")
	case len(versions) != 1 || strings.TrimSpace(versions[0]) != "13":
		header.Set("Sec-WebSocket-Version", "13")
		fail(w, "BAD_REQUEST", http.StatusUpgradeRequired, "Sec-WebSocket-Version is 13: there is no other version of WebSocket")
	case len(keys) != 1 || !isKey(strings.TrimSpace(keys[0])):
		fail(w, "BAD_REQUEST", http.StatusBadRequest, "Sec-WebSocket-Key is there once, and is 16 random bytes in Base64")
	default:
		return true
	}
	return false
}

// names tells whether a header that is a list has a word, in whatever case.
func names(header http.Header, name, word string) bool {
	for _, list := range header.Values(name) {
		for entry := range strings.SplitSeq(list, ",") {
			if strings.EqualFold(strings.TrimSpace(entry), word) {
				return true
			}
		}
	}
	return false
}

func isKey(text string) bool {
	key, err := base64.StdEncoding.DecodeString(text)
	return err == nil && len(key) == 16
}
