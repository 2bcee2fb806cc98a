package crud

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"ackbase/collections"
)

// recordKind is the kind of the store's records that sessions are kept in, by their pids.
const recordKind = "sessions"

// maxRecord is how large the record of one session may be. One with more, long filters, goes on
// without a record, and is not recovered.
const maxRecord = 64 << 10

// recordVersion is the first byte of a record.
const recordVersion = 3

// record is what is kept of a session on disk.
type record struct {
	scope, id, subject string
	// Replays, and snapshots of what is subscribed to already, have numbers, which ascend within a session; 0 is none. The
	// offsets that are sent after one has come have its number, or that of a later one.
	issued uint64 // the newest number
	// While something is replayed, no event carries an offset. So one that is beyond the position where the log stood when the
	// newest replay was asked for also shows that this has ended.
	replay  uint64 // its number
	asked   position
	rooms   []string // that the program had put the connection into
	entries []entry  // in the order in which they were asked for
}

// shows tells whether an offset was sent after what has that number had come.
func (r *record) shows(told offset, number uint64) bool {
	return told.replay >= number && told.replay <= r.issued
}

// mayBeReplaying tells whether the newest replay, if there is one, may not have ended for a client with that offset.
func (r *record) mayBeReplaying(told offset) bool {
	return r.replay > 0 && !r.shows(told, r.replay) && told.position.Seq <= r.asked.seq
}

// entry is a subscription as it is kept.
type entry struct {
	room  string // its name, which tells all about what it is to
	patch bool
	start position // events after it are due
	// Where a snapshot was asked for of what was subscribed to already, it takes the place of the events between held, the
	// earlier start, and start: where one of them was on its way, only an offset with the snapshot's number, or beyond
	// start, tells whether the client got the one or the other.
	snapshot uint64 // its number; 0 for none
	held     position
}

// numbered is up to where in the log the offsets that are sent have the newest number.
func (r *record) numbered() uint64 {
	seq := r.asked.seq
	for _, e := range r.entries {
		if e.snapshot > 0 {
			seq = max(seq, e.start.seq)
		}
	}
	return seq
}

// replace lets a snapshot, which has that number, go on where an entry is.
func (e *entry) replace(old entry, number uint64) {
	if e.snapshot, e.held = number, old.start; old.snapshot > 0 {
		e.held = old.held
	}
}

// position is a collections.Position of this database.
type position struct {
	seq uint64
	tag uint32
}

func positionOf(p collections.Position) position { return position{p.Seq, p.Tag} }

func (p position) in(epoch uint64) collections.Position {
	return collections.Position{Epoch: epoch, Seq: p.seq, Tag: p.tag}
}

// put adds a subscription, or replaces that to the same room.
func (r *record) put(e entry) {
	if at := r.find(e.room); at >= 0 {
		r.entries[at] = e
		return
	}
	r.entries = append(r.entries, e)
}

func (r *record) find(room string) int {
	return slices.IndexFunc(r.entries, func(e entry) bool { return e.room == room })
}

func (r *record) remove(room string) (removed bool) {
	at := r.find(room)
	if at >= 0 {
		r.entries = slices.Delete(r.entries, at, at+1)
	}
	return at >= 0
}

// The bits of the first byte of a subscription.
const (
	entryPatch    = 1 << iota // it is with patches
	entrySnapshot             // snapshot and held follow
)

// encode gives the bytes that decodeRecord reads.
func (r *record) encode() []byte {
	size := 64 + len(r.scope) + len(r.id) + len(r.subject)
	for _, room := range r.rooms {
		size += 4 + len(room)
	}
	for _, e := range r.entries {
		size += 96 + len(e.room)
	}
	b := append(make([]byte, 0, size), recordVersion)
	b = appendSized(b, r.scope)
	b = appendSized(b, r.id)
	b = appendSized(b, r.subject)
	b = binary.AppendUvarint(b, r.issued)
	b = r.asked.append(binary.AppendUvarint(b, r.replay))
	b = binary.AppendUvarint(b, uint64(len(r.rooms)))
	for _, room := range r.rooms {
		b = appendSized(b, room)
	}
	for _, e := range r.entries {
		form := byte(0)
		if e.patch {
			form |= entryPatch
		}
		if e.snapshot > 0 {
			form |= entrySnapshot
		}
		b = e.start.append(appendSized(append(b, form), e.room))
		if e.snapshot > 0 {
			b = e.held.append(binary.AppendUvarint(b, e.snapshot))
		}
	}
	return b
}

func appendSized(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func (p position) append(dst []byte) []byte {
	return binary.BigEndian.AppendUint32(binary.AppendUvarint(dst, p.seq), p.tag)
}

var errDamaged = errors.New("the record of a session is damaged")

// decodeRecord reads a record. It keeps nothing of b.
func decodeRecord(b []byte) (*record, error) {
	if len(b) == 0 || b[0] != recordVersion {
		return nil, errDamaged
	}
	in := recordReader{rest: string(b[1:])}
	r := &record{scope: in.sized(), id: in.sized(), subject: in.sized(), issued: in.uvarint(), replay: in.uvarint(), asked: in.position()}
	for n := in.uvarint(); n > 0 && !in.bad; n-- {
		r.rooms = append(r.rooms, in.sized())
	}
	for in.rest != "" && !in.bad {
		form := in.take(1)[0] // of what is not empty
		e := entry{patch: form&entryPatch != 0, room: in.sized(), start: in.position()}
		if form&entrySnapshot != 0 {
			e.snapshot, e.held = in.uvarint(), in.position()
			in.bad = in.bad || e.snapshot == 0 // which is none
		}
		r.entries = append(r.entries, e)
	}
	if in.bad {
		return nil, errDamaged
	}
	return r, nil
}

// recordReader takes a record apart. After the first fault it gives nothing more.
type recordReader struct {
	rest string
	bad  bool
}

func (r *recordReader) take(n uint64) string {
	if r.bad || n > uint64(len(r.rest)) {
		r.bad, r.rest = true, ""
		return ""
	}
	part := r.rest[:n]
	r.rest = r.rest[n:]
	return part
}

func (r *recordReader) uvarint() uint64 {
	n, size := uint64(0), 0
	for shift := 0; size < len(r.rest) && shift < 64; shift += 7 {
		b := r.rest[size]
		size++
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			r.rest = r.rest[size:]
			return n
		}
	}
	r.bad, r.rest = true, ""
	return 0
}

func (r *recordReader) sized() string { return r.take(r.uvarint()) }

func (r *recordReader) position() (p position) {
	p.seq = r.uvarint()
	if tag := r.take(4); tag != "" {
		p.tag = binary.BigEndian.Uint32([]byte(tag))
	}
	return p
}

// roomTarget is what a room's name says: see roomName.
func roomTarget(name string) (collection string, id collections.ID, filter *collections.Filter, err error) {
	at := strings.IndexAny(name, "/?") // neither is in a collection's name
	if at < 0 {
		return name, id, nil, nil
	}
	collection = name[:at]
	if name[at] == '/' {
		id, err = collections.ParseID(name[at+1:])
	} else {
		filter, err = collections.ParseFilter([]byte(name[at+1:]))
	}
	if err == nil && roomName(collection, id, filter) != name {
		err = errDamaged
	}
	return collection, id, filter, err
}
