package crud_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"ackbase/collections"
	"ackbase/collections/bolt"
	"ackbase/crud"
)

// member is a client that a program puts into rooms.
type member struct {
	*client
	mu    sync.Mutex
	rooms []string
}

func (m *member) Rooms() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(slices.Values(m.rooms))
}

func (m *member) join(rooms ...string) {
	m.mu.Lock()
	m.rooms = append(m.rooms, rooms...)
	m.mu.Unlock()
	m.session.Moved()
}

func (m *member) leave(room string) {
	m.mu.Lock()
	m.rooms = slices.DeleteFunc(m.rooms, func(r string) bool { return r == room })
	m.mu.Unlock()
	m.session.Moved()
}

// admit is dialRecoverable for a member.
func admit(s *crud.Service, pid string) *member {
	m := &member{client: newClient("socket of "+pid, 1<<20)}
	m.wire, m.identity = offsetWire{}, crud.Identity{PID: pid, Scope: "/"}
	m.session = s.OpenRecoverable(m, m.identity)
	return m
}

// readmit brings a member back; its rooms are nil where it is not recovered.
func (m *member) readmit(s *crud.Service) (again *member, rooms []string) {
	again = &member{client: newClient(m.id, m.room)}
	again.wire, again.identity = m.wire, m.identity
	session, earlier, refused := s.Recover(again, m.identity, nil)
	if refused != nil {
		again.cancel()
		return nil, nil
	}
	again.session, again.rooms = session, earlier.Rooms
	session.Moved()
	session.Start()
	return again, append([]string{}, earlier.Rooms...)
}

// troubled is a store that counts updates, lets them wait, and fails one of a session.
type troubled struct {
	collections.Store
	gate  sync.RWMutex // who holds it lets them wait
	count atomic.Int32
	fails atomic.Bool
}

func (g *troubled) Update(ctx context.Context, w collections.Writer, fn func(collections.Tx) error, done func(error)) {
	g.gate.RLock()
	defer g.gate.RUnlock()
	g.count.Add(1)
	if w.Conn != "" && g.fails.Swap(false) {
		done(collections.Errorf(collections.ErrUnavailable, "no space is left"))
		return
	}
	g.Store.Update(ctx, w, fn, done)
}

// TestProgramRoomsComeBack: the rooms that a program put a socket into come back with its subscriptions, in another process too, and
// also where the connection is still there when the process ends.
func TestProgramRoomsComeBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	run := func(fn func(s *crud.Service, store *troubled)) {
		t.Helper()
		file, err := bolt.Open(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		store := &troubled{Store: file}
		s := crud.New(collections.New(store, nil), nil)
		fn(s, store)
		s.Close()
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
	}
	expect := func(rooms []string, want string) {
		t.Helper()
		if got := strings.Join(rooms, " "); rooms == nil || got != want {
			t.Fatalf("it came back to the rooms %q (recovered: %t), want %q", got, rooms != nil, want)
		}
	}
	var m *member
	run(func(s *crud.Service, store *troubled) {
		m = admit(s, "pid")
		m.join("before", "gone")
		if n := store.count.Load(); n > 0 {
			t.Errorf("%d updates for a socket without a subscription", n)
		}
		m.must(t, "SUBSCRIBE", "items")
		m.leave("gone")
		m.join("after")
	}) // the connection is still there
	run(func(s *crud.Service, _ *troubled) {
		again, rooms := m.readmit(s)
		expect(rooms, "after before")
		again.join("third")
		again.hangUp()
		again, rooms = again.readmit(s)
		expect(rooms, "after before third")
		for _, room := range rooms {
			again.leave(room)
		}
		again.hangUp()
		again, rooms = again.readmit(s)
		expect(rooms, "")
		again.join("last")
		m = again
	})
	run(func(s *crud.Service, _ *troubled) {
		// A connection that ends before it is in its rooms again takes none away.
		never := &member{client: newClient(m.id, 1)}
		never.wire, never.identity = m.wire, m.identity
		session, _, err := s.Recover(never, m.identity, nil)
		if err != nil {
			t.Fatal(err)
		}
		session.Close()
		again, rooms := m.readmit(s)
		expect(rooms, "last")
		for i := range 1000 {
			again.join(fmt.Sprint("room ", i))
		}
		again.hangUp()
		if again, _ = again.readmit(s); again != nil {
			t.Error("it was recovered, though it was in too many rooms")
		}
	})
}

// TestABurstOfRooms: many changes are a write or two, which do not wait for the connection's end, and one that failed is done again.
func TestABurstOfRooms(t *testing.T) {
	file, err := bolt.Open(filepath.Join(t.TempDir(), "test.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	store := &troubled{Store: file}
	s := crud.New(collections.New(store, nil), nil)
	defer func() {
		s.Close()
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	}()
	m := admit(s, "pid")
	m.must(t, "SUBSCRIBE", "items")
	// onDisk is what would come back if the process were killed, when that is as many rooms.
	onDisk := func(n int) (looks int32) {
		for {
			looks++
			if e, err := s.Find(m, m.identity, nil); err != nil {
				t.Fatal(err)
			} else if len(e.Rooms) == n {
				return looks
			}
		}
	}
	before := store.count.Load()
	store.gate.Lock()
	for i := range 100 {
		m.join(fmt.Sprint("room ", i))
	}
	store.gate.Unlock()
	looks := onDisk(100)
	if writes := store.count.Load() - before - looks; writes > 2 {
		t.Errorf("%d writes for a burst of changes", writes)
	}
	store.fails.Store(true)
	m.join("one more")
	onDisk(101)
	if store.fails.Load() {
		t.Error("no write has failed: the test shows nothing")
	}
	m.hangUp()
}
