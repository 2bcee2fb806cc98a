package engine

import (
	"github.com/gobwas/ws"

	"ackbase/server/packet"
)

// Send queues messages for the client: all of them or none, with nothing between
// them. The error is ErrClosed or ErrTooSlow. That a message was queued does not
// say that it arrives.
func (s *Session) Send(msgs ...*Message) error {
	f, size := s.formOf(msgs)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.take(msgs, f, size); err != nil {
		return err
	}
	if !s.holds() {
		s.kick()
	}
	return nil
}

// Queue is Send for what goes to many sessions. On a WebSocket it leaves after the
// next call of [Server.Flush], or with what else is sent to the client before.
func (s *Session) Queue(msgs ...*Message) error {
	f, size := s.formOf(msgs)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.take(msgs, f, size); err != nil {
		return err
	}
	switch {
	case s.holds() || s.writing || s.inRound:
	case s.raw == nil:
		s.kick()
	case s.waits():
		s.inRound = true
		s.server.flusher.queue(s)
	}
	return nil
}

// formOf makes the messages ready in the form that the session needs now, and tells
// their size in it.
func (s *Session) formOf(msgs []*Message) (f form, size int) {
	f = form(s.form.Load())
	for _, m := range msgs {
		size += len(m.in(f))
	}
	return f, size
}

// take puts messages into what waits.
func (s *Session) take(msgs []*Message, f form, size int) error {
	large, err := s.admit(size)
	if err != nil || size == 0 {
		return err
	}
	s.sent(size, large)
	if len(msgs) == 1 && !large && !s.waits() {
		s.single = msgs[0].in(f)
		return nil
	}
	out := s.outbox()
	for _, m := range msgs {
		out.add(m.in(f), large)
	}
	return nil
}

// SendText queues one text message of the concatenated parts, which are copied.
// It allocates nothing while buffers come from the pool, unless it compresses. What
// is said of NewText and Send holds for it.
func (s *Session) SendText(parts ...[]byte) error {
	payload := textSize(parts)
	if payload >= deflateThreshold && form(s.form.Load())&deflated != 0 {
		return s.Send(NewText(parts...))
	}
	size := headerSize(payload) + payload
	s.mu.Lock()
	defer s.mu.Unlock()
	large, err := s.admit(size)
	if err != nil {
		return err
	}
	c := s.outbox().room(size, large)
	c.b = appendText(c.b, payload, parts)
	s.sent(size, large)
	if !s.holds() {
		s.kick()
	}
	return nil
}

// Flush writes what waits to a WebSocket at once, where it would otherwise stay until
// the handler has returned, and lets what is sent next follow a moment later, so that
// the client reads it by itself. A client that listens for one message at a time needs
// that where two come without its asking. Like the write after BatchEnd it may wait for
// the client, StallTimeout at most. On polling it does nothing.
func (s *Session) Flush() {
	s.mu.Lock()
	if s.conn == nil || !s.waits() {
		s.mu.Unlock()
		return
	}
	s.outbox().setApart()
	if s.writing {
		s.mu.Unlock()
		return // who writes takes it next
	}
	s.writing = true
	s.refs++
	s.mu.Unlock()
	s.write(byReader)
}

// Buffered is the number of bytes that wait for the client.
func (s *Session) Buffered() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queued
}

// Writable is false from when more than Options.HighWater waits until less than
// half of it does; then Handler.Drained is called. It is false on a closed
// session, for which Drained is not called.
func (s *Session) Writable() bool { return !s.full.Load() && !s.ended.Load() }

// admit decides whether size more bytes may wait and whether they are a large
// answer. Over the bound the session is closed.
func (s *Session) admit(size int) (large bool, err error) {
	if s.reason != "" {
		return false, ErrClosed
	}
	o := &s.server.options
	large = size > o.HighWater
	if large && s.queued <= o.MaxBuffered || !large && s.queued-s.large+size <= o.MaxBuffered {
		return large, nil
	}
	s.shut(ReasonTooSlow, 0, false)
	return false, ErrTooSlow
}

// outbox returns the outbox of what waits, making one where nothing did.
func (s *Session) outbox() *outbox {
	if s.out == nil {
		s.out = outboxes.Get().(*outbox)
		if s.single != nil {
			s.out.add(s.single, false)
			s.single = nil
		}
	}
	return s.out
}

// takeOutbox returns the outbox of what waits, nil where nothing does, and leaves none.
func (s *Session) takeOutbox() *outbox {
	if !s.waits() {
		return nil
	}
	out := s.outbox()
	s.out = nil
	return out
}

func (s *Session) dropOutbox() {
	if out := s.takeOutbox(); out != nil {
		out.release()
	}
}

// waits reports whether anything waits.
func (s *Session) waits() bool { return s.out != nil || s.single != nil }

// sent accounts for bytes that were queued.
func (s *Session) sent(size int, large bool) {
	s.queued += size
	if large {
		s.large += size
	}
	if s.queued > s.server.options.HighWater {
		s.full.Store(true)
	}
}

// sendPacket queues a packet of Engine.IO itself, past the bounds.
func (s *Session) sendPacket(t packet.EngineType, data string) {
	size := 1 + len(data)
	c := s.outbox().room(headerSize(size)+size, false)
	c.b = append(append(appendHeader(c.b, ws.OpText, size), byte(t)), data...)
	s.sent(headerSize(size)+size, false)
	if !s.holds() {
		s.kick()
	}
}

// kick sees that what waits leaves, if nobody does that already.
func (s *Session) kick() {
	switch {
	case s.conn != nil:
		if !s.writing && (s.waits() || s.reason != "" && !s.goodbye) {
			s.writing = true
			s.refs++
			s.startWriting()
		}
	case s.poll != nil:
		if s.waits() || s.reason != "" {
			close(s.poll)
			s.poll = nil
		}
	case s.waits() && s.reason == "" && s.stallBy == 0 && !s.getting && s.responding == 0:
		s.stallBy = s.server.now() + int64(s.server.options.StallTimeout)
		s.schedule(s.stallBy)
	}
}

// wrote accounts for bytes that were taken by the transport.
func (s *Session) wrote(n, large int) {
	s.mu.Lock()
	drained := s.account(n, large)
	s.mu.Unlock()
	if drained {
		s.guard("Drained", func() { s.handler.Drained(s) })
	}
}

// account is wrote for who has locked the session, and reports whether the handler is to
// be told that it has drained.
func (s *Session) account(n, large int) (drained bool) {
	s.queued -= n
	s.large -= large
	if s.pingLeft > 0 {
		// Until the ping itself has left, the client cannot answer it.
		s.pingLeft -= n
		s.seen.Store(s.server.now())
	}
	if !s.full.Load() || s.queued >= s.server.options.HighWater/2 {
		return false
	}
	s.full.Store(false)
	s.changed.Broadcast()
	return s.reason == ""
}

// awaitDrained waits until less than half of HighWater waits, or the session
// is closed. While an upgrade is under way it does not wait: the client polls no more then, and
// sends UPGRADE only when its POST has been answered.
func (s *Session) awaitDrained() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.full.Load() && s.reason == "" && (s.conn != nil || !s.probed) {
		s.changed.Wait()
	}
	// The pong may be in what was not read meanwhile.
	s.seen.Store(s.server.now())
}
