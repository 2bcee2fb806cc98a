package main

import (
	"encoding/json"
	"fmt"
	"net/http"

	"ackbase/collections"
	"ackbase/crud"
	"ackbase/crud/rest"
	"ackbase/examples/program"
)

// serve adds the two paths of the machines.
func serve(s *program.Server, r *recent) {
	s.Mux.HandleFunc("GET /api/v0/ltm/{id}", func(w http.ResponseWriter, req *http.Request) {
		if !allowed(s, w, req) {
			return
		}
		list, cursor := r.of(req.PathValue("id"))
		if len(list) == 0 {
			program.Refuse(w, none(req.PathValue("id")))
			return
		}
		state := list[len(list)-1].Item
		id, _, err := collections.ItemID(state)
		if err != nil {
			program.Refuse(w, s.Fault(err))
			return
		}
		program.Answer(w, http.StatusOK, machine{ID: id, State: state, Snapshots: list, Cursor: cursor})
	})
	s.Mux.HandleFunc("GET /api/v0/ltm", func(w http.ResponseWriter, req *http.Request) {
		if !allowed(s, w, req) {
			return
		}
		list, err := s.List(req.Context(), collection, `{"fields":["id","name","state"]}`)
		if err != nil {
			program.Refuse(w, s.Fault(err))
			return
		}
		program.Answer(w, http.StatusOK, list)
	})
	s.Mux.HandleFunc("/ws/{id}", func(w http.ResponseWriter, req *http.Request) {
		id := req.PathValue("id")
		if list, _ := r.of(id); len(list) == 0 {
			program.Refuse(w, none(id))
			return
		}
		s.HTTP.ServeFeed(w, req, rest.Feed{Collection: collection, ID: id})
	})
}

// allowed refuses pages of other origins than a socket may come from.
func allowed(s *program.Server, w http.ResponseWriter, r *http.Request) bool {
	ok := s.Sockets.AllowOrigin(w, r)
	if !ok {
		program.Refuse(w, &crud.Fault{Code: "FORBIDDEN", Status: http.StatusForbidden, Message: "pages of this origin may not look at the machines"})
	}
	return ok
}

func none(id string) *crud.Fault {
	return &crud.Fault{Code: "NOT_FOUND", Status: http.StatusNotFound, Message: fmt.Sprintf("there is no machine %q: /api/v0/ltm lists those there are", id)}
}

// machine is a machine and what became of it.
type machine struct {
	ID        collections.ID  `json:"id"`
	State     json.RawMessage `json:"state"`
	Snapshots []*snapshot     `json:"snapshots"` // the patches of all, applied in turn to {}, give the state
	Cursor    string          `json:"cursor"`    // from which on /ws/{id}?since= goes on
}
