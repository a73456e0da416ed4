package proxy

import (
	"net/url"
	"slices"
	"strings"
)

// cleanPath is a request's path, taken apart for routing.
//
// The rule: a request is routed by the segments of its path, each
// percent-decoded once, empty ones left out, "." and ".." (also as %2e)
// resolved as RFC 3986 does, never above the root. What is forwarded keeps its
// encoding; only a path with dot segments is forwarded resolved, so that the
// service sees the path that was checked.
//
// Some servers read more into a path: %2F or a backslash as a separator,
// ";params" as no part of a segment. So where one of these occurs, the path is
// read that way too, and if that leads to another route (whose authentication
// may differ) the request is refused as ambiguous. A path is decoded once
// only: a service that decodes twice must not rely on routes.
type cleanPath struct {
	raw      string   // what is forwarded
	segments []string // decoded, without empty ones
	offsets  []int    // where in raw the segments end
	loose    []string // the other reading; nil: there is none
	bad      bool     // no route may have it
}

// parse takes apart the path of an HTTP request, as it was sent, without the
// query. p keeps parts of raw until reset.
func (p *cleanPath) parse(raw string) {
	p.reset()
	p.raw = raw
	if raw == "" || raw[0] != '/' {
		p.raw = "/" + raw
	}
	if !special(p.raw) {
		p.split(nil)
		return
	}
	if !p.decode() {
		p.bad = true
	}
}

// reset forgets the path and keeps the memory.
func (p *cleanPath) reset() {
	clear(p.segments)
	*p = cleanPath{segments: p.segments[:0], offsets: p.offsets[:0]}
}

// special reports whether raw is more than letters: escapes, separators of
// other systems, dot segments.
func special(raw string) bool {
	for i := range len(raw) {
		switch raw[i] {
		case '%', '\\', ';':
			return true
		case '.':
			if i > 0 && raw[i-1] == '/' {
				return true
			}
		}
	}
	return false
}

// split finds the segments of raw; decoded, if not nil, is what they mean.
func (p *cleanPath) split(decoded []string) {
	for i := 1; i < len(p.raw); {
		j := strings.IndexByte(p.raw[i:], '/')
		if j < 0 {
			j = len(p.raw) - i
		}
		if j > 0 {
			seg := p.raw[i : i+j]
			if decoded != nil {
				seg = decoded[len(p.segments)]
			}
			p.segments = append(p.segments, seg)
			p.offsets = append(p.offsets, i+j)
		}
		i += j + 1
	}
}

// decode is split for paths that are more than letters; false: the path cannot be meant.
func (p *cleanPath) decode() bool {
	var raws, plain []string
	dots, tricky := false, false
	for seg := range strings.SplitSeq(p.raw[1:], "/") {
		if seg == "" {
			continue
		}
		d, err := url.PathUnescape(seg)
		if err != nil || strings.IndexByte(d, 0) >= 0 {
			return false
		}
		dots = dots || d == "." || d == ".."
		tricky = tricky || strings.ContainsAny(d, `/\;`)
		raws, plain = append(raws, seg), append(plain, d)
	}
	if tricky {
		p.loose = looseSegments(plain)
	}
	if dots {
		p.raw, plain = resolve(p.raw, raws, plain)
	}
	p.split(plain)
	return true
}

// resolve removes dot segments; the path ends in a slash if it did, or if it ended in a dot segment.
func resolve(raw string, raws, plain []string) (string, []string) {
	var keepRaw, keep []string
	for i, seg := range plain {
		switch seg {
		case ".":
		case "..":
			if n := len(keep); n > 0 {
				keepRaw, keep = keepRaw[:n-1], keep[:n-1]
			}
		default:
			keepRaw, keep = append(keepRaw, raws[i]), append(keep, seg)
		}
	}
	last := plain[len(plain)-1]
	out := "/" + strings.Join(keepRaw, "/")
	if len(keep) > 0 && (strings.HasSuffix(raw, "/") || last == "." || last == "..") {
		out += "/"
	}
	return out, keep
}

// looseSegments reads decoded segments as the most liberal server would.
func looseSegments(plain []string) []string {
	out := []string{}
	for _, seg := range plain {
		for part := range strings.FieldsFuncSeq(seg, func(r rune) bool { return r == '/' || r == '\\' }) {
			part, _, _ = strings.Cut(part, ";")
			switch part {
			case "", ".":
			case "..":
				out = out[:max(0, len(out)-1)]
			default:
				out = append(out, part)
			}
		}
	}
	return out
}

// ambiguous reports whether the path has a second reading that differs.
func (p *cleanPath) ambiguous() bool {
	return p.loose != nil && !slices.Equal(p.loose, p.segments)
}

// rewritten is raw with its first n segments replaced by prefix, which has no slash at its end.
func (p *cleanPath) rewritten(n int, prefix string) string {
	rest := p.raw
	if n > 0 {
		rest = p.raw[p.offsets[n-1]:]
	}
	if prefix == "" && (rest == "" || rest[0] != '/') {
		return "/" + rest
	}
	if n == 0 && rest == "/" && prefix != "" {
		return prefix
	}
	return prefix + rest
}
