package bench

import (
	"math/bits"
	"time"
)

// subBits is the precision: 1<<subBits steps for each doubling, so that a value
// is kept to less than 0.8 %.
const subBits = 7

// histogram counts durations in steps that grow with the value, from 1 ns to
// centuries, in constant memory (as HdrHistogram does). The zero value is empty.
type histogram struct {
	counts [(64 - subBits) << subBits]int64
	total  int64
	most   time.Duration
}

// record counts one duration; a negative one counts as 0.
func (h *histogram) record(d time.Duration) {
	d = max(d, 0)
	h.counts[step(uint64(d))]++
	h.total++
	h.most = max(h.most, d)
}

func (h *histogram) add(other *histogram) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.total += other.total
	h.most = max(h.most, other.most)
}

// quantile is the duration that a share q of all is not above; 0 of none.
func (h *histogram) quantile(q float64) time.Duration {
	want := int64(q*float64(h.total) + 0.5)
	var seen int64
	for i, n := range h.counts {
		if seen += n; n > 0 && seen >= want {
			return min(upper(i), h.most)
		}
	}
	return h.most
}

// step is the index of a value's counter: the values below 1<<subBits have one each.
func step(v uint64) int {
	shift := max(bits.Len64(v)-subBits-1, 0)
	return shift<<subBits + int(v>>shift)
}

// upper is the largest value that step puts under i.
func upper(i int) time.Duration {
	if i < 2<<subBits {
		return time.Duration(i)
	}
	shift := i>>subBits - 1
	return time.Duration((i-shift<<subBits+1)<<shift - 1)
}
