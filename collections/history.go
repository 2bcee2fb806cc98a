package collections

import (
	"context"
	"encoding/json"
	"errors"
	"time"
)

// HistoryQuery says which of an item's changes are asked for.
type HistoryQuery struct {
	After *Position // those after it; nil: from the first that the log still has
	Limit int       // at most so many, 1 to MaxLimit
}

// ParseHistoryQuery reads a query from JSON, which it does not keep: an object of
//
//	limit  number from 1 to 1000, or its text; 50 if absent
//	after  cursor: the next of the page before, or any other
//
// null is absent. Nothing or null instead of the object is the default query.
// Anything else is an ErrBadRequest which says what would be right.
func ParseHistoryQuery(raw json.RawMessage) (HistoryQuery, error) {
	q := HistoryQuery{Limit: DefaultLimit}
	if len(raw) == 0 {
		return q, nil
	}
	if err := CheckJSON(raw, MaxDepth); err != nil {
		return q, err
	}
	v := valueAt(raw, skipSpace(raw, 0))
	if v.Kind == Null {
		return q, nil
	}
	if v.Kind != Object {
		return q, Errorf(ErrBadRequest, "the options of a history must be an object with some of limit, after, not %s", v.Kind)
	}
	for name, value := range Members(v.Raw) {
		option := valueAt(value, skipSpace(value, 0))
		var err error
		switch {
		case name != "limit" && name != "after":
			err = Errorf(ErrBadRequest, "unknown option %q of a history: there are limit, after", clip(name))
		case option.Kind == Null:
		case name == "limit":
			q.Limit, err = wholeNumber(name, option, MaxLimit)
		case option.Kind != String:
			err = Errorf(ErrBadRequest, "after must be a cursor, the next of the page before, not %s", option.Kind)
		default:
			var p Position
			p, err = ParseCursor(option.Text())
			q.After = &p
		}
		if err != nil {
			return q, err
		}
	}
	return q, nil
}

// History is an item's changes, oldest first, and whether there are more behind them: fewer than
// the limit may come where they are large, but at least one if there is one. Applying the patches
// of all pages in turn to {} gives the item, and {} where it is deleted.
//
// Where the log no longer reaches back to Added, the first change has no Prev, and a patch from {}
// in Diff; for Deleted that is one of no operations. Where it has no change of an item that is there, a change of
// the type Added without a Time stands for all of them.
//
// ErrNotFound where nothing is known of such an item; ErrGone where After is no position of the log, or
// changes after it are no longer there. The changes may be kept.
func History(ctx context.Context, r Reader, collection string, id ID, q HistoryQuery) (changes []*Change, more bool, err error) {
	changes, more, err = r.History(ctx, collection, id, q.After, q.Limit)
	if err != nil || q.After != nil {
		return changes, more, err
	}
	if len(changes) == 0 {
		item, err := r.Get(collection, id)
		if err != nil {
			return nil, false, err
		}
		item = item.clone()
		at := Position{Epoch: r.Position().Epoch, Seq: item.Rev.Seq, Tag: item.Rev.Tag}
		return []*Change{{Position: at, Type: Added, Collection: collection, ID: item.ID, After: item.JSON}}, false, nil
	}
	if changes[0].Type != Added {
		first := *changes[0] // it may be shared
		first.Prev = Rev{}
		if first.Type == Deleted {
			first.Diff = json.RawMessage("[]")
		} else if first.Diff, err = Diff(nil, first.After); err != nil {
			return nil, false, err
		}
		changes[0] = &first
	}
	return changes, more, nil
}

// Moment is a place in the past: a position of the log, or a time.
type Moment struct {
	position Position
	time     time.Time
	isTime   bool
}

// ParseMoment reads a cursor, or a time as RFC 3339 has it ("2026-11-21T15:04:05.678Z").
// Anything else is an ErrBadRequest.
func ParseMoment(s string) (Moment, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return Moment{time: t, isTime: true}, nil
	}
	p, err := ParseCursor(s)
	if err != nil {
		return Moment{}, Errorf(ErrBadRequest, "%q is neither a cursor that this server gave nor a time like 2026-11-21T15:04:05.678Z (RFC 3339; in a URL, + is %%2B)", clip(s))
	}
	return Moment{position: p}, nil
}

// GetAt returns an item as it was, a copy, and the position of the moment: for a time, that of the last
// change not later, which is the newest one for a time to come. ErrNotFound where there was no such item
// then; ErrGone where the position is not one of the log, or the log does not reach back.
func GetAt(ctx context.Context, r Reader, collection string, id ID, m Moment) (Item, Position, error) {
	p := m.position
	if m.isTime {
		var err error
		if p, err = r.PositionAt(collection, m.time); err != nil {
			return Item{}, Position{}, err
		}
	}
	// What came next tells what was before it.
	changes, _, err := r.History(ctx, collection, id, &p, 1)
	var item Item
	switch {
	case err != nil:
	case len(changes) > 0:
		item = Item{ID: changes[0].ID, Rev: changes[0].Prev, JSON: changes[0].Before}
	default:
		item, err = r.Get(collection, id)
		item = item.clone()
	}
	switch {
	case errors.Is(err, ErrNotFound) || err == nil && item.JSON == nil:
		return Item{}, Position{}, Errorf(ErrNotFound, "%s had no item with the id %s then", collection, id)
	case err != nil:
		return Item{}, Position{}, err
	}
	return item, p, nil
}
