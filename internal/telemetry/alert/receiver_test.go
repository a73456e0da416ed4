package alert

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A receiver's token is in its path, which servers repeat in their answers.
func TestAnswerDoesNotTellTheAddress(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		_, _ = fmt.Fprintf(w, "Cannot POST %s, no %q", r.URL.RequestURI(), r.URL.Path)
	}))
	defer srv.Close()
	err := post(t.Context(), srv.URL+"/services/hunter2?key=hunter2", map[string]string{})
	if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "Cannot POST") {
		t.Error(err)
	}
}

// The body of what is sent on elsewhere is lost, so nobody was told.
func TestRedirectIsNoSuccess(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			http.Redirect(w, r, "/login", http.StatusFound)
		}
	}))
	defer srv.Close()
	if err := post(t.Context(), srv.URL+"/", map[string]string{}); err == nil || !strings.Contains(err.Error(), "302") {
		t.Error(err)
	}
}
