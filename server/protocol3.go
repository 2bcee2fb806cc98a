package server

import (
	"encoding/json"
	"net/url"
	"strings"

	"ackbase/server/engine"
)

// What a client of Engine.IO protocol 3, socket.io-client 2.x, expects otherwise: it speaks
// revision 4 of Socket.IO's protocol, whose CONNECT carries nothing but the namespace.

// maxQuery is the length in bytes of the longest query with which such a client can ask for a
// namespace.
const maxQuery = 16 << 10

func (c *conn) protocol3() bool { return c.session.Protocol() == 3 }

// Opened connects a client of protocol 3 to the main namespace, for which it does not ask.
func (c *conn) Opened(*engine.Session) {
	if c.protocol3() {
		c.join("/", emptyObject)
	}
}

// newID gives the id of a socket. A client of protocol 3 makes it up from its session's.
func (c *conn) newID(namespace string) string {
	switch {
	case !c.protocol3():
		return newID()
	case namespace == "/":
		return c.session.ID()
	}
	return namespace + "#" + c.session.ID()
}

// splitQuery takes the query off the namespace of a CONNECT, where a client of protocol 3 has it,
// and makes an object of it, the last of several values under one name counting. It returns
// false where the query is too long.
func splitQuery(namespace string) (name string, auth json.RawMessage, fits bool) {
	name, query, found := strings.Cut(namespace, "?")
	if !found {
		return name, emptyObject, true
	}
	if len(query) > maxQuery {
		return name, nil, false
	}
	// For a browser a semicolon is a letter; what is no query is left out, as far as it goes.
	values, _ := url.ParseQuery(strings.ReplaceAll(query, ";", "%3B"))
	object := make(map[string]string, len(values))
	for key, list := range values {
		object[key] = list[len(list)-1]
	}
	auth, err := json.Marshal(object)
	if err != nil {
		panic(err) // texts are always JSON
	}
	return name, auth, true
}

// refusal3 is the data of an ERROR packet, with which protocol 3 refuses a namespace.
func refusal3(e *ConnectError) any {
	if e.Data != nil {
		return e.Data
	}
	return e.Message
}
