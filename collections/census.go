package collections

import (
	"cmp"
	"context"
	"errors"
	"slices"
)

// Census is a Reader that knows which collections have been written to.
type Census interface {
	Reader

	// Collections gives them in the order of their names' bytes, those after a name
	// (empty: from the first), at most max. One whose items are all deleted may be among them.
	Collections(after string, max int) ([]Size, error)
}

// Size is how many items a collection has.
type Size struct {
	Collection string
	Items      int
}

// Collections lists the collections by name, at most max: those that are configured,
// and, unless only these exist, those that have been written to, as far as the store
// knows them. more says that there are others.
func (db *DB) Collections(ctx context.Context, max int) (list []Size, more bool, err error) {
	err = db.store.View(ctx, func(r Reader) error {
		list = nil
		known := map[string]bool{}
		census, ok := r.(Census)
		if ok && !db.options.Declared {
			found, err := census.Collections("", max+1)
			if err != nil {
				return err
			}
			for _, size := range found {
				known[size.Collection] = true
			}
			list = found
		}
		for name := range db.options.Collections {
			if known[name] {
				continue
			}
			page, err := r.List(ctx, name, &Query{Page: 1, Limit: 1, Total: true})
			if err != nil && !errors.Is(err, ErrNotFound) {
				return err
			}
			list = append(list, Size{name, page.Total})
		}
		return nil
	})
	if err != nil {
		return nil, false, err
	}
	slices.SortFunc(list, func(a, b Size) int { return cmp.Compare(a.Collection, b.Collection) })
	if len(list) > max {
		return list[:max:max], true, nil
	}
	return list, false, nil
}
