package proxy

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/route"
)

// recorder is an instance that takes requests by the letter: one way to write
// a message, everything else is malformed.
type recorder struct {
	mu     sync.Mutex
	seen   []string // "POST /path body", or "malformed: …"
	answer string
}

func newRecorder(t *testing.T) (*recorder, string) {
	t.Helper()
	r := &recorder{answer: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"}
	return r, bare(t, r.serve)
}

func (r *recorder) serve(c *net.TCPConn, br *bufio.Reader) {
	for {
		said, err := strictRequest(br)
		if errors.Is(err, io.EOF) || err != nil && said == "" {
			return
		}
		if err != nil {
			said = fmt.Sprintf("malformed: %v after %q", err, said)
		}
		r.mu.Lock()
		r.seen = append(r.seen, said)
		r.mu.Unlock()
		if err != nil {
			return
		}
		answer := r.answer
		if strings.HasPrefix(said, "HEAD ") {
			answer, _, _ = strings.Cut(answer, "ok")
		}
		_, _ = io.WriteString(c, answer)
	}
}

// take returns what was seen since the last call.
func (r *recorder) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := r.seen
	r.seen = nil
	return seen
}

var (
	strictStart = regexp.MustCompile(`^[!#$%&'*+.^_|~0-9A-Za-z-]+ [\x21-\x7e]+ HTTP/1\.1$`)
	strictField = regexp.MustCompile(`^[!#$%&'*+.^_|~0-9A-Za-z-]+: ([^\x00-\x08\x0a-\x1f\x7f]*)$`)
)

// strictRequest reads a request that is written in the one way that nobody reads differently.
func strictRequest(br *bufio.Reader) (said string, err error) {
	line, err := strictLine(br)
	if err != nil {
		return line, err
	}
	said = line
	if !strictStart.MatchString(line) {
		return said, errors.New("request line")
	}
	once := map[string]string{}
	for {
		line, err := strictLine(br)
		if err != nil {
			return said + line, errors.Join(err, errors.New("header"))
		}
		if line == "" {
			break
		}
		if !strictField.MatchString(line) {
			return said + line, errors.New("field")
		}
		name, value, _ := strings.Cut(line, ": ")
		name = strings.ToLower(name)
		switch name {
		case "host", "content-length", "transfer-encoding", "connection":
			if _, twice := once[name]; twice {
				return said + line, errors.New("twice")
			}
			once[name] = value
		case "banyan-caller":
			if value != "x" && value != "gateway" {
				return said + line, errors.New("forged")
			}
		}
	}
	method, rest, _ := strings.Cut(said, " ")
	path, _, _ := strings.Cut(rest, " ")
	body, err := strictBody(br, once)
	return method + " " + path + " " + body, err
}

func strictLine(br *bufio.Reader) (string, error) {
	line, err := br.ReadString('\n')
	if err != nil {
		return line, err
	}
	if !strings.HasSuffix(line, "\r\n") || strings.Contains(line[:len(line)-2], "\r") {
		return line, errors.New("line end")
	}
	return line[:len(line)-2], nil
}

func strictBody(br *bufio.Reader, once map[string]string) (string, error) {
	host, hosted := once["host"]
	length, sized := once["content-length"]
	coding, coded := once["transfer-encoding"]
	switch {
	case !hosted || strings.ContainsAny(host, " \t/@,"):
		return "", errors.New("host")
	case sized && coded:
		return "", errors.New("framed twice")
	case sized:
		n, err := strconv.ParseUint(length, 10, 31)
		if err != nil || strconv.FormatUint(n, 10) != length {
			return "", errors.New("length")
		}
		b := make([]byte, n)
		_, err = io.ReadFull(br, b)
		return string(b), err
	case !coded:
		return "", nil
	case coding != "chunked":
		return "", errors.New("coding")
	}
	var body strings.Builder
	for {
		line, err := strictLine(br)
		if err != nil {
			return "", err
		}
		n, err := strconv.ParseUint(line, 16, 31)
		if err != nil {
			return "", errors.New("chunk size " + line)
		}
		if n == 0 {
			break
		}
		if _, err := io.CopyN(&body, br, int64(n)); err != nil {
			return "", err
		}
		if line, err = strictLine(br); err != nil || line != "" {
			return "", errors.New("chunk end")
		}
	}
	for {
		line, err := strictLine(br)
		if err != nil || line == "" {
			return body.String(), err
		}
		if !strictField.MatchString(line) {
			return "", errors.New("trailer")
		}
	}
}

