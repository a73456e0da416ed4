package bundle

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

func handlerOf(t *testing.T, source Source, sink Sink) (http.Handler, string) {
	t.Helper()
	dir := t.TempDir()
	return New(Options{Source: source, Sink: sink, App: func() string { return "my shop" }, Version: "test", Dir: dir, Now: func() time.Time { return now }}), dir
}

func answered(h http.Handler, method, query string, body io.Reader) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, "/?"+query, body))
	return w
}

func TestHandler(t *testing.T) {
	to := &kept{}
	from, _ := handlerOf(t, shop(300, 100), &kept{})
	into, dir := handlerOf(t, &kept{}, to)
	got := answered(from, http.MethodGet, "start="+now.Add(-2*time.Hour).Format(time.RFC3339), nil)
	if got.Code != http.StatusOK || got.Header().Get("Content-Type") != MediaType || got.Header().Get("Content-Disposition") != "attachment; filename=myxshop-20260102T030405.000Z.tar.gz" {
		t.Fatalf("%d, %v", got.Code, got.Header())
	}
	var totals Totals
	if err := json.Unmarshal([]byte(got.Result().Trailer.Get(TotalsTrailer)), &totals); err != nil || totals.Logs != 100 {
		t.Errorf("%+v, %v", totals, err)
	}
	data := got.Body.Bytes()
	got = answered(into, http.MethodPost, "name=ann", bytes.NewReader(data))
	var report Report
	if err := json.Unmarshal(got.Body.Bytes(), &report); err != nil || got.Code != http.StatusOK || report.Spans != totals.Spans || report.Bundle != "ann" || report.App != "my shop" {
		t.Errorf("%d, %+v, %v", got.Code, report, err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v, %v are left", left, err)
	}
	for query, want := range map[string]int{"name=ann": http.StatusConflict, "name=a/b": http.StatusBadRequest} {
		if got := answered(into, http.MethodPost, query, bytes.NewReader(data)); got.Code != want || !strings.Contains(got.Body.String(), `"code":`) {
			t.Errorf("%s: %d %s", query, got.Code, got.Body)
		}
	}
	large := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("x"))
	large.ContentLength = MostPacked + 1
	w := httptest.NewRecorder()
	if into.ServeHTTP(w, large); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "larger than 256 MiB") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestHandlerQueries(t *testing.T) {
	h, _ := handlerOf(t, shop(300, 100), &kept{})
	id := shop(300, 100).spans[0].Trace.String()
	for query, want := range map[string]int{
		"filter=service%3Dnobody":   http.StatusNotFound,
		"filter=service%3D":         http.StatusBadRequest,
		"start=yesterday":           http.StatusBadRequest,
		"start=20&end=10":           http.StatusBadRequest,
		"trace=xyz":                 http.StatusBadRequest,
		"trace=" + id:               http.StatusOK,
		"trace=ab," + id:            http.StatusOK,
		"trace=ab":                  http.StatusNotFound,
		"start=1767319445":          http.StatusOK, // 3:04:05 − 1 h in seconds
		"start=1767319445000&end=":  http.StatusOK, // and in milliseconds
		"start=1767319445000000000": http.StatusOK,
	} {
		if got := answered(h, http.MethodGet, query, nil); got.Code != want {
			t.Errorf("%s: %d %.200s", query, got.Code, got.Body)
		}
	}
	if got := answered(h, http.MethodPut, "", nil); got.Code != http.StatusMethodNotAllowed {
		t.Error(got.Code)
	}
}

// broke is a source that fails once much was read.
type broke struct {
	*kept

	reads int
}

func (b *broke) TraceOf(ctx context.Context, id signal.TraceID) ([]signal.Span, []signal.Log, bool, error) {
	if b.reads++; b.reads > 500 {
		return nil, nil, false, errors.New("the disk is gone")
	}
	return b.kept.TraceOf(ctx, id)
}

// TestHandlerBreaks: what is cut short must not look whole.
func TestHandlerBreaks(t *testing.T) {
	h, _ := handlerOf(t, &broke{kept: shop(8000, 0)}, &kept{})
	defer func() {
		if p := recover(); p != http.ErrAbortHandler { //nolint:errorlint // net/http compares so, too
			t.Errorf("it goes on: %v", p)
		}
	}()
	answered(h, http.MethodGet, "", nil)
}
