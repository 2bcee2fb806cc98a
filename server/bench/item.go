package bench

import (
	"bytes"
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
	run        uint64 // tells this run's items from others'
	posted     int64
}

func (r *run) arguments() *arguments {
	const bare = 140 // about what an item has without its padding
	return &arguments{
		collection: r.Collection, items: r.Items, key: r.Key, run: uint64(rand.Uint32()),
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
// The item tells the how manieth of the run it is and when it was due.
func (a *arguments) post(dst []byte, due time.Duration) []byte {
	dst = append(append(append(dst, `["POST","`...), a.collection...), `",{`...)
	dst = a.members(dst, stamp{a.run, a.posted, due})
	a.posted++
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
	return append(a.members(dst, stamp{}), ']')
}

// members appends an item's members but for its id, and the closing brace.
func (a *arguments) members(dst []byte, sent stamp) []byte {
	dst = append(dst, `"name":"Clotted cream fudge","category":"confectionery","rrp":4.49,`...)
	dst = sent.appendTo(dst)
	dst = strconv.AppendUint(append(dst, `,"value":`...), uint64(rand.Uint32()), 10)
	return append(append(append(dst, `,"info":"`...), a.padding...), `"}`...)
}

// stamp is by what an event tells which item it is about. It is one member that
// holds a text, so that no server has a reason to write it in another way.
type stamp struct {
	run    uint64
	number int64         // of the run's items, from 0
	due    time.Duration // when the write was, in the run's time
}

const stampMember = `"sent":"`

func (s stamp) appendTo(dst []byte) []byte {
	dst = strconv.AppendUint(append(dst, stampMember...), s.run, 10)
	dst = strconv.AppendInt(append(dst, '-'), s.number, 10)
	dst = strconv.AppendInt(append(dst, '-'), int64(s.due), 10)
	return append(dst, '"')
}

// findStamp reads the first stamp in data; ok is false where there is none.
func findStamp(data []byte) (s stamp, ok bool) {
	_, rest, ok := bytes.Cut(data, []byte(stampMember))
	if !ok {
		return stamp{}, false
	}
	var numbers [3]uint64
	for i, end := range []byte{'-', '-', '"'} {
		digits := 0
		for ; digits < len(rest) && '0' <= rest[digits] && rest[digits] <= '9'; digits++ {
			numbers[i] = numbers[i]*10 + uint64(rest[digits]-'0')
		}
		if digits == 0 || digits == len(rest) || rest[digits] != end {
			return stamp{}, false
		}
		rest = rest[digits+1:]
	}
	return stamp{numbers[0], int64(numbers[1]), time.Duration(numbers[2])}, true
}
