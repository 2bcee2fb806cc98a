package socketio

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ackbase/collections"
	"ackbase/collections/bolt"
	"ackbase/crud"
	"ackbase/server"
	"ackbase/server/client"
)

// Who knows the pid of a client, but is refused by the middleware, does it no harm: only who is let in takes over, with the
// subscriptions and the rooms.
func TestWhoIsRefusedTakesNothingOver(t *testing.T) {
	file, err := bolt.Open(filepath.Join(t.TempDir(), "data.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	verbs := crud.New(collections.New(file, nil), nil)
	io := server.New(nil)
	ns := io.Of("/")
	Bind(ns, verbs)
	ns.Use(func(s *server.Socket) error {
		if !strings.Contains(string(s.Handshake().Auth), "let me in") {
			return errors.New("who are you")
		}
		return nil
	})
	ns.OnConnect(func(s *server.Socket) {
		if !s.Recovered() {
			s.Join("lobby")
		}
	})
	web := httptest.NewServer(io)
	defer func() {
		verbs.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = io.Shutdown(ctx)
		web.Close()
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	}()
	at := client.Server{Context: t.Context(), URL: web.URL}
	open := func() *client.Session {
		t.Helper()
		session, err := at.Open()
		if err != nil {
			t.Fatal(err)
		}
		return session
	}
	connect := func(auth string) (session *client.Session, sid, pid string) {
		t.Helper()
		session = open()
		answer, err := session.Connect(auth)
		var connected struct{ SID, PID string }
		if err := errors.Join(err, json.Unmarshal(answer, &connected)); err != nil {
			t.Fatal(err)
		}
		return session, connected.SID, connected.PID
	}
	expect := func(session *client.Session, prefix string) {
		t.Helper()
		got, err := session.Read()
		if err != nil || !strings.HasPrefix(string(got), prefix) {
			t.Fatalf("got %s (%v), want %s", got, err, prefix)
		}
	}
	tell := func(session *client.Session) {
		t.Helper()
		if err := ns.To("lobby").Emit("hello", 1); err != nil {
			t.Fatal(err)
		}
		expect(session, `42["hello",1`)
	}

	mine, sid, pid := connect(`{"token":"let me in"}`)
	defer mine.Drop()
	if err := mine.Send(`420["SUBSCRIBE","items"]`); err != nil {
		t.Fatal(err)
	}
	expect(mine, `430[`)

	thief := open()
	defer thief.Drop()
	if err := thief.Send(`40{"pid":"` + pid + `"}`); err != nil {
		t.Fatal(err)
	}
	expect(thief, `44{"message":"who are you"}`)
	tell(mine)
	if err := mine.Send(`42["POST","items",{"n":1}]`); err != nil {
		t.Fatal(err)
	}
	expect(mine, `42["ADDED",`)

	again, sid2, pid2 := connect(`{"token":"let me in","pid":"` + pid + `"}`)
	defer again.Drop()
	if sid2 != sid || pid2 != pid {
		t.Errorf("it came back as %s, %s, and was %s, %s", sid2, pid2, sid, pid)
	}
	if _, err := mine.Read(); !errors.Is(err, client.ErrClosed) {
		t.Errorf("the connection before: %v", err)
	}
	expect(again, `42["ADDED",`) // it named no offset
	tell(again)
	if n := ns.Len(); n != 1 {
		t.Errorf("there are %d sockets", n)
	}
}
