package appfile

import (
	"regexp"
	"sync"
)

// pattern returns a regular expression, which is compiled when it is asked for first:
// there are many, and processes that read no app file need none.
func pattern(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}
