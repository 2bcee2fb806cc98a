package collections

import "context"

// PatchAll applies a JSON Patch (RFC 6902) to the collection as one document,
// whose members are the items by the text of their ids: "/1/name", "/A2". All of
// it is done or nothing, across as many items as it names, and only those are
// loaded. Adding "/9" creates item 9 (or replaces it), removing "/9" deletes it;
// the id of a value that becomes a whole item may be absent or must be that of the
// path, and one that is moved or copied whole from another item gets that of its
// new place. Each item has one change at most, from what it was before the
// patch to what it is after it.
//
// ErrBadRequest for the root path and for Write.IfMatch, which is about one item;
// ErrTooLarge where the items named have more than 16 MB. See Post and ApplyPatch.
func (db *DB) PatchAll(ctx context.Context, collection string, patch []byte, w Write, done func(Result, error)) {
	ops, err := db.checkPatch(collection, patch, w, true)
	if err == nil && w.IfMatch != nil {
		err = Errorf(ErrBadRequest, "ifMatch is about one item: give the id beside the patch, or use a test operation")
	}
	var named []namedItem
	if err == nil {
		named, err = namedItems(ops)
	}
	if err != nil {
		done(Result{}, err)
		return
	}
	db.update(ctx, request{verbPatchAll, collection, ID{}, patch}, w, func(tx Tx, out *write) error {
		return db.patchAll(tx, out, collection, named, ops, w)
	}, done)
}

// namedItem is an item that a patch of a collection names.
type namedItem struct {
	id      ID
	touched bool // it may be changed, and is not only read by a test or as what is copied
}

// namedItems is the items that a patch names, in the order of their first mention.
func namedItems(ops []patchOp) ([]namedItem, error) {
	var named []namedItem
	at := map[string]int{}
	name := func(path []string, touched bool) error {
		if len(path) == 0 {
			return nil
		}
		i, ok := at[path[0]]
		if !ok {
			id, err := ParseID(path[0])
			if err != nil {
				return Errorf(ErrBadRequest, "a path must begin with an item's id: %s", err)
			}
			i = len(named)
			at[path[0]] = i
			named = append(named, namedItem{id: id})
		}
		named[i].touched = named[i].touched || touched
		return nil
	}
	for _, op := range ops {
		if err := name(op.from, op.name == "move"); err != nil {
			return nil, err
		}
		if err := name(op.path, op.name != "test"); err != nil {
			return nil, err
		}
	}
	return named, nil
}

func (db *DB) patchAll(tx Tx, out *write, collection string, named []namedItem, ops []patchOp, w Write) error {
	document := &kids{object: true, changed: true}
	before := make([]Item, len(named))
	loaded := 0
	for i, n := range named {
		item, exists, err := lookUp(tx, collection, n.id)
		if err != nil {
			return err
		}
		before[i] = Item{ID: n.id}
		if !exists {
			continue
		}
		if loaded += len(item.JSON); loaded > maxPatchLoad {
			return Errorf(ErrTooLarge, "the patch names items of more than %d bytes in all: split it up", maxPatchLoad)
		}
		// A copy, since the bytes may end with the first write.
		before[i] = item.clone()
		document.set(n.id.Text(), rawNode(before[i].JSON))
	}
	p := patcher{root: &node{raw: []byte("{}"), kids: document}, maxDepth: MaxDepth + 1, collection: true}
	if err := p.run(ops); err != nil {
		return err
	}
	items := []Item{}
	for i, n := range named {
		if !n.touched {
			continue
		}
		after := document.get(n.id.Text())
		if err := db.settle(tx, out, collection, before[i], after, w); err != nil {
			return err
		}
		if after != nil {
			items = append(items, out.result.Item)
		}
	}
	out.result = Result{Items: items, Position: out.result.Position}
	return nil
}

// settle writes what a patch made of one item; nil after is none.
func (db *DB) settle(tx Tx, out *write, collection string, before Item, after *node, w Write) error {
	existed := !before.Rev.IsZero()
	switch {
	case after == nil && existed:
		return db.delete(tx, out, collection, before, w)
	case after == nil:
		return nil
	}
	item := after.append(make([]byte, 0, len(after.raw)+32))
	if err := db.checkPatched(item, before.ID, true); err != nil {
		return err
	}
	if own, ok, _ := ItemID(item); ok && !existed {
		before.ID = own
	}
	return db.replace(tx, out, collection, before, item, w)
}
