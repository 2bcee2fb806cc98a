package settings

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
)

// TestLimitsAreDocumented compares the table of limits in crud/PROTOCOL.md with the flags.
func TestLimitsAreDocumented(t *testing.T) {
	protocol, err := os.ReadFile("../PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]string{} // the default by the flag's name
	for _, row := range regexp.MustCompile(`(?m)^\|.*\| ([^|]+) \| `+"`--([a-z-]+)`"+` \|$`).FindAllStringSubmatch(string(protocol), -1) {
		documented[row[2]] = strings.NewReplacer(" ", "", ",", "", "min", "m").Replace(row[1])
	}
	flags := map[string]string{}
	parser, err := kong.New(&Settings{})
	if err != nil {
		t.Fatal(err)
	}
	for _, flag := range parser.Model.Flags {
		if flag.Group != nil && slices.Contains([]string{"Limits", "Messages", "Connections", "Clients", "Slow clients"}, flag.Group.Key) && flag.HasDefault && flag.Name != "metrics-from" {
			flags[flag.Name] = strings.ReplaceAll(flag.Default, ",", "")
		}
	}
	if diff := cmp.Diff(flags, documented); diff != "" {
		t.Errorf("the defaults of the flags and those in crud/PROTOCOL.md (-flags +document):\n%s", diff)
	}
}
