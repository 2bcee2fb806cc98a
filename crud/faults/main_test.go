package faults

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"
)

// The defaults are the short form.
var (
	rounds  = flag.Int("rounds", 3, "how many rounds TestRounds plays")
	seed    = flag.Uint64("seed", 0, "the seed of the only round to play; 0: others each time")
	length  = flag.Duration("length", 2500*time.Millisecond, "how long the faults of a round last")
	clients = flag.Int("clients", 60, "how many clients a round has, 60 at the least")
	kills   = flag.Int("kills", 4, "how often TestKilledFiles kills the server")

	scratches = flag.Int("scratches", 8, "how many files TestScratchedFiles scratches")
)

// patience bounds each wait for something that must come. It is what a hanging server costs, no pace.
const patience = 60 * time.Second

// binary is the ackbase to test: built once, under the race detector where the tests are.
var binary string

func TestMain(m *testing.M) {
	flag.Parse()
	zerolog.SetGlobalLevel(zerolog.Disabled) // toxiproxy is wordy
	folder, err := os.MkdirTemp("", "ackbase-faults-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binary = filepath.Join(folder, "ackbase")
	if runtime.GOOS == "windows" {
		binary += ".exe"
	}
	args := []string{"build", "-o", binary}
	if raceEnabled {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, "ackbase")...).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		os.Exit(1)
	}
	// A line that toxiproxy waits for itself on stays, too: see line.cure.
	stuck := func(function string) goleak.Option {
		return goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2" + function)
	}
	goleak.VerifyTestMain(m,
		stuck(".(*ToxicCollection).RemoveToxic"), stuck(".(*ToxicLink).RemoveToxic"), stuck(".(*ToxicLink).RemoveToxic.func1"), stuck(".(*ToxicCollection).RemoveLink"),
		stuck(".(*ToxicCollection).StartLink"), stuck(".(*Proxy).Stop"), stuck("/toxics.(*ToxicStub).InterruptToxic"),
		// What toxiproxy has begun to pass on when a connection ends stays with it.
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).read"),
		goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2.(*ToxicLink).write"),
		goleak.Cleanup(func(code int) {
			os.RemoveAll(folder)
			os.Exit(code)
		}))
}
