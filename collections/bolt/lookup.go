package bolt

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"

	"ackbase/collections"
)

// A key is found among the pages by the way of bbolt's cursor, but with fewer looks at a page
// where ids are numbers: they mostly lie evenly, so that the least and the greatest of a page
// tell nearly where to look. In a large collection each look goes to memory that no cache holds.

// get is the value of a key, nil where there is none. It is part of the map: valid as long
// as the transaction.
func (t *tree) get(key []byte) ([]byte, error) {
	if len(key) == numberKeySize && key[0] == byte(collections.Number) {
		return t.getNumber(binary.BigEndian.Uint64(key[1:]))
	}
	t.visit = maxTreeDeep
	for id := t.root; ; {
		p, err := t.page(id)
		if err != nil {
			return nil, err
		}
		if !p.leaf {
			id = p.child(p.childOf(key))
			continue
		}
		i := p.search(key)
		return p.value(i, i < p.count && bytes.Equal(p.key(i), key))
	}
}

// getNumber is get of a number's key, of which number is all but the first byte.
func (t *tree) getNumber(number uint64) ([]byte, error) {
	t.visit = maxTreeDeep
	var low, high uint64 // what the page's numbers lie between, where low < high
	for id := t.root; ; {
		p, err := t.page(id)
		if err != nil {
			return nil, err
		}
		i := p.searchNumber(number, low, high)
		found := i < p.count && p.number(i) == number
		if p.leaf {
			return p.value(i, found)
		}
		if !found {
			i = max(i-1, 0)
		}
		low = p.number(i)
		if i+1 < p.count {
			high = p.number(i + 1)
		}
		id = p.child(i)
	}
}

// value is that of a key of a leaf, nil if it was not found.
func (p page) value(i int, found bool) ([]byte, error) {
	if !found {
		return nil, nil
	}
	_, v, ok := p.entry(i)
	if !ok {
		return nil, errPages
	}
	return v, nil
}

const (
	numberKeySize = 9
	noNumber      = math.MaxUint64 // is above all numbers, as other keys of ids are
)

// number is a key of a page as a number that orders as the key does, or noNumber.
func (p page) number(i int) uint64 {
	element := pageHeader + i*pageElement
	at := element
	if p.leaf {
		at += 4
	}
	start := uint64(element) + uint64(binary.NativeEndian.Uint32(p.b[at:]))
	if size := binary.NativeEndian.Uint32(p.b[at+4:]); size != numberKeySize || start+numberKeySize > uint64(len(p.b)) {
		return noNumber
	}
	key := p.b[start : start+numberKeySize]
	if key[0] != byte(collections.Number) {
		return noNumber
	}
	return binary.BigEndian.Uint64(key[1:])
}

// searchNumber is the first key of the page that is not below a number's. All numbers of the
// page are from low on and below high, if low < high.
func (p page) searchNumber(number, low, high uint64) int {
	from, to := 0, p.count
	if p.count == 0 {
		return 0
	}
	if low >= high || number < low || number >= high {
		low, high = p.number(0), p.number(p.count-1)
	}
	if low < high && low <= number && number < high && high != noNumber {
		// Begin where it is if they lie evenly, and go away from there in growing steps.
		over, under := bits.Mul64(number-low, uint64(p.count))
		quotient, _ := bits.Div64(over, under, high-low)
		guess := int(quotient)
		if n := p.number(guess); n == number {
			return guess
		} else if n > number {
			to = guess
			for step := 1; to >= step; step *= 2 {
				if p.number(to-step) < number {
					from = to - step + 1
					break
				}
				to -= step
			}
		} else {
			from = guess + 1
			for step := 1; from+step <= p.count; step *= 2 {
				if p.number(from+step-1) >= number {
					to = from + step - 1
					break
				}
				from += step
			}
		}
	}
	for from < to {
		if middle := int(uint(from+to) / 2); p.number(middle) < number {
			from = middle + 1
		} else {
			to = middle
		}
	}
	return from
}
