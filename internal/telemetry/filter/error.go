package filter

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/banyanrun/banyan/internal/fault"
)

// Error is a mistake in a filter. A fault.Error with the code fault.Invalid is in
// its chain.
type Error struct {
	// At is where it is, in bytes from the filter's beginning.
	At    int
	fault *fault.Error
}

// Error says what is wrong, where (in characters, the first is 1) and what to do.
func (e *Error) Error() string { return e.fault.Error() }

// Unwrap returns the fault.
func (e *Error) Unwrap() error { return e.fault }

// wrong makes an error of what is wrong at a place, which stands where the format
// has an @, and of what to do.
func (s *scanner) wrong(at int, do, format string, args ...any) error {
	place := fmt.Sprintf("at %d", utf8.RuneCountInString(s.text[:at])+1)
	return &Error{At: at, fault: fault.New(fault.Invalid, strings.Replace(format, "@", place, 1), args...).Fix("%s", do)}
}

// excerpt is a piece of the filter as an error shows it.
func excerpt(text string) string {
	const most = 40
	n := 0
	for i := range text {
		if n == most {
			return text[:i] + "…"
		}
		n++
	}
	return text
}
