package proxy

import (
	"bytes"
	"regexp"
	"testing"
)

// escapedByReference are paths with two slashes first and characters that a URL
// should not have: net/url writes them escaped. The engine writes them as they came.
var escapedByReference = regexp.MustCompile("//[^ ]*[\\x00-\\x1f\"<>\\\\^`{|}\\x7f-\\x{10ffff}]")

// FuzzDifferential sends the same bytes to the engine and to the reference. What
// the engine takes for requests the reference must take for the same ones, and
// service and client must see the same of both. See compare for what may differ.
func FuzzDifferential(f *testing.F) {
	const longest = 4 << 10 // bytes of a seed: the fuzzer changes short ones better
	for _, raw := range generated() {
		if len(raw) <= longest {
			f.Add([]byte(raw))
		}
	}
	for _, raw := range []string{
		"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=\"b\"\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n",
		"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: [::1]:80\r\nA:\tb \t\r\n\r\n", "GET / HTTP/1.1\nHost: a\n\n",
	} {
		f.Add([]byte(raw))
	}
	d := newDuel(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		if low := bytes.ToLower(raw); bytes.Contains(low, []byte("grpc-timeout")) || bytes.Contains(low, []byte("banyan-deadline")) {
			t.Skip("a limit that the client sets: who is in time is chance")
		}
		if escapedByReference.Match(raw) {
			t.Skip("net/http's client, and so the reference, cannot pass this path on as it was written")
		}
		for _, s := range d.sides {
			for _, diff := range d.compare(t, s, raw) {
				t.Errorf("%q:\n%.3000s", raw, diff)
			}
		}
	})
}
