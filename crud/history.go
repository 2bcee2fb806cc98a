package crud

import (
	"bytes"
	"fmt"

	"ackbase/collections"
)

// history is HISTORY: the changes of an item, oldest first.
func (r *request) history() error {
	if err := r.atMost(2); err != nil {
		return err
	}
	id, err := r.id(0)
	if err != nil {
		return err
	}
	q, err := collections.ParseHistoryQuery(r.arg(1))
	if err != nil {
		return err
	}
	return r.later(func(r *request) error {
		s := r.session.service
		var changes []*collections.Change
		var more bool
		var stands collections.Position
		err := s.db.View(s.ctx, func(v collections.Reader) (err error) {
			stands = v.Position()
			changes, more, err = collections.History(r.session.conn.Context(), v, r.collection, id, q)
			return err
		})
		r.stand(stands)
		if err != nil || r.reply == nil {
			return err
		}
		b := buffers.Get().(*bytes.Buffer)
		defer putBuffer(b)
		n, err := s.writeHistory(b, changes)
		if err != nil {
			return err
		}
		meta := append(make([]byte, 0, 64), `{"next":`...)
		if more || n < len(changes) {
			meta = append(meta, '"')
			meta = changes[n-1].Position.AppendCursor(meta)
			meta = append(meta, '"')
		} else {
			meta = append(meta, null...)
		}
		r.reply.Answer(b.Bytes(), null, append(meta, '}'))
		return nil
	})
}

// writeHistory writes as many of the changes as one answer holds, at least one if there is one, as a JSON
// array, and returns how many.
func (s *Service) writeHistory(b *bytes.Buffer, changes []*collections.Change) (int, error) {
	b.WriteByte('[')
	for i, c := range changes {
		before := b.Len()
		if i > 0 {
			b.WriteByte(',')
		}
		e := Event{change: c, verdict: verdict{kind: c.Type, item: content(c)}}
		entry, err := e.appendEntry(b.AvailableBuffer())
		if err != nil {
			return 0, err
		}
		b.Write(entry)
		if b.Len() > s.opts.MaxAnswer {
			if i == 0 {
				return 0, &collections.Error{
					Kind:    collections.ErrTooLarge,
					Message: fmt.Sprintf("a change of the item, told with its patch and the item, is over the %d bytes of an answer: pass details.cursor as after for those behind it", s.opts.MaxAnswer),
					Details: map[string]string{"cursor": c.Position.Cursor()},
				}
			}
			b.Truncate(before)
			b.WriteByte(']')
			return i, nil
		}
	}
	b.WriteByte(']')
	return len(changes), nil
}

// getAt is GET of an item as it was.
func (r *request) getAt(id collections.ID, at collections.Moment) error {
	return r.later(func(r *request) error {
		s := r.session.service
		var item collections.Item
		var p collections.Position
		err := s.db.View(s.ctx, func(v collections.Reader) (err error) {
			item, p, err = collections.GetAt(r.session.conn.Context(), v, r.collection, id, at)
			return err
		})
		if err != nil || r.reply == nil {
			return err
		}
		r.reply.Answer(item.JSON, null, appendMeta(nil, item.Rev, p, nil))
		return nil
	})
}
