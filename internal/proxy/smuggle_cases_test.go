package proxy

import (
	"strconv"
	"strings"
)

// smuggled follows messages whose end is in doubt.
const smuggled = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"

// requests are raw bytes and what an instance may see of them, all of it; none:
// the request is refused and the connection ends.
var requests = []struct {
	raw  string
	want []string
}{
	// As it should be.
	{"GET /p HTTP/1.1\r\nHost: a\r\n\r\n", []string{"GET /p "}},
	{"\r\nGET /p HTTP/1.1\r\nHost: a\r\n\r\n", []string{"GET /p "}},
	{"GET http://a/p?q=1 HTTP/1.1\r\nHost: a\r\n\r\n", []string{"GET /p?q=1 "}},
	{"GET http://a HTTP/1.1\r\nHost: A\r\n\r\n", []string{"GET / "}},
	{"GET /p HTTP/1.0\r\nHost: a\r\n\r\n", []string{"GET /p "}},
	{"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", []string{"POST /p abc"}},
	{"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 003\r\n\r\nabc", []string{"POST /p abc"}},
	{"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length:3\t \r\n\r\nabc", []string{"POST /p abc"}},
	{"POST /p HTTP/1.1\r\nHost: a\r\ncOnTeNt-lEnGtH: 3\r\n\r\nabc", []string{"POST /p abc"}},
	{"POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: CHUNKED\r\n\r\n3\r\nabc\r\n0\r\n\r\n", []string{"POST /p abc"}},
	{"POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0003;x=y;z=\"w\"\r\nabc\r\n00\r\nX-T: 1\r\n\r\n", []string{"POST /p abc"}},
	{"POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n" + smuggled, []string{"POST /p abc", "GET /smuggled "}},
	{"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" + smuggled, []string{"POST /p abc", "GET /smuggled "}},
	{"GET /p HTTP/1.1\r\nHost: a\r\nContent-Length: " + strconv.Itoa(len(smuggled)) + "\r\n\r\n" + smuggled, []string{"GET /p " + smuggled}},
	{"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\nHEAD /3 HTTP/1.1\r\nHost: a\r\n\r\n", []string{"GET /1 ", "GET /2 ", "HEAD /3 "}},
	{"GET /p HTTP/1.1\r\nHost: a\r\nConnection: Host, Content-Length, Transfer-Encoding, Banyan-Caller, Via\r\n\r\n", []string{"GET /p "}},
	{"POST /p HTTP/1.1\r\nHost: a\r\nConnection: Content-Length\r\nContent-Length: 3\r\n\r\nabc" + smuggled, []string{"POST /p abc", "GET /smuggled "}},
	{"GET /p HTTP/1.1\r\nHost: a\r\nBanyan-Caller: forged\r\nBanyan_Caller: forged\r\n\r\n", []string{"GET /p "}},
	{"GET /p HTTP/1.1\r\nHost: a\r\nX-Tab: a\tb\r\nX-High: \xff\xfe\r\nX-Empty:\r\n\r\n", []string{"GET /p "}},
	{"GET /p HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + smuggled, []string{"GET /p "}},
	{"GET /p HTTP/1.0\r\nHost: a\r\n\r\n" + smuggled, []string{"GET /p "}},
	{"GET /%2e%2e%2fp HTTP/1.1\r\nHost: a\r\n\r\n", []string{"GET /%2e%2e%2fp "}}, // there is one route, whatever it means
	// Two lengths.
	{"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc" + smuggled, nil},
	{"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc" + smuggled, nil},
	{"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\nabc" + smuggled, nil},
	{"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 4\r\n\r\nabc" + smuggled, nil},
	// Length and coding.
	{"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled, nil},
	{"POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + smuggled, nil},
	{"POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n" + smuggled, nil},
	{"POST /p HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled, nil},
	// Codings.
	{"POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n" + smuggled, nil},
	{"POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled, nil},
	{"POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + smuggled, nil},
	{"POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + smuggled, nil},
	{"POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n" + smuggled, nil},
	{"POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" + smuggled, nil},
	{"POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n0\r\n\r\n" + smuggled, nil},
	{"POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + smuggled, nil},
	{"POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + smuggled, nil},
	{"POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n" + smuggled, nil},
	{"POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n" + smuggled, nil},
	{"POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + smuggled, nil},
	{"POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n" + smuggled, nil},
	{"POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + smuggled, nil},
	{"POST /p HTTP/1.1\r\nHost: a\r\n Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + smuggled, nil},
	{"POST /p HTTP/1.1\r\nHost: a\r\nX: y\r\n\tTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + smuggled, nil},
	{"POST /p HTTP/1.1\r\nHost: a\r\nX: y\rTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + smuggled, nil},
	{"POST /p HTTP/1.1\r\nHost: a\r\nX: y\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + smuggled, nil},
	{"POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chun\r\n ked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + smuggled, nil},
	{"POST /p HTTP/1.1\r\nHost: a\r\nTransfer\x00-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + smuggled, nil},
	// Lengths.
	{"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc", nil},
	{"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\n\r\nabc", nil},
	{"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\nabc", nil},
	{"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 3 \x00\r\n\r\nabc", nil},
	{"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 3;\r\n\r\nabc", nil},
	{"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 1 2\r\n\r\nabc", nil},
	{"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\nabc", nil},
	{"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551619\r\n\r\nabc", nil},
	{"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length : 3\r\n\r\nabc", nil},
	{"POST /p HTTP/1.1\r\nHost: a\r\nContent-Length\r\n\r\nabc", nil},
	// Line ends and controls.
	{"GET /p HTTP/1.1\nHost: a\n\n" + smuggled, nil},
	{"GET /p HTTP/1.1\r\nHost: a\n\r\n" + smuggled, nil},
	{"GET /p HTTP/1.1\r\nHost: a\r\n\n" + smuggled, nil},
	{"GET /p HTTP/1.1\rHost: a\r\n\r\n" + smuggled, nil},
	{"GET /p HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n", nil},
	{"GET /p HTTP/1.1\r\nHost: a\r\nX: a\x7fb\r\n\r\n", nil},
	{"GET /p HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", nil},
	{"GET /p HTTP/1.1\r\n Host: a\r\n\r\n", nil},
	{"GET /p HTTP/1.1\r\n\r\n\r\nHost: a\r\n\r\n", nil},
	{"\r\n\r\nGET /p HTTP/1.1\r\nHost: a\r\n\r\n", nil},
	{"\nGET /p HTTP/1.1\r\nHost: a\r\n\r\n", nil},
	{"GET /p HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n", nil},
	{"GET /p HTTP/1.1\r\nHost: a\r\nX Y: x\r\n\r\n", nil},
	{"GET /p HTTP/1.1\r\nHost: a\r\nX(Y): x\r\n\r\n", nil},
	{"GET /p HTTP/1.1\r\nHost: a\r\nX\xc3\xa9: x\r\n\r\n", nil},
	{"GET /p HTTP/1.1\r\nHost: a\r\nnocolon\r\n\r\n", nil},
	// The request line.
	{"GET  /p HTTP/1.1\r\nHost: a\r\n\r\n", nil},
	{"GET /p  HTTP/1.1\r\nHost: a\r\n\r\n", nil},
	{" GET /p HTTP/1.1\r\nHost: a\r\n\r\n", nil},
	{"GET\t/p HTTP/1.1\r\nHost: a\r\n\r\n", nil},
	{"GET /p\x0bq HTTP/1.1\r\nHost: a\r\n\r\n", nil},
	{"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", nil},
	{"GET /p\r\nHost: a\r\n\r\n", nil},
	{"GET /p HTTP/1.1 \r\nHost: a\r\n\r\n", nil},
	{"GET /p HTTP/1.2\r\nHost: a\r\n\r\n", nil},
	{"GET /p HTTP/2.0\r\nHost: a\r\n\r\n", nil},
	{"GET /p HTTP/0.9\r\nHost: a\r\n\r\n", nil},
	{"GET /p http/1.1\r\nHost: a\r\n\r\n", nil},
	{"GET /p HTTP/11\r\nHost: a\r\n\r\n", nil},
	{"G@T /p HTTP/1.1\r\nHost: a\r\n\r\n", nil},
	{"GET p HTTP/1.1\r\nHost: a\r\n\r\n", nil},
	{"GET /p#f HTTP/1.1\r\nHost: a\r\n\r\n", nil},
	{"GET * HTTP/1.1\r\nHost: a\r\n\r\n", nil},
	{"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", nil},
	{"GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", nil},
	{"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n" + smuggled, nil},
	// Hosts.
	{"GET /p HTTP/1.1\r\n\r\n", nil},
	{"GET /p HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", nil},
	{"GET /p HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", nil},
	{"GET /p HTTP/1.1\r\nHost: a, b\r\n\r\n", nil},
	{"GET /p HTTP/1.1\r\nHost: a b\r\n\r\n", nil},
	{"GET /p HTTP/1.1\r\nHost: a@b\r\n\r\n", nil},
	{"GET /p HTTP/1.1\r\nHost: a/b\r\n\r\n", nil},
	{"GET /p HTTP/1.1\r\nHost: a:\r\n\r\n", nil},
	{"GET /p HTTP/1.1\r\nHost: a:99999\r\n\r\n", nil},
	{"GET /p HTTP/1.1\r\nHost:\r\n\r\n", nil},
	{"GET http://b/p HTTP/1.1\r\nHost: a\r\n\r\n", nil},
	{"GET http://u@a/p HTTP/1.1\r\nHost: a\r\n\r\n", nil},
	{"GET ftp://a/p HTTP/1.1\r\nHost: a\r\n\r\n", nil},
	{"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", nil},
	{"CONNECT /p HTTP/1.1\r\nHost: a\r\n\r\n", nil},
	// Connection and others of the hop.
	{"GET /p HTTP/1.1\r\nHost: a\r\nConnection: a b\r\n\r\n", nil},
	{"GET /p HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: a\r\nUpgrade: b\r\n\r\n", nil},
	{"POST /p HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\nContent-Length: 3\r\n\r\nabc", nil},
	{"POST /p HTTP/1.1\r\nHost: a\r\nTrailer: Content-Length\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", nil},
}

// chunkings are chunked bodies that cannot be read in one way. What came before
// may have been passed on; nothing after.
var chunkings = []string{
	"3\nabc\r\n0\r\n\r\n", "3\rabc\r\n0\r\n\r\n", "3 \r\nabc\r\n0\r\n\r\n", " 3\r\nabc\r\n0\r\n\r\n", "0x3\r\nabc\r\n0\r\n\r\n", "+3\r\nabc\r\n0\r\n\r\n",
	"-1\r\nabc\r\n0\r\n\r\n", "\r\nabc\r\n0\r\n\r\n", "g\r\nabc\r\n0\r\n\r\n", "3xyz\r\n0\r\n\r\n", "3\r\nabcd\r\n0\r\n\r\n", "3\r\nab\r\n0\r\n\r\n",
	"3\r\nabc\n0\r\n\r\n", "3\r\nabc0\r\n\r\n", "3;\r\nabc\r\n0\r\n\r\n", "3;a b\r\nabc\r\n0\r\n\r\n", "3;a=\"\n\"\r\nabc\r\n0\r\n\r\n", "3;a\nabc\r\n0\r\n\r\n",
	"3;" + strings.Repeat("x", 1000) + "\r\nabc\r\n0\r\n\r\n", "10000000000000003\r\nabc\r\n0\r\n\r\n", "ffffffffffffffff\r\nabc\r\n0\r\n\r\n",
	"3\r\nabc\r\n0\r\nX : 1\r\n\r\n", "3\r\nabc\r\n0\r\nX\r\n\r\n", "3\r\nabc\r\n0\r\nX: a\r\n b\r\n\r\n", "3\r\nabc\r\n0\r\nX: a\n\r\n", "3\r\nabc\r\n0\n\r\n",
	"3\r\nabc\r\n0\r\n\n", "3\r\nabc\r\n0\r\n" + strings.Repeat("X: 1\r\n", 100) + "\r\n", "3\r\nabc\r\n0\r\nX: " + strings.Repeat("x", 20_000) + "\r\n\r\n",
}
