package bench

import (
	"bytes"
	"io"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

// TestHistogram compares quantiles with those of the sorted values.
func TestHistogram(t *testing.T) {
	var h, half histogram
	var all []time.Duration
	for i := range 20_000 {
		d := time.Duration(rand.Int64N(1 << rand.IntN(40)))
		all = append(all, d)
		if i%2 == 0 {
			h.record(d)
		} else {
			half.record(d)
		}
	}
	h.add(&half)
	slices.Sort(all)
	for _, q := range []float64{0.001, 0.5, 0.9, 0.99, 0.999, 1} {
		exact := all[max(int(q*float64(len(all))+0.5), 1)-1]
		if got := h.quantile(q); got < exact || float64(got) > float64(exact)*1.008+1 {
			t.Errorf("the quantile %v is %d, exactly it is %d", q, got, exact)
		}
	}
	var none histogram
	if none.quantile(0.5) != 0 || latencyOf(&none) != nil {
		t.Error("an empty histogram has quantiles")
	}
	none.record(-1)
	none.record(1<<63 - 1)
	if none.quantile(1) != 1<<63-1 || none.quantile(0.1) != 0 {
		t.Error("the ends of the range are not kept")
	}
}

// TestFramesInPieces holds that frames are read however TCP cuts them.
func TestFramesInPieces(t *testing.T) {
	var stream []byte
	var want [][]byte
	for _, n := range []int{0, 1, 125, 126, 1000, 65535, 65536, 100_000} {
		data := bytes.Repeat([]byte{'x'}, n)
		want = append(want, data)
		var b bytes.Buffer
		if err := ws.WriteFrame(&b, ws.NewTextFrame(data)); err != nil {
			t.Fatal(err)
		}
		stream = append(stream, b.Bytes()...)
	}
	for _, piece := range []int{1, 3, 1000, len(stream)} {
		var buffer []byte
		var got [][]byte
		for chunk := range slices.Chunk(stream, piece) {
			buffer = append(buffer, chunk...)
			for {
				f, rest, ok, err := cutFrame(buffer)
				if err != nil {
					t.Fatal(err)
				}
				if !ok {
					break
				}
				got = append(got, bytes.Clone(f.data))
				buffer = rest
			}
		}
		if !slices.EqualFunc(got, want, bytes.Equal) || len(buffer) > 0 {
			t.Errorf("in pieces of %d: %d frames of %d, %d bytes left", piece, len(got), len(want), len(buffer))
		}
	}
}

// FuzzCutFrame compares with the library's reader; and what appendFrame writes that reader must read.
func FuzzCutFrame(f *testing.F) {
	f.Add([]byte{0x81, 2, 'h', 'i'})
	f.Add([]byte{0x81, 126, 0, 200})
	f.Add([]byte{0x01, 127, 0, 0, 0, 0, 0, 0, 0, 1, 'x'})
	f.Add([]byte{0x88, 0x82, 1, 2, 3, 4, 5, 6})
	f.Fuzz(func(t *testing.T, b []byte) {
		got, rest, ok, err := cutFrame(b)
		header, wanted := ws.ReadHeader(bytes.NewReader(b))
		if ok && (wanted != nil || int(header.Length) != len(got.data) || header.OpCode != got.op || header.Fin != got.fin) {
			t.Errorf("%x: cut %+v, the library reads %+v, %v", b, got, header, wanted)
		}
		if ok && err != nil || !ok && len(rest) != len(b) {
			t.Errorf("%x: ok %v, err %v, %d bytes left", b, ok, err, len(rest))
		}
		written := bytes.NewReader(appendFrame(nil, ws.OpText, [4]byte{1, 2, 3, 4}, b))
		header, err = ws.ReadHeader(written)
		payload, _ := io.ReadAll(written) // of a bytes.Reader: it does not fail
		ws.Cipher(payload, header.Mask, 0)
		if err != nil || int(header.Length) != len(payload) || !bytes.Equal(payload, b) {
			t.Errorf("%x: written and read again: %x, %v", b, payload, err)
		}
	})
}

// TestSequence holds against a plain set which numbers came, for orders at random.
func TestSequence(t *testing.T) {
	for range 200 {
		var s sequence
		came, highest := map[int64]bool{}, int64(-1)
		for range 100 {
			n := int64(len(came)) + rand.Int64N(7) - 3
			if n < 0 {
				continue
			}
			first, inOrder := s.take(n)
			if first == came[n] || first && inOrder != (n > highest) {
				t.Fatalf("%d after %v: first %v, in order %v", n, came, first, inOrder)
			}
			came[n], highest = true, max(highest, n)
		}
		if s.distinct != int64(len(came)) {
			t.Fatalf("%d were counted of %v", s.distinct, came)
		}
	}
}

func TestStamp(t *testing.T) {
	want := stamp{4294967295, 17, 5 * time.Second}
	item := append(want.appendTo([]byte(`[{"item":{"a":1,`)), `}}]`...)
	if got, ok := findStamp(item); !ok || got != want {
		t.Errorf("%s: %+v, %v", item, got, ok)
	}
	for _, none := range []string{``, `[{"item":{}}]`, `"sent":"`, `"sent":"1-2"`, `"sent":"1-2-x"`, `"sent":"1-2-3`, `"sent":"--"`} {
		if got, ok := findStamp([]byte(none)); ok {
			t.Errorf("%s has the stamp %+v", none, got)
		}
	}
}
