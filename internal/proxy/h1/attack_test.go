package h1

import (
	"strings"
	"testing"
)

// attack is a message that two readers could read in two ways, or that no
// reader should read at all.
type attack struct {
	name, in string
	want     *Error
}

const (
	get  = "GET / HTTP/1.1\r\nHost: a\r\n"
	post = "POST / HTTP/1.1\r\nHost: a\r\n"
	end  = "\r\n\r\n"
	// smuggled is what a lenient reader would take for a second request.
	smuggled = "GET /admin HTTP/1.1\r\nHost: a\r\n\r\n"
	zero     = "0\r\n\r\n" + smuggled
)

// attacks are requests to refuse.
var attacks = []attack{
	// Line ends.
	{"bare LF after the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n", errBareLF},
	{"bare LF after a field", "GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", errBareLF},
	{"bare LF hides a field", get + "X: b\nTransfer-Encoding: chunked\r\n\r\n", errBareLF},
	{"bare LF in a name", get + "X\n: b\r\n\r\n", errBareLF},
	{"bare LF ends the head", get + "\n", errBareLF},
	{"all bare LF", "GET / HTTP/1.1\nHost: a\n\n", errBareLF},
	{"LF before the request", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", errBareLF},
	{"bare CR in the request line", "GET /\r HTTP/1.1\r\nHost: a\r\n\r\n", errBareCR},
	{"bare CR after the request line", "GET / HTTP/1.1\rHost: a\r\n\r\n", errBareCR},
	{"bare CR in a value", get + "X: b\rTransfer-Encoding: chunked\r\n\r\n", errBareCR},
	{"bare CR in a name", get + "X\rY: b\r\n\r\n", errBareCR},
	{"bare CR starts a line", get + "\rX: b\r\n\r\n", errBareCR},
	{"CR CR LF", get + "X: b\r\r\n\r\n", errBareCR},
	{"CR CR LF ends the head", get + "\r\r\n", errBareCR},
	{"two empty lines before the request", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", errParts},
	{"space before the request", " GET / HTTP/1.1\r\nHost: a\r\n\r\n", errMethod},

	// Request line.
	{"two spaces after the method", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", errSpaces},
	{"two spaces before the version", "GET /  HTTP/1.1\r\nHost: a\r\n\r\n", errSpaces},
	{"space after the version", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", errVersion},
	{"tab after the method", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", errSpaces},
	{"tab before the version", "GET /\tHTTP/1.1\r\nHost: a\r\n\r\n", errParts},
	{"space in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", errSpaces},
	{"tab in the target", "GET /a\tb HTTP/1.1\r\nHost: a\r\n\r\n", errSpaces},
	{"version in the target", "GET / HTTP/1.1 HTTP/1.1\r\nHost: a\r\n\r\n", errSpaces},
	{"vertical tab", "GET\v/ HTTP/1.1\r\nHost: a\r\n\r\n", errControl},
	{"form feed", "GET /\fHTTP/1.1\r\nHost: a\r\n\r\n", errControl},
	{"HTTP/0.9", "GET /\r\n\r\n", errParts},
	{"method alone", "GET\r\n\r\n", errParts},
	{"no target", "GET HTTP/1.1\r\nHost: a\r\n\r\n", errParts},
	{"empty target", "GET  HTTP/1.1\r\nHost: a\r\n\r\n", errSpaces},
	{"method with a separator", "GE(T / HTTP/1.1\r\nHost: a\r\n\r\n", errMethod},
	{"method with obs-text", "GE\xe9T / HTTP/1.1\r\nHost: a\r\n\r\n", errMethod},
	{"method with NUL", "GE\x00T / HTTP/1.1\r\nHost: a\r\n\r\n", errControl},
	{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc", errMethod},
	{"version in lower case", "GET / http/1.1\r\nHost: a\r\n\r\n", errVersion},
	{"version 1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", errNotOne},
	{"version 2.0", "PRI * HTTP/2.0\r\n\r\n", errNotOne},
	{"version 0.9", "GET / HTTP/0.9\r\n\r\n", errNotOne},
	{"version 1.10", "GET / HTTP/1.10\r\nHost: a\r\n\r\n", errVersion},
	{"version 01.1", "GET / HTTP/01.1\r\nHost: a\r\n\r\n", errVersion},
	{"version 1", "GET / HTTP/1\r\nHost: a\r\n\r\n", errVersion},
	{"version +1.1", "GET / HTTP/+.1\r\nHost: a\r\n\r\n", errVersion},
	{"version of another protocol", "OPTIONS * RTSP/1.0\r\nHost: a\r\n\r\n", errNotHTTP},
	{"words", "INVALID CONNECTION PREFACE\r\n\r\n", errNotHTTP},
	{"more words", "SAY GET / AGAIN\r\n\r\n", errNotHTTP},
	{"words after the version", "GET / HTTP/1.1 AGAIN\r\n\r\n", errVersion},
	{"space for a version", "GET / \r\n\r\n", errVersion},
	{"version with a comma", "GET / HTTP/1,1\r\nHost: a\r\n\r\n", errVersion},

	// Target.
	{"relative target", "GET index.html HTTP/1.1\r\nHost: a\r\n\r\n", errTarget},
	{"query alone", "GET ?a HTTP/1.1\r\nHost: a\r\n\r\n", errTarget},
	{"fragment", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", errFragment},
	{"fragment in the query", "GET /a?b#c HTTP/1.1\r\nHost: a\r\n\r\n", errFragment},
	{"obs-text in the target", "GET /\xc3\xa9 HTTP/1.1\r\nHost: a\r\n\r\n", errTarget},
	{"NUL in the target", "GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n", errControl},
	{"DEL in the target", "GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n", errControl},
	{"angle bracket", "GET /<a HTTP/1.1\r\nHost: a\r\n\r\n", errTarget},
	{"escape that is none", "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", errEscape},
	{"escape that is cut", "GET /%2 HTTP/1.1\r\nHost: a\r\n\r\n", errEscape},
	{"escape that the query cuts", "GET /%2?f HTTP/1.1\r\nHost: a\r\n\r\n", errEscape},
	{"asterisk and not OPTIONS", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", errAsterisk},
	{"asterisk and more", "OPTIONS *a HTTP/1.1\r\nHost: a\r\n\r\n", errTarget},
	{"other scheme", "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n", errScheme},
	{"no scheme", "GET ://a/ HTTP/1.1\r\nHost: a\r\n\r\n", errScheme},
	{"no authority", "GET http:///a HTTP/1.1\r\nHost: a\r\n\r\n", errHost},
	{"one slash", "GET http:/a HTTP/1.1\r\nHost: a\r\n\r\n", errTarget},
	{"userinfo", "GET http://u:p@a/ HTTP/1.1\r\nHost: a\r\n\r\n", errUserinfo},
	{"fragment after the authority", "GET http://a#b HTTP/1.1\r\nHost: a\r\n\r\n", errFragment},
	{"backslash after the authority", "GET http://a\\b/ HTTP/1.1\r\nHost: a\r\n\r\n", errHost},
	{"target and host differ", "GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", errHostMismatch},
	{"target's and host's port differ", "GET http://a:80/ HTTP/1.1\r\nHost: a\r\n\r\n", errHostMismatch},
	{"absolute without Host", "GET http://a/ HTTP/1.1\r\n\r\n", errHostMissing},
	{"authority form and not CONNECT", "GET a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", errTarget},
	{"CONNECT with a path", "CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n", errConnect},
	{"CONNECT without port", "CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n", errConnect},
	{"CONNECT with another host", "CONNECT a:443 HTTP/1.1\r\nHost: b:443\r\n\r\n", errHostMismatch},
	{"CONNECT with a length", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nContent-Length: 3\r\n\r\nabc", errConnectBody},
	{"CONNECT with chunks", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\nTransfer-Encoding: chunked" + end + zero, errConnectBody},

	// Host.
	{"no host", "GET / HTTP/1.1\r\nX: b\r\n\r\n", errHostMissing},
	{"host twice", get + "Host: b\r\n\r\n", errHostTwice},
	{"host twice and equal", get + "host: a\r\n\r\n", errHostTwice},
	{"host twice on 1.0", "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", errHostTwice},
	{"empty host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", errHost},
	{"list of hosts", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", errHost},
	{"host with a path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", errHost},
	{"host with userinfo", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", errHost},
	{"host with a space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", errHost},
	{"host with a scheme", "GET / HTTP/1.1\r\nHost: http://a\r\n\r\n", errPort},
	{"host with obs-text", "GET / HTTP/1.1\r\nHost: \xc3\xa9\r\n\r\n", errHost},
	{"host with an escape", "GET / HTTP/1.1\r\nHost: %61\r\n\r\n", errHost},
	{"host with a backslash", "GET / HTTP/1.1\r\nHost: a\\b\r\n\r\n", errHost},
	{"host with two ports", "GET / HTTP/1.1\r\nHost: a:80:81\r\n\r\n", errPort},
	{"port without host", "GET / HTTP/1.1\r\nHost: :80\r\n\r\n", errHost},
	{"colon without port", "GET / HTTP/1.1\r\nHost: a:\r\n\r\n", errPort},
	{"port over 65535", "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", errPort},
	{"port of letters", "GET / HTTP/1.1\r\nHost: a:http\r\n\r\n", errPort},
	{"port with a sign", "GET / HTTP/1.1\r\nHost: a:+80\r\n\r\n", errPort},
	{"port of six digits", "GET / HTTP/1.1\r\nHost: a:000080\r\n\r\n", errPort},
	{"IPv6 without brackets", "GET / HTTP/1.1\r\nHost: ::1\r\n\r\n", errHost},
	{"IPv6 not closed", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", errHost},
	{"IPv6 with a zone", "GET / HTTP/1.1\r\nHost: [fe80::1%eth0]\r\n\r\n", errHost},
	{"IPv6 with more than there can be", "GET / HTTP/1.1\r\nHost: [" + strings.Repeat("0", 46) + "::1]\r\n\r\n", errHost},
	{"IPv4 in brackets", "GET / HTTP/1.1\r\nHost: [127.0.0.1]\r\n\r\n", errHost},
	{"future address", "GET / HTTP/1.1\r\nHost: [v1.a]\r\n\r\n", errHost},
	{"something after brackets", "GET / HTTP/1.1\r\nHost: [::1]a\r\n\r\n", errHost},

	// Fields.
	{"folded field", get + "X: b\r\n c\r\n\r\n", errFold},
	{"field folded with a tab", get + "X: b\r\n\tc\r\n\r\n", errFold},
	{"first field starts with a space", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", errFold},
	{"folded Transfer-Encoding", post + "Transfer-Encoding:\r\n chunked" + end + zero, errCodingSyntax},
	{"line of spaces", get + "  \r\n\r\n", errFold},
	{"space before the colon", post + "Content-Length : 3" + end + "abc", errNameSpace},
	{"tab before the colon", post + "Transfer-Encoding\t: chunked" + end + zero, errNameSpace},
	{"no colon", get + "X" + end, errNoColon},
	{"no name", get + ": b" + end, errNoName},
	{"name with a separator", get + "X(Y): b" + end, errName},
	{"name with obs-text", get + "X\xe9: b" + end, errName},
	{"name with NUL", get + "X\x00Y: b" + end, errControl},
	{"name with backspace", post + "Content-Length\b: 3" + end, errControl},
	{"value with NUL", get + "X: b\x00c" + end, errControl},
	{"value with DEL", get + "X: b\x7f" + end, errControl},
	{"value with ESC", get + "X: \x1b[2J" + end, errControl},
	{"value starts with NUL", get + "X: \x00b" + end, errControl},
	{"connection option that is no token", get + "Connection: close; a" + end, errOption},
	{"connection option in quotes", get + "Connection: \"close\"" + end, errOption},
	{"upgrade twice", get + "Connection: upgrade\r\nUpgrade: websocket\r\nUpgrade: h2c" + end, errUpgradeTwice},
	{"empty upgrade", get + "Connection: upgrade\r\nUpgrade:" + end, errUpgrade},
	{"upgrade that is no protocol", get + "Upgrade: web socket" + end, errUpgrade},
	{"trailer that frames", post + "Trailer: X, content-LENGTH\r\nTransfer-Encoding: chunked" + end + zero, errTrailer},
	{"trailer that is no name", post + "Trailer: a b\r\nTransfer-Encoding: chunked" + end + zero, errTrailer},
	{"other expectation", post + "Expect: 200-ok\r\nContent-Length: 1" + end, errExpect},
	{"list of expectations", post + "Expect: 100-continue, 100-continue\r\nContent-Length: 1" + end, errExpect},
	{"expectation twice", post + "Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 1" + end, errExpect},

	// Content-Length.
	{"length twice", post + "Content-Length: 5\r\nContent-Length: 6" + end, errLengthTwice},
	{"length twice and equal", post + "Content-Length: 5\r\nContent-Length: 5" + end, errLengthTwice},
	{"length empty and again", post + "Content-Length:\r\nContent-Length: 5" + end, errLength},
	{"list of lengths", post + "Content-Length: 5, 5" + end, errLength},
	{"empty length", post + "Content-Length:" + end, errLength},
	{"length with plus", post + "Content-Length: +5" + end, errLength},
	{"length with minus", post + "Content-Length: -0" + end, errLength},
	{"hexadecimal length", post + "Content-Length: 0x5" + end, errLength},
	{"length with a fraction", post + "Content-Length: 5.0" + end, errLength},
	{"length with an exponent", post + "Content-Length: 5e1" + end, errLength},
	{"length with an underscore", post + "Content-Length: 1_0" + end, errLength},
	{"length with a space", post + "Content-Length: 1 0" + end, errLength},
	{"length with a semicolon", post + "Content-Length: 5;" + end, errLength},
	{"length in quotes", post + "Content-Length: \"5\"" + end, errLength},
	{"length in other digits", post + "Content-Length: \xd9\xa5" + end, errLength},
	{"length with no-break space", post + "Content-Length: \xa05" + end, errLength},
	{"length with a control character", post + "Content-Length: 5\x11" + end, errControl},
	{"length of 19 digits", post + "Content-Length: 1000000000000000000" + end, errLength},
	{"length over 64 bits", post + "Content-Length: 18446744073709551616" + end, errLength},

	// Transfer-Encoding.
	{"CL.TE", post + "Content-Length: 6\r\nTransfer-Encoding: chunked" + end + zero, errLengthCoding},
	{"TE.CL", post + "Transfer-Encoding: chunked\r\nContent-Length: 4" + end + zero, errLengthCoding},
	{"CL.TE with length 0", post + "Content-Length: 0\r\nTransfer-Encoding: chunked" + end + zero, errLengthCoding},
	{"TE.TE", post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: x" + end + zero, errCodingTwice},
	{"TE.TE, the other first", post + "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked" + end + zero, errCoding},
	{"TE.TE and equal", post + "Transfer-Encoding: chunked\r\ntransfer-encoding: chunked" + end + zero, errCodingTwice},
	{"chunked twice", post + "Transfer-Encoding: chunked, chunked" + end + zero, errCodingOrder},
	{"chunked not last", post + "Transfer-Encoding: chunked, gzip" + end + zero, errCodingOrder},
	{"chunked after gzip", post + "Transfer-Encoding: gzip, chunked" + end + zero, errCoding},
	{"identity", post + "Transfer-Encoding: identity" + end, errCoding},
	{"xchunked", post + "Transfer-Encoding: xchunked" + end + zero, errCoding},
	{"chunkedx", post + "Transfer-Encoding: chunkedx" + end + zero, errCoding},
	{"chunk", post + "Transfer-Encoding: chunk" + end + zero, errCoding},
	{"empty coding", post + "Transfer-Encoding:" + end + zero, errCodingSyntax},
	{"comma before chunked", post + "Transfer-Encoding: , chunked" + end + zero, errCodingSyntax},
	{"comma after chunked", post + "Transfer-Encoding: chunked," + end + zero, errCodingSyntax},
	{"chunked with a parameter", post + "Transfer-Encoding: chunked;q=1" + end + zero, errCodingSyntax},
	{"chunked in quotes", post + "Transfer-Encoding: \"chunked\"" + end + zero, errCodingSyntax},
	{"chunked with a space inside", post + "Transfer-Encoding: chun ked" + end + zero, errCodingSyntax},
	{"chunked after a vertical tab", post + "Transfer-Encoding: \vchunked" + end + zero, errControl},
	{"chunked before NUL", post + "Transfer-Encoding: chunked\x00" + end + zero, errControl},
	{"chunked with a long s", post + "Transfer-Encoding: chun\xe2\x84\xaaed" + end + zero, errCodingSyntax},
	{"coding on 1.0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked" + end + zero, errCodingVersion},
	{"underscore in Transfer-Encoding", post + "Content-Length: 1\r\ntransfer_Encoding: chunked" + end, errDisguised},
	{"underscore in Content-Length", post + "CONTENT_LENGTH: 1\r\nTransfer-Encoding: chunked" + end, errDisguised},
	{"connection names the coding", post + "Connection: transfer-encoding\r\nContent-Length: 6\r\nTransfer-Encoding: chunked" + end + zero, errLengthCoding},
	{"connection names the length", post + "Connection: content-length\r\nContent-Length: 5\r\nContent-Length: 6" + end, errLengthTwice},
}

// chunkAttacks are chunked bodies to refuse.
var chunkAttacks = []attack{
	{"no size", "\r\nabc\r\n" + zero, errChunkSize},
	{"size with plus", "+3\r\nabc\r\n" + zero, errChunkSize},
	{"size with minus", "-3\r\nabc\r\n" + zero, errChunkSize},
	{"size with 0x", "0x3\r\nabc\r\n" + zero, errChunkSize},
	{"size with an underscore", "0_3\r\nabc\r\n" + zero, errChunkSize},
	{"size that is no number", "g\r\nabc\r\n" + zero, errChunkSize},
	{"space before the size", " 3\r\nabc\r\n" + zero, errChunkSize},
	{"space after the size", "3 \r\nabc\r\n" + zero, errChunkSize},
	{"tab after the size", "3\t\r\nabc\r\n" + zero, errChunkSize},
	{"space before the extension", "3 ;a\r\nabc\r\n" + zero, errChunkSize},
	{"NUL after the size", "3\x00\r\nabc\r\n" + zero, errChunkSize},
	{"size with a comma", "3,3\r\nabc\r\n" + zero, errChunkSize},
	{"size with a fraction", "3.0\r\nabc\r\n" + zero, errChunkSize},
	{"17 digits", "00000000000000003\r\nabc\r\n" + zero, errChunkSize},
	{"size over 64 bits", "10000000000000003\r\nabc\r\n" + zero, errChunkSize},
	{"size over 2^60", "1000000000000001\r\n", errChunkTooBig},
	{"negative size", "ffffffffffffffff\r\n", errChunkTooBig},
	{"bare LF after the size", "3\nabc\r\n" + zero, errBareLF},
	{"bare CR after the size", "3\rabc\r\n" + zero, errBareCR},
	{"CR CR LF after the size", "3\r\r\nabc\r\n" + zero, errBareCR},
	{"bare LF after the data", "3\r\nabc\n" + zero, errChunkEnd},
	{"bare CR after the data", "3\r\nabc\r" + zero, errChunkEnd},
	{"more data than the size", "3\r\nabcd\r\n" + zero, errChunkEnd},
	{"two bytes after the data that are no line end", "3\r\nabcXX" + zero, errChunkEnd},
	{"less data than the size", "4\r\nabc\r\n" + zero, errChunkEnd},
	{"no line end after the data", "3\r\nabc" + zero, errChunkEnd},
	{"bare LF in an extension", "3;a\nabc\r\n" + zero, errBareLF},
	{"bare LF hides a chunk", "3;\n" + zero, errBareLF},
	{"bare CR in an extension", "3;a\rb\r\nabc\r\n" + zero, errExtension},
	{"NUL in an extension", "3;a\x00\r\nabc\r\n" + zero, errExtension},
	{"tab in an extension", "3;a\t\r\nabc\r\n" + zero, errExtension},
	{"space in an extension", "3; a\r\nabc\r\n" + zero, errExtension},
	{"space before an extension's value", "3;a= b\r\nabc\r\n" + zero, errExtension},
	{"empty extension", "3;\r\nabc\r\n" + zero, errExtension},
	{"second extension empty", "3;a;\r\nabc\r\n" + zero, errExtension},
	{"extension without a value", "3;a=\r\nabc\r\n" + zero, errExtension},
	{"extension's quotes not closed", "3;a=\"b\r\nabc\r\n" + zero, errExtension},
	{"something after an extension's quotes", "3;a=\"b\"c\r\nabc\r\n" + zero, errExtension},
	{"line end in quotes", "3;a=\"\r\nabc\r\n\"\r\n" + zero, errExtension},
	{"obs-text in an extension", "3;\xe9\r\nabc\r\n" + zero, errExtension},
	{"long extension", "3;" + strings.Repeat("a", maxChunkExtension) + "\r\nabc\r\n" + zero, errExtensions},
	{"endless extension", "3;" + strings.Repeat("a", 2*maxChunkExtension), errExtensions},
	{"many extensions", strings.Repeat("1;"+strings.Repeat("a", maxChunkExtension-1)+"\r\na\r\n", maxExtensions/maxChunkExtension+1), errExtensions},
	{"extensions one byte too long", "1;" + fullExtensions[3:] + "1;a\r\na\r\n", errExtensions},
	{"control character after a backslash", "3;a=\"\\\x01\"\r\nabc\r\n" + zero, errExtension},
	{"bare LF after the last chunk", "0\n\r\n", errBareLF},
	{"bare LF ends the trailers", "0\r\n\n", errBareLF},
	{"bare LF after a trailer", "0\r\nA: b\n\r\n", errBareLF},
	{"bare CR ends the trailers", "0\r\n\rX", errBareCR},
	{"bare CR in a trailer", "0\r\nA: b\rc\r\n\r\n", errBareCR},
	{"request for a trailer", zeroWithout, errNameSpace},
	{"folded trailer", "0\r\nA: b\r\n c\r\n\r\n", errFold},
	{"trailer with a space before the colon", "0\r\nA : b\r\n\r\n", errNameSpace},
	{"trailer without a name", "0\r\n: b\r\n\r\n", errNoName},
	{"trailer without a colon", "0\r\nA\r\n\r\n", errNoColon},
	{"trailer with NUL", "0\r\nA: \x00\r\n\r\n", errControl},
	{"long trailer", "0\r\nA: " + strings.Repeat("b", testTrailer) + "\r\n\r\n", errTrailersLong},
	{"endless trailer", "0\r\nA: " + strings.Repeat("b", 2*testTrailer), errTrailersLong},
	{"long trailers", "0\r\n" + strings.Repeat("Abc: "+strings.Repeat("b", 93)+"\r\n", testTrailer/100+1), errTrailersLong},
	{"dropped trailers count", "0\r\nCookie: " + strings.Repeat("b", testTrailer) + "\r\n\r\n", errTrailersLong},
	{"many trailers", "0\r\n" + strings.Repeat("A:\r\n", maxTrailers+1), errManyTrailers},
}

// fullExtensions are chunks of one byte with all the extensions that a body may have.
var fullExtensions = strings.Repeat("1;"+strings.Repeat("a", maxChunkExtension-1)+"\r\na\r\n", maxExtensions/maxChunkExtension)

// zeroWithout lacks the empty line after the last chunk, so that a request follows.
const zeroWithout = "0\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"

// responseAttacks are responses to refuse.
var responseAttacks = []attack{
	{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5" + end, errLengthTwice},
	{"list of lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5, 5" + end, errLength},
	{"length and coding", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked" + end, errLengthCoding},
	{"other coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip" + end, errCoding},
	{"coding on 1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked" + end, errCodingVersion},
	{"coding twice", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked" + end, errCodingTwice},
	{"204 with a length", "HTTP/1.1 204 x\r\nContent-Length: 5" + end, errNoBody},
	{"204 with chunks", "HTTP/1.1 204 x\r\nTransfer-Encoding: chunked" + end + zero, errNoBody},
	{"100 with chunks", "HTTP/1.1 100 x\r\nTransfer-Encoding: chunked" + end + zero, errNoBody},
	{"103 with a length", "HTTP/1.1 103 x\r\nContent-Length: 5" + end, errNoBody},
	{"101 without upgrade", "HTTP/1.1 101 x" + end, errSwitch},
	{"101 that connection does not name", "HTTP/1.1 101 x\r\nUpgrade: websocket" + end, errSwitch},
	{"101 on 1.0", "HTTP/1.0 101 x\r\nConnection: upgrade\r\nUpgrade: websocket" + end, errSwitch},
	{"empty line before", "\r\nHTTP/1.1 200 OK\r\n\r\n", errStatusLine},
	{"bare LF", "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n", errBareLF},
	{"bare CR in the reason", "HTTP/1.1 200 O\rK\r\n\r\n", errBareCR},
	{"NUL in the reason", "HTTP/1.1 200 O\x00K\r\n\r\n", errControl},
	{"folded field", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n", errFold},
	{"status of two digits", "HTTP/1.1 20 OK\r\n\r\n", errStatus},
	{"status of four digits", "HTTP/1.1 2000 OK\r\n\r\n", errStatus},
	{"status under 100", "HTTP/1.1 099 OK\r\n\r\n", errStatus},
	{"status with a sign", "HTTP/1.1 +20 OK\r\n\r\n", errStatus},
	{"no status", "HTTP/1.1 \r\n\r\n", errStatusLine},
	{"no status and no space", "HTTP/1.1\r\n\r\n", errStatusLine},
	{"two spaces before the status", "HTTP/1.1  200 OK\r\n\r\n", errStatus},
	{"tab before the status", "HTTP/1.1\t200 OK\r\n\r\n", errStatusLine},
	{"tab after the status", "HTTP/1.1 200\tOK\r\n\r\n", errStatus},
	{"version 2.0", "HTTP/2.0 200 OK\r\n\r\n", errNotOne},
	{"version 1.2", "HTTP/1.2 200 OK\r\n\r\n", errNotOne},
	{"version 1.10", "HTTP/1.10 200 OK\r\n\r\n", errStatusLine},
	{"version in lower case", "http/1.1 200 OK\r\n\r\n", errVersion},
	{"other protocol", "ICY 200 OK\r\n\r\n", errVersion},
	{"other protocol, short", "SSH\r\n\r\n", errStatusLine},
	{"HTTP/0.9", "<html>\r\n\r\n", errStatusLine},
}

func TestAttacks(t *testing.T) {
	run := func(method, before string, list []attack) {
		for _, a := range list {
			t.Run(a.name, func(t *testing.T) {
				var m []byte
				if method != "" {
					m = []byte(method)
				}
				if got := split(t, m, before+a.in); got.err != a.want {
					t.Errorf("%q: %v, want error %q", a.in, got, a.want.Reason)
				}
			})
		}
	}
	run("", "", attacks)
	run("", post+"Transfer-Encoding: chunked"+end, chunkAttacks)
	run("GET", "", responseAttacks)
}
