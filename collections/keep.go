package collections

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Keep says how much of the change log is kept: a change goes as soon as either bound is
// passed. The newest change of all stays in any case. The zero value is DefaultKeep.
type Keep struct {
	Age     time.Duration // changes that are older go; zero: they may have any age
	Changes int           // and so do those beyond the newest so many; zero: there may be any number
}

// DefaultKeep is what is kept where nothing else is said, KeepAll keeps every change.
var (
	DefaultKeep = Keep{Age: 30 * 24 * time.Hour, Changes: 10_000_000}
	KeepAll     = Keep{Age: math.MaxInt64}
)

// OrDefault is the Keep, or what its zero value stands for.
func (k Keep) OrDefault() Keep {
	if k == (Keep{}) {
		return DefaultKeep
	}
	return k
}

const keepForms = "write an age (12h, 30d), a number of changes (1000000), both (30d,1000000), or all"

// ParseKeep reads `30d`, `1000000`, `30d,1000000` or `all`. Its error is an ErrBadRequest.
func ParseKeep(text string) (k Keep, err error) {
	text = strings.TrimSpace(text)
	if text == "all" {
		return KeepAll, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		if n, err := strconv.Atoi(part); err == nil {
			if n <= 0 || k.Changes > 0 {
				return Keep{}, Errorf(ErrBadRequest, "%q is no length of the change log: it has one number of changes, more than zero", clip(text))
			}
			k.Changes = n
			continue
		}
		age, ok := parseAge(part)
		switch {
		case !ok:
			return Keep{}, Errorf(ErrBadRequest, "%q is no length of the change log: %s", clip(text), keepForms)
		case age <= 0 || k.Age > 0:
			return Keep{}, Errorf(ErrBadRequest, "%q is no length of the change log: it has one age, more than zero", clip(text))
		}
		k.Age = age
	}
	return k, nil
}

// parseAge reads a duration, which may be a whole number of days.
func parseAge(text string) (time.Duration, bool) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := strconv.Atoi(days)
		const most = math.MaxInt64 / int(24*time.Hour)
		return time.Duration(n) * 24 * time.Hour, err == nil && n <= most && n >= -most
	}
	d, err := time.ParseDuration(text)
	return d, err == nil
}

// String is the text that ParseKeep reads.
func (k Keep) String() string {
	k = k.OrDefault()
	if k.Age == KeepAll.Age && k.Changes == 0 {
		return "all"
	}
	var parts []string
	const day = 24 * time.Hour
	switch {
	case k.Age > 0 && k.Age%day == 0:
		parts = append(parts, fmt.Sprintf("%dd", k.Age/day))
	case k.Age > 0:
		parts = append(parts, k.Age.String())
	}
	if k.Changes > 0 {
		parts = append(parts, strconv.Itoa(k.Changes))
	}
	return strings.Join(parts, ",")
}

// check tells what is wrong with a Keep that a program has made.
func (k Keep) check() error {
	if k.Age < 0 || k.Changes < 0 {
		return Errorf(ErrBadRequest, "a change log cannot be kept for %v and %d changes: zero is no bound, KeepAll keeps all", k.Age, k.Changes)
	}
	return nil
}
