package soak

import (
	"flag"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// The defaults are the short forms.
var (
	connections = flag.Int("connections", 400, "how many connections come and go in TestChurn")
	clients     = flag.Int("clients", 200, "how many clients there are in TestMixedLoad")
	minutes     = flag.Float64("minutes", 0.1, "how long they are all there")
)

func TestMain(m *testing.M) {
	if os.Getenv(apartEnv) != "" {
		os.Exit(beApart())
	}
	goleak.VerifyTestMain(m)
}
