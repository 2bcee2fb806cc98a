package collections

import (
	"errors"
	"fmt"
)

// The kinds of failure. Errors of this package and of stores wrap one of them:
// match with errors.Is. An error that wraps none is a fault of the server.
var (
	ErrBadRequest   = errors.New("bad request")         // malformed input; the message says what would be right
	ErrNotFound     = errors.New("not found")           // no such item, or no such collection where they must be declared
	ErrConflict     = errors.New("conflict")            // the id exists, a patch's test failed or its path does not exist
	ErrPrecondition = errors.New("precondition failed") // ifMatch does not hold; Details is a PreconditionDetails
	ErrGone         = errors.New("gone")                // the cursor is not one this store can go on from
	ErrTooLarge     = errors.New("too large")           // an item or an answer is over its limit
	ErrInvalid      = errors.New("invalid")             // the item breaks the collection's schema
	ErrUnavailable  = errors.New("unavailable")         // the store cannot be reached, is full or is closed: try again
)

// Error is a failure with a sentence for a person. Unwrap gives its kind.
type Error struct {
	Kind    error  // one of the Err… values above
	Message string // what was wrong and what would be right
	Details any    // machine-readable, marshals to JSON; nil for none
}

func (e *Error) Error() string { return e.Message }
func (e *Error) Unwrap() error { return e.Kind }

// Errorf makes an Error of a kind.
func Errorf(kind error, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// PreconditionDetails are the details of an ErrPrecondition.
type PreconditionDetails struct {
	Rev *string `json:"rev"` // the present revision; nil where there is no item
}
