package jaeger

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/banyanrun/banyan/internal/telemetry/filter"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

const (
	tracesDefault = 100
	tracesMost    = 1000
	idsMost       = 1000
	// searchBack is how far back a search looks that does not say: Jaeger's own.
	searchBack = 48 * time.Hour
)

var errMissing = errors.New("it is missing")

// search is what a request to /api/traces asks for: traces by their ids, or those
// that the query finds.
type search struct {
	Query

	ids []signal.TraceID
}

func (a *api) searchOf(r *http.Request) (s search, err error) {
	for _, text := range r.Form["traceID"] {
		id, ok := signal.ParseTraceID(text)
		if !ok || len(s.ids) == idsMost {
			return s, wrong("traceID", fmt.Errorf("%q is no id of 1 to 32 hexadecimal digits, or there are more than %d", text, idsMost))
		}
		s.ids = append(s.ids, id)
	}
	now := a.Now()
	if s.To, err = timeParam(r, "end", time.Microsecond, now); err != nil {
		return s, err
	}
	if s.From, err = timeParam(r, "start", time.Microsecond, s.To.Add(-searchBack)); err != nil {
		return s, err
	}
	if s.From.After(s.To) {
		return s, wrong("start", errors.New("it is after the end"))
	}
	limit, err := numberParam(r, "limit", tracesDefault)
	if err != nil {
		return s, err
	}
	if s.Limit = int(min(limit, tracesMost)); s.Limit == 0 {
		s.Limit = tracesDefault
	}
	s.Filter, err = filterOf(r)
	return s, err
}

// filterOf writes what is asked for as a filter.
func filterOf(r *http.Request) (string, error) {
	var terms []string
	if service := r.FormValue("service"); service != "" {
		terms = append(terms, "service="+filter.Quote(service))
	}
	if operation := r.FormValue("operation"); operation != "" {
		terms = append(terms, "name="+filter.Quote(operation))
	}
	for _, bound := range []struct{ param, op string }{{"minDuration", ">="}, {"maxDuration", "<="}} {
		text := r.FormValue(bound.param)
		if text == "" {
			continue
		}
		d, err := time.ParseDuration(text)
		if err != nil || d < 0 {
			return "", wrong(bound.param, fmt.Errorf("%q is no duration such as 1.2s, 100ms or 500us", text))
		}
		terms = append(terms, "duration"+bound.op+d.String())
	}
	tags, err := tagsOf(r)
	if err != nil {
		return "", err
	}
	for _, t := range tags {
		terms = append(terms, termOf(t[0], t[1]))
	}
	return strings.Join(terms, " "), nil
}

// tagsOf reads the tags that a span must have: tag=KEY:VALUE, and tags, which is a
// JSON object of texts or, as people type it, logfmt.
func tagsOf(r *http.Request) ([][2]string, error) {
	var all [][2]string
	for _, text := range r.Form["tag"] {
		key, value, ok := strings.Cut(text, ":")
		if !ok {
			return nil, wrong("tag", fmt.Errorf("%q is not KEY:VALUE", text))
		}
		all = append(all, [2]string{key, value})
	}
	for _, text := range r.Form["tags"] {
		if strings.TrimSpace(text) == "" {
			continue
		}
		var object map[string]any
		if strings.HasPrefix(strings.TrimSpace(text), "{") {
			if err := json.Unmarshal([]byte(text), &object); err != nil {
				return nil, wrong("tags", fmt.Errorf("they are no JSON object of texts: %w", err))
			}
			for key, value := range object {
				all = append(all, [2]string{key, textOf(value)})
			}
			continue
		}
		pairs, err := logfmt(text)
		if err != nil {
			return nil, wrong("tags", err)
		}
		all = append(all, pairs...)
	}
	slices.SortFunc(all, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	return all, nil
}

func textOf(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

// logfmt reads key=value and key="a value". A key alone is true.
func logfmt(text string) ([][2]string, error) {
	var all [][2]string
	for rest := strings.TrimSpace(text); rest != ""; rest = strings.TrimSpace(rest) {
		end := strings.IndexAny(rest, "= \t\n")
		if end < 0 {
			end = len(rest)
		}
		key := rest[:end]
		if rest = rest[end:]; !strings.HasPrefix(rest, "=") {
			all = append(all, [2]string{key, "true"})
			continue
		}
		rest = rest[1:]
		if key == "" {
			return nil, fmt.Errorf("before %q there is no key", "="+rest)
		}
		value := rest
		if strings.HasPrefix(rest, `"`) {
			quoted, err := strconv.QuotedPrefix(rest)
			if err != nil {
				return nil, fmt.Errorf("the value of %s has no closing quote", key)
			}
			rest = rest[len(quoted):]
			if value, err = strconv.Unquote(quoted); err != nil {
				return nil, fmt.Errorf("the value of %s: %w", key, err)
			}
		} else {
			if end := strings.IndexAny(rest, " \t\n"); end >= 0 {
				value = rest[:end]
			}
			rest = rest[len(value):]
		}
		all = append(all, [2]string{key, value})
	}
	return all, nil
}

// termOf is a tag as a term. Some tags stand for what is no attribute here.
func termOf(key, value string) string {
	lower := strings.ToLower(value)
	switch key {
	case tagError:
		if lower == "true" {
			return "status=error"
		} else if lower == "false" {
			return "not status=error"
		}
	case tagKind:
		if isKind(lower) {
			return "kind=" + lower
		}
	case tagStatus:
		if lower == "ok" || lower == "error" {
			return "status=" + lower
		}
	case tagDescription:
		return "message=" + filter.Quote(value)
	case tagScope, tagLibrary:
		return "scope=" + filter.Quote(value)
	case tagInstance:
		return "instance=" + filter.Quote(value)
	case tagRevision:
		return "revision=" + filter.Quote(value)
	}
	return filter.Quote(key) + "=" + filter.Quote(value)
}

// timeParam reads a time in units since 1970.
func timeParam(r *http.Request, name string, unit time.Duration, otherwise time.Time) (time.Time, error) {
	if r.FormValue(name) == "" {
		return otherwise, nil
	}
	n, err := numberParam(r, name, 0)
	if err == nil && n > math.MaxInt64/int64(unit) {
		err = wrong(name, fmt.Errorf("%d is after the year 2262", n))
	}
	return time.Unix(0, n*int64(unit)), err
}

// numberParam reads a number that is not negative.
func numberParam(r *http.Request, name string, otherwise int64) (int64, error) {
	text := r.FormValue(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, wrong(name, fmt.Errorf("%q is no number from 0 on", text))
	}
	return n, nil
}
