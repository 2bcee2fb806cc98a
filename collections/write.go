package collections

import (
	"context"
	"errors"
	"unicode/utf8"
)

// MaxReason is the longest reason of a change in bytes.
const MaxReason = 1024

// maxPatchLoad is how many bytes of items one patch of a collection may name.
const maxPatchLoad = 16 << 20

// Write are the options of a write.
type Write struct {
	Writer  Writer
	IfMatch *IfMatch // nil: no condition
	Reason  string   // kept with the change; at most MaxReason bytes of UTF-8
	By      string   // kept with the change: the subject of the writer's token

	// Key is an idempotency key, at most MaxKey bytes of UTF-8 without control
	// characters; empty for none. Within Options.KeepKeys the same key from the same
	// subject (By) for the same collection gets the Result of the first write with it
	// again, and changes nothing, whatever became of the item since; ErrConflict if
	// the write is not the same: its form, id, content (as EqualJSON), IfMatch and Reason.
	// Only what succeeded counts as first, also where it changed nothing.
	Key string
}

// Result is what a write did. Its bytes are the caller's to keep, but are
// shared with the change log's readers: they must not be modified.
type Result struct {
	Item     Item     // as stored; of a Delete the item before it, but none where Write.Key repeats it
	Created  bool     // the item did not exist before
	Existed  bool     // the item existed before
	Position Position // of the last change that the write made; if it made none, that of what it saw
	Items    []Item   // PatchAll only, never nil then: the items touched (not those only tested or copied from), in the order the patch first named them, without those it deleted
}

// write is one write on its way: what its update found and wrote, set anew by
// each run of the update's closure.
type write struct {
	result  Result
	changes []*Change
}

// Post creates an item, a JSON object, and gives it an id if it has none: see
// IDScheme. ErrConflict where the id exists.
//
// This and the other writes check what they are given at once, copy what they
// keep of it, and do not wait for the store: done is called exactly once, before
// they return if the input is bad, else on a goroutine of the store after the
// commit (see Store.Update). It must not block. Errors: ErrBadRequest for a bad
// name, id, JSON, item or patch, ErrNotFound for a collection that is not
// declared, ErrTooLarge, ErrPrecondition with PreconditionDetails where Write.IfMatch does
// not hold, ErrUnavailable, or a fault. An item that would stay equal (EqualJSON)
// is not changed and keeps its revision.
func (db *DB) Post(ctx context.Context, collection string, item []byte, w Write, done func(Result, error)) {
	item, given, err := db.checkItem("an item", collection, item, w)
	if err != nil {
		done(Result{}, err)
		return
	}
	db.update(ctx, request{verbPost, collection, given, item}, w, func(tx Tx, out *write) error {
		id := given
		if id.IsZero() {
			var err error
			if id, err = db.options.Collections[collection].IDs.newID(tx, collection); err != nil {
				return err
			}
		} else if _, exists, err := lookUp(tx, collection, id); err != nil {
			return err
		} else if exists {
			return Errorf(ErrConflict, "there is an item %s already: to replace it use PUT, to change it PATCH", id)
		}
		if err := w.IfMatch.check(Rev{}); err != nil {
			return err
		}
		return db.replace(tx, out, collection, Item{ID: id}, item, w)
	}, done)
}

// Put creates or replaces an item. id may be zero if the item has one; if both
// are there, their texts must be the same. An item that exists keeps the id it was
// created with; one that is created takes the item's own, else id. See Post.
func (db *DB) Put(ctx context.Context, collection string, id ID, item []byte, w Write, done func(Result, error)) {
	item, own, err := db.checkItem("an item", collection, item, w)
	if err == nil {
		id, err = agree(id, own)
	}
	if err != nil {
		done(Result{}, err)
		return
	}
	db.update(ctx, request{verbPut, collection, id, item}, w, func(tx Tx, out *write) error {
		before, exists, err := lookUp(tx, collection, id)
		if err != nil {
			return err
		}
		if err := w.IfMatch.check(before.Rev); err != nil {
			return err
		}
		if !exists {
			before = Item{ID: id}
		}
		return db.replace(tx, out, collection, before, item, w)
	}, done)
}

