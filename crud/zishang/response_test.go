package zishang

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestResponseEndsWithItsRequest(t *testing.T) {
	w := httptest.NewRecorder()
	r := &response{ResponseWriter: w, header: http.Header{}, returned: make(chan struct{})}
	r.Header().Set("X-Early", "1")
	if _, err := r.Write([]byte("early")); err != nil {
		t.Error(err)
	}
	r.end()
	r.Header().Set("X-Late", "1")
	r.WriteHeader(http.StatusInternalServerError)
	if n, err := r.Write([]byte("late")); n != 0 || err == nil {
		t.Errorf("%d bytes were written late, %v", n, err)
	}
	if w.Code != http.StatusOK || w.Body.String() != "early" || w.Header().Get("X-Early") != "1" || w.Header().Get("X-Late") != "" {
		t.Errorf("got %d %v %s", w.Code, w.Header(), w.Body)
	}
}
