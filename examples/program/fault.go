package program

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"ackbase/collections"
	"ackbase/crud"
)

// Answer sends a JSON answer of a program's own.
func Answer(w http.ResponseWriter, status int, body any) {
	b, err := json.Marshal(body)
	if err != nil { // cannot be: the programs answer what marshals
		panic(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	w.Write(b)
}

// Refuse sends an error, { "error": { code, status, message, details } } as everywhere else.
func Refuse(w http.ResponseWriter, fault *crud.Fault) {
	Answer(w, fault.Status, map[string]*crud.Fault{"error": fault})
}

// Fault is what a client is told of an error of the store.
func (s *Server) Fault(err error) *crud.Fault {
	var known *collections.Error
	for kind, f := range map[error]crud.Fault{
		collections.ErrNotFound:    {Code: "NOT_FOUND", Status: http.StatusNotFound},
		collections.ErrTooLarge:    {Code: "TOO_LARGE", Status: http.StatusRequestEntityTooLarge},
		collections.ErrBadRequest:  {Code: "BAD_REQUEST", Status: http.StatusBadRequest},
		collections.ErrUnavailable: {Code: "UNAVAILABLE", Status: http.StatusServiceUnavailable},
	} {
		if errors.Is(err, kind) && errors.As(err, &known) {
			f.Message = known.Message
			return &f
		}
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, collections.ErrUnavailable) {
		return &crud.Fault{Code: "UNAVAILABLE", Status: http.StatusServiceUnavailable, Message: "the program cannot do that now: try again"}
	}
	s.Log.Error("a request failed inside the program", "err", err)
	return &crud.Fault{Code: "INTERNAL", Status: http.StatusInternalServerError, Message: "something went wrong inside the program; its log tells what"}
}
