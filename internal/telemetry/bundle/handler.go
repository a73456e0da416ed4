package bundle

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// MediaType is that of a bundle, in requests and answers.
const MediaType = "application/gzip"

// TotalsTrailer is a trailer of an answer: Totals as JSON. Without it the bundle is
// cut short.
const TotalsTrailer = "Banyan-Totals"

// Options of a handler.
type Options struct {
	Source Source
	Sink   Sink
	// App is the app's name now, and Version Banyan's.
	App     func() string
	Version string
	// Dir is where a bundle that comes in is kept until all of it was read.
	Dir string
	// Now tells the time. Nil: time.Now.
	Now func() time.Time
	// Log may be nil.
	Log *slog.Logger
}

// exportsMost is how many bundles are written at a time.
const exportsMost = 2

// api answers requests.
type api struct {
	Options

	exports   chan struct{}
	importing sync.Mutex
}

// New returns a handler: GET answers a bundle, POST imports one.
func New(o Options) http.Handler {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	a := &api{Options: o, exports: make(chan struct{}, exportsMost)}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodGet:
			a.export(w, r)
		case http.MethodPost:
			a.importOne(w, r)
		default:
			w.Header().Set("Allow", "GET, POST")
			w.WriteHeader(http.StatusMethodNotAllowed)
		}
	})
}

func (a *api) export(w http.ResponseWriter, r *http.Request) {
	q, m, err := a.asked(r)
	if err != nil {
		fail(w, err)
		return
	}
	select {
	case a.exports <- struct{}{}:
		defer func() { <-a.exports }()
	default:
		fail(w, fault.New(fault.Unavailable, "%d bundles are being written already", exportsMost).Fix("try again when they are done"))
		return
	}
	to := &lateHeader{ResponseWriter: w, name: m.Name}
	totals, err := export(r.Context(), to, a.Source, q, m)
	switch {
	case err != nil && !to.begun:
		fail(w, err)
	case err != nil:
		a.Log.WarnContext(r.Context(), "a telemetry bundle was cut short", "error", err)
		panic(http.ErrAbortHandler) // so that the other side sees it
	default:
		data, _ := json.Marshal(totals) // numbers, times and texts
		w.Header().Set(TotalsTrailer, string(data))
	}
}

// lateHeader begins an answer with its first byte: until then it can become an error.
type lateHeader struct {
	http.ResponseWriter

	name  string
	begun bool
}

func (l *lateHeader) Write(b []byte) (int, error) {
	if !l.begun {
		l.begun = true
		h := l.Header()
		h.Set("Content-Type", MediaType)
		h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": l.name + ".tar.gz"}))
		h.Set("Trailer", TotalsTrailer)
	}
	return l.ResponseWriter.Write(b)
}

// exportBack is how far back a bundle reaches that nobody said it of.
const exportBack = time.Hour

// asked reads what is to be exported.
func (a *api) asked(r *http.Request) (q query, m *Manifest, err error) {
	now := a.Now()
	m = &Manifest{Format: format, Version: version, App: a.App(), Banyan: a.Version, Made: now.UTC().Truncate(time.Millisecond)}
	m.Name = nameOf(m.App, now)
	values := r.URL.Query()
	for _, list := range values["trace"] {
		for text := range strings.SplitSeq(list, ",") {
			if text == "" {
				continue
			}
			id, ok := signal.ParseTraceID(text)
			if !ok {
				return q, nil, fault.New(fault.Invalid, "%.100q is no id of a trace", text).At("trace").Fix("use up to 32 hexadecimal digits")
			}
			q.traces, m.Traces = append(q.traces, id), append(m.Traces, id.String())
		}
	}
	if len(q.traces) > 0 {
		return q, m, nil
	}
	q.filter = values.Get("filter")
	if q.to, err = timeParam(values.Get("end"), "end", now); err != nil {
		return q, nil, err
	}
	if q.from, err = timeParam(values.Get("start"), "start", q.to.Add(-exportBack)); err != nil {
		return q, nil, err
	}
	if !q.from.Before(q.to) {
		return q, nil, fault.New(fault.Invalid, "the time ends before it begins").At("start").Fix("exchange start and end")
	}
	m.Filter, m.From, m.To = q.filter, &q.from, &q.to
	return q, m, nil
}

