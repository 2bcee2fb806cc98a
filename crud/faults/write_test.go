package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
)

// content is an item.
type content struct {
	ID      json.RawMessage `json:"id,omitempty"`
	Op      string          `json:"op,omitempty"` // the write that made it
	Bucket  int             `json:"bucket"`       // what filters ask for
	N       int             `json:"n"`
	Text    string          `json:"text,omitempty"`
	Balance *int            `json:"balance,omitempty"`
}

// write is one write of the model: what a client wanted, and what it knows of it.
type write struct {
	Op         string // its name, which is the change's reason, and so found in the log
	Verb       string
	Collection string
	ID         string // where the client chose it
	Attempts   int
	Outcome    outcome
	Fault      string          `json:",omitempty"` // of the last answer
	Changes    int             // that it makes if it succeeds
	Rev        string          `json:",omitempty"` // as acknowledged
	Cursor     string          `json:",omitempty"`
	Result     json.RawMessage `json:",omitempty"`

	refusal string // the code
}

type outcome string

const (
	acked   outcome = "acknowledged" // it has happened, once
	refused outcome = "refused"      // it has not happened
	unknown outcome = "unanswered"   // it may have happened, once
)

// ledger is what all writers know. It may be used concurrently.
type ledger struct {
	mu     sync.Mutex
	writes []*write
	calls  int
	faulty error         // the first answer or event that was wrong in itself
	failed chan struct{} // closed once faulty is set; nil while nobody waits for that
}

func (l *ledger) add(w *write) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writes = append(l.writes, w)
}

func (l *ledger) count(calls int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls += calls
}

func (l *ledger) wrong(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.faulty != nil {
		return
	}
	l.faulty = err
	if l.failed != nil {
		close(l.failed)
	}
}

// failing is closed when something was wrong in itself. For one goroutine at a time.
func (l *ledger) failing() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed == nil {
		l.failed = make(chan struct{})
		if l.faulty != nil {
			close(l.failed)
		}
	}
	return l.failed
}

// perform does writes at once, those with keys as often as it takes, and adds them to the ledger.
func (l *ledger) perform(ctx context.Context, c caller, writes []*write, requests []*request) {
	open := make([]int, len(writes)) // which are still to be answered
	for i := range open {
		open[i] = i
	}
	for first := true; len(open) > 0; first = false {
		if !first && !rest(ctx) {
			break
		}
		var again []*request
		for _, i := range open {
			again = append(again, requests[i])
		}
		replies := c.do(ctx, again...)
		l.count(len(again))
		var left []int
		for n, i := range open {
			w := writes[i]
			w.Attempts++
			w.learn(replies[n])
			if err := unexpected(replies[n]); err != nil {
				l.wrong(fmt.Errorf("%s %s: %w", w.Verb, w.Op, err))
			}
			if w.Outcome == unknown && requests[i].key != "" && !replies[n].refused() {
				left = append(left, i)
			}
		}
		open = left
	}
	for _, w := range writes {
		l.add(w)
	}
	l.inOrder(c, writes)
}

// learn takes a reply to the latest attempt.
func (w *write) learn(r reply) {
	w.Outcome = unknown
	switch {
	case r.done():
		w.Outcome, w.Rev, w.Cursor, w.Result = acked, r.rev, r.cursor, r.result
		switch {
		case w.Verb == "DELETE" && string(r.result) == "false":
			w.Changes = 0
		case w.Verb == "POST":
			var c content
			if json.Unmarshal(r.result, &c) == nil {
				w.ID = string(c.ID)
			}
		}
	case r.refused() && w.Attempts == 1:
		// Of several attempts an earlier one may still be on its way, and succeed after this one was refused.
		w.Outcome, w.refusal = refused, r.fault.Code
	}
	if r.fault != nil {
		w.Fault = r.fault.Error()
	}
}

// inOrder holds that writes which one connection answered took effect in the order in which they were sent.
func (l *ledger) inOrder(c caller, writes []*write) {
	if _, ok := c.(*socketCaller); !ok {
		return
	}
	var last uint64
	var before *write
	for _, w := range writes {
		if w.Outcome != acked || w.Attempts > 1 {
			continue
		}
		seq, err := place(w.Cursor)
		if err == nil && seq < last {
			err = fmt.Errorf("one connection sent %s and then %s, and the log has them the other way round", before.Op, w.Op)
		}
		if err != nil {
			l.wrong(err)
		}
		last, before = seq, w
	}
}

// writer writes items of the goods, in every way, some of them at once.
type writer struct {
	*round
	caller caller
	name   string
	keyed  bool
	rng    *rand.Rand
	made   int
	own    []json.RawMessage // items that it has added, and will delete
}

// goods is the collection of the writers; these of its items are nobody's own.
const (
	goods   = "goods"
	shelves = 15
	buckets = 4 // from 1
)

