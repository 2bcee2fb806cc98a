package crud

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"ackbase/collections"
)

// verb is what is known of a verb.
type verb struct {
	name  string
	usage string // its forms, as an error shows them
	index int    // in the counts of requests
	timed uint64 // one request in so many is timed
}

var verbs = map[string]*verb{
	"GET":         {"GET", "GET, collection, id, options? or GET, collection, query?", 0, TimedGETs}, // looking at the clock would cost what can be measured
	"POST":        {"POST", "POST, collection, item, options?", 1, 1},
	"PUT":         {"PUT", "PUT, collection, item, options? or PUT, collection, id, item, options?", 2, 1},
	"PATCH":       {"PATCH", "PATCH, collection, partial, options? or PATCH, collection, id, patch, options? or PATCH, collection, jsonPatch[], options?", 3, 1},
	"DELETE":      {"DELETE", "DELETE, collection, id, options?", 4, 1},
	"SUBSCRIBE":   {"SUBSCRIBE", "SUBSCRIBE, collection, id?, options?", 5, 1},
	"UNSUBSCRIBE": {"UNSUBSCRIBE", "UNSUBSCRIBE, collection, id?, { filters }?", 6, 1},
	"HISTORY":     {"HISTORY", "HISTORY, collection, id, options?", 7, 1},
	"PUBLISH":     {"PUBLISH", "PUBLISH, room, event, payload", 8, 1},
}

const (
	verbCount = 9
	noVerb    = -1 // the index of a name that is none
)

// Verbs lists the names that Session.Do answers.
func Verbs() []string { return slices.Sorted(maps.Keys(verbs)) }

// request is one call of a verb.
type request struct {
	session    *Session
	verb       *verb
	collection string
	args       []json.RawMessage // what follows the collection; slices of a network buffer, so copy what is kept beyond the call
	binary     bool
	reply      Reply // nil where the client wants no answer
	began      int64 // by Service.now; 0 where nobody times it here
	detached   bool  // see detach
	parsed     int   // bytes that its filter takes
}

// takeBegan is for who answers in place of r.
func (r *request) takeBegan() int64 {
	began := r.began
	r.began = 0
	return began
}

// Do runs a verb with its raw JSON arguments and answers it once, through reply
// unless that is nil. binary says that the request came with binary attachments.
//
// Calls for one session come one after the other, in the order of the client's
// packets: its writes commit in that order. Do does not wait for the disk; it
// blocks only while too much of this session's work is under way. It uses the
// arguments no more after it has returned.
func (c *Session) Do(name string, args []json.RawMessage, binary bool, reply Reply) {
	v := verbs[name]
	if v == nil {
		v = &verb{name: name, index: noVerb}
	}
	r := &c.get // a GET is answered before the next request comes
	if name != "GET" {
		c.batch.closeView()
		r = new(request)
	}
	*r = request{session: c, verb: v, args: args, binary: binary, reply: reply}
	if v.index != noVerb && (c.counts.requests[v.index].Add(1)-1)%v.timed == 0 {
		r.began = c.service.now()
	}
	r.finish((*request).run)
	if r == &c.get {
		*r = request{} // nothing of the caller's is kept
	}
}

func (r *request) run() error {
	if err := r.session.takeCredit(); err != nil {
		return err
	}
	if r.verb.index == noVerb {
		return badRequest("%q is no verb: there are %s", r.verb.name, strings.Join(Verbs(), ", "))
	}
	if r.binary {
		return badRequest("%s takes JSON, not binary data: encode it as text, as base64 for one", r.verb.name)
	}
	if r.verb.name == "PUBLISH" {
		return r.publish()
	}
	if len(r.args) == 0 {
		return badRequest("%s needs a collection: %s", r.verb.name, r.verb.usage)
	}
	if err := r.name(r.args[0]); err != nil {
		return err
	}
	r.args = r.args[1:]
	switch r.verb.name {
	case "GET":
		return r.get()
	case "POST":
		return r.post()
	case "PUT":
		return r.put()
	case "PATCH":
		return r.patch()
	case "DELETE":
		return r.delete()
	case "SUBSCRIBE":
		return r.subscribe()
	case "HISTORY":
		return r.history()
	default:
		return r.unsubscribe()
	}
}

