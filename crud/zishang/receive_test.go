package zishang

import (
	"testing"

	"github.com/zishang520/engine.io-go-parser/packet"
)

func TestAttachmentsAreCountedByTheirBytes(t *testing.T) {
	c := &conn{}
	const size = 1 << 20
	for range 2 { // packets
		if got := c.text([]byte(`450-["message"]`)); got != packet.MESSAGE {
			t.Fatal(got)
		}
		for i := range maxAttached / size {
			if got := c.attachment(size); got != packet.MESSAGE {
				t.Fatalf("attachment %d: %s", i, got)
			}
		}
	}
	if got := c.attachment(1); got != packet.ERROR {
		t.Error(got)
	}
}
