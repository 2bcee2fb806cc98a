package program

import (
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
	switch {
	case errors.As(err, &known) && errors.Is(err, collections.ErrNotFound):
		return &crud.Fault{Code: "NOT_FOUND", Status: http.StatusNotFound, Message: known.Message}
	case errors.As(err, &known) && errors.Is(err, collections.ErrTooLarge):
		return &crud.Fault{Code: "TOO_LARGE", Status: http.StatusRequestEntityTooLarge, Message: known.Message}
	case errors.As(err, &known) && errors.Is(err, collections.ErrBadRequest):
		return &crud.Fault{Code: "BAD_REQUEST", Status: http.StatusBadRequest, Message: known.Message}
	case errors.Is(err, collections.ErrUnavailable):
		return &crud.Fault{Code: "UNAVAILABLE", Status: http.StatusServiceUnavailable, Message: "the store cannot be used now: try again"}
	}
	s.Log.Error("a request failed inside the program", "err", err)
	return &crud.Fault{Code: "INTERNAL", Status: http.StatusInternalServerError, Message: "something went wrong inside the program; its log tells what"}
}
