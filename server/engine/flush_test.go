package engine

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/gobwas/ws"
)

// What was flushed reaches the client by itself, also behind a write that is under
// way. The pause after it ends when the client sends something.
func TestFlush(t *testing.T) {
	inBubble(t, nil, func(_ *Session, h *recorder) {
		h.message = func(s *Session, data []byte, _ bool) {
			_ = s.SendText([]byte("flushed "), data)
			s.Flush()
			_ = s.SendText([]byte("later"))
		}
	}, func(t *testing.T, b *bench) {
		session, h, s := b.pipe()
		s.send(ws.OpText, "41")
		s.wantFrame(ws.OpText, "4flushed 1")
		began := time.Now()
		s.wantFrame(ws.OpText, "4later")
		want(t, "the pause", time.Since(began), apartBy)

		_ = session.SendText([]byte("first"))
		synctest.Wait() // the writer waits for the client
		s.send(ws.OpText, "42")
		s.wantFrame(ws.OpText, "4first")
		s.wantFrame(ws.OpText, "4flushed 2")
		began = time.Now()
		s.wantFrame(ws.OpText, "4later")
		want(t, "the pause behind another write", time.Since(began), apartBy)

		synctest.Wait()
		// What the client sends meanwhile is handled, and ends the pause.
		s.send(ws.OpText, "43")
		s.wantFrame(ws.OpText, "4flushed 3")
		began = time.Now()
		s.send(ws.OpText, "44")
		s.wantFrame(ws.OpText, "4later")
		s.wantFrame(ws.OpText, "4flushed 4")
		want(t, "the pause before an answer", time.Since(began), time.Duration(0))
		s.wantFrame(ws.OpText, "4later")

		synctest.Wait()
		h.message = func(s *Session, data []byte, _ bool) {
			_ = s.SendText(data)
			s.Flush()
		}
		began = time.Now()
		for range 3 {
			s.send(ws.OpText, "45")
			s.wantFrame(ws.OpText, "45")
			synctest.Wait()
		}
		want(t, "the pause for a client that speaks", time.Since(began), time.Duration(0))
		_ = session.SendText([]byte("unasked"))
		s.wantFrame(ws.OpText, "4unasked")
		want(t, "the pause before what nobody asked for", time.Since(began), apartBy)
		s.send(ws.OpText, "46")
		s.wantFrame(ws.OpText, "46")
		_ = session.SendText([]byte("the last"))
		session.Close("")
		s.wantFrame(ws.OpText, "4the last")
		s.wantClose(ws.StatusNormalClosure)
	})
}
