package audit_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/banyanrun/banyan/internal/dash/audit"
)

func TestPosts(t *testing.T) {
	l := open(t, filepath.Join(t.TempDir(), "actions.log"))
	h := audit.Posts(l, "TelemetryService/ImportBundle", slog.New(slog.DiscardHandler), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if all, _ := list(t, l, 1, 0); r.Method == http.MethodPost && (len(all) != 1 || all[0].Result != "") {
			t.Errorf("it is not recorded before it is done: %+v", all)
		}
		switch r.URL.Query().Get("name") {
		case "bad":
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"code":"invalid_argument","message":"no"}`)) // it is a recorder
		case "odd":
			http.Error(w, strings.Repeat("x", 100_000), http.StatusBadGateway)
		}
	}))
	for method, names := range map[string][]string{http.MethodPost: {"good", "bad", "odd"}, http.MethodGet: {"good"}} {
		for _, name := range names {
			r := httptest.NewRequest(method, "/?name="+name, nil)
			h.ServeHTTP(httptest.NewRecorder(), r.WithContext(audit.With(t.Context(), audit.Actor{Who: "ann", Role: "operator"})))
		}
	}
	all, _ := list(t, l, 10, 0)
	if len(all) != 3 || all[2].What != "good" || all[2].Result != "ok" || all[1].Result != "invalid_argument: no" || all[0].Result != "status 502" || all[0].Who != "ann" {
		t.Errorf("%+v", all)
	}
}
