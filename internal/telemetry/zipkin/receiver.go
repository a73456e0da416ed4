package zipkin

import (
	"context"
	"errors"
	"log/slog"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/telemetry/otlp"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// Sink takes what was read, as one of OTLP does.
type Sink interface {
	Spans(ctx context.Context, from string, spans []signal.Span) error
}

// Receiver answers requests of Zipkin's reporters.
type Receiver struct {
	sink Sink
	room *otlp.Room
	log  *slog.Logger
}

// New makes a Receiver that hands what it reads to sink. It takes no more memory than
// there is in room.
func New(sink Sink, room *otlp.Room, log *slog.Logger) *Receiver {
	return &Receiver{sink: sink, room: room, log: log}
}

// ServeFrom answers a request that came by a service's address; empty: it is not
// known from whom. Answers are those of Zipkin's server: 202, or plain text.
func (r *Receiver) ServeFrom(w http.ResponseWriter, q *http.Request, from string) {
	if q.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "spans are sent by POST", http.StatusMethodNotAllowed)
		return
	}
	if media, _, _ := mime.ParseMediaType(q.Header.Get("Content-Type")); media != "application/json" {
		http.Error(w, "send spans of version 2 as application/json: others are not taken", http.StatusUnsupportedMediaType)
		return
	}
	err := r.take(q, from)
	if err == nil {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	status, after := statusOf(err)
	if after > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int((after+time.Second-1)/time.Second)))
	}
	text := err.Error()
	if status == http.StatusInternalServerError {
		r.log.LogAttrs(q.Context(), slog.LevelError, "spans that came in failed", slog.String("from", from), slog.Any("error", err))
		text = "a defect of Banyan; `banyan logs daemon` says more"
	}
	http.Error(w, text, status)
}

func (r *Receiver) take(q *http.Request, from string) error {
	share := r.room.Enter()
	defer share.Leave()
	body, err := share.Read(q)
	if err != nil {
		return err
	}
	var spans []signal.Span
	err = r.room.Decode(func() (err error) { spans, err = read(body, from); return err })
	if err != nil || len(spans) == 0 {
		return err
	}
	return r.sink.Spans(q.Context(), from, spans)
}

// statusOf says how an error is answered, and when to try again; 0: never.
func statusOf(err error) (int, time.Duration) {
	if full, ok := errors.AsType[*otlp.Full](err); ok {
		return http.StatusServiceUnavailable, max(full.RetryAfter, time.Second)
	}
	if _, ok := errors.AsType[otlp.TooLarge](err); ok {
		return http.StatusRequestEntityTooLarge, 0
	}
	if _, ok := errors.AsType[otlp.BadEncoding](err); ok {
		return http.StatusUnsupportedMediaType, 0
	}
	switch {
	case fault.CodeOf(err) == fault.Invalid:
		return http.StatusBadRequest, 0
	case fault.CodeOf(err) == fault.Unavailable, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return http.StatusServiceUnavailable, time.Second
	}
	return http.StatusInternalServerError, 0
}
