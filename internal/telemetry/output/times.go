package output

import (
	"math"
	"time"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// Skew is how far a time that a program says may be from when its line was read. One
// that is further off is of another thing, or of a clock that is wrong.
const Skew = time.Hour

// layouts of times with a zone; those without could be of any.
var layouts = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999 -0700"}

// timeOf reads a time as loggers write it: text, or a number since 1970 in seconds,
// milliseconds, microseconds or nanoseconds.
func timeOf(v signal.Value, stamp int64) (int64, bool) {
	var at int64
	switch f, ok := v.Float(); {
	case v.Type == signal.Int:
		at = int64(v.Num)
		for at > 0 && at < math.MaxInt64/1000 && at < stamp/100 {
			at *= 1000
		}
	case ok && f > 0 && f < 1e18:
		unit := 1.0
		for f*unit < float64(stamp)/100 {
			unit *= 1000
		}
		whole, part := math.Modf(f) // apart, for the digits that a product would not have
		at = int64(whole)*int64(min(unit, 1e18)) + int64(part*unit)
	default:
		at = parsed(v.Text)
	}
	off := at - stamp
	return at, at > 0 && off < int64(Skew) && off > -int64(Skew)
}

// parsed is 0 if the text is no time.
func parsed(s string) int64 {
	if len(s) < len("2006-01-02T15:04:05Z") || len(s) > 40 {
		return 0
	}
	for _, layout := range layouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UnixNano()
		}
	}
	return 0
}