// smuggling is a gateway and an edge to a recorder.
func smuggling(t *testing.T) (*recorder, *rig, map[string]string) {
	t.Helper()
	rec, addr := newRecorder(t)
	r := newRig(t)
	r.service("s", route.HTTP1, "s-1", addr)
	gw := r.gateway(route.Route{Path: "/", To: "s"})
	edge := r.edge("x", "s", route.Policy{})
	r.apply()
	return rec, r, map[string]string{"gateway": strings.TrimPrefix(gw, "http://"), "edge": strings.TrimPrefix(edge, "http://")}
}

// converse sends raw bytes and returns the answers to the end of the connection,
// or n of them. rest is what follows them.
func converse(t *testing.T, addr, raw string, n int) (answers []*http.Response, rest []byte) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	_, _ = io.WriteString(c, raw)
	br := bufio.NewReader(c)
	for n == 0 || len(answers) < n {
		method := http.MethodGet
		if strings.Contains(raw, "HEAD") && len(answers) == n-1 {
			method = http.MethodHead
		}
		resp, err := http.ReadResponse(br, &http.Request{Method: method})
		if err != nil {
			if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
				t.Errorf("%q: the connection does not end", raw)
			}
			break
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Errorf("%q: %v", raw, err)
		}
		resp.Body = io.NopCloser(bytes.NewReader(body))
		answers = append(answers, resp)
	}
	if n == 0 {
		rest, _ = io.ReadAll(br)
	}
	return answers, rest
}

func TestSmuggling(t *testing.T) {
	rec, r, addrs := smuggling(t)
	for side, addr := range addrs {
		for _, c := range requests {
			answers, rest := converse(t, addr, c.raw, len(c.want))
			eventually(t, "nothing is in flight", func() bool { return r.e.InFlight() == 0 })
			if got := rec.take(); strings.Join(got, "|") != strings.Join(c.want, "|") {
				t.Errorf("%s: %q reached the instance as %q, want %q", side, c.raw, got, c.want)
			}
			if len(c.want) > 0 {
				if len(answers) != len(c.want) {
					t.Errorf("%s: %q: %d answers, want %d", side, c.raw, len(answers), len(c.want))
				}
				continue
			}
			if len(answers) != 1 || answers[0].StatusCode < 400 || answers[0].Header.Get("Banyan-Error") == "" || !answers[0].Close || len(rest) > 0 {
				t.Errorf("%s: %q: %d answers %v, then %q", side, c.raw, len(answers), answers, rest)
			}
		}
	}
	for _, kind := range []string{"h1_syntax", "h1_framing", "h1_target", "h1_unsupported"} {
		if r.e.Refusals()[kind] == 0 {
			t.Errorf("no refusal is counted as %s: %v", kind, r.e.Refusals())
		}
	}
}

func TestSmugglingChunks(t *testing.T) {
	rec, r, addrs := smuggling(t)
	for side, addr := range addrs {
		for _, body := range chunkings {
			raw := "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + body + smuggled
			answers, rest := converse(t, addr, raw, 0)
			if len(answers) != 1 || answers[0].StatusCode != 400 || !answers[0].Close || len(rest) > 0 {
				t.Errorf("%s: %q: %d answers %v, then %q", side, body, len(answers), answers, rest)
			}
			eventually(t, "nothing is in flight", func() bool { return r.e.InFlight() == 0 })
			// It is cut in the body, where an instance sees that it is not whole.
			for _, got := range rec.take() {
				if !strings.HasPrefix(got, "malformed: ") || !strings.Contains(got, "EOF") {
					t.Errorf("%s: %q reached the instance as %q", side, body, got)
				}
			}
		}
	}
}
