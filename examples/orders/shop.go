package main

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"time"

	"ackbase/collections"
	"ackbase/examples/program"
)

// product is an item of a category. How often it was ordered is part of it, so that a new
// product and its first total are one write, and a total is told wherever the product is.
type product struct {
	ID     string  `json:"id,omitempty"`
	Name   string  `json:"name"`
	RRP    float64 `json:"rrp"`
	Info   string  `json:"info"`
	Orders int     `json:"orders"`
}

// category is a collection of products, whose ids begin with a letter of its own.
type category struct {
	name, prefix string
	first        []product // what an empty shop begins with
}

var categories = []category{
	{"electronics", "A", []product{
		{Name: "Robot mop", RRP: 219, Info: "Finds its way under the sofa and back to its dock.", Orders: 3},
		{Name: "Pocket radio", RRP: 34.5, Info: "FM and DAB, and a week of mornings on one charge.", Orders: 7},
		{Name: "Desk lamp", RRP: 79.9, Info: "Warm in the evening, white at noon, never flickers.", Orders: 12},
	}},
	{"confectionery", "B", []product{
		{Name: "Salted fudge", RRP: 4.49, Info: "Clotted cream, brown sugar, a pinch of sea salt.", Orders: 101},
		{Name: "Lemon drops", RRP: 2.2, Info: "Sharp outside, sharper inside, in a tin of forty.", Orders: 58},
	}},
}

// shop is the products and the orders that come in.
type shop struct {
	server *program.Server
	every  time.Duration
}

// open stocks the categories that are empty, and begins to serve and to take orders.
func (s *shop) open(ctx context.Context) error {
	for _, c := range categories {
		products, err := s.products(ctx, c)
		if err != nil {
			return err
		}
		for _, p := range c.first {
			if len(products) > 0 {
				break
			}
			if err := s.server.Post(ctx, c.name, &p, collections.Write{Reason: "the shop opens"}); err != nil {
				return err
			}
		}
		s.server.Go(func(ctx context.Context) { s.takeOrders(ctx, c) })
	}
	s.server.Mux.HandleFunc("/{category}", s.serveCategory)
	s.server.Mux.HandleFunc("/orders/{category}", s.serveOrders)
	return nil
}

// mostShown is how many products of a category the shop shows, and takes orders for.
const mostShown = "1000"

// products are those of a category, in the order of their ids' numbers: A2 before A10.
func (s *shop) products(ctx context.Context, c category) ([]json.RawMessage, error) {
	list, err := s.server.List(ctx, c.name, `{"limit":`+mostShown+`,"total":false}`)
	if err != nil {
		return nil, err
	}
	sortByNumber(list, len(c.prefix))
	return list, nil
}

// takeOrders lets somebody order one to seven of one product of a category every now and then.
func (s *shop) takeOrders(ctx context.Context, c category) {
	for next := time.NewTicker(s.every); ; {
		select {
		case <-ctx.Done():
			next.Stop()
			return
		case <-next.C:
		}
		if err := s.order(ctx, c); err != nil && ctx.Err() == nil {
			s.server.Log.Warn("an order could not be taken", "category", c.name, "err", err)
		}
	}
}

func (s *shop) order(ctx context.Context, c category) error {
	products, err := s.products(ctx, c)
	if err != nil || len(products) == 0 {
		return err
	}
	var p product
	if err := json.Unmarshal(products[rand.IntN(len(products))], &p); err != nil {
		return nil // whoever wrote it over Socket.IO wrote something else than a product
	}
	id, err := collections.ParseID(p.ID)
	if err != nil {
		return err
	}
	total, err := json.Marshal(map[string]int{"orders": p.Orders + 1 + rand.IntN(7)})
	if err != nil {
		return err
	}
	// Orders are taken by this goroutine alone, so that the total is still what was read.
	_, err = program.Write(func(done func(collections.Result, error)) {
		s.server.DB.Merge(ctx, c.name, id, total, collections.Write{Reason: "ordered"}, done)
	})
	if errors.Is(err, collections.ErrNotFound) {
		return nil // deleted meanwhile
	}
	return err
}
