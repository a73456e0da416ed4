package promapi

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/banyanrun/banyan/internal/telemetry/metrics"
)

// The times that stand for no bound. Clients send them back as text.
var (
	minTime = time.Unix(math.MinInt64/1000+62135596801, 0).UTC()
	maxTime = time.Unix(math.MaxInt64/1000-62135596801, 999999999).UTC()
)

// parseTime reads seconds since 1970, or RFC 3339.
func parseTime(text string) (time.Time, error) {
	if t, err := strconv.ParseFloat(text, 64); err == nil {
		if math.IsNaN(t) || t < -1e12 || t > 1e12 {
			return time.Time{}, fmt.Errorf("cannot parse %q to a valid timestamp", text)
		}
		whole, part := math.Modf(t)
		part = math.Round(part*1000) / 1000
		return time.Unix(int64(whole), int64(part*float64(time.Second))).UTC(), nil
	}
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t, nil
	}
	// Years that have more than four digits cannot be parsed.
	for _, t := range []time.Time{minTime, maxTime} {
		if text == t.Format(time.RFC3339Nano) {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("cannot parse %q to a valid timestamp", text)
}

// parseDuration reads seconds, or units as in 1h30m.
func parseDuration(text string) (time.Duration, error) {
	if s, err := strconv.ParseFloat(text, 64); err == nil {
		ns := s * float64(time.Second)
		if math.IsNaN(ns) || ns >= math.MaxInt64 || ns <= math.MinInt64 {
			return 0, fmt.Errorf("cannot parse %q to a valid duration. It overflows int64", text)
		}
		return time.Duration(ns), nil
	}
	if d, ok := parseUnits(text); ok {
		return d, nil
	}
	return 0, fmt.Errorf("cannot parse %q to a valid duration", text)
}

// units are those of Prometheus, in the order in which they must come.
var units = []struct {
	name string
	is   time.Duration
}{
	{"y", 365 * 24 * time.Hour},
	{"w", 7 * 24 * time.Hour},
	{"d", 24 * time.Hour},
	{"h", time.Hour},
	{"m", time.Minute},
	{"s", time.Second},
	{"ms", time.Millisecond},
}

func parseUnits(text string) (time.Duration, bool) {
	var sum time.Duration
	left := units
	for rest := text; rest != ""; {
		digits := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' })
		if digits <= 0 {
			return 0, false
		}
		n, err := strconv.ParseInt(rest[:digits], 10, 64)
		if err != nil {
			return 0, false
		}
		rest = rest[digits:]
		name := rest
		if end := strings.IndexAny(rest, "0123456789"); end >= 0 {
			name = rest[:end]
		}
		rest = rest[len(name):]
		for len(left) > 0 && left[0].name != name {
			left = left[1:]
		}
		if len(left) == 0 || n > int64(math.MaxInt64/left[0].is) {
			return 0, false
		}
		sum += time.Duration(n) * left[0].is
		if sum < 0 {
			return 0, false
		}
		left = left[1:]
	}
	return sum, text != ""
}

func timeParam(r *http.Request, name string, otherwise time.Time) (time.Time, error) {
	text := r.FormValue(name)
	if text == "" {
		return otherwise, nil
	}
	t, err := parseTime(text)
	if err != nil {
		return t, wrong(name, fmt.Errorf("invalid time value for '%s': %w", name, err))
	}
	return t, nil
}

// limitParam is how much is asked for; 0: all.
func limitParam(r *http.Request) (int, error) {
	text := r.FormValue("limit")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err == nil && n < 0 {
		err = errors.New("limit must be non-negative")
	}
	if err != nil {
		return 0, wrong("limit", err)
	}
	return n, nil
}

// within bounds a context by the parameter timeout.
func within(r *http.Request) (context.Context, context.CancelFunc, error) {
	text := r.FormValue("timeout")
	if text == "" {
		return r.Context(), func() {}, nil
	}
	d, err := parseDuration(text)
	if err != nil {
		return nil, nil, wrong("timeout", err)
	}
	ctx, cancel := context.WithTimeout(r.Context(), d)
	return ctx, cancel, nil
}

// lookup reads which series are asked for.
func lookup(r *http.Request) (metrics.Lookup, error) {
	var l metrics.Lookup
	var err error
	if l.Limit, err = limitParam(r); err != nil {
		return l, err
	}
	if l.From, err = timeParam(r, "start", minTime); err != nil {
		return l, err
	}
	if l.To, err = timeParam(r, "end", maxTime); err != nil {
		return l, err
	}
	l.Selectors = r.Form["match[]"]
	return l, nil
}
