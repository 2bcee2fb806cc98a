package crud_test

import (
	"encoding/json"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"unicode/utf8"

	"ackbase/crud"
	"ackbase/server/hostile"
)

// codes are the error codes of the contract that a request can get here.
var codes = map[string]float64{
	"BAD_REQUEST": 400, "FORBIDDEN": 403, "NOT_FOUND": 404, "CONFLICT": 409, "GONE": 410, "PRECONDITION_FAILED": 412, "TOO_LARGE": 413,
}

// FuzzDo sends whatever JSON as a request: it is answered once, with three values
// that parse, and never by a fault of the server. A write with a key that succeeded is answered
// with the same bytes when it comes again.
func FuzzDo(f *testing.F) {
	for _, args := range []string{
		``, `1`, `null`, `"items"`, `"items",1`, `"items","1"`, `"items",null`, `"items",{}`, `"items",[]`,
		`"items",{"name":"x"}`, `"items",{"id":1,"name":"y"},{"ifMatch":null,"reason":"because"}`,
		`"items",1,{"name":"z"},{"ifMatch":"*"}`, `"items",1,[{"op":"replace","path":"/name","value":2}]`,
		`"items",[{"op":"add","path":"/9","value":{"a":1}},{"op":"move","from":"/9/a","path":"/9/b"},{"op":"test","path":"/1","value":1}]`,
		`"items",{"page":1,"limit":5,"sort":"-name,id","filters":{"name":{"$gt":"a"},"$or":[{"a.b":1},{"c":{"$in":[1,"2"]}}]},"fields":["name"],"total":false}`,
		`"items",null,{"filters":{"name":"x"},"snapshot":true,"patch":true}`,
		`"items",{"name":"x"},{"key":"k"}`, `"items",{"id":1,"n":[1.0,{"b":1,"a":2}]},{"key":"l","ifMatch":"*","reason":""}`, `"items",1,{"key":"m"}`,
		`"items",[{"op":"add","path":"/8","value":{}}],{"key":"n"}`, `"items",1,{},{"key":""}`, `"items",{},{"key":1}`, `"items",{},{"key":"\u0000"}`,
		`"items","event",{"a":[1,null]}`, `"items/1","event","text"`, `"items","ADDED",1`, `"items/","e",1`,
		`"items",1,{"limit":2,"after":null}`, `"items","x",{"limit":"1","after":"000000000000000000000000-1"}`, `"items",1,{"at":"2999-01-01T00:00:00Z"}`, `"items",1,{"at":"0001-01-01T00:00:00.5+14:00"}`,
		`"items",{"a":1,"a":2}`, `"items",{"a":"\ud800"}`, `"items",{"__proto__":1}`, `"it/ems"`, `"items",1e400`, `"items",-1`, `"items",9007199254740993`,
		`"items",{"id":"a/b"}`, `"items",{"filters":{"a":{"$regex":"x"}}}`, `"items",` + strings.Repeat("[", 70) + strings.Repeat("]", 70),
	} {
		for verb := range uint8(len(crud.Verbs())) {
			f.Add(verb, args)
		}
	}
	verbs := crud.Verbs()
	for _, seed := range hostile.Requests() {
		if verb := slices.Index(verbs, seed.Verb); verb >= 0 {
			f.Add(uint8(verb), seed.Args)
		}
	}
	s, _ := open(f, &crud.Options{Publish: patterns(f, "items", "items/*")})
	c := dial(s, "fuzzer", 1<<30)
	f.Fuzz(func(t *testing.T, verb uint8, args string) {
		var raw []json.RawMessage
		if json.Unmarshal([]byte("["+args+"]"), &raw) != nil || !utf8.ValidString(args) {
			return // the packet would not have parsed
		}
		c.session.Do(verbs[int(verb)%len(verbs)], raw, false, reply{c, 1})
		// What follows waits its turn behind it, so that a missing or second answer is seen.
		a := nextAnswer(c)
		if a.request != 1 {
			t.Fatalf("an answer too many: %+v", a)
		}
		if a.fault == "null" {
			if !json.Valid([]byte(a.result)) || !json.Valid([]byte(a.meta)) || a.meta[0] != '{' {
				t.Fatalf("not a success: %+v", a)
			}
			if keyed(verbs[int(verb)%len(verbs)], raw) {
				c.session.Do(verbs[int(verb)%len(verbs)], raw, false, reply{c, 1})
				if again := nextAnswer(c); again != a {
					t.Fatalf("%s: first %+v, then %+v", args, a, again)
				}
			}
			return
		}
		var fault struct {
			Code, Message string
			Status        float64
		}
		if err := json.Unmarshal([]byte(a.fault), &fault); err != nil || a.result != "null" || a.meta != "" {
			t.Fatalf("not a failure: %+v (%v)", a, err)
		}
		if codes[fault.Code] != fault.Status || fault.Message == "" {
			t.Fatalf("%s: %s", args, a.fault)
		}
	})
}

