package faults

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

// registers are the items whose reads and conditional writes must be linearizable.
const registers = "registers"

var registerIDs = []string{"first", "second", "third"}

// access is one operation on a register. The state of a register is the name of the write that
// made it, empty where there is no item.
type access struct {
	Client    int
	ID        string
	Verb      string
	Op        string    // of a write: what the register becomes
	Condition condition // of a write
	Expect    string    // of the condition: what the register must be
	Outcome   outcome
	Seen      string // by GET; of DELETE "true" or "false"
	Refusal   string // the code
	Call      int64  // ns since the round began
	Return    int64
}

type condition string

const (
	always   condition = ""
	ifRev    condition = "rev"    // ifMatch with the revision that the client knows
	ifThere  condition = "*"      // ifMatch "*"
	ifAbsent condition = "absent" // ifMatch null
	ifTest   condition = "test"   // a JSON Patch that begins with a test
)

// accessor works on registers, one operation at a time.
type accessor struct {
	*round
	caller caller
	n      int
	name   string
	rng    *rand.Rand
	made   int
	known  map[string]known // by register: what this client has last seen
}

type known struct{ op, rev string }

// history is what all accessors did.
type history struct {
	mu   sync.Mutex
	list []access
}

func (h *history) add(a access) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.list = append(h.list, a)
}

func (c *accessor) run(working, all context.Context) {
	defer c.caller.leave()
	for c.pace(working, c.rng) {
		id := registerIDs[c.rng.IntN(len(registerIDs))]
		if c.rng.IntN(3) == 0 {
			c.read(all, id)
		} else {
			c.write(all, id)
		}
	}
}

func (c *accessor) read(ctx context.Context, id string) {
	a := access{Client: c.n, ID: id, Verb: "GET", Outcome: acked, Call: c.now()}
	c.ledger.count(1)
	r := c.caller.do(ctx, &request{verb: "GET", collection: registers, id: id})[0]
	a.Return = c.now()
	var item content
	switch {
	case r.refused() && r.fault.Code == "NOT_FOUND":
		delete(c.known, id)
	case r.done() && json.Unmarshal(r.result, &item) == nil && item.Op != "":
		a.Seen = item.Op
		c.known[id] = known{item.Op, r.rev}
	case r.done() || r.refused():
		c.ledger.wrong(fmt.Errorf("GET of the register %s was answered %s (%w)", id, r.result, r.fault))
		return
	default:
		return // it tells nothing
	}
	c.history.add(a)
}

func (c *accessor) write(ctx context.Context, id string) {
	c.made++
	op := fmt.Sprintf("%s-%d", c.name, c.made)
	a := access{Client: c.n, ID: id, Op: op, Condition: always}
	r := &request{collection: registers, id: id, reason: op}
	if c.rng.IntN(2) == 0 {
		r.key = op
	}
	last := c.known[id]
	item := content{Op: op, N: c.made}
	switch way := c.rng.IntN(12); {
	case way < 5:
		a.Verb, r.body = "PUT", item
		a.Condition = []condition{always, ifRev, ifRev, ifThere, ifAbsent}[way]
	case way < 8:
		a.Verb, r.body = "PATCH", item
		a.Condition = []condition{always, ifRev, ifThere}[way-5]
	case way < 9:
		a.Verb, a.Condition, a.Expect = "PATCH", ifTest, last.op
		r.body = []map[string]any{{"op": "test", "path": "/op", "value": last.op}, {"op": "replace", "path": "/op", "value": op}}
	case way < 11:
		a.Verb = "DELETE"
		a.Condition = []condition{always, ifRev}[way-9]
	default:
		a.Verb, a.Condition = "POST", ifAbsent
		item.ID, r.id = json.RawMessage(`"`+id+`"`), nil
		r.body = item
	}
	switch a.Condition {
	case ifRev:
		a.Expect, r.ifMatch = last.op, last.rev
		if last.op == "" {
			a.Condition, r.ifMatch = ifAbsent, none{}
		}
	case ifThere:
		r.ifMatch = "*"
	case ifAbsent:
		if a.Verb != "POST" {
			r.ifMatch = none{}
		}
	}
	r.verb = a.Verb
	w := &write{Op: op, Verb: a.Verb, Collection: registers, ID: `"` + id + `"`, Changes: 1}
	a.Call = c.now()
	c.ledger.perform(ctx, c.caller, []*write{w}, []*request{r})
	a.Return, a.Outcome = c.now(), w.Outcome
	switch w.Outcome {
	case acked:
		if a.Verb == "DELETE" {
			a.Seen = string(w.Result)
			delete(c.known, id)
		} else {
			c.known[id] = known{op, w.Rev}
		}
	case refused:
		a.Refusal = w.refusal
	}
	c.history.add(a)
}

