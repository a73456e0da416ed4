package proxy

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestGarbled: what begins a connection and is no HTTP gets no answer, for its
// sender would not know what to make of it. What might be HTTP gets one, and so
// does what follows a request.
func TestGarbled(t *testing.T) {
	rec, r, addrs := smuggling(t)
	counted := uint64(0)
	for side, addr := range addrs {
		for _, raw := range []string{
			"INVALID CONNECTION PREFACE\r\n\r\n", "\r\nINVALID CONNECTION PREFACE\r\n\r\n", "OPTIONS * RTSP/1.0\r\n\r\n", "REGISTER sip:a SIP/2.0\r\n\r\n",
			"GET /p FTP\r\n\r\n" + smuggled, "A B C D E F\r\n", "GET /p HTTP\r\n\r\n", "PRI * PTTH/2.0\r\n\r\nSM\r\n\r\n",
		} {
			c := dialRaw(t, addr)
			_, _ = io.WriteString(c, raw)
			if b, err := io.ReadAll(c); len(b) > 0 || err != nil && !strings.Contains(err.Error(), "reset") {
				t.Errorf("%s: %q: %q, %v", side, raw, b, err)
			}
			counted++
			if n := r.e.Stats().Refusals["h1_not_http"]; n != counted {
				t.Errorf("%s: %q: counted %v", side, raw, r.e.Refusals())
			}
		}
		for raw, status := range map[string]int{
			"GET /p\r\n\r\n": 400, "GET\r\n\r\n": 400, "GET /p \r\n\r\n": 400, "GET /p HTTP/\r\n\r\n": 400, "GET /p HTTP/0.9\r\n\r\n": 505,
			"GET /p http/1.1\r\n\r\n": 400, "GET /p HTTP/11\r\n\r\n": 400, "GET /p HTTP/3.0\r\n\r\n": 505, "GET /p q HTTP/1.1\r\n\r\n": 400, "GET /p HTTP/1.1 q\r\n\r\n": 400,
		} {
			answers, _ := converse(t, addr, raw, 0)
			if len(answers) != 1 || answers[0].StatusCode != status {
				t.Errorf("%s: %q: %v", side, raw, answers)
			}
		}
		counted = r.e.Refusals()["h1_not_http"]
		c := dialRaw(t, addr)
		_, _ = io.WriteString(c, "GET /p HTTP/1.1\r\nHost: a\r\n\r\nINVALID CONNECTION PREFACE\r\n\r\n")
		br := bufio.NewReader(c)
		for _, status := range []int{200, 400} {
			resp, err := http.ReadResponse(br, nil)
			if err != nil || resp.StatusCode != status {
				t.Fatalf("%s: %+v, %v", side, resp, err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
		}
		counted++
		rec.take()
	}
	eventually(t, "nothing is in flight", func() bool { return r.e.InFlight() == 0 })
}