// Merge applies a merge patch (RFC 7396), an object, to an item. id may be zero
// if the patch has a member "id"; if both are there, their texts must be the
// same. No such item: ErrNotFound. See Post.
func (db *DB) Merge(ctx context.Context, collection string, id ID, patch []byte, w Write, done func(Result, error)) {
	patch, own, err := db.checkItem("a merge patch", collection, patch, w)
	if err == nil {
		id, err = agree(id, own)
	}
	if err != nil {
		done(Result{}, err)
		return
	}
	db.change(ctx, request{verbMerge, collection, id, patch}, w, func(item []byte) ([]byte, error) {
		return mergeNodes(rawNode(item), rawNode(patch)).append(make([]byte, 0, len(item)+len(patch))), nil
	}, done)
}

// Patch applies a JSON Patch (see ApplyPatch) to an item. Its id cannot be
// changed. No such item: ErrNotFound. See Post.
func (db *DB) Patch(ctx context.Context, collection string, id ID, patch []byte, w Write, done func(Result, error)) {
	ops, err := db.checkPatch(collection, patch, w, false)
	if err == nil && id.IsZero() {
		err = Errorf(ErrBadRequest, "a patch of one item needs its id")
	}
	if err != nil {
		done(Result{}, err)
		return
	}
	db.change(ctx, request{verbPatch, collection, id, patch}, w, func(item []byte) ([]byte, error) {
		p := patcher{root: rawNode(item), maxDepth: MaxDepth}
		if err := p.run(ops); err != nil {
			return nil, err
		}
		return p.root.append(make([]byte, 0, len(item)+64)), nil
	}, done)
}

// change is a write that makes an item out of what it was.
func (db *DB) change(ctx context.Context, r request, w Write, apply func(item []byte) ([]byte, error), done func(Result, error)) {
	db.update(ctx, r, w, func(tx Tx, out *write) error {
		before, exists, err := lookUp(tx, r.collection, r.id)
		if err != nil {
			return err
		}
		if err := w.IfMatch.check(before.Rev); err != nil {
			return err
		}
		if !exists {
			return Errorf(ErrNotFound, "there is no item %s in %s", r.id, r.collection)
		}
		after, err := apply(before.JSON)
		if err != nil {
			return err
		}
		if err := db.checkPatched(after, before.ID, false); err != nil {
			return err
		}
		return db.replace(tx, out, r.collection, before, after, w)
	}, done)
}

// checkPatched tells whether what a patch made can be the item with this id.
// In the patch of a whole collection the id may be absent, since the path tells it.
func (db *DB) checkPatched(item []byte, id ID, mayLack bool) error {
	if item[0] != '{' {
		return Errorf(ErrBadRequest, "the patch would make item %s something that is no object", id)
	}
	// Parts that are right each by itself can be wrong together, as
	// "prototype" moved under "constructor".
	if err := CheckJSON(item, db.options.MaxDepth); err != nil {
		return err
	}
	own, ok, err := ItemID(item)
	if err != nil {
		return err
	}
	if ok && !own.sameText(id) || !ok && !mayLack {
		return Errorf(ErrBadRequest, "the id of item %s cannot be changed or removed", id)
	}
	return nil
}

// Delete deletes an item. None: no error, and Result.Existed is false. See Post.
func (db *DB) Delete(ctx context.Context, collection string, id ID, w Write, done func(Result, error)) {
	err := db.checkWrite(collection, w)
	if err == nil && id.IsZero() {
		err = Errorf(ErrBadRequest, "DELETE needs an id")
	}
	if err != nil {
		done(Result{}, err)
		return
	}
	db.update(ctx, request{verbDelete, collection, id, nil}, w, func(tx Tx, out *write) error {
		before, exists, err := lookUp(tx, collection, id)
		if err != nil {
			return err
		}
		if err := w.IfMatch.check(before.Rev); err != nil {
			return err
		}
		if !exists {
			return nil
		}
		return db.delete(tx, out, collection, before.clone(), w)
	}, done)
}

// lookUp is Tx.Get with a bool for ErrNotFound.
func lookUp(tx Tx, collection string, id ID) (Item, bool, error) {
	item, err := tx.Get(collection, id)
	if errors.Is(err, ErrNotFound) {
		return Item{}, false, nil
	}
	return item, err == nil, err
}

// agree is the id that a request means by its argument and by its item.
func agree(id, own ID) (ID, error) {
	switch {
	case id.IsZero() && own.IsZero():
		return ID{}, Errorf(ErrBadRequest, "an id is needed: as an argument, or as the item's member id")
	case own.IsZero():
		return id, nil
	case !id.IsZero() && !id.sameText(own):
		return ID{}, Errorf(ErrBadRequest, "the two ids differ: %s is asked for, and the item has %s", id, own)
	}
	return own, nil
}

