package engine

import (
	"net"
	"sync"
)

// A buffer is memory from a pool. It is held only while there is something in
// it, so that an idle session has none.
type buffer struct {
	b     []byte // empty, with the capacity of its class
	class int    // -1 for one that is too large to keep
}

// The sizes of the pooled buffers. The first holds a few answers, the second is
// what a socket is read into, the others are for growing messages.
var bufferSizes = [...]int{2 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20}

const readBufferSize = 16 << 10

var bufferPools [len(bufferSizes)]sync.Pool

// getBuffer returns an empty buffer with room for at least n bytes.
func getBuffer(n int) *buffer {
	for class, size := range bufferSizes {
		if n <= size {
			if v := bufferPools[class].Get(); v != nil {
				return v.(*buffer)
			}
			return &buffer{make([]byte, 0, size), class}
		}
	}
	return &buffer{make([]byte, 0, n), -1}
}

// release gives the buffer back. Nobody may use its memory after that.
func (b *buffer) release() {
	if b.class >= 0 {
		b.b = b.b[:0]
		bufferPools[b.class].Put(b)
	}
}

// grow returns a buffer with room for at least n bytes that holds what b held,
// and releases b.
func (b *buffer) grow(n int) *buffer {
	larger := getBuffer(n)
	larger.b = append(larger.b, b.b...)
	b.release()
	return larger
}

// readHolding reads with a buffer that is held during the wait. It returns up to
// size bytes, or an error and no buffer.
func readHolding(conn net.Conn, size int) (*buffer, error) {
	buf := getBuffer(size)
	n, err := conn.Read(buf.b[:cap(buf.b)])
	if n > 0 {
		buf.b = buf.b[:n]
		return buf, nil
	}
	buf.release()
	return nil, err
}

// nextReadSize chooses the buffer for the next read: large for a client that
// sends a lot, small for one that does not.
func nextReadSize(size, n int) int {
	switch {
	case n == size:
		return readBufferSize
	case n < bufferSizes[0]/2:
		return bufferSizes[0]
	}
	return size
}
