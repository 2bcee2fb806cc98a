package zishang_test

import (
	"context"
	"fmt"
	"net"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws/wsutil"
	"github.com/zishang520/socket.io-go-parser/v2/parser"
	"github.com/zishang520/socket.io/v2/socket"
	"go.uber.org/goleak"

	"ackbase/collections"
	"ackbase/collections/bolt"
	"ackbase/crud"
	"ackbase/crud/zishang"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// The library leaves a timer of some closed connections to run out, 45 s at the most.
		goleak.IgnoreTopFunction("github.com/zishang520/engine.io/v2/utils.SetTimeout.func1"))
}

// serve runs a server of the library on a real socket, with the verbs in /, in
// /shop and in /shop-1, /shop-2 …, and without them in /bare.
func serve(t testing.TB) (io *socket.Server, url string) {
	t.Helper()
	verbs := service(t)
	options := socket.DefaultServerOptions()
	options.SetMaxHttpBufferSize(2 << 20)
	io = socket.NewServer(nil, options)
	web := httptest.NewUnstartedServer(zishang.Handler(io))
	web.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		_ = c.(*net.TCPConn).SetWriteBuffer(64 << 10) // so that slow clients show soon
		return ctx
	}
	web.Start()
	t.Cleanup(func() {
		io.Close(nil)
		web.Close()
		awaitKept(t, 0, 0)
	})
	io.Of("/bare", nil)
	for _, ns := range []socket.Namespace{io.Of("/", nil), io.Of("/shop", nil), io.Of(regexp.MustCompile(`^/shop-\d$`), nil)} {
		if err := zishang.Bind(ns, verbs); err != nil {
			t.Fatal(err)
		}
	}
	return io, web.URL
}

