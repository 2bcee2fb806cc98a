package program

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"ackbase/collections"
)

type outcome struct {
	result collections.Result
	err    error
}

// Write waits for a write of the DB, which start begins:
//
//	Write(func(done func(collections.Result, error)) { s.DB.Post(ctx, "items", item, w, done) })
func Write(start func(done func(collections.Result, error))) (collections.Result, error) {
	ended := make(chan outcome, 1)
	start(func(r collections.Result, err error) { ended <- outcome{r, err} })
	o := <-ended
	return o.result, o.err
}

// Post stores an item and fills it in again as stored, with its id.
func (s *Server) Post(ctx context.Context, collection string, item any, w collections.Write) error {
	b, err := json.Marshal(item)
	if err != nil {
		return err
	}
	r, err := Write(func(done func(collections.Result, error)) { s.DB.Post(ctx, collection, b, w, done) })
	if err != nil {
		return err
	}
	return json.Unmarshal(r.Item.JSON, item)
}

// Put stores an item that has its id.
func (s *Server) Put(ctx context.Context, collection string, item any, w collections.Write) error {
	b, err := json.Marshal(item)
	if err != nil {
		return err
	}
	_, err = Write(func(done func(collections.Result, error)) {
		s.DB.Put(ctx, collection, collections.ID{}, b, w, done)
	})
	return err
}

// Get reads an item into into. found is false where there is none.
func (s *Server) Get(ctx context.Context, collection, id string, into any) (found bool, err error) {
	parsed, err := collections.ParseID(id)
	if err != nil {
		return false, err
	}
	item, _, err := s.DB.Get(ctx, collection, parsed)
	if errors.Is(err, collections.ErrNotFound) {
		return false, nil
	}
	if err == nil {
		err = json.Unmarshal(item.JSON, into)
	}
	if err != nil {
		return false, fmt.Errorf("%s %s: %w", collection, id, err)
	}
	return true, nil
}

// List reads the items that a query matches, as Queries of PROTOCOL.md describes it.
func (s *Server) List(ctx context.Context, collection, query string) ([]json.RawMessage, error) {
	q, err := collections.ParseQuery(json.RawMessage(query))
	if err != nil {
		return nil, err
	}
	page, _, err := s.DB.List(ctx, collection, q)
	list := make([]json.RawMessage, len(page.Items))
	for i, item := range page.Items {
		list[i] = item.JSON
	}
	return list, err
}