func (w *writer) run(working, all context.Context) {
	defer w.caller.leave()
	for w.pace(working, w.rng) {
		n := 1
		if w.rng.IntN(4) == 0 {
			n = 2 + w.rng.IntN(4)
		}
		var writes []*write
		var requests []*request
		for range n {
			write, request := w.next()
			writes, requests = append(writes, write), append(requests, request)
		}
		w.ledger.perform(all, w.caller, writes, requests)
		for _, write := range writes {
			w.learn(write)
		}
	}
}

// next makes the next write.
func (w *writer) next() (*write, *request) {
	w.made++
	op := fmt.Sprintf("%s-%d", w.name, w.made)
	r := &request{collection: goods, reason: op}
	if w.keyed {
		r.key = op
	}
	item := content{Op: op, Bucket: 1 + w.rng.IntN(buckets), N: w.made, Text: texts[w.rng.IntN(len(texts))]}
	r.id = 1 + w.rng.IntN(shelves)
	switch way := w.rng.IntN(20); {
	case way < 6:
		r.verb, r.body = "PATCH", item
	case way < 9:
		r.verb, r.body = "PATCH", []map[string]any{
			{"op": "add", "path": "/op", "value": op}, {"op": "add", "path": "/bucket", "value": item.Bucket}, {"op": "replace", "path": "/n", "value": item.N},
		}
	case way < 13:
		r.verb, r.body = "PUT", item
	case way < 14:
		r.verb = "DELETE"
	case way < 17 || len(w.own) == 0:
		r.verb, r.id, r.body = "POST", nil, item
	default:
		r.verb, r.id = "DELETE", w.own[0]
		w.own = w.own[1:]
	}
	write := &write{Op: op, Verb: r.verb, Collection: goods, Changes: 1}
	if r.id != nil {
		b, err := json.Marshal(r.id)
		if err != nil {
			panic(err) // cannot be: it is a number
		}
		write.ID = string(b)
		r.id = json.Number(write.ID) // prints as it is in a path, and in an event
	}
	return write, r
}

// learn remembers items that were added.
func (w *writer) learn(done *write) {
	if done.Verb != "POST" || done.Outcome != acked {
		return
	}
	if done.ID == "" {
		w.ledger.wrong(fmt.Errorf("POST of %s was answered %s, without an id", done.Op, done.Result))
		return
	}
	w.own = append(w.own, json.RawMessage(done.ID))
}

var texts = []string{"", "in stock", "at the counter, while stocks last", "\u00e9clairs \U0001f370 <&\u2028>"}

// check compares what the clients know of their writes with the log.
func (l *ledger) check(log []entry) error {
	if l.faulty != nil {
		return l.faulty
	}
	found := map[string][]*entry{}
	for i := range log {
		found[log[i].Op] = append(found[log[i].Op], &log[i])
	}
	for _, w := range l.writes {
		changes := found[w.Op]
		delete(found, w.Op)
		switch n := len(changes); {
		case w.Outcome == acked && n < w.Changes:
			return fmt.Errorf("the acknowledged write %+v has %d changes in the log and should have %d: it is lost", *w, n, w.Changes)
		case w.Outcome == refused && n > 0:
			return fmt.Errorf("the write %+v was refused, and the log has %d changes of it", *w, n)
		case n > w.Changes:
			return fmt.Errorf("the write %+v has %d changes in the log and should have %d: it took effect more than once", *w, n, w.Changes)
		case n > 0 && n < w.Changes:
			return fmt.Errorf("of the write %+v, which is all or nothing, the log has %d of %d changes", *w, n, w.Changes)
		}
		for i, e := range changes {
			if e.Collection != w.Collection || w.ID != "" && e.ID != w.ID || e.Seq != changes[0].Seq+uint64(i) {
				return fmt.Errorf("the write %+v has the change %d of %s/%s in the log", *w, e.Seq, e.Collection, e.ID)
			}
		}
		if w.Outcome != acked || len(changes) == 0 {
			continue
		}
		if last := changes[len(changes)-1]; last.Cursor != w.Cursor || w.Rev != "" && w.Rev != last.Rev {
			return fmt.Errorf("the write %+v was acknowledged with the cursor %s and the revision %s, and the log has %s and %s", *w, w.Cursor, w.Rev, last.Cursor, last.Rev)
		}
		if w.Changes == 1 && w.Verb != "DELETE" && !same(w.Result, changes[0].After) {
			return fmt.Errorf("the write %+v was acknowledged with %s, and the log has %s", *w, w.Result, changes[0].After)
		}
	}
	for op, changes := range found {
		return fmt.Errorf("the log has the change %d of %q, which nobody made", changes[0].Seq, op)
	}
	return nil
}

// unexpected is the error of a refusal that no write of these tests asks for.
func unexpected(r reply) error {
	if !r.refused() {
		return nil
	}
	switch r.fault.Code {
	case "NOT_FOUND", "PRECONDITION_FAILED":
		return nil
	case "CONFLICT":
		if !strings.Contains(r.fault.Message, "key") { // a repeated write is the same write
			return nil
		}
	}
	return r.fault
}
