package contract

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

type recordKey struct{}

// record is what an access record says beyond the request itself.
type record struct {
	http.ResponseWriter
	status int
	err    error
}

func (rec *record) WriteHeader(status int) {
	rec.status = status
	rec.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (rec *record) Unwrap() http.ResponseWriter { return rec.ResponseWriter }

// noteError keeps the error that a handler returned for the access record.
func noteError(ctx context.Context, err error) {
	if rec, ok := ctx.Value(recordKey{}).(*record); ok {
		rec.err = err
	}
}

// logged writes one record for each request that next has answered.
func logged(log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		rec := &record{ResponseWriter: w, status: http.StatusOK}
		ctx := context.WithValue(withForwarded(r.Context(), r.Header), recordKey{}, rec)
		next.ServeHTTP(rec, r.WithContext(ctx))

		level := slog.LevelInfo
		attrs := []slog.Attr{
			slog.String("method", r.Method),
			slog.String("path", r.URL.Path),
			slog.Int("status", rec.status),
			slog.Float64("ms", float64(time.Since(start).Microseconds())/1000),
		}
		if id := r.Header.Get("X-Request-Id"); id != "" {
			attrs = append(attrs, slog.String("request_id", id))
		}
		if id := traceID(r.Header); id != "" {
			attrs = append(attrs, slog.String("trace_id", id))
		}
		if rec.err != nil {
			attrs = append(attrs, slog.String("error", rec.err.Error()))
		}
		if rec.status >= http.StatusInternalServerError {
			level = slog.LevelError
		}
		log.LogAttrs(ctx, level, "request", attrs...)
	})
}

// traceID is the trace that a request belongs to, for records: what a trace's requests
// have logged is shown with it.
func traceID(h http.Header) string {
	const version, digits = "00-", 32
	rest, ok := strings.CutPrefix(h.Get("traceparent"), version)
	if !ok || len(rest) < digits {
		return ""
	}
	return rest[:digits]
}
