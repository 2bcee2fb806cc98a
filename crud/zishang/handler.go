package zishang

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/zishang520/socket.io/v2/socket"
)

// Handler serves a server's connections, to be used in place of its own handler: it
// is ServeHandler's, of which it keeps some faults away.
//
//   - What a client sends over a WebSocket is read when the library listens to it.
//     Read before, a CONNECT is lost, and the frame `3` ends the process.
//   - A polling response is not written after its request has ended, which
//     net/http does not bear.
//   - A polling body is limited to MaxHttpBufferSize also where it does not tell its
//     length. A packet in it that is longer than the library reads (64 KB) is
//     refused with status 413, not dropped in silence.
//   - A polling request whose session closes is answered, with status 400 if the
//     library has not done so a second later. It leaves some to wait for ever.
func Handler(server *socket.Server) http.Handler {
	library := server.ServeHandler(nil)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			var ok bool
			if r, ok = withBody(w, r, server.Engine().Opts().MaxHttpBufferSize()); !ok {
				return
			}
		}
		res := &response{ResponseWriter: w, header: w.Header().Clone(), returned: make(chan struct{})}
		defer res.end()
		if query := r.URL.Query(); query.Get("transport") == "polling" {
			if session, ok := server.Engine().Clients().Load(query.Get("sid")); ok {
				ctx, cancel := context.WithCancel(r.Context())
				defer cancel()
				go res.endWith(ctx, cancel, watch(session))
				r = r.WithContext(ctx)
			}
		}
		library.ServeHTTP(res, r)
	})
}

// lastAnswer is how long the library may take to answer the requests of a session that has closed.
const lastAnswer = time.Second

// withBody reads the body of a request. It is false where that was answered with an error.
func withBody(w http.ResponseWriter, r *http.Request, limit int64) (*http.Request, bool) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		http.Error(w, "the body is larger than the server takes", http.StatusRequestEntityTooLarge)
		return nil, false
	case err != nil:
		http.Error(w, "the body did not arrive whole", http.StatusBadRequest)
		return nil, false
	}
	if r.URL.Query().Get("EIO") == "4" {
		for packet := range bytes.SplitSeq(body, []byte{0x1e}) {
			if len(packet) >= bufio.MaxScanTokenSize {
				http.Error(w, "over long-polling a packet may have less than 64 KB: use WebSocket", http.StatusRequestEntityTooLarge)
				return nil, false
			}
		}
	}
	read := *r
	read.Body = io.NopCloser(bytes.NewReader(body))
	return &read, true
}

// response is what the library writes to, from whatever goroutine, until the request has ended.
type response struct {
	http.ResponseWriter
	header   http.Header
	returned chan struct{} // closed when the library's handler has returned

	mu    sync.Mutex // held while something is written
	begun bool
	over  bool
}

func (r *response) Header() http.Header { return r.header }

func (r *response) WriteHeader(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.over {
		r.begin(status)
	}
}

func (r *response) begin(status int) {
	if !r.begun {
		r.begun = true
		maps.Copy(r.ResponseWriter.Header(), r.header)
		r.ResponseWriter.WriteHeader(status)
	}
}

func (r *response) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return 0, errors.New("zishang: the request has ended")
	}
	r.begin(http.StatusOK)
	return r.ResponseWriter.Write(p)
}

// endWith answers a request that the library has left without an answer for a
// while after its session closed, and cancels it. It returns when the request has ended.
func (r *response) endWith(ctx context.Context, cancel context.CancelFunc, session *conn) {
	select {
	case <-ctx.Done():
		return
	case <-session.ended:
	}
	timer := time.NewTimer(lastAnswer)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
		r.mu.Lock()
		defer r.mu.Unlock()
		if !r.begun && !r.over {
			r.begun, r.over = true, true
			http.Error(r.ResponseWriter, "the session has closed", http.StatusBadRequest)
			cancel()
		}
	}
}

// end waits for what is being written, and lets a WebSocket be read.
func (r *response) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
	close(r.returned)
}

func (r *response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffers, err := http.NewResponseController(r.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	return &heldConn{conn, r.returned}, buffers, nil
}

// heldConn reads nothing before a channel is closed.
type heldConn struct {
	net.Conn
	until <-chan struct{}
}

func (c *heldConn) Read(p []byte) (int, error) {
	<-c.until
	return c.Conn.Read(p)
}
