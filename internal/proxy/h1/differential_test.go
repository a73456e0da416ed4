package h1

import (
	"bufio"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

// compareRequest checks that net/http accepts and reads as we do what we accept.
// We may refuse more. The one exception is the empty line that may precede a
// request (RFC 9112, 2.2), which net/http's reader does not know.
func compareRequest(t *testing.T, in string) {
	t.Helper()
	r := reader{maxTail: len(in)}
	r.feed(in)
	if r.got.err != nil || r.got.head == "" {
		return
	}
	theirs, err := http.ReadRequest(bufio.NewReader(strings.NewReader(strings.TrimPrefix(in, "\r\n"))))
	if err != nil {
		t.Fatalf("%q: net/http: %v; we: %v", in, err, r.got)
	}
	h := &r.head
	if theirs.Method != string(h.Method) || theirs.ProtoMajor != int(h.Major) || theirs.ProtoMinor != int(h.Minor) {
		t.Errorf("%q: net/http: %s %s; we: %v", in, theirs.Method, theirs.Proto, r.got)
	}
	if !strings.EqualFold(theirs.Host, string(h.Authority)) {
		t.Errorf("%q: net/http: host %q; we: %v", in, theirs.Host, r.got)
	}
	if want := pathOf(theirs); want != string(h.Path) {
		t.Errorf("%q: net/http: path %q; we: %v", in, want, r.got)
	}
	if theirs.Close != h.Close && h.Minor == 1 {
		t.Errorf("%q: net/http: close %v; we: %v", in, theirs.Close, r.got)
	}
	compareHeader(t, in, theirs.Header, &r)
	compareBody(t, in, theirs.Body, theirs.ContentLength, &r)
}

// pathOf is net/http's reading of a target, as we write it.
func pathOf(r *http.Request) string {
	switch {
	case r.Method == "CONNECT":
		return ""
	case r.URL.Host == "":
		return r.RequestURI
	case r.URL.Path == "" && r.URL.RawQuery == "" && !r.URL.ForceQuery && r.Method == "OPTIONS":
		return "*"
	}
	// What follows the authority as it was sent: URL.RequestURI may encode it anew.
	target := r.RequestURI[strings.Index(r.RequestURI, "://")+len("://"):]
	i := strings.IndexAny(target, "/?")
	if i < 0 {
		return "/"
	}
	if target[i] == '?' {
		return "/" + target[i:]
	}
	if u, err := url.ParseRequestURI(target[i:]); err != nil || u.Path != r.URL.Path {
		return "another path: " + r.URL.Path
	}
	return target[i:]
}

// compareHeader checks that every end-to-end field of ours is theirs.
func compareHeader(t *testing.T, in string, theirs http.Header, r *reader) {
	t.Helper()
	for _, f := range r.head.Fields {
		if f.ID == message.Removed {
			continue
		}
		found := false
		for _, v := range theirs[http.CanonicalHeaderKey(string(f.Name))] {
			found = found || v == string(f.Value)
		}
		if !found {
			t.Errorf("%q: net/http: %v; we: %s: %q", in, theirs, f.Name, f.Value)
		}
	}
}

// compareBody checks length, payload and whether the body is whole.
func compareBody(t *testing.T, in string, theirs io.Reader, length int64, r *reader) {
	t.Helper()
	want := r.head.Length
	if r.head.Body == message.Streamed || r.head.Body == message.UntilClose {
		want = -1
	}
	if length != want {
		t.Errorf("%q: net/http: length %d; we: %v", in, length, r.got)
	}
	payload, err := io.ReadAll(theirs)
	if done := r.got.done || r.head.Body == message.UntilClose; done != (err == nil) {
		t.Errorf("%q: net/http: body %q, %v; we: %v", in, payload, err, r.got)
	}
	if string(payload) != r.got.payload {
		t.Errorf("%q: net/http: body %q; we: %v", in, payload, r.got)
	}
}

// compareResponse is compareRequest for a response to method.
func compareResponse(t *testing.T, method, in string) {
	t.Helper()
	r := reader{method: []byte(method), maxTail: len(in)}
	r.feed(in)
	if r.got.err != nil || r.got.head == "" {
		return
	}
	theirs, err := http.ReadResponse(bufio.NewReader(strings.NewReader(in)), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%q: net/http: %v; we: %v", in, err, r.got)
	}
	defer theirs.Body.Close()
	if theirs.StatusCode != r.head.Status || theirs.ProtoMinor != int(r.head.Minor) {
		t.Errorf("%q: net/http: %s %s; we: %v", in, theirs.Status, theirs.Proto, r.got)
	}
	compareHeader(t, in, theirs.Header, &r)
	if method == "CONNECT" && r.head.Status/100 == 2 {
		return // net/http frames it, against RFC 9110, 9.3.6
	}
	length := theirs.ContentLength
	if r.head.Body == message.None {
		length = r.head.Length // theirs is -1, or a HEAD's
	}
	compareBody(t, in, theirs.Body, length, &r)
}

// TestDifferential compares all tables' messages with net/http.
func TestDifferential(t *testing.T) {
	for _, in := range requestSeeds() {
		compareRequest(t, in)
	}
	for _, s := range responseSeeds() {
		compareResponse(t, s.method, s.in)
	}
}
