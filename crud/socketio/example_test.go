package socketio_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"ackbase/collections"
	"ackbase/collections/bolt"
	"ackbase/crud"
	"ackbase/crud/socketio"
	"ackbase/server"
)

// A program with the verbs on its own Socket.IO server, and a client that asks by
// the bare protocol over long-polling.
func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	store, err := bolt.Open(filepath.Join(dir, "items.db"), nil)
	if err != nil {
		panic(err)
	}
	defer store.Close()
	verbs := crud.New(collections.New(store, nil), nil)
	defer verbs.Close()

	io := server.New(nil)
	socketio.Bind(io.Of("/"), verbs)
	web := httptest.NewServer(io)
	defer web.Close()

	client := connect(web.URL)
	client.send(`42["SUBSCRIBE","items",{"filters":{"colour":"red"}}]`)
	client.send(`421["POST","items",{"name":"cherry","colour":"red"}]`)
	for _, packet := range client.receive(2) { // the answer, and the event
		fmt.Println(packet)
	}
	client.send(`422["GET","items",1]`)
	fmt.Println(client.receive(1)[0])
	client.send(`1`) // goodbye
	// Output:
	// 431 {"id":1,"name":"cherry","colour":"red"}
	// ADDED items?{"colour":"red"}
	// 432 {"id":1,"name":"cherry","colour":"red"}
}

type polling struct{ url string }

func connect(url string) *polling {
	p := &polling{url + "/socket.io/?EIO=4&transport=polling"}
	var open struct{ Sid string }
	if err := json.Unmarshal([]byte(p.poll()[0][1:]), &open); err != nil {
		panic(err)
	}
	p.url += "&sid=" + open.Sid
	p.send("40")
	p.poll()
	return p
}

func (p *polling) send(packet string) {
	res, err := http.Post(p.url, "text/plain;charset=UTF-8", strings.NewReader(packet))
	if err != nil {
		panic(err)
	}
	res.Body.Close()
}

func (p *polling) poll() []string {
	res, err := http.Get(p.url)
	if err != nil {
		panic(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		panic(err)
	}
	return strings.Split(string(body), "\x1e")
}

// receive polls until that many packets have come, and gives what they say in short.
func (p *polling) receive(n int) (list []string) {
	for len(list) < n {
		for _, packet := range p.poll() {
			at := strings.IndexByte(packet, '[')
			var data []json.RawMessage
			if err := json.Unmarshal([]byte(packet[at:]), &data); err != nil {
				panic(err)
			}
			var change struct{ Type, Room string }
			if packet[:at] == "42" && json.Unmarshal(data[1], &change) == nil {
				list = append(list, change.Type+" "+change.Room)
				continue
			}
			list = append(list, packet[:at]+" "+string(bytes.TrimSpace(data[0])))
		}
	}
	return list
}
