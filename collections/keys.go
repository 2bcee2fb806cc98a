package collections

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"time"
	"unicode"
	"unicode/utf8"
)

// Idempotency keys: a write with a key leaves a record of what it was and what
// it was answered, in its own transaction. The same key from the same subject
// for the same collection then gets that answer again and changes nothing.
//
// The record has the answer's items as bytes. What they became since does not
// matter then, nor does how far back the change log reaches; to point into the log
// instead would save that space and tie the log's length to the keys'. To make the
// answers of POST and PUT anew from what is sent again would save it too, but a
// repetition may be spelled in another way than the first answer was.

// MaxKey is the longest idempotency key in bytes.
const MaxKey = 256

// keyRecords is the kind of record that keys are kept as. The record's key is
// the client's, then collection and subject behind a NUL each: so keys in order of
// time lie in the store in that order, whoever sends them.
const keyRecords = "key"

// checkKey tells whether the key can be one; empty is none.
func (w Write) checkKey() error {
	if len(w.Key) > MaxKey || !utf8.ValidString(w.Key) {
		return Errorf(ErrBadRequest, "the key must be at most %d bytes of UTF-8, such as a UUID", MaxKey)
	}
	for _, r := range w.Key {
		if unicode.IsControl(r) {
			return Errorf(ErrBadRequest, "the key %q must not have %q in it: take a UUID, for one", clip(w.Key), r)
		}
	}
	return nil
}

// request is what a write was asked to do: what a repetition under the same key
// must be equal to.
type request struct {
	verb       verb
	collection string
	id         ID     // zero for none
	content    []byte // checked JSON; nil for none
}

// verb names a kind of write, each form of PATCH by itself. It is part of what is stored.
type verb string

const (
	verbPost     verb = "POST"
	verbPut      verb = "PUT"
	verbMerge    verb = "MERGE"
	verbPatch    verb = "PATCH"
	verbPatchAll verb = "PATCHALL"
	verbDelete   verb = "DELETE"
)

// digest tells requests apart, with the options that are part of them. The content
// counts as a JSON value: see EqualJSON.
func (r request) digest(w Write) [digestSize]byte {
	b := make([]byte, 0, 128+len(r.content)+len(w.Reason))
	b = append(append(b, r.verb...), 0)
	if !r.id.IsZero() {
		b = r.id.AppendJSON(b)
	}
	b = append(append(b, 0), w.IfMatch.text()...)
	b = appendString(append(b, 0), w.Reason)
	if r.content != nil {
		b = appendCanonical(append(b, 0), r.content, appendExactNumber)
	}
	sum := sha256.Sum256(b)
	return [digestSize]byte(sum[:])
}

const digestSize = 16

// once is fn for a write with a key: it runs if the key is new, and else out is what the
// first write with it was answered.
func (db *DB) once(r request, w Write, fn func(tx Tx, out *write) error) func(tx Tx, out *write) error {
	record := w.Key + "\x00" + r.collection + "\x00" + w.By
	digest := r.digest(w)
	return func(tx Tx, out *write) error {
		switch saved, err := tx.GetRecord(keyRecords, record); {
		case err == nil:
			rest, known := bytes.CutPrefix(saved, digest[:])
			if !known {
				return Errorf(ErrConflict, "the key %q came before with another write to %s: repeat that as it was, or take a new key", clip(w.Key), r.collection)
			}
			out.result, err = decodeResult(rest, tx.Position().Epoch)
			return err
		case !errors.Is(err, ErrNotFound):
			return err
		}
		if err := fn(tx, out); err != nil {
			return err
		}
		result := out.finish()
		if r.verb == verbDelete {
			result.Item = Item{} // nobody is answered with it
		}
		return tx.PutRecord(keyRecords, record, appendResult(digest[:], result), Retention{
			Expires:    time.Now().Add(db.options.KeepKeys),
			MaxRecords: db.options.MaxKeys,
			MaxBytes:   db.options.MaxKeysBytes,
		})
	}
}

// Bits of the first byte of a stored Result.
const (
	resultCreated = 1 << iota
	resultExisted
	resultList // Items, and not Item
)

// appendResult appends a result as a record keeps it, to a copy of dst.
func appendResult(dst []byte, r Result) []byte {
	items, first := r.Items, byte(resultList)
	if items == nil {
		items, first = []Item{r.Item}, 0
	}
	if r.Created {
		first |= resultCreated
	}
	if r.Existed {
		first |= resultExisted
	}
	size := len(dst) + 32
	for _, item := range items {
		size += 24 + len(item.JSON)
	}
	b := append(append(make([]byte, 0, size), dst...), first)
	b = appendSeq(b, r.Position.Seq, r.Position.Tag)
	b = binary.AppendUvarint(b, uint64(len(items)))
	for _, item := range items {
		b = appendSeq(b, item.Rev.Seq, item.Rev.Tag)
		b = binary.AppendUvarint(b, uint64(len(item.JSON)))
		b = append(b, item.JSON...)
	}
	return b
}

func appendSeq(dst []byte, seq uint64, tag uint32) []byte {
	return binary.BigEndian.AppendUint32(binary.AppendUvarint(dst, seq), tag)
}

// decodeResult reads what appendResult wrote behind its dst. The result has copies.
func decodeResult(b []byte, epoch uint64) (Result, error) {
	r := resultReader{rest: b}
	first := r.take(1)
	if r.bad {
		return Result{}, errRecord
	}
	result := Result{Created: first[0]&resultCreated != 0, Existed: first[0]&resultExisted != 0}
	result.Position = Position{Epoch: epoch, Seq: r.uvarint(), Tag: r.tag()}
	items := []Item{}
	for range r.uvarint() {
		var item Item
		item.Rev = Rev{Seq: r.uvarint(), Tag: r.tag()}
		if raw := r.take(r.uvarint()); len(raw) > 0 {
			item.JSON = bytes.Clone(raw)
			var err error
			if item.ID, _, err = ItemID(item.JSON); err != nil {
				return Result{}, errRecord
			}
		}
		if r.bad {
			return Result{}, errRecord
		}
		items = append(items, item)
	}
	switch {
	case first[0]&resultList != 0:
		result.Items = items
	case len(items) == 1:
		result.Item = items[0]
	default:
		r.bad = true
	}
	if r.bad || len(r.rest) > 0 {
		return Result{}, errRecord
	}
	return result, nil
}

var errRecord = errors.New("the record of an idempotency key is damaged")

// resultReader takes a stored result apart. After the first fault it gives nothing more.
type resultReader struct {
	rest []byte
	bad  bool
}

func (r *resultReader) take(n uint64) []byte {
	if r.bad || n > uint64(len(r.rest)) {
		r.bad = true
		return nil
	}
	part := r.rest[:n]
	r.rest = r.rest[n:]
	return part
}

func (r *resultReader) uvarint() uint64 {
	n, size := binary.Uvarint(r.rest)
	if size <= 0 {
		r.bad = true
		return 0
	}
	r.rest = r.rest[size:]
	return n
}

func (r *resultReader) tag() uint32 {
	if b := r.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}
