package settings

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"ackbase/collections"
)

// check gathers what is said of collections, by the file and by the flags
// (indexes add up; ids and what is kept of a flag win), and refuses settings that make no sense.
func (s *Settings) check(file *configFile) error {
	if err := s.declareAll(file); err != nil {
		return err
	}
	if s.MaxDepth > collections.MaxDepth {
		return fmt.Errorf("--max-depth: %d is too deep: it is %d at the most", s.MaxDepth, collections.MaxDepth)
	}
	if s.MaxBuffered < s.HighWater {
		return fmt.Errorf("--max-buffered: a client would be cut off before its events stay in the log: give at least the %d bytes of --high-water", s.HighWater)
	}
	for _, origin := range s.Origin {
		if u, err := url.Parse(origin); origin != "*" && (err != nil || u.Scheme == "" || u.Host == "" || strings.TrimRight(u.Path, "/") != u.Path || u.Path != "") {
			return fmt.Errorf("--origin: %q is no origin: write scheme and host without a path, such as https://shop.example, or *", origin)
		}
	}
	return s.checkSeed()
}

// checkSeed reads --seed.
func (s *Settings) checkSeed() error {
	name, number, generated := strings.Cut(s.Seed, ":")
	switch {
	case s.Seed == "":
		return nil
	case name != "catalogue":
		return fmt.Errorf("--seed: there is no data set %q: there are catalogue and, with a number of products, catalogue:100000", s.Seed)
	case !generated:
		return nil
	}
	const most = 10_000_000
	var err error
	if s.generated, err = strconv.Atoi(number); err != nil || s.generated < 1 || s.generated > most {
		return fmt.Errorf("--seed: %q is no number of products: write 1 to %d, such as catalogue:100000", number, most)
	}
	return nil
}

// Generated is how many products --seed wants generated; 0 where it wants those of the catalogue, or nothing.
func (s *Settings) Generated() int { return s.generated }
