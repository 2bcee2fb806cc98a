package crud

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"

	"ackbase/collections"
)

// post is POST: a new item, with an id made for it if it has none.
func (r *request) post() error {
	if err := r.atMost(2); err != nil {
		return err
	}
	item := r.arg(0)
	if kind(item) != '{' {
		return r.usage("POST needs an item, a JSON object")
	}
	return r.write(1, len(item), func(w collections.Write, done func(collections.Result, error)) {
		r.db().Post(context.Background(), r.collection, item, w, done)
	}, r.answerItem)
}

// put is PUT: the whole item, created where it did not exist.
func (r *request) put() error {
	var id collections.ID
	at := 0
	if kind(r.arg(0)) != '{' {
		var err error
		if id, err = r.id(0); err != nil {
			return err
		}
		at = 1
	}
	if err := r.atMost(at + 2); err != nil {
		return err
	}
	item := r.arg(at)
	if kind(item) != '{' {
		return r.usage("PUT needs an item, a JSON object")
	}
	return r.write(at+1, len(item), func(w collections.Write, done func(collections.Result, error)) {
		r.db().Put(context.Background(), r.collection, id, item, w, done)
	}, r.answerPut)
}

// patch is PATCH in its three forms.
func (r *request) patch() error {
	switch first := r.arg(0); kind(first) {
	case 0:
		return r.usage("PATCH needs a patch")
	case '[':
		if err := r.atMost(2); err != nil {
			return err
		}
		return r.write(1, len(first)+r.itemSizes(first), func(w collections.Write, done func(collections.Result, error)) {
			r.db().PatchAll(context.Background(), r.collection, first, w, done)
		}, r.answerTouched)
	case '{':
		if err := r.atMost(2); err != nil {
			return err
		}
		id, _, err := memberID(first)
		if err != nil {
			return err
		}
		return r.write(1, len(first)+r.itemSize(id), func(w collections.Write, done func(collections.Result, error)) {
			r.db().Merge(context.Background(), r.collection, collections.ID{}, first, w, done)
		}, r.answerItem)
	}
	if err := r.atMost(3); err != nil {
		return err
	}
	id, err := r.id(0)
	if err != nil {
		return err
	}
	apply := r.db().Merge
	patch := r.arg(1)
	switch kind(patch) {
	case '[':
		apply = r.db().Patch
	case '{':
	default:
		return r.usage("PATCH with an id needs a patch: an object (merge patch) or an array (JSON Patch)")
	}
	return r.write(2, len(patch)+r.itemSize(id), func(w collections.Write, done func(collections.Result, error)) {
		apply(context.Background(), r.collection, id, patch, w, done)
	}, r.answerItem)
}

// memberID is the id that a partial item names; zero where it names none.
func memberID(partial []byte) (collections.ID, bool, error) {
	if err := collections.CheckJSON(partial, collections.MaxDepth); err != nil {
		return collections.ID{}, false, err
	}
	return collections.ItemID(partial)
}

// itemSize is how many bytes an item has now, 0 where there is none. A patch
// of a few bytes makes the store write, and the answer carry, all of the item:
// it is counted as what the session has under way.
func (r *request) itemSize(id collections.ID) (size int) {
	if id.IsZero() {
		return 0
	}
	s := r.session.service
	// What cannot be read now is left to the write to tell.
	_ = s.db.View(s.ctx, func(v collections.Reader) error {
		item, err := v.Get(r.collection, id)
		size = len(item.JSON)
		return err
	})
	return size
}

// itemSizes is itemSize for all items that a patch of the collection names. Of
// a patch that is malformed it counts nothing: the write refuses that.
func (r *request) itemSizes(patch []byte) (size int) {
	var ops []struct{ Path, From string }
	if json.Unmarshal(patch, &ops) != nil {
		return 0
	}
	counted := map[collections.ID]bool{}
	for _, op := range ops {
		for _, pointer := range [...]string{op.Path, op.From} {
			name, _, _ := strings.Cut(strings.TrimPrefix(pointer, "/"), "/")
			id, err := collections.ParseID(pointerNames.Replace(name))
			if err == nil && !counted[id] {
				counted[id] = true
				size += r.itemSize(id)
			}
		}
	}
	return size
}

