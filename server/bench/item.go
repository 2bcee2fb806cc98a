package bench

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// arguments makes the argument arrays of the verbs that a run calls. One
// goroutine uses it.
type arguments struct {
	collection string
	items      int
	padding    string // fills an item up to its size
	key        string // the order of idempotency keys
}

func (r *run) arguments() *arguments {
	const bare = 130 // what an item has without its padding
	return &arguments{
		collection: r.Collection, items: r.Items, key: r.Key,
		padding: strings.Repeat("in stock at the counter, ", max(r.Size-bare, 0)/25+1)[:max(r.Size-bare, 0)],
	}
}

// get appends `["GET",collection,id]` with an id at random.
func (a *arguments) get(dst []byte, _ time.Duration) []byte {
	return a.getID(dst, 1+rand.IntN(a.items))
}

func (a *arguments) getID(dst []byte, id int) []byte {
	dst = append(append(append(dst, `["GET","`...), a.collection...), `",`...)
	return append(strconv.AppendInt(dst, int64(id), 10), ']')
}

// post appends `["POST",collection,item]`, with a key among the options where one is asked for.
// The item tells when it was sent, in nanoseconds of the run.
func (a *arguments) post(dst []byte, now time.Duration) []byte {
	dst = append(append(append(dst, `["POST","`...), a.collection...), `",{`...)
	dst = a.members(dst, now)
	switch a.key {
	case keyTime:
		dst = appendKey(dst, uuid.Must(uuid.NewV7()))
	case keyRandom:
		dst = appendKey(dst, uuid.New())
	}
	return append(dst, ']')
}

// appendKey appends the options of a write with that idempotency key.
func appendKey(dst []byte, key uuid.UUID) []byte {
	return append(append(append(dst, `,{"key":"`...), key.String()...), `"}`...)
}

// put appends `["PUT",collection,item]` for the item with that id.
func (a *arguments) put(dst []byte, id int64) []byte {
	dst = append(append(append(dst, `["PUT","`...), a.collection...), `",{"id":`...)
	dst = append(strconv.AppendInt(dst, id, 10), ',')
	return append(a.members(dst, 0), ']')
}

// stamp is the member by which an event tells when its item was sent.
const stamp = `"sentAt":`

// members appends an item's members but for its id, and the closing brace.
func (a *arguments) members(dst []byte, now time.Duration) []byte {
	dst = append(dst, `"name":"Clotted cream fudge","category":"confectionery","rrp":4.49,`+stamp...)
	dst = strconv.AppendInt(dst, int64(now), 10)
	dst = strconv.AppendUint(append(dst, `,"value":`...), uint64(rand.Uint32()), 10)
	return append(append(append(dst, `,"info":"`...), a.padding...), `"}`...)
}
