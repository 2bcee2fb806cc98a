package crud

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"ackbase/collections"
)

// RoomPattern is a pattern of rooms that clients may publish to: `chat` is the room of that collection, `chat/*`
// those of all its items; in either part `*` stands for any text. So `*/*` is all items' rooms, `*` all collections'.
type RoomPattern struct {
	collection, item string // with item empty: of collections
}

// ParseRoomPattern reads a pattern. Its error is a collections.ErrBadRequest.
func ParseRoomPattern(text string) (RoomPattern, error) {
	var p RoomPattern
	name, item, items := strings.Cut(text, "/")
	p.collection, p.item = name, item
	example := strings.ReplaceAll(name, "*", "x") // what it could match
	if err := collections.CheckName(example); name == "" || err != nil && strings.Trim(name, "*") != "" {
		return RoomPattern{}, badRequest("%q is no pattern of rooms: before a / it has a collection's name, in which * stands for any text, as in chat/*, chat or *", text)
	}
	if !items {
		return p, nil
	}
	if _, err := collections.TextID(item); err != nil {
		return RoomPattern{}, badRequest("%q is no pattern of rooms: behind the / it has an item's id, in which * stands for any text, as in chat/* or chat/lobby-*", text)
	}
	return p, nil
}

// UnmarshalText implements encoding.TextUnmarshaler, for flags.
func (p *RoomPattern) UnmarshalText(text []byte) (err error) {
	*p, err = ParseRoomPattern(string(text))
	return err
}

// allows tells whether a room is one of the pattern's; item is empty for that of a collection.
func (p RoomPattern) allows(collection, item string) bool {
	if (p.item == "") != (item == "") {
		return false
	}
	return matches(p.collection, collection) && matches(p.item, item)
}

// matches tells whether a text is like a pattern, in which * stands for any text.
func matches(pattern, text string) bool {
	first, rest, more := strings.Cut(pattern, "*")
	if !more {
		return pattern == text
	}
	text, ok := strings.CutPrefix(text, first)
	if !ok {
		return false
	}
	parts := strings.Split(rest, "*")
	last := parts[len(parts)-1]
	for _, part := range parts[:len(parts)-1] {
		_, after, ok := strings.Cut(text, part)
		if !ok {
			return false
		}
		text = after
	}
	return strings.HasSuffix(text, last)
}

// maxEventName is the longest name of a published event in bytes.
const maxEventName = 256

// reserved are the names that no published event may have, beside those of the verbs: those of changes, and those
// that a client's own events have, of any version.
var reserved = []string{
	"ADDED", "MODIFIED", "DELETED", "BOOKMARK",
	"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener",
	"connecting", "connect_timeout", "connect_failed", "error", "ping", "pong",
	"reconnect", "reconnecting", "reconnect_attempt", "reconnect_error", "reconnect_failed",
}

// publish is PUBLISH: an event that is not stored, to the sockets that are subscribed to a collection or an item.
func (r *request) publish() error {
	if len(r.args) < 3 {
		return r.usage("PUBLISH needs a room, an event and a payload")
	}
	if len(r.args) > 3 {
		return r.usage(fmt.Sprintf("PUBLISH got %d arguments too many", len(r.args)-3))
	}
	room, err := text(r.args[0])
	if err != nil {
		return r.usage("the first argument of PUBLISH is a room, a string")
	}
	s := r.session.service
	collection, item, ofItem := strings.Cut(room, "/")
	if err := s.db.CheckCollection(collection); err != nil {
		return err
	}
	if ofItem {
		if _, err := collections.TextID(item); err != nil {
			return err
		}
	}
	if !slices.ContainsFunc(s.opts.Publish, func(p RoomPattern) bool { return p.allows(collection, item) }) {
		return s.notPublished(collection, item)
	}
	event, err := eventName(r.args[1])
	if err != nil {
		return err
	}
	if err := s.db.CheckValue(r.args[2]); err != nil {
		return err
	}
	r.collection = collection
	payload := bytes.Clone(r.args[2])
	return r.inLine(false, func(r *request) error {
		reached := []byte(strconv.Itoa(s.publish(collection, item, event, payload)))
		if r.reply != nil {
			r.reply.Answer(reached, null, []byte("{}"))
		}
		return nil
	})
}

// notPublished refuses a room that no pattern allows.
func (s *Service) notPublished(collection, item string) error {
	room, pattern := collection, collection
	if item != "" {
		room, pattern = collection+"/"+item, collection+"/*"
	}
	some := "allows other rooms only"
	if len(s.opts.Publish) == 0 {
		some = "allows no room"
	}
	return &Fault{Code: "FORBIDDEN", Status: 403, Message: fmt.Sprintf("PUBLISH to %s is not allowed: the server %s (--publish '%s' would allow it)", room, some, pattern)}
}

// eventName reads the name of an event that a client publishes.
func eventName(raw []byte) (string, error) {
	name, err := text(raw)
	if err != nil || name == "" || len(name) > maxEventName {
		return "", badRequest("the event of PUBLISH is a string of 1 to %d bytes", maxEventName)
	}
	if _, verb := verbs[name]; verb || slices.Contains(reserved, name) {
		return "", badRequest("%s is not for PUBLISH: the names of changes, of verbs and of Socket.IO's own events are reserved", name)
	}
	return name, nil
}

// publish sends an event to the members of a room, who may be behind in the log: it has no place there. It
// returns how many were reached.
func (s *Service) publish(collection, item, event string, payload []byte) (reached int) {
	h := &s.hub
	defer h.flush()
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.topics[collection]
	if t == nil {
		return 0
	}
	r := t.whole
	if item != "" {
		r = t.items[item]
	}
	if r == nil {
		return 0
	}
	frames := map[Wire]Frame{}
	for _, a := range r.audiences {
		w, ok := a.form.wire.(PublishWire)
		if !ok {
			continue // a stream of changes alone
		}
		frame := frames[w]
		if frame == nil {
			frame = w.Publish(event, payload)
			frames[w] = frame
		}
		for _, sub := range a.members {
			if sub.session.conn.Send(frame) == nil { // else the connection has ended; its Close follows
				reached++
			}
		}
	}
	h.published += uint64(reached)
	return reached
}
