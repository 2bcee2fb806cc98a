package collections

import (
	"errors"
	"strings"

	"github.com/google/uuid"
)

// check tells whether a scheme is one, as a person may have written it.
func (s IDScheme) check() error {
	switch {
	case s == "", s == "number", s == "uuid":
		return nil
	case strings.HasPrefix(string(s), "prefix:"):
		prefix := strings.TrimPrefix(string(s), "prefix:")
		if prefix == "" || len(prefix) > 200 || idLike(prefix) {
			break
		}
		if _, err := TextID(prefix); err != nil {
			break
		}
		return nil
	}
	return Errorf(ErrBadRequest, `%q is no way to make ids: there are number, uuid, and prefix:A for A1, A2 … (up to 200 bytes that are not digits only)`, clip(string(s)))
}

// idLike tells whether a prefix before a number would look like a number.
func idLike(prefix string) bool { return strings.Trim(prefix, "0123456789") == "" }

// newID makes the id of an item that was posted without one. It skips the ids
// that exist; a number that was skipped is not tried again.
func (s IDScheme) newID(tx Tx, collection string) (ID, error) {
	if err := s.check(); err != nil {
		return ID{}, errors.New(err.Error()) // the server's own fault, not the client's
	}
	for {
		id, err := s.next(tx, collection)
		if err != nil {
			return ID{}, err
		}
		if _, err := tx.Get(collection, id); errors.Is(err, ErrNotFound) {
			return id, nil
		} else if err != nil {
			return ID{}, err
		}
	}
}

func (s IDScheme) next(tx Tx, collection string) (ID, error) {
	if s == "uuid" {
		u, err := uuid.NewV7()
		if err != nil {
			return ID{}, err
		}
		return TextID(u.String())
	}
	n, err := tx.NextNumber(collection)
	if err != nil {
		return ID{}, err
	}
	id, err := NumberID(n)
	if prefix, ok := strings.CutPrefix(string(s), "prefix:"); ok && err == nil {
		return TextID(prefix + id.Text())
	}
	return id, err
}
