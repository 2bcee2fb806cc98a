package crud

import (
	"context"
	"encoding/json"
	"errors"

	"ackbase/collections"
)

// Fault is an error as clients get it (PROTOCOL.md): a stable word, the HTTP status of
// the same meaning, a sentence for a person, and machine-readable details.
type Fault struct {
	Code    string `json:"code"`
	Status  int    `json:"status"`
	Message string `json:"message"`
	Details any    `json:"details,omitempty"`
}

func (f *Fault) Error() string { return f.Code + ": " + f.Message }

// kinds maps the kinds of failure of collections to codes of the wire.
var kinds = []struct {
	err    error
	code   string
	status int
}{
	{collections.ErrBadRequest, "BAD_REQUEST", 400},
	{collections.ErrNotFound, "NOT_FOUND", 404},
	{collections.ErrConflict, "CONFLICT", 409},
	{collections.ErrGone, "GONE", 410},
	{collections.ErrPrecondition, "PRECONDITION_FAILED", 412},
	{collections.ErrTooLarge, "TOO_LARGE", 413},
	{collections.ErrInvalid, "INVALID", 422},
	{collections.ErrUnavailable, "UNAVAILABLE", 503},
}

// fault turns an error into what the client is told. An error of no known
// kind is a fault of the server: the log tells all of it, the client nothing private.
func (s *Service) fault(err error) *Fault {
	if errors.Is(err, context.Canceled) {
		err = errClosing
	}
	var own *Fault
	if errors.As(err, &own) {
		return own
	}
	for _, k := range kinds {
		if !errors.Is(err, k.err) {
			continue
		}
		f := &Fault{Code: k.code, Status: k.status, Message: err.Error()}
		var detailed *collections.Error
		if errors.As(err, &detailed) {
			f.Message, f.Details = detailed.Message, detailed.Details
		}
		return f
	}
	s.log.Error("a request failed inside the server", "err", err)
	return &Fault{Code: "INTERNAL", Status: 500, Message: "something went wrong inside the server; its log tells what"}
}

var null = []byte("null")

func (r *request) refuse(err error) { r.session.service.refuse(r.verb, r.reply, err) }

// refuse answers a request of a verb with an error.
func (s *Service) refuse(v *verb, reply Reply, err error) {
	fault := s.fault(err)
	s.counts.failed(v, fault.Code)
	if reply == nil {
		return
	}
	b, merr := json.Marshal(fault)
	if merr != nil {
		s.log.Error("details of an error do not marshal", "err", merr)
		b = []byte(`{"code":"INTERNAL","status":500,"message":"something went wrong inside the server; its log tells what"}`)
	}
	reply.Answer(null, b, nil)
}

func badRequest(format string, args ...any) error {
	return collections.Errorf(collections.ErrBadRequest, format, args...)
}
