package crud

import (
	"strconv"
	"strings"

	"ackbase/collections"
)

// offset is what a client keeps of the event that it got last, to come back with: all that was due to it
// up to the position has come. The one that ends a replay, or follows a snapshot, carries its number, so that it
// differs from one that was sent before at the same position: see record.
type offset struct {
	position collections.Position
	replay   uint64 // or snapshot; 0 for none
}

// String is the offset as clients get it.
func (o offset) String() string {
	b := o.position.AppendCursor(make([]byte, 0, 48))
	if o.replay > 0 {
		b = strconv.AppendUint(append(b, '.'), o.replay, 36)
	}
	return string(b)
}

// parseOffset reads what String wrote. Its error is an ErrBadRequest.
func parseOffset(s string) (o offset, err error) {
	cursor, replay, numbered := strings.Cut(s, ".")
	if o.position, err = collections.ParseCursor(cursor); err != nil {
		return offset{}, err
	}
	if numbered {
		if o.replay, err = strconv.ParseUint(replay, 36, 64); err != nil || o.replay == 0 || o.String() != s {
			return offset{}, badRequest("no offset: it is the last argument of an event, as it was")
		}
	}
	return o, nil
}
