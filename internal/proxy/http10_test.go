package proxy

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/route"
)

// TestHTTP10: clients of HTTP/1.0 keep their connection if they ask for it and
// the answer has a length.
func TestHTTP10(t *testing.T) {
	r := newRig(t)
	r.service("s", route.HTTP1, "s-1", backend(t, oddities))
	r.service("g", route.H2C, "g-1", h2cBackend(t, oddities))
	edges := []string{r.edge("x", "s", route.Policy{}), r.edge("x", "g", route.Policy{})}
	r.apply()
	for _, edge := range edges {
		for _, c := range []struct {
			request, path string
			keeps         bool
			body          string
		}{
			{"GET", "/empty", true, ""}, {"HEAD", "/large", true, ""}, {"GET", "/204", true, ""}, {"GET", "/304", true, ""},
			{"GET", "/500", true, "oops\n"}, {"GET", "/chunked", false, "part 0\npart 1\npart 2\n"},
			{"GET", "/hints", true, "done"}, {"POST", "/echo", true, ""},
		} {
			for _, asks := range []bool{true, false} {
				conn, err := net.Dial("tcp", strings.TrimPrefix(edge, "http://"))
				if err != nil {
					t.Fatal(err)
				}
				_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
				request := c.request + " " + c.path + " HTTP/1.0\r\nHost: s\r\n"
				if asks {
					request += "Connection: Keep-Alive\r\n"
				}
				br := bufio.NewReader(conn)
				for i := range 2 {
					_, _ = io.WriteString(conn, request+"\r\n")
					resp, err := http.ReadResponse(br, &http.Request{Method: c.request})
					if err != nil {
						if i == 0 || asks && c.keeps {
							t.Errorf("%s: request %d: %v", request, i, err)
						}
						break
					}
					b, err := io.ReadAll(resp.Body)
					if string(b) != c.body || err != nil || resp.TransferEncoding != nil || i == 1 && !(asks && c.keeps) ||
						strings.EqualFold(resp.Header.Get("Connection"), "keep-alive") != (asks && c.keeps) {
						t.Errorf("%q: request %d: %d %q %v %v", request, i, resp.StatusCode, b, err, resp.Header)
					}
				}
				_ = conn.Close()
			}
		}
	}
}