// pointerNames undoes the escapes of a JSON Pointer (RFC 6901).
var pointerNames = strings.NewReplacer("~1", "/", "~0", "~")

// delete is DELETE.
func (r *request) delete() error {
	if err := r.atMost(2); err != nil {
		return err
	}
	id, err := r.id(0)
	if err != nil {
		return err
	}
	return r.write(1, 0, func(w collections.Write, done func(collections.Result, error)) {
		r.db().Delete(context.Background(), r.collection, id, w, done)
	}, r.answerDeleted)
}

func (r *request) db() *collections.DB { return r.session.service.db }

// write reads the options at a place, starts the write of so many bytes, and
// answers when it is durable. Writes run to their end even when the client
// has gone or the service closes: they were sent.
func (r *request) write(optionsAt, size int, start func(collections.Write, func(collections.Result, error)), answer func(Reply, collections.Result)) error {
	c, s := r.session, r.session.service
	w, err := r.writeOptions(optionsAt)
	if err != nil {
		return err
	}
	c.enter(&c.flow, size)
	c.enter(&s.pending, size)
	if !s.begin() {
		s.pending.leave(size)
		c.flow.leave(size)
		return errClosing
	}
	verb, reply, began := r.verb, r.reply, r.takeBegan()
	start(w, func(res collections.Result, err error) {
		defer s.wg.Done()
		defer c.flow.leave(size)
		defer s.pending.leave(size)
		switch {
		case err != nil:
			s.refuse(verb, reply, err)
		case reply != nil:
			answer(reply, res)
		}
		s.observe(verb, began)
	})
	return nil
}

// writeOptions reads { ifMatch, reason, key }.
func (r *request) writeOptions(at int) (collections.Write, error) {
	r.session.requests++
	w := collections.Write{Writer: collections.Writer{Conn: r.session.conn.ID(), Request: r.session.requests}}
	m, err := r.members(r.arg(at), "ifMatch", "reason", "key")
	if err != nil {
		return w, err
	}
	if raw, ok := m["ifMatch"]; ok {
		if w.IfMatch, err = collections.ParseIfMatch(raw); err != nil {
			return w, err
		}
	}
	if raw, ok := m["reason"]; ok {
		if w.Reason, err = text(raw); err != nil {
			return w, badRequest("the option reason is a text")
		}
	}
	if raw, ok := m["key"]; ok {
		if w.Key, err = text(raw); err != nil || w.Key == "" {
			return w, badRequest("the option key is a text of 1 to %d bytes, new for each write, such as a UUID", collections.MaxKey)
		}
	}
	return w, nil
}

func (r *request) answerItem(reply Reply, res collections.Result) {
	var b [128]byte
	reply.Answer(res.Item.JSON, null, appendMeta(b[:0], res.Item.Rev, res.Position, nil))
}

func (r *request) answerPut(reply Reply, res collections.Result) {
	var b [160]byte
	reply.Answer(res.Item.JSON, null, appendMeta(b[:0], res.Item.Rev, res.Position, &res.Created))
}

func (r *request) answerTouched(reply Reply, res collections.Result) {
	b := buffers.Get().(*bytes.Buffer)
	defer putBuffer(b)
	// Whatever its size: the write has happened, and collections bounds it.
	appendItems(b, res.Items)
	reply.Answer(b.Bytes(), null, appendMeta(nil, collections.Rev{}, res.Position, nil))
}

func appendItems(b *bytes.Buffer, items []collections.Item) {
	b.WriteByte('[')
	for i, item := range items {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(item.JSON)
	}
	b.WriteByte(']')
}

func (r *request) answerDeleted(reply Reply, res collections.Result) {
	result := "false"
	if res.Existed {
		result = "true"
	}
	reply.Answer([]byte(result), null, appendMeta(nil, collections.Rev{}, res.Position, nil))
}
