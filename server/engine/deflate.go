package engine

import (
	"bytes"
	"compress/flate"
	"io"
	"runtime"

	"github.com/gobwas/httphead"
	"github.com/gobwas/ws"
	"github.com/gobwas/ws/wsflate"
	fastflate "github.com/klauspost/compress/flate"
)

// permessage-deflate (RFC 7692), always without context takeover either way: each message is
// compressed by itself, so that a connection keeps nothing for it, and the compressed frame of a
// Message is the same for every session.
//
// What compresses takes about 0.8 MB, what decompresses 40 KB, and each keeps a buffer of 256 KB at
// most. There is one of each for every processor, however many connections there are; who finds
// all in use waits, which is short, since nobody waits for a client with one in hand.
//
// klauspost/compress writes, in 0.6 of the time of the standard library at the same level and with
// two thirds of the memory. The standard library reads what clients send: it is as fast, and refuses
// at once some data that the other begins to read.

// deflateThreshold is the size of the smallest payload that is compressed, as in the official
// server.
const deflateThreshold = 1 << 10

// compressedBit is RSV1 of a frame's header, which marks the first frame of a compressed message.
const compressedBit = 0x40

var (
	errInflate = &frameError{ws.StatusInvalidFramePayloadData, "a compressed message is no DEFLATE data"}
	deflaters  = newFixedPool(newDeflater)
	inflaters  = newFixedPool(newInflater)
)

// negotiateDeflate looks for an offer of permessage-deflate that can be taken: any that does not
// ask for a smaller window. One that is malformed is declined, as the RFC wants it.
func negotiateDeflate(upgrader *ws.HTTPUpgrader, extension *wsflate.Extension) {
	extension.Parameters = wsflate.Parameters{ServerNoContextTakeover: true, ClientNoContextTakeover: true}
	upgrader.Negotiate = func(offer httphead.Option) (httphead.Option, error) {
		answer, err := extension.Negotiate(offer)
		if err != nil {
			return httphead.Option{}, nil
		}
		return answer, nil
	}
}

// A fixedPool holds a fixed number of things, which are made when they are first needed.
type fixedPool[T any] struct {
	free   chan *T // nil is one that has not been made
	create func() *T
}

func newFixedPool[T any](create func() *T) *fixedPool[T] {
	p := &fixedPool[T]{free: make(chan *T, runtime.GOMAXPROCS(0)), create: create}
	for range cap(p.free) {
		p.free <- nil
	}
	return p
}

func (p *fixedPool[T]) get() *T {
	if v := <-p.free; v != nil {
		return v
	}
	return p.create()
}

func (p *fixedPool[T]) put(v *T) { p.free <- v }

// A deflater compresses one message after the other.
type deflater struct {
	w   *fastflate.Writer
	out bytes.Buffer
}

func newDeflater() *deflater {
	w, err := fastflate.NewWriter(nil, fastflate.BestSpeed)
	if err != nil {
		panic(err) // the level exists
	}
	return &deflater{w: w}
}

// maxKept is the size of the largest buffer that is kept with what compresses and decompresses.
const maxKept = 256 << 10

// deflateFrame gives the compressed form of a whole frame, or the frame itself where that is not
// shorter.
func deflateFrame(frame []byte) []byte {
	op, data, _ := nextOwnFrame(frame)
	d := deflaters.get()
	defer deflaters.put(d)
	d.out.Reset()
	d.w.Reset(&d.out)
	_, _ = d.w.Write(data) // a buffer takes everything
	_ = d.w.Flush()
	packed := bytes.TrimSuffix(d.out.Bytes(), deflateEnd[:4])
	if len(packed) < len(data) {
		frame = make([]byte, 0, headerSize(len(packed))+len(packed))
		frame = append(appendHeader(frame, op|compressedBit, len(packed)), packed...)
	}
	if d.out.Cap() > maxKept {
		d.out = bytes.Buffer{}
	}
	return frame
}

// deflateEnd is what a message is decompressed with: the empty block that its sender has left out,
// and a last one.
var deflateEnd = [...]byte{0, 0, 0xff, 0xff, 1, 0, 0, 0xff, 0xff}

// An inflater decompresses one message after the other.
type inflater struct {
	in   []byte
	from bytes.Reader
	r    io.ReadCloser
}

func newInflater() *inflater { return &inflater{r: flate.NewReader(bytes.NewReader(nil))} }

// inflate decompresses a message of at most limit bytes, which it never exceeds by more than one.
// The error is errTooBig or errInflate.
func inflate(data []byte, limit int) (*buffer, error) {
	z := inflaters.get()
	defer func() {
		z.from.Reset(nil)
		inflaters.put(z)
	}()
	z.in = append(append(z.in[:0], data...), deflateEnd[:]...)
	z.from.Reset(z.in)
	if cap(z.in) > maxKept {
		z.in = nil
	}
	_ = z.r.(flate.Resetter).Reset(&z.from, nil) // never fails without a dictionary
	out := getBuffer(min(4*len(data), limit+1))
	for {
		if len(out.b) == cap(out.b) {
			out = out.grow(min(2*cap(out.b), limit+1))
		}
		n, err := z.r.Read(out.b[len(out.b):min(cap(out.b), limit+1)])
		out.b = out.b[:len(out.b)+n]
		switch {
		case len(out.b) > limit:
			err = errTooBig
		case err == nil:
			continue
		case err == io.EOF && z.from.Len() <= 1+len(deflateEnd):
			// Nothing is left, or the sender's own last block came before, and a byte of padding.
			return out, nil
		default:
			err = errInflate
		}
		out.release()
		return nil, err
	}
}
