package main

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"example.com/shop/contract"
)

// open starts the service on a new database.
func open(t *testing.T) http.Handler {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "test.db"))
}

// openAt starts the service on the database at path.
func openAt(t *testing.T, path string) http.Handler {
	t.Helper()
	db, err := openDatabase(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	service, err := newService(t.Context(), store{db})
	if err != nil {
		t.Fatal(err)
	}
	return contract.Handle(slog.New(slog.DiscardHandler), service.routes())
}

// call sends a request, checks the answer's status and decodes its body as T.
func call[T any](t *testing.T, h http.Handler, want int, method, path, body string, headers ...string) (out T) {
	t.Helper()
	recorder := send(h, method, path, body, headers...)
	if recorder.Code != want {
		t.Fatalf("%s %s: %d, want %d: %s", method, path, recorder.Code, want, recorder.Body)
	}
	if err := json.NewDecoder(recorder.Body).Decode(&out); err != nil && err != io.EOF {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return out
}

func send(h http.Handler, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(method, path, strings.NewReader(body))
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, request)
	return recorder
}
