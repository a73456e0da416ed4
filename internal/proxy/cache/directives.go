package cache

import (
	"math"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

// directives are what Cache-Control says, of a request or a response (RFC 9111,
// section 5.2, and RFC 5861). Seconds are -1 where nothing is said. What is
// said wrongly or twice and differently means the stricter thing.
type directives struct {
	noStore, noCache, private, public, revalidate, onlyIfCached bool

	maxAge, sMaxAge, minFresh, staleIfError int64
}

// mostSeconds is what larger numbers mean (RFC 9111, section 1.2.2).
const mostSeconds = math.MaxInt32

// control reads all Cache-Control fields of h, or the older Pragma of a
// request that has none (section 5.4).
func control(h *message.Head) directives {
	d := directives{maxAge: -1, sMaxAge: -1, minFresh: -1, staleIfError: -1}
	said := false
	for i := range h.Fields {
		if h.Fields[i].ID == message.CacheControl {
			said = true
			d.read(h.Fields[i].Value)
		}
	}
	if said || h.Status != 0 {
		return d
	}
	for i := range h.Fields {
		if h.Fields[i].ID == message.Pragma {
			for name, _, rest := directive(h.Fields[i].Value); name != nil; name, _, rest = directive(rest) {
				d.noCache = d.noCache || message.EqualFold(name, "no-cache")
			}
		}
	}
	return d
}

func (d *directives) read(line []byte) {
	for name, value, rest := directive(line); name != nil; name, value, rest = directive(rest) {
		d.note(name, value)
	}
}

// note takes one directive. A private or no-cache that names fields (sections
// 5.2.2.4 and 5.2.2.7) is taken for one of the whole answer.
func (d *directives) note(name, value []byte) {
	is := func(s string) bool { return message.EqualFold(name, s) }
	switch {
	case is("no-store"):
		d.noStore = true
	case is("no-cache"):
		d.noCache = true
	case is("private"):
		d.private = true
	case is("public"):
		d.public = true
	case is("must-revalidate"), is("proxy-revalidate"):
		d.revalidate = true
	case is("only-if-cached"):
		d.onlyIfCached = true
	case is("max-age"):
		d.maxAge = stricter(d.maxAge, seconds(value), 0)
	case is("s-maxage"):
		d.sMaxAge = stricter(d.sMaxAge, seconds(value), 0)
	case is("stale-if-error"):
		d.staleIfError = stricter(d.staleIfError, seconds(value), 0)
	case is("min-fresh"):
		d.minFresh = stricter(d.minFresh, seconds(value), mostSeconds)
	}
}

// stricter is what a directive means that said old before (-1: nothing) and now
// says s (-1: nonsense).
func stricter(old, s, strictest int64) int64 {
	if s < 0 || old >= 0 && old != s {
		return strictest
	}
	return s
}

// seconds is the delta-seconds in value; -1 if there are none.
func seconds(value []byte) int64 {
	if len(value) == 0 {
		return -1
	}
	n := int64(0)
	for _, c := range value {
		if c < '0' || c > '9' {
			return -1
		}
		n = min(n*10+int64(c-'0'), mostSeconds)
	}
	return n
}

// directive takes the first member off a list of token [ "=" ( token /
// quoted-string ) ]. Name is nil at its end. A quoted value comes without its
// quotes; escapes in it are left as they are, for no known value has any.
func directive(list []byte) (name, value, rest []byte) {
	i := 0
	for i < len(list) && (list[i] == ',' || space(list[i])) {
		i++
	}
	if i == len(list) {
		return nil, nil, nil
	}
	end := i
	for end < len(list) && list[end] != ',' && list[end] != '=' {
		end++
	}
	name = trim(list[i:end])
	if end == len(list) || list[end] == ',' {
		return name, nil, list[end:]
	}
	from := end + 1
	for from < len(list) && space(list[from]) {
		from++
	}
	if from < len(list) && list[from] == '"' {
		return quoted(name, list[from+1:])
	}
	for end = from; end < len(list) && list[end] != ','; {
		end++
	}
	return name, trim(list[from:end]), list[end:]
}

// quoted is the rest of directive after an opening quote. One that is not
// closed reaches to the end.
func quoted(name, s []byte) (_, value, rest []byte) {
	end := 0
	for end < len(s) && s[end] != '"' {
		if s[end] == '\\' {
			end++
		}
		end++
	}
	if end >= len(s) {
		return name, s, nil
	}
	value, rest = s[:end], s[end+1:]
	for len(rest) > 0 && rest[0] != ',' {
		rest = rest[1:]
	}
	return name, value, rest
}

func space(c byte) bool { return c == ' ' || c == '\t' }

func trim(b []byte) []byte {
	for len(b) > 0 && space(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && space(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}
