package bolt

import (
	"encoding/binary"
	"errors"
	"time"

	"ackbase/collections"
)

// Bits of an entry's first byte, above the two of its type.
const (
	entryTypeMask = 0x03
	entryNumberID = 0x04
)

// appendEntry appends a change as the log keeps it: type, tag, time, previous
// revision, then each text behind its length. The sequence number is its key.
func appendEntry(dst []byte, c *collections.Change) []byte {
	first := byte(c.Type)
	if c.ID.IsNumber() {
		first |= entryNumberID
	}
	dst = append(dst, first)
	dst = binary.BigEndian.AppendUint32(dst, c.Position.Tag)
	dst = binary.AppendVarint(dst, c.Time.UnixMilli())
	dst = binary.AppendUvarint(dst, c.Prev.Seq)
	dst = binary.BigEndian.AppendUint32(dst, c.Prev.Tag)
	dst = appendText(dst, c.Collection)
	if c.ID.IsNumber() {
		dst = binary.AppendUvarint(dst, c.ID.Number())
	} else {
		dst = appendText(dst, c.ID.Text())
	}
	dst = appendText(dst, c.Reason)
	dst = appendText(dst, c.By)
	dst = appendText(dst, c.Before)
	dst = appendText(dst, c.After)
	return appendText(dst, c.Diff)
}

func appendText[T string | ~[]byte](dst []byte, s T) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

// entryTag reads only the tag.
func entryTag(b []byte) (uint32, error) {
	if len(b) < 5 {
		return 0, errEntry
	}
	return binary.BigEndian.Uint32(b[1:]), nil
}

// entryTime reads only the time, in Unix milliseconds.
func entryTime(b []byte) (int64, error) {
	r := entryReader{b: b}
	r.take(5) // type and tag
	t := r.varint()
	if r.bad {
		return 0, errEntry
	}
	return t, nil
}

// entryChain reads only the tag and the revision before.
func entryChain(b []byte) (tag uint32, prev collections.Rev, err error) {
	r := entryReader{b: b}
	r.byte() // the type
	tag = r.uint32()
	r.varint() // the time
	prev = collections.Rev{Seq: r.uvarint(), Tag: r.uint32()}
	if r.bad {
		err = errEntry
	}
	return tag, prev, err
}

// entrySeq reads the key of an entry.
func entrySeq(k []byte) (uint64, error) {
	if len(k) != 8 {
		return 0, errEntry
	}
	return binary.BigEndian.Uint64(k), nil
}

// about is what of an entry says whether it is kept.
type about struct {
	time       int64  // Unix milliseconds
	collection []byte // part of the entry
}

// entryAbout reads only that.
func entryAbout(b []byte) (about, error) {
	r := entryReader{b: b}
	r.take(5)
	a := about{time: r.varint()}
	r.uvarint()
	r.take(4)
	a.collection = r.text()
	if r.bad {
		return about{}, errEntry
	}
	return a, nil
}

// decodeEntry reads what appendEntry wrote. The change's JSON is part of b.
func decodeEntry(epoch, seq uint64, b []byte) (*collections.Change, error) {
	r := entryReader{b: b}
	first := r.byte()
	c := &collections.Change{Type: collections.ChangeType(first & entryTypeMask)}
	c.Position = collections.Position{Epoch: epoch, Seq: seq, Tag: r.uint32()}
	c.Time = time.UnixMilli(r.varint()).UTC()
	c.Prev = collections.Rev{Seq: r.uvarint(), Tag: r.uint32()}
	c.Collection = string(r.text())
	var err error
	if first&entryNumberID != 0 {
		c.ID, err = collections.NumberID(r.uvarint())
	} else {
		c.ID, err = collections.TextID(string(r.text()))
	}
	c.Reason = string(r.text())
	c.By = string(r.text())
	c.Before, c.After, c.Diff = r.text(), r.text(), r.text()
	if r.bad || err != nil || len(r.b) > 0 || c.Type == 0 || !sound(c) {
		return nil, errEntry
	}
	return c, nil
}

// sound tells whether what a change tells of its item is JSON. In a damaged file it may not be, and nobody who is
// told of changes looks again.
func sound(c *collections.Change) bool {
	if (c.Before == nil) != (c.Type == collections.Added) || (c.After == nil) != (c.Type == collections.Deleted) {
		return false
	}
	for _, part := range [...][]byte{c.Before, c.After, c.Diff} {
		if part != nil && !collections.ValidJSON(part) {
			return false
		}
	}
	return true
}

var errEntry = errors.New("bolt: an entry of the change log cannot be read: the file is damaged, restore it from a backup")

// entryReader takes an entry apart. After the first fault it gives zeros.
type entryReader struct {
	b   []byte
	bad bool
}

func (r *entryReader) take(n uint64) []byte {
	if r.bad || n > uint64(len(r.b)) {
		r.bad = true
		return nil
	}
	part := r.b[:n:n]
	r.b = r.b[n:]
	return part
}

func (r *entryReader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *entryReader) uint32() uint32 {
	if b := r.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *entryReader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad = true
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *entryReader) varint() int64 {
	v, n := binary.Varint(r.b)
	if n <= 0 {
		r.bad = true
		return 0
	}
	r.b = r.b[n:]
	return v
}

// text is the bytes behind their length, nil for none.
func (r *entryReader) text() []byte {
	if n := r.uvarint(); n > 0 {
		return r.take(n)
	}
	return nil
}
