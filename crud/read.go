package crud

import (
	"bytes"
	"strconv"
	"sync"

	"ackbase/collections"
)

// get is GET: an item by its id, or a page of the collection.
func (r *request) get() error {
	if first := r.arg(0); first == nil || kind(first) == '{' {
		return r.list()
	}
	if err := r.atMost(2); err != nil {
		return err
	}
	id, err := r.id(0)
	if err != nil {
		return err
	}
	options, err := r.members(r.arg(1), "at")
	if err != nil {
		return err
	}
	if raw, ok := options["at"]; ok {
		r.session.batch.closeView()
		at, err := text(raw)
		if err != nil {
			return badRequest("the option at is a text: a cursor that an answer or an event gave, or a time like 2026-11-21T15:04:05.678Z")
		}
		moment, err := collections.ParseMoment(at)
		if err != nil {
			return err
		}
		return r.getAt(id, moment)
	}
	s := r.session.service
	if s.viewer == nil {
		return s.db.View(s.ctx, func(v collections.Reader) error { return r.answerFrom(v, id) })
	}
	v, err := r.session.batch.openView(s)
	if err != nil {
		return err
	}
	defer r.session.batch.read()
	return r.answerFrom(v, id)
}

// answerFrom answers with an item.
func (r *request) answerFrom(v collections.Reader, id collections.ID) error {
	item, err := v.Get(r.collection, id)
	if err != nil || r.reply == nil {
		r.stand(v.Position())
		return err
	}
	c := r.session
	c.meta = appendMeta(c.meta[:0], item.Rev, v.Position(), nil)
	r.reply.Answer(item.JSON, null, c.meta)
	return nil
}

// stand tells a reply that wants to know where its answer stands: from there on an item can be
// waited for that is not there.
func (r *request) stand(p collections.Position) {
	if reply, ok := r.reply.(PlacedReply); ok {
		reply.Stand(p.Cursor())
	}
}

// appendMeta appends the meta of an answer about one item.
func appendMeta(dst []byte, rev collections.Rev, p collections.Position, created *bool) []byte {
	dst = append(dst, '{')
	if !rev.IsZero() {
		dst = append(dst, `"rev":"`...)
		dst = rev.Append(dst)
		dst = append(dst, `",`...)
	}
	dst = append(dst, `"cursor":"`...)
	dst = p.AppendCursor(dst)
	dst = append(dst, '"')
	if created != nil {
		dst = append(dst, `,"created":`...)
		dst = strconv.AppendBool(dst, *created)
	}
	return append(dst, '}')
}

// list is GET without an id.
func (r *request) list() error {
	r.session.batch.closeView()
	if err := r.atMost(1); err != nil {
		return err
	}
	// The query keeps slices of its text, and is used after Do has returned.
	q, err := collections.ParseQuery(bytes.Clone(r.arg(0)))
	if err != nil {
		return err
	}
	r.parsed = q.Filter.Size()
	return r.later(func(r *request) error {
		s := r.session.service
		return s.db.View(s.ctx, func(v collections.Reader) error {
			page, err := v.List(r.session.conn.Context(), r.collection, q)
			if err != nil || r.reply == nil {
				return err
			}
			b := buffers.Get().(*bytes.Buffer)
			defer putBuffer(b)
			if err := s.writeItems(b, q, page.Items, "ask for fewer with limit, or for less of each with fields"); err != nil {
				return err
			}
			r.reply.Answer(b.Bytes(), null, pageMeta(q, page, v.Position()))
			return nil
		})
	})
}

// writeItems writes the items as a JSON array, with the fields that the query
// picks. advice is what to do instead where they are too large for one answer.
func (s *Service) writeItems(b *bytes.Buffer, q *collections.Query, items []collections.Item, advice string) error {
	b.WriteByte('[')
	for i, item := range items {
		if i > 0 {
			b.WriteByte(',')
		}
		if len(q.Fields) == 0 {
			b.Write(item.JSON)
		} else {
			b.Write(q.Project(b.AvailableBuffer(), item.JSON))
		}
		if b.Len() > s.opts.MaxAnswer {
			return collections.Errorf(collections.ErrTooLarge,
				"the answer is over %d bytes after %d of %d items: %s", s.opts.MaxAnswer, i+1, len(items), advice)
		}
	}
	b.WriteByte(']')
	return nil
}

// pageMeta is the meta of a page: { total, page, pages, limit, next, cursor }.
// total and pages are null where the query did not ask for the count, page where it goes on after a key.
func pageMeta(q *collections.Query, page collections.Page, p collections.Position) []byte {
	b := make([]byte, 0, 192)
	b = append(b, `{"total":`...)
	pages := -1
	if page.Total >= 0 {
		pages = (page.Total + q.Limit - 1) / q.Limit
	}
	b = appendCount(b, page.Total)
	b = append(b, `,"page":`...)
	if q.After != nil {
		b = append(b, null...)
	} else {
		b = strconv.AppendInt(b, int64(q.Page), 10)
	}
	b = append(b, `,"pages":`...)
	b = appendCount(b, pages)
	b = append(b, `,"limit":`...)
	b = strconv.AppendInt(b, int64(q.Limit), 10)
	b = append(b, `,"next":`...)
	if page.Next == "" {
		b = append(b, null...)
	} else {
		b = appendString(b, page.Next)
	}
	b = append(b, `,"cursor":"`...)
	b = p.AppendCursor(b)
	return append(b, `"}`...)
}

// appendCount appends a number, or null for one that was not counted.
func appendCount(dst []byte, n int) []byte {
	if n < 0 {
		return append(dst, null...)
	}
	return strconv.AppendInt(dst, int64(n), 10)
}

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// putBuffer gives a buffer back, unless a large answer has made it too large to keep.
func putBuffer(b *bytes.Buffer) {
	if b.Cap() <= 1<<20 {
		b.Reset()
		buffers.Put(b)
	}
}
