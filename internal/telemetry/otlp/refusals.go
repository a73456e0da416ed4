package otlp

import "fmt"

// refusals are the records of a request that are not taken.
type refusals struct {
	count int64
	why   string // of the first
}

func (r *refusals) add(why string) {
	if r.count == 0 {
		r.why = why
	}
	r.count++
}

// message says it to who sent them; empty: there are none.
func (r *refusals) message(what string) string {
	switch {
	case r.count == 0:
		return ""
	case r.count == 1:
		return fmt.Sprintf("1 of the %s was not taken: %s", what, r.why)
	}
	return fmt.Sprintf("%d of the %s were not taken; the first: %s", r.count, what, r.why)
}
