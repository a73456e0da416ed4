package h1

import (
	"bytes"
	"strings"
	"testing"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

// requestSeeds are all requests that the tables have, and some that work.
func requestSeeds() []string {
	list := []string{
		typicalRequest,
		"\r\n" + typicalRequest,
		get + end,
		post + "Content-Length: 3" + end + "abc" + smuggled,
		post + "Transfer-Encoding: chunked" + end + "3;a=\"b\"\r\nabc\r\n0\r\nA: b\r\n\r\n" + smuggled,
		"GET http://a:80/b?c HTTP/1.1\r\nHost: A:80\r\nConnection: x, close\r\nX: y\r\n\r\n",
		"GET http://a?c HTTP/1.1\r\nHost: a\r\n\r\n",
		"OPTIONS http://[::1] HTTP/1.1\r\nHost: [::1]\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
		"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
		"GET / HTTP/1.0\r\nConnection: keep-alive\r\nExpect: x\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
		"PUT / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nTrailer: A\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n",
	}
	for _, a := range attacks {
		list = append(list, a.in)
	}
	for _, a := range chunkAttacks {
		list = append(list, post+"Transfer-Encoding: chunked"+end+a.in)
	}
	return list
}

type responseSeed struct{ method, in string }

func responseSeeds() []responseSeed {
	list := []responseSeed{
		{"GET", typicalResponse},
		{"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n"},
		{"GET", "HTTP/1.1 200 OK\r\n\r\nabc"},
		{"GET", "HTTP/1.0 200\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na"},
		{"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n"},
		{"HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"},
		{"CONNECT", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nabc"},
		{"GET", "HTTP/1.1 204 x\r\nContent-Length: 0\r\n\r\n"},
		{"GET", "HTTP/1.1 304 x\r\nContent-Length: 12\r\n\r\n"},
		{"GET", "HTTP/1.1 103 x\r\nLink: a\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"},
		{"GET", "HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nabc"},
	}
	for _, a := range responseAttacks {
		list = append(list, responseSeed{"GET", a.in})
	}
	return list
}

// maxFuzz bounds inputs: the reader of the tests copies what is left for every piece.
const maxFuzz = 8 << 10

// cuts splits s in up to three pieces, at places that a and b choose.
func cuts(s string, a, b uint16) []string {
	i := int(a) % (len(s) + 1)
	j := i + int(b)%(len(s)-i+1)
	return []string{s[:i], s[i:j], s[j:]}
}

func FuzzRequest(f *testing.F) {
	for i, in := range requestSeeds() {
		f.Add(in, uint16(i), uint16(7*i))
	}
	f.Fuzz(func(t *testing.T, in string, a, b uint16) {
		if len(in) > maxFuzz {
			return
		}
		got := readAll(nil, in)
		if pieces := readAll(nil, cuts(in, a, b)...); pieces != got {
			t.Fatalf("%q in pieces: %v, whole: %v", in, pieces, got)
		}
		compareRequest(t, in)
		if got.err == nil && got.head != "" {
			rewriteRequest(t, in)
		}
	})
}

// rewriteRequest checks that what we write is read as what was read.
func rewriteRequest(t *testing.T, in string) {
	t.Helper()
	var p Parser
	var h, again message.Head
	n, err := p.Request([]byte(in), &h)
	if err != nil {
		t.Fatal(err)
	}
	var before message.Head
	if n2, err := p.Request([]byte(in[:n]+"x"), &before); n2 != n || err != nil || describe(&before) != describe(&h) {
		t.Fatalf("%q before other bytes: %d, %v, %s", in, n2, err, describe(&before))
	}
	if len(h.Authority) == 0 {
		return // a request of 1.0; as one of 1.1 it would have no host
	}
	text := AppendRequest(nil, &h)
	if n, err := p.Request(text, &again); n != len(text) || err != nil {
		t.Fatalf("%q was written as %q: %d, %v", in, text, n, err)
	}
	// What writing changes on purpose.
	h.Scheme, h.Minor = nil, 1
	if h.Body == message.None && wantsLength(h.Method) {
		h.Body = message.Sized
	}
	if h.Body != message.Streamed {
		h.Trailer = nil
	}
	if got, want := describe(&again), describe(&h); got != want {
		t.Fatalf("%q was written as %q:\ngot  %s\nwant %s", in, text, got, want)
	}
}

func FuzzResponse(f *testing.F) {
	for i, s := range responseSeeds() {
		f.Add(s.method, s.in, uint16(i), uint16(7*i))
	}
	f.Fuzz(func(t *testing.T, method, in string, a, b uint16) {
		if !isToken([]byte(method)) || len(in) > maxFuzz {
			return
		}
		got := readAll([]byte(method), in)
		if pieces := readAll([]byte(method), cuts(in, a, b)...); pieces != got {
			t.Fatalf("%q in pieces: %v, whole: %v", in, pieces, got)
		}
		compareResponse(t, method, in)
	})
}

func FuzzBody(f *testing.F) {
	const chunked = post + "Transfer-Encoding: chunked" + end
	for i, a := range chunkAttacks {
		f.Add(a.in, uint16(i), uint16(7*i))
	}
	f.Add("3;a=\"b\"\r\nabc\r\n0\r\nA: b\r\n\r\n"+smuggled, uint16(3), uint16(4))
	f.Fuzz(func(t *testing.T, in string, a, b uint16) {
		if len(in) > maxFuzz {
			return
		}
		got := readAll(nil, chunked+in)
		if pieces := readAll(nil, append([]string{chunked}, cuts(in, a, b)...)...); pieces != got {
			t.Fatalf("%q in pieces: %v, whole: %v", in, pieces, got)
		}
		compareRequest(t, chunked+in)
		if !got.done {
			return
		}
		// Written anew, it is the same body.
		text := AppendLastChunk(AppendChunk([]byte(chunked), []byte(got.payload)), nil)
		if again := readAll(nil, string(text)); again.payload != got.payload || !again.done {
			t.Fatalf("%q was written as %q: %v", in, text, again)
		}
	})
}

// TestEveryByte puts every byte at every place of a request and a response: what
// is accepted then has to be what net/http reads.
func TestEveryByte(t *testing.T) {
	const request = "PUT http://a/b?c HTTP/1.1\r\nHost: a\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n1;a\r\nx\r\n0\r\nT: u\r\n\r\n"
	const response = "HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 2\r\n\r\nxy"
	for c := range 256 {
		for _, seed := range []string{request, response} {
			for i := range len(seed) {
				for _, rest := range []int{i, i + 1} { // inserted, and in place
					in := seed[:i] + string([]byte{byte(c)}) + seed[rest:]
					if seed == request {
						compareRequest(t, in)
					} else {
						compareResponse(t, "GET", in)
					}
				}
			}
		}
	}
}

// TestNoPanic feeds heads that end at every place with every control character.
func TestNoPanic(t *testing.T) {
	for _, c := range []byte("\x00\t\n\r :\x7f\xff") {
		for n := range 24 {
			b := bytes.Repeat([]byte{c}, n)
			for _, before := range []string{"", "GET", "GET /", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost", get + "X:"} {
				readAll(nil, before+string(b)+"\n")
				readAll([]byte("GET"), strings.Replace(before, "GET / HTTP/1.1", "HTTP/1.1 200", 1)+string(b)+"\n")
			}
		}
	}
}
