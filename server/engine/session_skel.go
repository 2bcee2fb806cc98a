package engine

import (
	"context"
	"errors"
	"net/http"
	"net/url"
)

var ErrClosed = errors.New("engine: the session is closed")

type Session struct{}
type Request struct {
	Header           http.Header
	URL              *url.URL
	Host, RemoteAddr string
	Secure           bool
}

func (s *Session) ID() string                     { panic("x") }
func (s *Session) Request() *Request              { panic("x") }
func (s *Session) Transport() string              { panic("x") }
func (s *Session) Context() context.Context       { panic("x") }
func (s *Session) Close(reason string)            {}
func (s *Session) Send(msgs ...*Message) error    { panic("x") }
func (s *Session) SendText(parts ...[]byte) error { panic("x") }
func (s *Session) Buffered() int                  { panic("x") }
func (s *Session) Writable() bool                 { panic("x") }

type Message struct{}

func NewText(parts ...[]byte) *Message { panic("x") }
func NewBinary(data []byte) *Message   { panic("x") }

type Server struct{}

func New(o *Options, accept func(*Session) Handler) *Server        { panic("x") }
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {}
func (s *Server) Shutdown(ctx context.Context) error               { panic("x") }
