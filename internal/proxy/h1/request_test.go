package h1

import (
	"errors"
	"strings"
	"testing"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

// TestRequest is what is read from requests that are accepted.
func TestRequest(t *testing.T) {
	const host = "Host: a\r\n"
	tests := []struct {
		name, in string
		want     string // parts of what describe says
	}{
		{"plain", "GET /p?q=1 HTTP/1.1\r\n" + host + "X-A: b\r\n\r\n", `GET scheme="" authority="a" path="/p?q=1" status=0 1.1 body=0/0 close=false expect=false te=false upgrade="" trailer="" [X-A:b|]`},
		{"empty line before", "\r\nGET / HTTP/1.1\r\n" + host + "\r\n", `GET scheme=""`},
		{"1.0", "GET / HTTP/1.0\r\n\r\n", `authority="" path="/" status=0 1.0 body=0/0 close=true`},
		{"1.0 keep-alive", "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", `close=false`},
		{"1.0 keep-alive and close", "GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", `close=true`},
		{"close", "GET / HTTP/1.1\r\n" + host + "Connection: CLOSE\r\n\r\n", `close=true`},
		{"any token is a method", "M-SEARCH!#$ / HTTP/1.1\r\n" + host + "\r\n", `M-SEARCH!#$ scheme`},
		{"asterisk", "OPTIONS * HTTP/1.1\r\n" + host + "\r\n", `path="*"`},
		{"double slash", "GET //b/c HTTP/1.1\r\n" + host + "\r\n", `authority="a" path="//b/c"`},
		{"absolute", "GET HTTP://A:8080/x HTTP/1.1\r\nHost: a:8080\r\n\r\n", `scheme="http" authority="A:8080" path="/x"`},
		{"absolute https without path", "GET https://a HTTP/1.1\r\n" + host + "\r\n", `scheme="https" authority="a" path="/"`},
		{"absolute with query alone", "GET http://a?b HTTP/1.1\r\n" + host + "\r\n", `authority="a" path="/?b"`},
		{"absolute on 1.0 without host", "GET http://a/ HTTP/1.0\r\n\r\n", `authority="a" path="/"`},
		{"absolute OPTIONS", "OPTIONS http://a HTTP/1.1\r\n" + host + "\r\n", `path="*"`},
		{"connect", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", `authority="a:443" path=""`},
		{"IPv6 host", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", `authority="[::1]:80"`},
		{"escapes", "GET /%2F%c3%A9?%zz HTTP/1.1\r\n" + host + "\r\n", `path="/%2F%c3%A9?%zz"`},
		{"odd but visible", "GET /\"^`{|}[]\\ HTTP/1.1\r\n" + host + "\r\n", `path="/\"^` + "`" + `{|}[]\\"`},
		{"length", "POST / HTTP/1.1\r\n" + host + "Content-Length: 0012\r\n\r\n", `body=1/12`},
		{"length zero", "GET / HTTP/1.1\r\n" + host + "Content-Length: 0\r\n\r\n", `body=1/0`},
		{"longest length", "GET / HTTP/1.1\r\n" + host + "Content-Length: 999999999999999999\r\n\r\n", `body=1/999999999999999999`},
		{"chunked", "POST / HTTP/1.1\r\n" + host + "Transfer-Encoding:\tChunked \r\n\r\n", `body=2/0`},
		{"expect", "PUT / HTTP/1.1\r\n" + host + "Expect: 100-Continue\r\nContent-Length: 1\r\n\r\n", `expect=true`},
		{"expect without body", "PUT / HTTP/1.1\r\n" + host + "Expect: 100-continue\r\nContent-Length: 0\r\n\r\n", `expect=false`},
		{"expect on 1.0", "PUT / HTTP/1.0\r\nExpect: nonsense\r\nContent-Length: 1\r\n\r\n", `expect=false`},
		{"te", "GET / HTTP/1.1\r\n" + host + "TE: gzip;q=0.5, Trailers\r\nConnection: TE\r\n\r\n", `te=true upgrade="" trailer="" []`},
		{"trailer", "POST / HTTP/1.1\r\n" + host + "Trailer: X-A,, X-B\r\nTrailer: X-C\r\nTransfer-Encoding: chunked\r\n\r\n", `trailer="X-A,, X-B" []`},
		{"upgrade", "GET / HTTP/1.1\r\n" + host + "Upgrade: h2c, WebSocket\r\nConnection: keep-alive, Upgrade\r\n\r\n", `upgrade="h2c, WebSocket" trailer="" []`},
		{"upgrade that connection does not name", "GET / HTTP/1.1\r\n" + host + "Upgrade: websocket\r\n\r\n", `upgrade="" trailer="" []`},
		{"upgrade on 1.0", "GET / HTTP/1.0\r\n" + host + "Upgrade: websocket\r\nConnection: upgrade\r\n\r\n", `upgrade="" trailer="" []`},
		{"hop fields", "GET / HTTP/1.1\r\n" + host + "Keep-Alive: timeout=5\r\nProxy-Connection: close\r\n\r\n", `close=false expect=false te=false upgrade="" trailer="" []`},
		{
			"named by connection",
			"GET / HTTP/1.1\r\nX-a: 1\r\nConnection: x-A, , x-forwarded-for\t ,close\r\n" + host + "X-Forwarded-For: 1\r\nX-A: 2\r\nX-B: 3\r\nConnection: HTTP2-Settings\r\nHttp2-Settings: x\r\n\r\n",
			`close=true expect=false te=false upgrade="" trailer="" [X-B:3|]`,
		},
		{
			"connection names itself",
			"GET / HTTP/1.1\r\nConnection: x-a, connection\r\nConnection: x-b\r\n" + host + "X-A: 1\r\nX-B: 2\r\n\r\n",
			`trailer="" []`,
		},
		{"naming what frames has no effect", "POST / HTTP/1.1\r\nConnection: host, content-length, connection\r\n" + host + "Content-Length: 3\r\n\r\n", `authority="a" path="/" status=0 1.1 body=1/3`},
		{"values", "GET / HTTP/1.1\r\n" + host + "A: \t b\tc  d \t\r\nB:\r\nC: \xc3\xa9\xff\r\n\r\n", "[A:b\tc  d|B:|C:\xc3\xa9\xff|]"},
		{"name of any token", "GET / HTTP/1.1\r\n" + host + "!#$%&'*+-.^_`|~9: x\r\n\r\n", "[!#$%&'*+-.^_`|~9:x|]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := split(t, nil, tt.in)
			if got.err != nil {
				t.Fatal(got)
			}
			if !strings.Contains(got.head, tt.want) {
				t.Errorf("got %s\nwant %s", got.head, tt.want)
			}
			var p Parser
			var h message.Head
			if n, err := p.Request([]byte(tt.in+"x"), &h); n != len(tt.in) || err != nil {
				t.Errorf("with a body: %d of %d bytes, %v", n, len(tt.in), err)
			}
		})
	}
}

// TestResponse is what is read from responses that are accepted.
func TestResponse(t *testing.T) {
	tests := []struct{ name, method, in, want string }{
		{"plain", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nServer: x\r\n\r\n", `status=200 1.1 body=1/3 close=false expect=false te=false upgrade="" trailer="" [Server:x|]`},
		{"any reason", "GET", "HTTP/1.1 299 \xc3\xa9 \t!\r\nContent-Length: 0\r\n\r\n", `status=299 1.1 body=1/0`},
		{"no reason", "GET", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", `status=200`},
		{"no space after the status", "GET", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", `status=200`},
		{"status 999", "GET", "HTTP/1.1 999 x\r\nContent-Length: 0\r\n\r\n", `status=999`},
		{"chunked", "GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: grpc-status\r\n\r\n", `body=2/0 close=false expect=false te=false upgrade="" trailer="grpc-status"`},
		{"until close", "GET", "HTTP/1.1 200 OK\r\n\r\n", `body=3/0 close=true`},
		{"until close on 1.0", "GET", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n\r\n", `body=3/0 close=true`},
		{"1.0 keep-alive", "GET", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\n", `body=1/1 close=false`},
		{"1.0", "GET", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\n", `body=1/1 close=true`},
		{"head", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n", `body=0/12 close=false`},
		{"head, chunked", "HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", `body=0/0`},
		{"head with length 0", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", `body=1/0`},
		{"304 with length 0", "GET", "HTTP/1.1 304 x\r\nContent-Length: 0\r\n\r\n", `body=1/0`},
		{"head without length", "HEAD", "HTTP/1.1 200 OK\r\n\r\n", `body=0/0 close=false`},
		{"304", "GET", "HTTP/1.1 304 x\r\nContent-Length: 12\r\n\r\n", `body=0/12`},
		{"204", "GET", "HTTP/1.1 204 x\r\n\r\n", `body=0/0 close=false`},
		{"204 with length 0", "GET", "HTTP/1.1 204 x\r\nContent-Length: 0\r\n\r\n", `body=0/0`},
		{"100", "GET", "HTTP/1.1 100 Continue\r\n\r\n", `status=100 1.1 body=0/0 close=false`},
		{"103", "GET", "HTTP/1.1 103 x\r\nLink: </a>\r\n\r\n", `status=103 1.1 body=0/0`},
		{"101", "GET", "HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", `status=101 1.1 body=0/0 close=false expect=false te=false upgrade="websocket"`},
		{"426", "GET", "HTTP/1.1 426 x\r\nConnection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 0\r\n\r\n", `upgrade="h2c"`},
		{"connect", "CONNECT", "HTTP/1.1 200 x\r\nTransfer-Encoding: chunked\r\n\r\n", `body=0/0`},
		{"connect refused", "CONNECT", "HTTP/1.1 403 x\r\nContent-Length: 5\r\n\r\n", `body=1/5`},
		{"named by connection", "GET", "HTTP/1.1 204 x\r\nX-A: 1\r\nConnection: x-a\r\n\r\n", `trailer="" []`},
		{"fields of requests", "GET", "HTTP/1.1 204 x\r\nHost: \r\nHost: b\r\nExpect: x\r\nTE: trailers\r\n\r\n", `authority="" path="" status=204 1.1 body=0/0 close=false expect=false te=false upgrade="" trailer="" []`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := split(t, []byte(tt.method), tt.in)
			if got.err != nil {
				t.Fatal(got)
			}
			if !strings.Contains(got.head, tt.want) {
				t.Errorf("got %s\nwant %s", got.head, tt.want)
			}
		})
	}
}

// TestLimits cuts at the limit and one byte or field below it.
func TestLimits(t *testing.T) {
	const line, fields = "GET / HTTP/1.1\r\n", "Host: a\r\nA: b\r\nB: c\r\n\r\n"
	tests := []struct {
		name, in string
		limits   Limits
		want     *Error
	}{
		{"head just fits", line + fields, Limits{MaxHead: len(line + fields)}, nil},
		{"head too long", line + fields, Limits{MaxHead: len(line+fields) - 1}, errHeadTooLong},
		{"full buffer without an end", line + "Host: a", Limits{MaxHead: len(line + "Host: a")}, errHeadTooLong},
		{"head too long, and there is more", line + fields + "more", Limits{MaxHead: len(line+fields) - 1}, errHeadTooLong},
		{"line just fits", line + fields, Limits{MaxHead: len(line)}, errHeadTooLong},
		{"line too long", line + fields, Limits{MaxHead: len(line) - 1}, errLineTooLong},
		{"line without end", "GET /" + strings.Repeat("a", DefaultMaxHead), Limits{}, errLineTooLong},
		{"value without end", line + "A: " + strings.Repeat("a", DefaultMaxHead), Limits{}, errHeadTooLong},
		{"fields just fit", line + fields, Limits{MaxFields: 3}, nil},
		{"too many fields", line + fields, Limits{MaxFields: 2}, errManyFields},
		{"hop fields count", line + "Host: a\r\n" + strings.Repeat("Keep-Alive: a\r\n", DefaultMaxFields) + "\r\n", Limits{}, errManyFields},
		{"options just fit", line + "Host: a\r\nConnection: a" + strings.Repeat(",a", maxOptions-1) + "\r\n\r\n", Limits{}, nil},
		{"too many options", line + "Host: a\r\n" + strings.Repeat("Connection: a\r\n", maxOptions+1) + "\r\n", Limits{}, errManyOptions},
		{"an error comes before the limit", "GET / HTTP/1.2\r\n" + strings.Repeat("a", 100), Limits{MaxHead: 40}, errNotOne},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, step := range []int{len(tt.in), 1, 7} {
				p := Parser{Limits: tt.limits}
				var h message.Head
				var n int
				var err error
				for end := step; n == 0 && err == nil && end <= len(tt.in)+step; end += step {
					n, err = p.Request([]byte(tt.in[:min(end, len(tt.in))]), &h)
				}
				if tt.want == nil && (err != nil || n != len(tt.in)) || tt.want != nil && !errors.Is(err, tt.want) {
					t.Errorf("in steps of %d: %d, %v, want %v", step, n, err, tt.want)
				}
			}
		})
	}
}

// TestPipeline reads many heads with one parser from one buffer.
func TestPipeline(t *testing.T) {
	const one = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
	const two = "POST /b HTTP/1.1\r\nHost: b\r\n\r\n"
	src := []byte(strings.Repeat(one+two, 200))
	var p Parser
	for i := 0; len(src) > 0; i++ {
		var h message.Head
		n, err := p.Request(src, &h)
		if err != nil {
			t.Fatal(err)
		}
		want := one
		if i%2 == 1 {
			want = two
		}
		if n != len(want) || h.Close != (i%2 == 0) {
			t.Fatalf("request %d: %s of %d bytes", i, describe(&h), n)
		}
		src = src[n:]
	}
}

// TestSlowHead: a head that comes byte by byte costs no more memory than at once.
func TestSlowHead(t *testing.T) {
	var p Parser
	var h message.Head
	var n int
	for end := 1; end <= len(typicalRequest); end++ {
		var err error
		if n, err = p.Request([]byte(typicalRequest[:end]), &h); err != nil {
			t.Fatal(err)
		}
	}
	if n != len(typicalRequest) || string(h.Get(message.Cookie)) != "session=0123456789abcdef0123456789abcdef" {
		t.Errorf("%d: %s", n, describe(&h))
	}
}

func TestNoAllocations(t *testing.T) {
	var p Parser
	var h message.Head
	src, dst := []byte(typicalRequest), make([]byte, 0, 4<<10)
	allocs := testing.AllocsPerRun(100, func() {
		h.Reset()
		if _, err := p.Request(src, &h); err != nil {
			t.Fatal(err)
		}
		dst = AppendRequest(dst[:0], &h)
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func TestError(t *testing.T) {
	var p Parser
	var h message.Head
	_, err := p.Request([]byte("GET / HTTP/1.1\r\n\r\n"), &h)
	var e *Error
	if !errors.As(err, &e) || e.Status != 400 || e.Error() != "no host" || e.Kind.String() != "target" {
		t.Errorf("%v", err)
	}
}
