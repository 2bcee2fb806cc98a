package hostile

import (
	"encoding/json"
	"strings"
	"sync"
)

// maxSeed is the size of the largest seed: fuzzing is slow with large ones.
const maxSeed = 4 << 10

// expanded is a step of the corpus with its text as it is sent, or the beginning of one
// that is too large.
type expanded struct {
	caseName string
	verb     string
	text     string
}

// corpusSteps are the steps of the corpus, with what stands for a session made up.
var corpusSteps = sync.OnceValue(func() []expanded {
	cases, err := Cases()
	if err != nil {
		panic(err) // the package's own test holds that there is none
	}
	return expandedSteps(cases)
})

// expandedSteps are the steps of cases. It panics where a text does not expand.
func expandedSteps(cases []Case) (steps []expanded) {
	named := func(string) (string, bool) { return "x", true }
	var walk func(c Case, list []Step, round int)
	walk = func(c Case, list []Step, round int) {
		for _, step := range list {
			if step.Count > 0 {
				for i := range min(step.Count, 3) { // more of the same is no better seed
					walk(c, step.Steps, i)
				}
				continue
			}
			text, err := expand(step.Text, round, named)
			if err != nil {
				panic(step.Place + ": " + err.Error())
			}
			steps = append(steps, expanded{c.Name, step.Verb, strings.Clone(text[:min(len(text), maxSeed+1)])})
		}
	}
	for _, c := range cases {
		walk(c, c.Steps, 0)
	}
	return steps
}

// Streams gives what each case sends over WebSocket, all frames in a row, as seeds for
// fuzzing. Those over 4 KB are left out, here and in the functions that follow.
func Streams() [][]byte {
	var streams [][]byte
	var last string
	for _, step := range corpusSteps() {
		if step.verb == "websocket" || step.verb == "upgrade" || step.caseName != last {
			streams, last = append(streams, nil), step.caseName
		}
		stream, text := &streams[len(streams)-1], step.text
		switch step.verb {
		case "send":
			*stream, _ = appendFrame(*stream, "text", text)
		case "binary":
			*stream, _ = appendFrame(*stream, "binary", text)
		case "connect":
			*stream, _ = appendFrame(*stream, "text", "40"+text)
		case "ask":
			*stream, _ = appendFrame(*stream, "text", "420["+text+"]")
		case "frame":
			kind, payload, _ := strings.Cut(text, " ")
			*stream, _ = appendFrame(*stream, kind, payload)
		case "raw":
			*stream = append(*stream, text...)
		}
	}
	return small(streams)
}

// Packets gives the Socket.IO packets of each case, one to a line, a binary message as
// "b:" and its bytes. A line begins with the Engine.IO packet's type. The first line of
// what is protocol 3 is eio3.
func Packets() []string {
	var lists []string
	var last string
	for _, step := range corpusSteps() {
		text := step.text
		switch step.verb {
		case "send":
		case "websocket", "polling":
			if text != "EIO=3" || step.caseName == last {
				continue
			}
			text = "eio3"
		case "binary":
			text = "b:" + text
		case "connect":
			text = strings.TrimSuffix("40"+text, ",")
		case "ask":
			text = "420[" + text + "]"
		default:
			continue
		}
		if strings.Contains(text, "\n") {
			continue
		}
		if step.caseName != last {
			lists, last = append(lists, text), step.caseName
			continue
		}
		lists[len(lists)-1] += "\n" + text
	}
	return small(lists)
}

// Bodies gives the bodies of POST requests.
func Bodies() []string {
	var bodies []string
	for _, step := range corpusSteps() {
		switch step.verb {
		case "send":
			bodies = append(bodies, step.text)
		case "post":
			_, body, _ := strings.Cut(step.text, " ")
			bodies = append(bodies, body)
		}
	}
	return small(bodies)
}

// Request is a verb with its arguments.
type Request struct {
	Verb string
	Args string // as in a JSON array, without the brackets
}

// Requests gives the verbs' requests.
func Requests() (list []Request) {
	for _, step := range corpusSteps() {
		var args []json.RawMessage
		if step.verb != "ask" || len(step.text) > maxSeed || json.Unmarshal([]byte("["+step.text+"]"), &args) != nil || len(args) == 0 {
			continue
		}
		var verb string
		if json.Unmarshal(args[0], &verb) == nil {
			_, rest, _ := strings.Cut(step.text, ",")
			list = append(list, Request{verb, rest})
		}
	}
	return list
}

// small gives the seeds that are neither empty nor too large, each once.
func small[T string | []byte](seeds []T) []T {
	seen := map[string]bool{}
	kept := seeds[:0]
	for _, seed := range seeds {
		if len(seed) > 0 && len(seed) <= maxSeed && !seen[string(seed)] {
			seen[string(seed)] = true
			kept = append(kept, seed)
		}
	}
	return kept
}