// timeParam reads RFC 3339, or a number since 1970: of seconds, or, as programs have
// it, of milliseconds, microseconds or nanoseconds, which no other time reaches.
func timeParam(text, name string, otherwise time.Time) (time.Time, error) {
	if text == "" {
		return otherwise, nil
	}
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t.UTC(), nil
	}
	n, err := strconv.ParseFloat(text, 64)
	if err != nil || n < 0 || n > 9e18 {
		return time.Time{}, fault.New(fault.Invalid, "%.100q is no time", text).At(name).
			Fix("use RFC 3339, as 2026-11-21T14:00:00Z, or a number of seconds or milliseconds since 1970")
	}
	unit := time.Second
	for _, smaller := range []time.Duration{time.Millisecond, time.Microsecond, time.Nanosecond} {
		const year5000 = 1e11 // in seconds
		if n*unit.Seconds() >= year5000 {
			unit = smaller
		}
	}
	return time.Unix(0, int64(n*float64(unit))).UTC(), nil
}

func (a *api) importOne(w http.ResponseWriter, r *http.Request) {
	if !a.importing.TryLock() {
		fail(w, fault.New(fault.Unavailable, "another bundle is being imported").Fix("try again when that is done"))
		return
	}
	defer a.importing.Unlock()
	file, err := a.spool(w, r)
	if err != nil {
		fail(w, err)
		return
	}
	defer func() { _ = file.Close() }() // it is gone from the directory already
	report, err := importFile(r.Context(), file, a.Sink, r.URL.Query().Get("name"), a.Now())
	if err != nil {
		fail(w, err)
		return
	}
	a.Log.InfoContext(r.Context(), "a telemetry bundle was imported", "bundle", report.Bundle, "spans", report.Spans, "logs", report.Logs)
	answer(w, http.StatusOK, report)
}

// spool writes what comes in to a file without a name, which goes when it is closed,
// also by a crash.
func (a *api) spool(w http.ResponseWriter, r *http.Request) (*os.File, error) {
	if r.ContentLength > MostPacked {
		return nil, tooLarge("file is larger than %d MiB", MostPacked>>20)
	}
	file, err := os.CreateTemp(a.Dir, "bundle-*.tmp")
	if err != nil {
		return nil, fault.New(fault.Unavailable, "a bundle cannot be kept on the disk: %w", err)
	}
	err = os.Remove(file.Name())
	if err == nil {
		_, err = io.Copy(file, http.MaxBytesReader(w, r.Body, MostPacked))
	}
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err == nil {
		return file, nil
	}
	_ = file.Close() // as above
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, tooLarge("file is larger than %d MiB", MostPacked>>20)
	}
	return nil, fault.New(fault.Unavailable, "the bundle did not arrive whole: %w", err).Fix("send it again; nothing of it was imported")
}

// fail answers an error in the form that the dashboard's API has for its own.
func fail(w http.ResponseWriter, err error) {
	status, code := http.StatusInternalServerError, "internal"
	switch fault.CodeOf(err) {
	case fault.Invalid:
		status, code = http.StatusBadRequest, "invalid_argument"
	case fault.NotFound:
		status, code = http.StatusNotFound, "not_found"
	case fault.Conflict:
		status, code = http.StatusConflict, "already_exists"
	case fault.Unavailable:
		status, code = http.StatusServiceUnavailable, "unavailable"
	case fault.Timeout, fault.Denied, fault.Damaged, fault.Internal:
	}
	answer(w, status, map[string]string{"code": code, "message": err.Error()})
}

func answer(w http.ResponseWriter, status int, value any) {
	data, err := json.Marshal(value)
	if err != nil { // what is answered here can always be written
		status, data = http.StatusInternalServerError, fmt.Appendf(nil, `{"code":"internal","message":%q}`, err.Error())
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(data) // a client that went away sees nothing of it
}
