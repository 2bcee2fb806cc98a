package hostile

import (
	"embed"
	"fmt"
	"path"
	"strconv"
	"strings"
)

//go:embed corpus/*.txt corpus/command/*.txt
var corpus embed.FS

// Case is one hostile client.
type Case struct {
	Name  string // of the file and of the case: "frames/a frame without a mask"
	Steps []Step
}

// Step is one line of a case.
type Step struct {
	Place string // file and line
	Verb  string
	Text  string // what follows the verb; <<…>> is still in it
	Count int    // of a repeat
	Steps []Step // of a repeat
}

// Cases reads the corpus, in the order of its files: what is sent to a Socket.IO server.
func Cases() ([]Case, error) { return read("corpus") }

// CommandCases reads the cases for what the command ackbase has beside a Socket.IO server: plain HTTP, the feed
// without Socket.IO, and --deflate.
func CommandCases() ([]Case, error) { return read("corpus/command") }

// read reads the cases of a folder.
func read(folder string) ([]Case, error) {
	files, err := corpus.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var all []Case
	names := map[string]bool{}
	for _, file := range files {
		if file.IsDir() {
			continue
		}
		text, err := corpus.ReadFile(path.Join(folder, file.Name()))
		if err != nil {
			return nil, err
		}
		cases, err := parse(file.Name(), string(text))
		if err != nil {
			return nil, err
		}
		for _, c := range cases {
			if names[c.Name] {
				return nil, fmt.Errorf("%s: two cases have the name %q", file.Name(), c.Name)
			}
			names[c.Name] = true
		}
		all = append(all, cases...)
	}
	return all, nil
}

// parse reads one file of cases.
func parse(file, text string) ([]Case, error) {
	var cases []Case
	var open []*Step // the repeats around the present line
	for i, line := range strings.Split(text, "\n") {
		place := file + ":" + strconv.Itoa(i+1)
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if name, ok := strings.CutPrefix(line, "= "); ok {
			if len(open) > 0 {
				return nil, fmt.Errorf("%s: a repeat before this case has no end", place)
			}
			cases = append(cases, Case{Name: strings.TrimSuffix(file, ".txt") + "/" + name})
			continue
		}
		verb, rest, _ := strings.Cut(strings.TrimLeft(line, " \t"), " ")
		step := Step{Place: place, Verb: verb, Text: rest}
		switch {
		case len(cases) == 0:
			return nil, fmt.Errorf("%s: a step before the first case, which begins with its name: = NAME", place)
		case verb == "end" && len(open) > 0:
			step, open = *open[len(open)-1], open[:len(open)-1]
		case verb == "repeat":
			n, err := strconv.Atoi(rest)
			if err != nil || n < 1 {
				return nil, fmt.Errorf("%s: repeat %q, want how often", place, rest)
			}
			step.Count = n
			open = append(open, &step)
			continue
		case verbs[verb] == nil:
			return nil, fmt.Errorf("%s: %q is no step: see the package's documentation", place, verb)
		}
		steps := &cases[len(cases)-1].Steps
		if len(open) > 0 {
			steps = &open[len(open)-1].Steps
		}
		*steps = append(*steps, step)
	}
	if len(open) > 0 {
		return nil, fmt.Errorf("%s: a repeat has no end", file)
	}
	return cases, nil
}
