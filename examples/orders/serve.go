package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"ackbase/collections"
	"ackbase/crud"
	"ackbase/crud/rest"
	"ackbase/examples/program"
)

// find is the category of a path.
func find(name string) (category, *crud.Fault) {
	at := slices.IndexFunc(categories, func(c category) bool { return c.name == name })
	if at < 0 {
		var names []string
		for _, c := range categories {
			names = append(names, c.name)
		}
		return category{}, &crud.Fault{Code: "NOT_FOUND", Status: http.StatusNotFound, Message: fmt.Sprintf("there is no category %q: there are %s", name, strings.Join(names, " and "))}
	}
	return categories[at], nil
}

// serveCategory answers GET with the products of a category, and POST, which adds one, likewise.
func (s *shop) serveCategory(w http.ResponseWriter, r *http.Request) {
	if !s.server.Sockets.AllowOrigin(w, r) {
		program.Refuse(w, &crud.Fault{Code: "FORBIDDEN", Status: http.StatusForbidden, Message: "pages of this origin may not use the shop"})
		return
	}
	c, fault := find(r.PathValue("category"))
	status := http.StatusOK
	switch {
	case fault != nil:
	case r.Method == http.MethodGet, r.Method == http.MethodHead:
	case r.Method == http.MethodOptions:
		header := w.Header()
		header.Set("Access-Control-Allow-Methods", allowed)
		header.Set("Access-Control-Allow-Headers", "Content-Type")
		w.WriteHeader(http.StatusNoContent)
		return
	case r.Method == http.MethodPost:
		status = http.StatusCreated
		fault = s.add(w, r, c)
	default:
		w.Header().Set("Allow", allowed)
		fault = &crud.Fault{Code: "BAD_REQUEST", Status: http.StatusMethodNotAllowed, Message: r.Method + " does not go with a category: there are " + allowed}
	}
	if fault != nil {
		program.Refuse(w, fault)
		return
	}
	products, err := s.products(r.Context(), c)
	if err != nil {
		program.Refuse(w, s.server.Fault(err))
		return
	}
	program.Answer(w, status, products)
}

const allowed = "GET, HEAD, POST, OPTIONS"

// maxBody is how many bytes a product may have on its way here.
const maxBody = 16 << 10

// add stores the product of a request's body.
func (s *shop) add(w http.ResponseWriter, r *http.Request, c category) *crud.Fault {
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind != "application/json" {
		return &crud.Fault{Code: "BAD_REQUEST", Status: http.StatusUnsupportedMediaType, Message: "a product is sent as JSON, with Content-Type: application/json"}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return &crud.Fault{Code: "TOO_LARGE", Status: http.StatusRequestEntityTooLarge, Message: fmt.Sprintf("a product has %d bytes at the most", large.Limit)}
	case err != nil:
		return &crud.Fault{Code: "BAD_REQUEST", Status: http.StatusBadRequest, Message: "the body did not arrive"}
	}
	p, fault := read(body)
	if fault != nil {
		return fault
	}
	if err := s.server.Post(r.Context(), c.name, p, collections.Write{Reason: "added to the shop"}); err != nil {
		return s.server.Fault(err)
	}
	return nil
}

// mistake is what is wrong with one field, as the details of INVALID have it.
type mistake struct {
	Path    string `json:"path"`
	Message string `json:"message"`
}

// What a product's texts may have, in bytes.
const maxName, maxInfo = 100, 1000

// read makes a product of JSON. The price may be a text, as a form has it.
func read(body []byte) (*product, *crud.Fault) {
	var sent struct {
		Name, Info any
		RRP        any
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if collections.CheckJSON(body, 4) != nil || d.Decode(&sent) != nil {
		return nil, &crud.Fault{Code: "BAD_REQUEST", Status: http.StatusBadRequest, Message: `a product is a JSON object such as { "name": "Lamp", "rrp": 29.5, "info": "Bright." }`}
	}
	p := &product{}
	var wrong []mistake
	text := func(path string, value any, most int) string {
		s, _ := value.(string)
		s = strings.TrimSpace(s)
		switch {
		case s == "":
			wrong = append(wrong, mistake{"/" + path, "a product needs a " + path + ", a text"})
		case len(s) > most:
			wrong = append(wrong, mistake{"/" + path, fmt.Sprintf("the %s has %d bytes at the most, not %d", path, most, len(s))})
		}
		return s
	}
	p.Name = text("name", sent.Name, maxName)
	p.Info = text("info", sent.Info, maxInfo)
	price := ""
	switch v := sent.RRP.(type) {
	case string:
		price = strings.TrimSpace(v)
	case json.Number:
		price = v.String()
	}
	var err error
	// The comparison is false for NaN too.
	if p.RRP, err = strconv.ParseFloat(price, 64); err != nil || !(p.RRP >= 0 && p.RRP <= 1e9) {
		wrong = append(wrong, mistake{"/rrp", "the rrp is a price: a number from 0 on, such as 29.5"})
	}
	if len(wrong) > 0 {
		messages := make([]string, len(wrong))
		for i, w := range wrong {
			messages[i] = w.Message
		}
		return nil, &crud.Fault{Code: "INVALID", Status: http.StatusUnprocessableEntity, Message: strings.Join(messages, "; "), Details: wrong}
	}
	return p, nil
}

// serveOrders is the plain WebSocket of a category: { id, total } for each product, and then for each change.
func (s *shop) serveOrders(w http.ResponseWriter, r *http.Request) {
	c, fault := find(r.PathValue("category"))
	if fault != nil {
		program.Refuse(w, fault)
		return
	}
	s.server.HTTP.ServeFeed(w, r, rest.Feed{Collection: c.name, Form: totals{}, Snapshot: true})
}

// totals tells of a product how often it was ordered: null once it is gone.
type totals struct{}

// Message implements rest.Form.
func (totals) Message(kind string, item []byte) []byte {
	var sent struct {
		ID    json.RawMessage `json:"id"`
		Total json.RawMessage `json:"total"`
	}
	var p struct{ ID, Orders json.RawMessage }
	if err := json.Unmarshal(item, &p); err != nil { // cannot be: a stored item is an object
		panic(err)
	}
	sent.ID, sent.Total = p.ID, p.Orders
	if sent.Total == nil { // whoever wrote it by the verbs left it out: it was not ordered yet
		sent.Total = json.RawMessage("0")
	}
	if kind == "DELETED" {
		sent.Total = nil
	}
	b, err := json.Marshal(sent)
	if err != nil { // cannot be: it is JSON already
		panic(err)
	}
	return b
}

// sortByNumber sorts items by what follows the prefix of their ids.
func sortByNumber(items []json.RawMessage, prefix int) {
	number := func(item json.RawMessage) int {
		id, ok, err := collections.ItemID(item)
		if err != nil || !ok || len(id.Text()) < prefix {
			return 0
		}
		n, err := strconv.Atoi(id.Text()[prefix:])
		if err != nil {
			return 0
		}
		return n
	}
	slices.SortStableFunc(items, func(a, b json.RawMessage) int { return cmp.Compare(number(a), number(b)) })
}
