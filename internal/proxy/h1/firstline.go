package h1

import (
	"bytes"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

// requestLine reads "GET /path HTTP/1.1" (RFC 9112, 3), a line without control
// characters but tabs.
func requestLine(line []byte, h *message.Head) error {
	method := 0
	for method < len(line) && class[line[method]]&tokenChar != 0 {
		method++
	}
	if method == 0 || method == len(line) || line[method] != ' ' {
		return noMethod(line, method)
	}
	const version = len(" HTTP/1.1")
	rest := line[method+1:]
	end := len(rest) - version
	if end < 0 || !setVersion(h, rest[end+1:]) || rest[end] != ' ' {
		return noVersion(rest)
	}
	if end == 0 || rest[0] == ' ' || rest[end-1] == ' ' {
		return errSpaces
	}
	h.Method = line[:method:method]
	return readTarget(rest[:end:end], h)
}

// noMethod tells why a line does not start with a method: line[i] is where its
// first token ends.
func noMethod(line []byte, i int) error {
	switch {
	case i == len(line):
		return errParts
	case isSpace(line[i]):
		return errSpaces
	default:
		return errMethod
	}
}

// noVersion tells why rest, a target and a version, does not end in a version
// that is served.
func noVersion(rest []byte) error {
	i := bytes.LastIndexByte(rest, ' ')
	if i <= 0 {
		return errParts
	}
	version := rest[i+1:]
	if _, third, _ := bytes.Cut(rest, []byte(" ")); len(version) > 0 && !isHTTP(version) && !isHTTP(third) {
		return errNotHTTP
	}
	return versionError(version)
}

// isHTTP reports whether b begins as a version of HTTP does, in any case.
func isHTTP(b []byte) bool {
	const name = "HTTP/"
	return len(b) >= len(name) && message.EqualFold(b[:len(name)], name)
}

// setVersion reads a version; false if it is neither of the two.
func setVersion(h *message.Head, b []byte) bool {
	switch string(b) {
	case "HTTP/1.1":
		h.Major, h.Minor = 1, 1
	case "HTTP/1.0":
		h.Major, h.Minor = 1, 0
	default:
		return false
	}
	return true
}

// versionError tells another version of HTTP from what is none.
func versionError(b []byte) error {
	if len(b) == len("HTTP/d.d") && string(b[:5]) == "HTTP/" && b[6] == '.' &&
		class[b[5]]&digitChar != 0 && class[b[7]]&digitChar != 0 {
		return errNotOne
	}
	return errVersion
}

// statusLine reads "HTTP/1.1 200 OK" (RFC 9112, 4). The reason is dropped; the
// space before an empty one may be missing, as some servers have it.
func statusLine(line []byte, h *message.Head) error {
	const version, upToStatus = len("HTTP/1.1"), len("HTTP/1.1 200")
	if len(line) < version {
		return errStatusLine
	}
	if !setVersion(h, line[:version]) {
		return versionError(line[:version])
	}
	if len(line) < upToStatus || line[version] != ' ' {
		return errStatusLine
	}
	status := 0
	for _, c := range line[version+1 : upToStatus] {
		if class[c]&digitChar == 0 {
			return errStatus
		}
		status = status*10 + int(c-'0')
	}
	if status < 100 || len(line) > upToStatus && line[upToStatus] != ' ' {
		return errStatus
	}
	h.Status = status
	return nil
}
