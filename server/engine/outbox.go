package engine

import (
	"net"
	"sync"
)

// An outbox holds what waits to go to one client: server frames, in order,
// every frame within one chunk. The session has none while nothing waits.
type outbox struct {
	chunks []chunk
	apart  bool     // a chunk that is to be read by itself has just been taken
	iov    [][]byte // of a gathered write, kept with the outbox to be used again
	list   net.Buffers
}

// A chunk is a run of whole frames: either copied together into a buffer of the
// pool, or one frame of a shared Message. b is what of it is still to go.
type chunk struct {
	b     []byte
	buf   *buffer // nil for a shared frame
	large bool    // part of a large answer, outside the bound
	apart bool    // written without what follows
}

// A frame of a shared Message up to this size is copied, since that costs less
// than one more piece in a gathered write.
const copyLimit = 1 << 10

var outboxes = sync.Pool{New: func() any { return new(outbox) }}

// room returns a chunk at the end of the outbox with room for a frame of n bytes,
// to which the caller appends it.
func (o *outbox) room(n int, large bool) *chunk {
	if last := len(o.chunks) - 1; last >= 0 {
		c := &o.chunks[last]
		if c.buf != nil && c.large == large && !c.apart && cap(c.b)-len(c.b) >= n {
			return c
		}
	}
	size := n
	if len(o.chunks) > 0 {
		// More than a few answers wait: fewer, larger pieces.
		size = max(n, readBufferSize)
	}
	buf := getBuffer(size)
	o.chunks = append(o.chunks, chunk{b: buf.b, buf: buf, large: large})
	return &o.chunks[len(o.chunks)-1]
}

// add appends a frame of a shared message.
func (o *outbox) add(frame []byte, large bool) {
	if len(frame) <= copyLimit {
		c := o.room(len(frame), large)
		c.b = append(c.b, frame...)
		return
	}
	o.chunks = append(o.chunks, chunk{b: frame, large: large})
}

// setApart ends a write with what is here now.
func (o *outbox) setApart() {
	if last := len(o.chunks) - 1; last >= 0 {
		o.chunks[last].apart = true
	}
}

// consume takes n written bytes from the front and tells how many of them
// belonged to large answers.
func (o *outbox) consume(n int) (large int) {
	done := 0
	for done < len(o.chunks) {
		c := &o.chunks[done]
		took := min(n, len(c.b))
		c.b = c.b[took:]
		n -= took
		if c.large {
			large += took
		}
		if len(c.b) > 0 {
			break
		}
		if c.buf != nil {
			c.buf.release()
		}
		o.apart = o.apart || c.apart
		done++
	}
	if done > 0 {
		rest := copy(o.chunks, o.chunks[done:])
		clear(o.chunks[rest:])
		o.chunks = o.chunks[:rest]
	}
	return large
}

// next returns the bytes to write next, at most limit of them and never none
// while something waits: one slice where a single chunk is enough, else a list
// for a gathered write.
func (o *outbox) next(limit int) (one []byte, many *net.Buffers, size int) {
	if len(o.chunks) == 0 {
		return nil, nil, 0
	}
	first := o.chunks[0].b
	if len(first) >= limit {
		return first[:limit], nil, limit
	}
	if len(o.chunks) == 1 || o.chunks[0].apart {
		return first, nil, len(first)
	}
	o.iov = o.iov[:0]
	for i := range o.chunks {
		b := o.chunks[i].b
		if len(b) > limit-size {
			b = b[:limit-size]
		}
		o.iov = append(o.iov, b)
		if size += len(b); size == limit || o.chunks[i].apart {
			break
		}
	}
	o.list = o.iov
	return nil, &o.list, size
}

// release gives back the outbox and every buffer still in it.
func (o *outbox) release() {
	for i := range o.chunks {
		if o.chunks[i].buf != nil {
			o.chunks[i].buf.release()
		}
	}
	clear(o.chunks)
	clear(o.iov[:cap(o.iov)])
	if cap(o.chunks) > 64 || cap(o.iov) > 64 {
		return // of a slow client; not worth keeping
	}
	o.apart = false
	o.chunks, o.iov, o.list = o.chunks[:0], o.iov[:0], nil
	outboxes.Put(o)
}