func (db *DB) checkWrite(collection string, w Write) error {
	if err := db.CheckCollection(collection); err != nil {
		return err
	}
	if len(w.Reason) > MaxReason || !utf8.ValidString(w.Reason) {
		return Errorf(ErrBadRequest, "the reason must be at most %d bytes of UTF-8", MaxReason)
	}
	return w.checkKey()
}

// checkItem checks an object and returns a compact copy and its id, zero for none.
func (db *DB) checkItem(what, collection string, raw []byte, w Write) ([]byte, ID, error) {
	if err := db.checkWrite(collection, w); err != nil {
		return nil, ID{}, err
	}
	if err := CheckJSON(raw, db.options.MaxDepth); err != nil {
		return nil, ID{}, err
	}
	if v := valueAt(raw, skipSpace(raw, 0)); v.Kind != Object {
		return nil, ID{}, Errorf(ErrBadRequest, "%s must be an object, not %s", what, v.Kind)
	}
	item := CompactJSON(make([]byte, 0, len(raw)), raw)
	if err := db.checkSize(item); err != nil {
		return nil, ID{}, err
	}
	id, _, err := ItemID(item)
	return item, id, err
}

func (db *DB) checkSize(item []byte) error {
	if len(item) > db.options.MaxItem {
		return Errorf(ErrTooLarge, "the item has %d bytes: at most %d", len(item), db.options.MaxItem)
	}
	return nil
}

// checkPatch checks a JSON Patch and reads a compact copy of it.
func (db *DB) checkPatch(collection string, raw []byte, w Write, all bool) ([]patchOp, error) {
	if err := db.checkWrite(collection, w); err != nil {
		return nil, err
	}
	// An array of operations around values.
	if err := CheckJSON(raw, MaxDepth+2); err != nil {
		return nil, err
	}
	return parsePatch(CompactJSON(make([]byte, 0, len(raw)), raw), all)
}

// update runs fn, which does what r asks, in an update of the store and tells done what it
// did. fn may run again; out is new each time.
func (db *DB) update(ctx context.Context, r request, w Write, fn func(tx Tx, out *write) error, done func(Result, error)) {
	if w.Key != "" {
		fn = db.once(r, w, fn)
	}
	var last *write
	db.store.Update(ctx, w.Writer, func(tx Tx) error {
		last = &write{}
		last.result.Position = tx.Position()
		return fn(tx, last)
	}, func(err error) {
		if err != nil {
			done(Result{}, err)
			return
		}
		done(last.finish(), nil)
	})
}

// finish fills in what is known only after the commit.
func (out *write) finish() Result {
	r := out.result
	for _, c := range out.changes {
		r.Position = c.Position
		if c.After == nil {
			continue
		}
		if r.Item.ID == c.ID {
			r.Item.Rev = c.Rev()
		}
		for i := range r.Items {
			if r.Items[i].ID == c.ID {
				r.Items[i].Rev = c.Rev()
			}
		}
	}
	return r
}

// replace writes item, compact, in the place of before, which has a zero Rev
// where there is none yet and else comes from tx.Get.
func (db *DB) replace(tx Tx, out *write, collection string, before Item, item []byte, w Write) error {
	item = setID(item, before.ID)
	if err := db.checkSize(item); err != nil {
		return err
	}
	out.result.Existed = !before.Rev.IsZero()
	out.result.Created = !out.result.Existed
	if out.result.Existed && EqualJSON(before.JSON, item) {
		out.result.Item = before.clone()
		return nil
	}
	c := &Change{Type: Added, Collection: collection, ID: before.ID, After: item, Reason: w.Reason, By: w.By, Writer: w.Writer}
	if out.result.Existed {
		before = before.clone()
		diff, err := Diff(before.JSON, item)
		if err != nil {
			return err
		}
		c.Type, c.ID, c.Prev, c.Before, c.Diff = Modified, before.ID, before.Rev, before.JSON, diff
	}
	out.result.Item = Item{ID: c.ID, JSON: item}
	out.changes = append(out.changes, c)
	return tx.Write(c)
}

// delete deletes an item, which must be a copy.
func (db *DB) delete(tx Tx, out *write, collection string, before Item, w Write) error {
	out.result.Existed = true
	out.result.Item = before
	c := &Change{Type: Deleted, Collection: collection, ID: before.ID, Prev: before.Rev, Before: before.JSON, Reason: w.Reason, By: w.By, Writer: w.Writer}
	out.changes = append(out.changes, c)
	return tx.Write(c)
}