// keyed tells whether a write that succeeded had a key.
func keyed(verb string, args []json.RawMessage) bool {
	if len(args) < 3 {
		return false
	}
	at := 2
	if first := args[1][0]; (verb == "PUT" || verb == "PATCH") && first != '{' && first != '[' {
		at = 3 // behind the id
	}
	if len(args) == at {
		return false
	}
	var options map[string]any
	if err := json.Unmarshal(args[at], &options); err != nil {
		return false
	}
	_, ok := options["key"]
	return ok
}

// nextAnswer takes the next answer, passing over events.
func nextAnswer(c *client) answer {
	for {
		if a, ok := c.next().(answer); ok {
			return a
		}
	}
}

// TestTooLargeSaysWhatWouldDo: a page can be asked for with a limit, a snapshot cannot.
func TestTooLargeSaysWhatWouldDo(t *testing.T) {
	s, _ := open(t, &crud.Options{MaxAnswer: 1000})
	c := dial(s, "reader", 1<<30)
	for range 2 {
		c.call(t, "POST", "items", map[string]any{"text": strings.Repeat("x", 600)})
	}
	for verb, advice := range map[string]string{"GET": "limit", "SUBSCRIBE": "filters"} {
		options := map[string]any{}
		if verb == "SUBSCRIBE" {
			options["snapshot"] = true
		}
		a := c.call(t, verb, "items", options)
		if !strings.Contains(a.fault, `"TOO_LARGE"`) || !strings.Contains(a.fault, advice) {
			t.Errorf("%s: %s, want TOO_LARGE that advises %s", verb, a.fault, advice)
		}
	}
}

// TestPatchCountsTheItem: a patch of a few bytes is as much work as the item is
// large, so that few of them are under way at a time, however fast they come.
func TestPatchCountsTheItem(t *testing.T) {
	const atOnce = 2 // items of this size within what a session may have under way
	s, _ := open(t, nil)
	c := dial(s, "writer", 1<<30)
	c.call(t, "PUT", "items", map[string]any{"id": 1, "text": strings.Repeat("x", 1_000_000)})
	for i := range 20 {
		switch i % 4 {
		case 0:
			c.ask(i, "PATCH", "items", map[string]any{"id": 1, "n": i})
		case 1:
			c.ask(i, "PATCH", "items", 1, map[string]any{"n": i})
		case 2:
			c.ask(i, "PATCH", "items", []any{map[string]any{"op": "replace", "path": "/1/n", "value": i}})
		case 3:
			c.ask(i, "PATCH", "items", "1", []any{map[string]any{"op": "add", "path": "/n", "value": i}})
		}
		c.mu.Lock()
		underWay := i + 1 - len(c.waiting)
		c.mu.Unlock()
		if underWay > atOnce {
			t.Fatalf("%d patches of a large item are under way: want %d at the most", underWay, atOnce)
		}
	}
}

// counted counts the answers.
type counted struct {
	reply
	answers *atomic.Int64
}

func (c counted) Answer(result, fault, meta []byte) {
	c.answers.Add(1)
	c.reply.Answer(result, fault, meta)
}

// TestLongReadsCountTheirArguments: lists and snapshots that wait for their turn keep what
// they were asked with, so that few large ones wait at a time.
func TestLongReadsCountTheirArguments(t *testing.T) {
	const size, atOnce, n = 1000, 2, 10
	s, _ := open(t, &crud.Options{MaxPendingBytes: atOnce*size + size/2})
	for verb, arg := range map[string]string{"GET": `{"page":1`, "SUBSCRIBE": `{"snapshot":true`} {
		c := dial(s, "reader", 1) // full with each answer
		var answers atomic.Int64
		args := []json.RawMessage{json.RawMessage(`"items"`), json.RawMessage(arg + strings.Repeat(" ", size-len(arg)-len(`}"items"`)) + "}")}
		asked := make(chan struct{})
		go func() {
			defer close(asked)
			for i := range n {
				c.session.Do(verb, args, false, counted{reply{c, i}, &answers})
				if underWay := i + 1 - int(answers.Load()); underWay > atOnce {
					t.Errorf("%s: %d large requests are under way: want %d at the most", verb, underWay, atOnce)
				}
			}
		}()
		for range n {
			if a := c.next().(answer); a.fault != "null" {
				t.Errorf("%s: %s", verb, a.fault)
			}
		}
		<-asked
		c.hangUp()
	}
}