// step tells whether an operation may have had its outcome in a state, and what the state is then.
func (a *access) step(state string) (bool, string) {
	if a.Verb == "GET" {
		return a.Seen == state, state
	}
	exists, refusal := state != "", ""
	switch {
	case a.Condition == ifRev && state != a.Expect, a.Condition == ifThere && !exists, a.Condition == ifAbsent && exists:
		refusal = "PRECONDITION_FAILED"
		if a.Verb == "POST" {
			refusal = "CONFLICT"
		}
	case a.Verb == "PATCH" && !exists:
		refusal = "NOT_FOUND"
	case a.Condition == ifTest && state != a.Expect:
		refusal = "CONFLICT"
	}
	switch {
	case a.Outcome == refused:
		return refusal != "" && a.Refusal == refusal, state
	case refusal != "":
		return a.Outcome == unknown, state
	case a.Verb != "DELETE":
		return true, a.Op
	}
	return a.Outcome == unknown || a.Seen == fmt.Sprint(exists), ""
}

// model is a register as porcupine sees it; each item is checked by itself.
var model = porcupine.Model{
	Partition: func(all []porcupine.Operation) (parts [][]porcupine.Operation) {
		for _, id := range registerIDs {
			var part []porcupine.Operation
			for _, o := range all {
				if o.Input.(*access).ID == id {
					part = append(part, o)
				}
			}
			parts = append(parts, part)
		}
		return parts
	},
	Init: func() any { return "" },
	Step: func(state, input, _ any) (bool, any) { return input.(*access).step(state.(string)) },
	DescribeOperation: func(input, _ any) string {
		a := input.(*access)
		return fmt.Sprintf("%s %s %s%s: %s %s%s", a.Verb, a.Op, a.Condition, a.Expect, a.Outcome, a.Seen, a.Refusal)
	},
	DescribeState: func(state any) string { return fmt.Sprintf("%q", state) },
}

// check tells whether what the accessors saw is linearizable. Of the writes without an answer those count that the log has;
// they may have happened at any time after they were sent.
func (h *history) check(log []entry, folder func() string) error {
	happened := map[string]bool{}
	for _, e := range log {
		happened[e.Op] = true
	}
	var operations []porcupine.Operation
	for i := range h.list {
		a := &h.list[i]
		until := a.Return
		if a.Outcome == unknown {
			if !happened[a.Op] {
				continue
			}
			until = math.MaxInt64
		}
		operations = append(operations, porcupine.Operation{ClientId: a.Client, Input: a, Call: a.Call, Output: a, Return: until})
	}
	result, info := porcupine.CheckOperationsVerbose(model, operations, 10*time.Minute)
	if result == porcupine.Ok {
		return nil
	}
	picture := filepath.Join(folder(), "linearizability.html")
	f, err := os.Create(picture)
	if err == nil {
		err = porcupine.Visualize(model, info, f)
		f.Close()
	}
	if result == porcupine.Unknown {
		return fmt.Errorf("whether the reads and writes of the registers are linearizable was not found out within ten minutes: %d operations", len(operations))
	}
	return fmt.Errorf("the reads and conditional writes of the registers are not linearizable: %s shows where (%w)", picture, err)
}
