package settings

import (
	"strings"
	"testing"
)

// TestMaxConnectionsFitTheSystem: a default is lowered, a choice is refused.
func TestMaxConnectionsFitTheSystem(t *testing.T) {
	for _, c := range []struct {
		args        []string
		files       int
		connections int
		refused     string
	}{
		{nil, 0, 20_000, ""},
		{nil, 1 << 20, 20_000, ""},
		{nil, 20_100, 20_000, ""},
		{nil, 20_099, 19_999, ""},
		{nil, 1024, 924, ""},
		{nil, 100, 0, "ulimit -n"},
		{[]string{"--max-connections=500"}, 1024, 500, ""},
		{[]string{"--max-connections=30000"}, 1024, 0, "room for 924"},
	} {
		s, _, err := read(t, c.args, nil, "")
		if err != nil {
			t.Fatal(err)
		}
		chosen := int(s.MaxConnections)
		most, lowered, err := s.FitFiles(c.files)
		switch {
		case c.refused != "":
			if err == nil || !strings.Contains(err.Error(), c.refused) {
				t.Errorf("%v with %d files: %v, want an error that tells of %q", c.args, c.files, err, c.refused)
			}
		case err != nil, int(s.MaxConnections) != c.connections, lowered != (c.connections != chosen), c.files > 0 && most != c.files-100:
			t.Errorf("%v with %d files: %d connections, lowered %v, %d in all, %v; want %d", c.args, c.files, s.MaxConnections, lowered, most, err, c.connections)
		}
	}
}