// maxNamed is the longest text of a collection's name that a session keeps.
const maxNamed = 80

// name reads the collection's name, which is nearly always that of the session's request before.
func (r *request) name(raw json.RawMessage) error {
	last := &r.session.named
	if !bytes.Equal(raw, last.raw) {
		name, err := text(raw)
		if err != nil {
			return badRequest("the first argument of %s is the collection's name, a string: %s", r.verb.name, r.verb.usage)
		}
		if err := r.session.service.db.CheckCollection(name); err != nil {
			return err
		}
		if r.collection = name; len(raw) > maxNamed {
			return nil
		}
		last.raw, last.name = append(last.raw[:0], raw...), name
	}
	r.collection = last.name
	return nil
}

// usage is the error for arguments that fit no form of the verb.
func (r *request) usage(what string) error {
	return badRequest("%s: %s", what, r.verb.usage)
}

// atMost refuses arguments beyond the last one that the verb knows.
func (r *request) atMost(n int) error {
	if len(r.args) > n {
		return r.usage(fmt.Sprintf("%s got %d arguments too many", r.verb.name, len(r.args)-n))
	}
	return nil
}

// arg is an argument after the collection, or nil where there is none.
func (r *request) arg(i int) json.RawMessage {
	if i < len(r.args) {
		return r.args[i]
	}
	return nil
}

// id reads an argument as an id.
func (r *request) id(i int) (collections.ID, error) {
	raw := r.arg(i)
	if raw == nil {
		return collections.ID{}, r.usage(r.verb.name + " needs an id")
	}
	if isNull(raw) {
		return collections.ID{}, r.usage(r.verb.name + " got null (or undefined) where the id belongs")
	}
	return collections.DecodeID(raw)
}

// members reads an options argument: an object or, where nothing is asked for,
// nothing or null. Members outside known are refused by name.
func (r *request) members(raw json.RawMessage, known ...string) (map[string]json.RawMessage, error) {
	if raw == nil || isNull(raw) {
		return nil, nil
	}
	if kind(raw) != '{' {
		return nil, r.usage("the options of " + r.verb.name + " are an object")
	}
	if err := collections.CheckJSON(raw, collections.MaxDepth); err != nil {
		return nil, err
	}
	m := map[string]json.RawMessage{}
	for name, value := range collections.Members(raw) {
		m[name] = value
		if !slices.Contains(known, name) {
			if len(known) == 0 {
				return nil, badRequest("%s knows no option %q: it takes none here", r.verb.name, name)
			}
			return nil, badRequest("%s knows no option %q: it knows %s", r.verb.name, name, strings.Join(known, ", "))
		}
	}
	return m, nil
}

// kind is the first byte of a JSON value, which tells its type.
func kind(raw json.RawMessage) byte {
	for _, b := range raw {
		if b != ' ' && b != '\t' && b != '\n' && b != '\r' {
			return b
		}
	}
	return 0
}

func isNull(raw json.RawMessage) bool { return kind(raw) == 'n' }

// text decodes a JSON string strictly.
func text(raw json.RawMessage) (string, error) {
	if kind(raw) != '"' {
		return "", badRequest("not a string")
	}
	if err := collections.CheckJSON(raw, 1); err != nil {
		return "", err
	}
	if inner := bytes.TrimSpace(raw); bytes.IndexByte(inner, '\\') < 0 {
		return string(inner[1 : len(inner)-1]), nil
	}
	var s string
	err := json.Unmarshal(raw, &s)
	return s, err
}

// flag decodes a JSON boolean option; absent is false.
func flag(m map[string]json.RawMessage, name string) (bool, error) {
	raw, ok := m[name]
	if !ok {
		return false, nil
	}
	var v bool
	if k := kind(raw); k != 't' && k != 'f' {
		return false, badRequest("the option %s is true or false", name)
	}
	err := json.Unmarshal(raw, &v)
	return v, err
}
