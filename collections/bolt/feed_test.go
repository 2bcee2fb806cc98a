package bolt

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"ackbase/collections"
)

// The memory keeps the newest changes; older ones are read from the log. Both must
// be one sequence, from any position.
func TestChangesFromMemoryAndLog(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "data.db"), nil)
	const n = maxTailChanges + 3000
	fill(t, s, "items", n)
	origin := collections.Position{Epoch: s.epoch}
	at := origin
	var some collections.Position
	for at.Seq < n {
		list, err := s.Changes(t.Context(), at, 700)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range list {
			if c.Position.Seq != at.Seq+1 || c.ID.Number() != c.Position.Seq || string(c.After) != string(product(int(c.Position.Seq))) {
				t.Fatalf("after %d came the change %d of %s", at.Seq, c.Position.Seq, c.ID)
			}
			at = c.Position
			if at.Seq == 1500 {
				some = at
			}
		}
	}
	s.feed.mu.Lock()
	if len(s.feed.tail) != maxTailChanges || s.feed.base.Seq != n-maxTailChanges {
		t.Errorf("the memory has %d changes after %d", len(s.feed.tail), s.feed.base.Seq)
	}
	s.feed.mu.Unlock()
	some.Tag++
	if _, err := s.Changes(t.Context(), some, 1); !errors.Is(err, collections.ErrGone) {
		t.Errorf("a position in the log with another tag: %v", err)
	}
	if _, err := s.Changes(t.Context(), collections.Position{Epoch: s.epoch, Tag: 1}, 1); !errors.Is(err, collections.ErrGone) {
		t.Errorf("the position before the first change with a tag: %v", err)
	}
}

// After a commit that failed at its very last step the file may show its changes all
// the same: they are announced with the next ones, read from the file.
func TestAnnounceAfterAGap(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "data.db"), nil)
	fill(t, s, "items", 10)
	list, err := s.Changes(t.Context(), collections.Position{Epoch: s.epoch}, 10)
	if err != nil {
		t.Fatal(err)
	}
	for len(list) < 10 {
		more, err := s.Changes(t.Context(), list[len(list)-1].Position, 10)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, more...)
	}
	s.feed.mu.Lock()
	s.feed.head, s.feed.base, s.feed.tail = list[4].Position, collections.Position{Epoch: s.epoch}, list[:5:5]
	s.feed.mu.Unlock()
	s.feed.announce(list[7].Position, list[8:], 0)
	at := collections.Position{Epoch: s.epoch}
	for at.Seq < 10 {
		got, err := s.Changes(t.Context(), at, 3)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range got {
			if c.Position != list[at.Seq].Position {
				t.Fatalf("after %d came %d", at.Seq, c.Position.Seq)
			}
			at = c.Position
		}
	}
}

func FuzzDecodeEntry(f *testing.F) {
	c := &collections.Change{Type: collections.Modified, Collection: "items", ID: mustID(7), Reason: "r", By: "b", Time: time.UnixMilli(5),
		Before: []byte(`{"id":7}`), After: []byte(`{"id":7,"a":1}`), Diff: []byte(`[]`)}
	f.Add(appendEntry(nil, c))
	f.Add([]byte{1, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := decodeEntry(1, 2, b)
		if err != nil {
			return
		}
		again, err := decodeEntry(1, 2, appendEntry(nil, c))
		if err != nil || again.ID != c.ID || string(again.After) != string(c.After) || !again.Time.Equal(c.Time) {
			t.Errorf("%x reads as %+v, and that as %+v, %v", b, c, again, err)
		}
	})
}
