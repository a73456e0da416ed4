package zipkin

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/banyanrun/banyan/internal/telemetry/otlp"
)

// TestRoom: a request that there is no room for is to be sent again.
func TestRoom(t *testing.T) {
	for most, want := range map[int64]int{1: http.StatusServiceUnavailable, 1 << 20: http.StatusAccepted} {
		q := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/v2/spans", strings.NewReader(example))
		q.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		s := &sink{}
		New(s, otlp.NewRoom(most), slog.New(slog.DiscardHandler)).ServeFrom(w, q, "order")
		if w.Code != want || (w.Code != http.StatusAccepted) != (w.Header().Get("Retry-After") == "1") || (len(s.spans) > 0) != (w.Code == http.StatusAccepted) {
			t.Errorf("%d: %d %s, %v, %d spans", most, w.Code, w.Body, w.Header(), len(s.spans))
		}
	}
}
