package settings

import (
	"fmt"
	"strings"

	"ackbase/collections"
)

// noSeparator is the tag of a setting whose values are not taken apart at commas, ruleSeparator what stands between
// several of them in one text, as in the environment.
const (
	noSeparator   = -1
	ruleSeparator = ";"
)

// keepRules reads --keep-changes: by the collection's name, and "" for the others.
func (s *Settings) keepRules() (map[string]collections.Keep, error) {
	rules := map[string]collections.Keep{}
	for _, value := range s.KeepChanges {
		for rule := range strings.SplitSeq(value, ruleSeparator) {
			name, length, named := strings.Cut(rule, "=")
			if name = strings.TrimSpace(name); !named {
				name, length = "", rule
			} else if name == "" {
				return nil, fmt.Errorf("--keep-changes: %q names no collection: write it like items=7d, or 7d for all", rule)
			}
			keep, err := collections.ParseKeep(length)
			if err != nil {
				return nil, fmt.Errorf("--keep-changes: %w", err)
			}
			if other, twice := rules[name]; twice && other != keep {
				of := "the collections without a rule of their own"
				if named {
					of = name
				}
				return nil, fmt.Errorf("--keep-changes: of %s is to be kept %s and %s: name one of them, and an age together with a number as in 30d,1000000", of, other, keep)
			}
			rules[name] = keep
		}
	}
	return rules, nil
}
