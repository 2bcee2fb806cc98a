package server_test

import (
	"fmt"
	"net/http"

	"ackbase/server"
)

// A chat room: what one client says, everybody hears.
func Example() {
	io := server.New(nil)
	main := io.Of("/")
	main.OnConnect(func(s *server.Socket) { s.Join("lobby") })
	main.On("chat", func(e *server.Event) {
		if err := main.To("lobby").EmitRaw("chat", e.Args, e.Attachments); err != nil {
			_ = e.Ack("refused")
			return
		}
		_ = e.Ack("sent")
	})
	mux := http.NewServeMux()
	mux.Handle("/socket.io/", io)
	fmt.Println(main.Name(), main.Len())
	// Output: / 0
}

// An event that is sent to many is encoded once.
func ExamplePrepare() {
	p, err := server.Prepare("ADDED", []byte(`{"id":1}`))
	fmt.Println(p.Size(), err)
	_, err = server.Prepare("ADDED", []byte(`{"id":`))
	fmt.Println(err)
	// Output:
	// 18 <nil>
	// server: a raw argument cannot be sent: the data is not valid JSON
}
