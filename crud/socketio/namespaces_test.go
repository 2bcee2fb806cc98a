package socketio

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"ackbase/collections"
	"ackbase/crud"
	"ackbase/server"
	"ackbase/server/client"
)

// TestManyNamespaces replays to the sockets of fifty namespaces of one connection, which is full again and again: each is told
// the log, whoever of them fills the connection.
func TestManyNamespaces(t *testing.T) {
	const spaces, missed, live = 50, 60, 20
	verbs := crud.New(collections.New(openStore(t), nil), &crud.Options{RingBytes: 4 << 10, Bookmark: time.Hour})
	io := server.New(&server.Options{HighWater: 4 << 10, MaxBuffered: 64 << 20, StallTimeout: 30 * time.Second})
	for n := range spaces {
		Bind(io.Of(fmt.Sprintf("/n%d", n)), verbs)
	}
	web := httptest.NewServer(io)
	defer func() {
		web.Close()
		verbs.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := io.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	}()
	for name, polling := range map[string]bool{"WebSocket": false, "polling": true} {
		t.Run(name, func(t *testing.T) {
			srv := client.Server{Context: t.Context(), URL: web.URL}
			collection := strings.ToLower(name)
			writer, err := srv.Open()
			if err != nil {
				t.Fatal(err)
			}
			defer writer.Drop()
			send := func(s *client.Session, packets ...string) {
				if err := s.Send(packets...); err != nil {
					t.Error(err)
				}
			}
			put := func(n int) {
				send(writer, fmt.Sprintf(`42/n0,1["PUT","%s",{"id":%d,"n":%d,"text":"%s"}]`, collection, 1+n%7, n, strings.Repeat("x", 300)))
				if err := writer.ReadUntil("43/n0,1["); err != nil {
					t.Error(err)
				}
			}
			send(writer, "40/n0,")
			if err := writer.ReadUntil("40/n0,"); err != nil {
				t.Fatal(err)
			}
			put(0)
			s, err := srv.Open()
			if polling {
				s.Drop()
				s, err = srv.OpenPolling()
			}
			if err != nil {
				t.Fatal(err)
			}
			defer s.Drop()
			send(writer, fmt.Sprintf(`42/n0,2["GET","%s",1]`, collection))
			packet, err := writer.Read()
			if err != nil {
				t.Fatal(err)
			}
			var answer []json.RawMessage
			var meta struct{ Cursor string }
			if err := json.Unmarshal(packet[bytes.IndexByte(packet, '['):], &answer); err != nil || json.Unmarshal(answer[2], &meta) != nil {
				t.Fatalf("%s: %v", packet, err)
			}
			for n := range missed {
				put(1 + n)
			}
			var joins, subscribes []string
			for n := range spaces {
				joins = append(joins, fmt.Sprintf("40/n%d,", n))
				subscribes = append(subscribes, fmt.Sprintf(`42/n%d,["SUBSCRIBE","%s",{"since":"%s"}]`, n, collection, meta.Cursor))
			}
			sent := make(chan struct{})
			go func() {
				defer close(sent)
				send(s, joins...)
				send(s, subscribes...)
				for n := range live {
					put(1 + missed + n)
				}
			}()
			told, marked := map[string]int{}, map[string]bool{}
			for done := 0; done < spaces; {
				packet, err := s.Read()
				if err != nil {
					t.Fatalf("after %v: %v", told, err)
				}
				space, rest, _ := strings.Cut(string(packet), ",")
				switch {
				case strings.HasPrefix(space, "40/"):
					continue
				case strings.HasPrefix(rest, `["BOOKMARK"`):
					if marked[space] || told[space] < missed {
						t.Fatalf("%s: a BOOKMARK after %d events; before: %v", space, told[space], marked[space])
					}
					marked[space] = true
				default:
					told[space]++
					if want := fmt.Sprintf(`"n":%d,`, told[space]); !strings.Contains(rest, want) {
						t.Fatalf("%s: %.200s, want %s", space, rest, want)
					}
				}
				if told[space] == missed+live && marked[space] {
					done++
				}
			}
			<-sent
		})
	}
}
