package appfile

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// formatError is a value that cannot be read, with what to write instead.
type formatError struct{ message, fix string }

func (e *formatError) Error() string {
	if e.fix == "" {
		return e.message
	}
	return e.message + "; " + e.fix
}

var (
	looseDuration = pattern(`^([0-9]*\.?[0-9]+)\s*([A-Za-zµ]*)$`)
	durationWords = map[string]string{
		"": "s", "sec": "s", "secs": "s", "second": "s", "seconds": "s",
		"min": "m", "mins": "m", "minute": "m", "minutes": "m",
		"hr": "h", "hrs": "h", "hour": "h", "hours": "h",
		"msec": "ms", "msecs": "ms", "millis": "ms", "millisecond": "ms", "milliseconds": "ms",
		"S": "s", "M": "m", "H": "h", "MS": "ms", "Ms": "ms",
		"ns": "ns", "us": "us", "µs": "us", "ms": "ms", "s": "s", "m": "m", "h": "h",
	}
)

// ParseDuration reads 500ms, 2s, 1m30s, 24h, 7d. Units are d (24 hours), which
// comes first, h, m, s, ms, us and ns; 0 needs none. Negative durations are errors.
func ParseDuration(s string) (Duration, error) {
	d, err := parseDays(s)
	switch {
	case err == nil && d < 0:
		return 0, &formatError{fmt.Sprintf("the duration %s is negative", s), "write " + strings.TrimLeft(s, "-")}
	case err == nil:
		return Duration(d), nil
	}
	if m := looseDuration().FindStringSubmatch(strings.TrimSpace(s)); m != nil {
		number, word := m[1], m[2]
		if word == "" {
			return 0, &formatError{fmt.Sprintf("the duration %s has no unit", quote(s)), "write " + number + "s for seconds, or " + number + "ms for milliseconds"}
		}
		unit := durationWords[word]
		if unit == "" {
			unit = durationWords[strings.ToLower(word)]
		}
		if unit == "" && strings.HasPrefix("days", strings.ToLower(word)) { //nolint:gocritic // any abbreviation of days
			unit = "d"
		}
		if fixed, err := parseDays(number + unit); err == nil && unit != "" {
			return 0, &formatError{fmt.Sprintf("%s is not a duration", quote(s)), "write " + Duration(fixed).String()}
		}
	}
	if strings.Contains(err.Error(), "invalid duration") && looksHuge(s) {
		return 0, &formatError{fmt.Sprintf("the duration %s is too long", quote(s)), "the longest is about 290 years"}
	}
	return 0, &formatError{fmt.Sprintf("%s is not a duration", quote(s)), "write a number and a unit, such as 500ms, 2s, 1m30s, 24h or 7d"}
}

var leadingDays = pattern(`^([0-9]+(?:\.[0-9]+)?)d(.*)$`)

// parseDays is time.ParseDuration for texts that may begin with days.
func parseDays(s string) (time.Duration, error) {
	m := leadingDays().FindStringSubmatch(s)
	if m == nil {
		return time.ParseDuration(s)
	}
	days, err := strconv.ParseFloat(m[1], 64)
	if err != nil || days*float64(day) >= math.MaxInt64 {
		return 0, fmt.Errorf("time: invalid duration %q", s)
	}
	d := time.Duration(days * float64(day))
	if m[2] == "" {
		return d, nil
	}
	rest, err := time.ParseDuration(m[2])
	switch {
	case err != nil:
		return 0, err
	case strings.HasPrefix(m[2], "-") || strings.HasPrefix(m[2], "+") || d > math.MaxInt64-rest:
		return 0, fmt.Errorf("time: invalid duration %q", s)
	}
	return d + rest, nil
}

func looksHuge(s string) bool {
	digits := strings.IndexFunc(s, func(r rune) bool { return r < '0' || r > '9' })
	if digits < 0 {
		return false
	}
	_, ok := durationWords[s[digits:]]
	return digits > 6 && ok
}

// String writes the shortest form: 1m30s, 2h, 500ms; whole days from two on are 2d.
func (d Duration) String() string {
	if d >= 2*day && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

var (
	byteForm  = pattern(`^([0-9]+(?:\.[0-9]+)?)(Ki|Mi|Gi|Ti|k|M|G|T)?$`)
	looseByte = pattern(`(?i)^([0-9]+(?:\.[0-9]+)?)\s*([kmgt]?)(i?)(b|bytes?)?$`)
	byteUnits = map[string]float64{
		"": 1, "Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30, "Ti": 1 << 40,
		"k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12,
	}
)

// ParseBytes reads 512, 64Ki, 128Mi, 1Gi (powers of 1024) and 10k, 5M, 1G
// (of 1000). Fractions of a unit are rounded down to a whole byte.
func ParseBytes(s string) (Bytes, error) {
	if m := byteForm().FindStringSubmatch(s); m != nil {
		if n, err := strconv.ParseInt(m[1], 10, 64); err == nil && m[2] == "" {
			return Bytes(n), nil
		}
		n, err := strconv.ParseFloat(m[1], 64)
		if n *= byteUnits[m[2]]; err == nil && n < math.MaxInt64 {
			return Bytes(n), nil
		}
		return 0, &formatError{fmt.Sprintf("the size %s is too large", quote(s)), "the largest is 8388607Ti"}
	}
	if strings.HasPrefix(s, "-") {
		return 0, &formatError{fmt.Sprintf("the size %s is negative", quote(s)), "write a size such as 512, 64Ki or 128Mi"}
	}
	if m := looseByte().FindStringSubmatch(strings.TrimSpace(s)); m != nil {
		if m[2] == "" {
			return 0, &formatError{fmt.Sprintf("%s is not a size", quote(s)), "write " + m[1]}
		}
		binary, decimal := strings.ToUpper(m[2])+"i", strings.ToUpper(m[2])
		if decimal == "K" {
			decimal = "k"
		}
		return 0, &formatError{fmt.Sprintf("%s is not a size", quote(s)), fmt.Sprintf("write %s%s (times 1024) or %s%s (times 1000)", m[1], binary, m[1], decimal)}
	}
	return 0, &formatError{fmt.Sprintf("%s is not a size", quote(s)), "write a number of bytes such as 512, 64Ki, 128Mi or 1Gi"}
}

// String writes the largest binary unit that divides the number, or the
// plain number.
func (b Bytes) String() string {
	for _, unit := range []string{"Ti", "Gi", "Mi", "Ki"} {
		if n := Bytes(byteUnits[unit]); b != 0 && b%n == 0 {
			return strconv.FormatInt(int64(b/n), 10) + unit
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

// MarshalText writes the duration as in the file.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads the duration as in the file.
func (d *Duration) UnmarshalText(text []byte) (err error) {
	*d, err = ParseDuration(string(text))
	return err
}

// MarshalText writes the size as in the file.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText reads the size as in the file.
func (b *Bytes) UnmarshalText(text []byte) (err error) {
	*b, err = ParseBytes(string(text))
	return err
}