// service runs the verbs on an empty store. Its Close, which waits for what
// holds a session, comes after the server's.
func service(t testing.TB) *crud.Service {
	t.Helper()
	store, err := bolt.Open(filepath.Join(t.TempDir(), "items.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	verbs := crud.New(collections.New(store, nil), nil)
	t.Cleanup(func() {
		verbs.Close()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return verbs
}

func TestVerbs(t *testing.T) {
	_, url := serve(t)
	for i, namespace := range []string{"/", "/shop", "/shop-1"} {
		t.Run(namespace, func(t *testing.T) {
			c := join(t, url, namespace)
			items := fmt.Sprintf(`"items%d"`, i)
			c.ok(namespace, `["SUBSCRIBE",`+items+`]`)
			if got := c.ok(namespace, `["POST",`+items+`,{"name":"a"}]`); got != `{"id":1,"name":"a"}` {
				t.Errorf("POST: %s", got)
			}
			if got := c.read(); !strings.HasPrefix(got, "42"+head(namespace)+`["ADDED",{`) || !strings.Contains(got, `"name":"a"`) {
				t.Errorf("got %q", got)
			}
			if got := c.ok(namespace, `["GET",`+items+`,1]`); got != `{"id":1,"name":"a"}` {
				t.Errorf("GET: %s", got)
			}
			c.send("42" + head(namespace) + `["PATCH",` + items + `,{"id":1,"name":"b"}]`) // without a callback
			if got := c.read(); !strings.HasPrefix(got, "42"+head(namespace)+`["MODIFIED",{`) || !strings.Contains(got, `"name":"b"`) {
				t.Errorf("got %q", got)
			}
			if got := c.refused(namespace, `["GET",`+items+`,2]`); got != "NOT_FOUND" {
				t.Error(got)
			}
		})
	}
	p := poll(t, url)
	p.send(`420["POST","items",{"name":"c"}]`, ` 421["GET","items0",1]`[1:])
	var got []string
	for len(got) < 2 {
		got = append(got, p.receive()...)
	}
	for _, want := range []string{`430[{"id":1,"name":"c"},null,`, `431[{"id":1,"name":"b"},null,`} {
		if all := strings.Join(got, "\n"); !strings.Contains(all, want) {
			t.Errorf("got %s, want %s", all, want)
		}
	}
}

// The arguments reach the store as the client wrote them, not as the library decodes them.
func TestArgumentsAreRaw(t *testing.T) {
	_, url := serve(t)
	c := join(t, url, "/")
	const item = `{"id":1,"z":12345678901234567890.10,"a":"\u00e9<>"}`
	if got := c.ok("/", `["PUT","items",`+item+`]`); got != item {
		t.Errorf("got %s", got)
	}
	for _, args := range []string{
		`["POST","items",{"n":1,"n":2}]`, `["POST","items",{"t":"\ud800"}]`, `["POST","items",{"t":"` + "\xff" + `"}]`, `["GET","items",9007199254740993]`,
	} {
		if got := c.refused("/", args); got != "BAD_REQUEST" {
			t.Errorf("%s: %s", args, got)
		}
	}
	if got := c.ok("/", ` [ "\u0047ET", "items" , 1 ]`); got != item {
		t.Errorf("got %s", got)
	}
}

func TestAttachmentsAreRefused(t *testing.T) {
	io, url := serve(t)
	heard, listening := make(chan int, 1), make(chan bool, 1)
	_ = io.On("connection", func(args ...any) {
		_ = args[0].(*socket.Socket).On("message", func(args ...any) { heard <- len(args) })
		listening <- true
	})
	c := join(t, url, "/")
	await(t, listening) // for which the library does not wait
	c.send(`452-7["POST","items",{"a":{"_placeholder":true,"num":0}},{"_placeholder":true,"num":1}]`)
	if got := code(t, c.answer("/")); got != "BAD_REQUEST" {
		t.Error(got)
	}
	c.send("b:one", "b:two")
	if got := c.ok("/", `["GET","items"]`); got != "[]" {
		t.Error(got)
	}
	c.send(`451-["message",{"_placeholder":true,"num":0}]`, "b:the program's own")
	if got := await(t, heard); got != 1 {
		t.Errorf("the program's handler got %d arguments", got)
	}
}

// The library keeps attachments until the last has come, however many are announced.
func TestAttachmentsWithoutEnd(t *testing.T) {
	_, url := serve(t)
	for _, packet := range []string{`450-["message"]`, `4518446744073709551615-["message"]`} {
		c := join(t, url, "/")
		c.send(packet)
		for range 2000 {
			if wsutil.WriteClientBinary(c.conn, nil) != nil {
				break // the other end has closed
			}
		}
		c.closed()
	}
}

// The requests of one socket are answered and take effect in the order in which
// they were sent, and each write's answer comes before its event.
func TestOrder(t *testing.T) {
	_, url := serve(t)
	c := join(t, url, "/")
	c.ok("/", `["POST","items",{"n":0}]`)
	c.ok("/", `["SUBSCRIBE","items",1,{"snapshot":true}]`) // what was written before is in it
	const n = 2000
	go func() {
		for i := 1; i <= n; i++ {
			c.send(fmt.Sprintf(`42%d["PATCH","items",{"id":1,"n":%d}]`, i, i))
		}
	}()
	answers, events := 0, 0
	for answers < n || events < n {
		switch got := c.read(); {
		case strings.HasPrefix(got, fmt.Sprintf(`43%d[{"id":1,"n":%d},null,`, answers+1, answers+1)):
			answers++
		case strings.HasPrefix(got, `42["MODIFIED"`) && strings.Contains(got, fmt.Sprintf(`"item":{"id":1,"n":%d}`, events+1)) && events < answers:
			events++
		default:
			t.Fatalf("after %d answers and %d events: %q", answers, events, got)
		}
	}
}

// One packet of these ends a process of the library.
func TestPacketsThatEndTheProcess(t *testing.T) {
	_, url := serve(t)
	bystander := join(t, url, "/")
	for _, namespace := range []string{"/", "/shop", "/bare"} {
		nsp := strings.TrimSuffix(head(namespace), ",")
		for _, kind := range []string{"2", "3", "50-", "51-", "60-", "61-"} {
			for _, id := range []string{"", ",", ",0", ",18446744073709551615"} {
				if namespace == "/" {
					id = strings.TrimPrefix(id, ",")
				}
				c := join(t, url, namespace)
				c.send("4" + kind + nsp + id)
				c.closed()
			}
		}
	}
	c := join(t, url, "/")
	c.send(`451-["GET",{"_placeholder":true,"num":0}]`, `42["GET","items",1]`) // where an attachment belongs
	c.closed()
	c = join(t, url, "/")
	c.send(`450-7["GET","items",1]`)
	c.closed()
	c = join(t, url, "/")
	c.send(`427["GET","items",1`)
	c.closed()
	if got := bystander.ok("/", `["GET","items"]`); got != "[]" {
		t.Error(got)
	}
}

// The library drops what follows a broadcast's packet in a batch: answers, events of a
// subscription, other broadcasts. With the verbs bound everything arrives.
func TestBroadcastsTakeNothingWithThem(t *testing.T) {
	io, url := serve(t)
	c := join(t, url, "/")
	join(t, url, "/") // a second one, since the library shares a broadcast's packet
	c.ok("/", `["POST","items",{"n":0}]`)
	const n = 2000
	broadcast := make(chan struct{})
	go func() {
		defer close(broadcast)
		for i := range n {
			_ = io.Sockets().Emit("news", i)
		}
	}()
	go func() {
		for range n {
			c.send(`427["GET","items",1]`)
		}
	}()
	answers, news := 0, 0
	for answers < n || news < n {
		switch got := c.read(); {
		case strings.HasPrefix(got, "437["):
			answers++
		case got == fmt.Sprintf(`42["news",%d]`, news):
			news++
		default:
			t.Fatalf("after %d answers and %d news: %q", answers, news, got)
		}
	}
	await(t, broadcast)
}

// Events for a subscriber that does not read stay in the log and go on from there.
func TestSlowSubscriber(t *testing.T) {
	_, url := serve(t)
	slow, writer := join(t, url, "/"), join(t, url, "/")
	// 6 MB of events in all, more than may wait and than the system's buffers take.
	const changes, subscriptions = 4, 16
	for i := range subscriptions {
		slow.ok("/", fmt.Sprintf(`["SUBSCRIBE","items",null,{"filters":{"id":{"$gt":-%d}}}]`, i+1))
	}
	for range changes {
		writer.ok("/", `["POST","items",{"text":"`+strings.Repeat("x", 100_000)+`"}]`)
	}
	for i := range changes * subscriptions {
		id := fmt.Sprintf(`"item":{"id":%d,`, i/subscriptions+1)
		if got := slow.read(); !strings.HasPrefix(got, `42["ADDED"`) || !strings.Contains(got[:300], id) {
			t.Fatalf("event %d: %.300q", i, got)
		}
	}
	if got := slow.ok("/", `["GET","items",{"fields":["id"],"limit":1}]`); got != `[{"id":1}]` {
		t.Error(got)
	}
}

// A client that does not read what the program emits is cut off, without a
// DISCONNECT packet, so that a stock client reconnects.
func TestSlowClientIsCutOff(t *testing.T) {
	io, url := serve(t)
	gone, listening := make(chan any, 1), make(chan bool, 1)
	_ = io.On("connection", func(args ...any) {
		_ = args[0].(*socket.Socket).On("disconnect", func(args ...any) { gone <- args[0] })
		listening <- true
	})
	c := join(t, url, "/")
	await(t, listening)
	c.ok("/", `["SUBSCRIBE","items"]`)
	text := strings.Repeat("x", 100_000)
	for sent := 0; sent < 1000 && len(gone) == 0; sent++ { // 100 MB at the most
		_ = io.Sockets().Emit("news", text)
	}
	if got := await(t, gone); got != "forced close" {
		t.Errorf("the socket closed for %v", got)
	}
	for {
		got, err := c.next()
		if err != nil {
			break
		}
		if strings.HasPrefix(got, "41") {
			t.Error("got DISCONNECT")
		}
	}
}

// A session ends with its socket, and with its connection.
func TestLeaving(t *testing.T) {
	_, url := serve(t)
	writer := join(t, url, "/")
	stays := join(t, url, "/")
	stays.send("40/shop,")
	if got := stays.read(); !strings.HasPrefix(got, "40/shop,") {
		t.Fatal(got)
	}
	stays.ok("/", `["SUBSCRIBE","items"]`)
	stays.ok("/shop", `["SUBSCRIBE","items"]`)
	stays.send("41")
	awaitKept(t, 2, 2)
	for i := 1; i <= 3; i++ {
		writer.ok("/", `["POST","items",{}]`)
		if got := stays.read(); !strings.HasPrefix(got, `42/shop,["ADDED"`) || !strings.Contains(got, fmt.Sprintf(`"id":%d,`, i)) {
			t.Fatalf("got %q, want event %d", got, i)
		}
	}
	stays.conn.Close()
	awaitKept(t, 1, 1)
}

func TestMiddlewareThatRefuses(t *testing.T) {
	verbs := service(t)
	io := socket.NewServer(nil, nil)
	web := httptest.NewServer(zishang.Handler(io))
	t.Cleanup(func() {
		io.Close(nil)
		web.Close()
	})
	if err := zishang.Bind(io.Sockets(), verbs); err != nil {
		t.Fatal(err)
	}
	io.Use(func(s *socket.Socket, next func(*socket.ExtendedError)) {
		if auth, _ := s.Handshake().Auth.(map[string]any); auth["token"] != "good" {
			next(socket.NewExtendedError("no", nil))
			return
		}
		next(nil)
	})
	c := dial(t, web.URL)
	c.send("40")
	if got := c.read(); !strings.HasPrefix(got, `44{`) {
		t.Fatalf("got %q, want CONNECT_ERROR", got)
	}
	c.send(`40{"token":"good"}`)
	if got := c.read(); !strings.HasPrefix(got, `40{"sid"`) {
		t.Fatalf("got %q, want CONNECT", got)
	}
	if got := c.ok("/", `["GET","items"]`); got != "[]" {
		t.Error(got)
	}
	c = dial(t, web.URL)
	c.send("40")
	if got := c.read(); !strings.HasPrefix(got, `44{`) {
		t.Fatalf("got %q, want CONNECT_ERROR", got)
	}
	c.send(`427["GET","items"]`)
	c.closed()
}

func TestBindRefuses(t *testing.T) {
	verbs := service(t)
	for want, options := range map[string]func(*socket.ServerOptions){
		"Attach or ServeHandler": nil,
		"a parser of its own":    func(o *socket.ServerOptions) { o.SetParser(parser.NewParser()) },
		"connection state recovery,": func(o *socket.ServerOptions) {
			o.SetAdapter(&socket.AdapterBuilder{}) // the library's own for recovery panics with Go 1.26
			o.SetConnectionStateRecovery(&socket.ConnectionStateRecovery{})
		},
	} {
		o := socket.DefaultServerOptions()
		if options != nil {
			options(o)
		}
		io := socket.NewServer(nil, o)
		if options != nil {
			io.ServeHandler(nil)
		}
		if err := zishang.Bind(io.Sockets(), verbs); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
		io.Close(nil)
	}
}

// awaitKept waits until so many connections and members are kept, of which nothing tells.
func awaitKept(t testing.TB, connections, members int) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		c, m := zishang.Kept()
		if c == connections && m == members {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d connections and %d members are kept, want %d and %d", c, m, connections, members)
		}
	}
}

// await waits for a value on a channel.
func await[T any](t testing.TB, from <-chan T) (v T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	select {
	case v = <-from:
	case <-ctx.Done():
		t.Fatal("it never came")
	}
	return v
}
