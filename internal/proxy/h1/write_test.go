package h1

import (
	"strings"
	"testing"

	"github.com/banyanrun/banyan/internal/proxy/message"
	"pgregory.net/rapid"
)

func field(name, value string) message.Field {
	return message.Field{Name: []byte(name), Value: []byte(value), ID: message.Identify([]byte(name))}
}

func TestAppendRequest(t *testing.T) {
	b := func(s string) []byte { return []byte(s) }
	fields := []message.Field{field("X-A", "b"), {Name: b("X-B"), ID: message.Removed}, field("connection", "x"), field("Content-Length", "9"), field("C", "")}
	tests := []struct {
		name string
		head message.Head
		want string
	}{
		{"plain", message.Head{Method: b("GET"), Scheme: b("http"), Authority: b("a"), Path: b("/p?q"), Fields: fields}, "GET /p?q HTTP/1.1\r\nHost: a\r\nX-A: b\r\nC: \r\n\r\n"},
		{"no path", message.Head{Method: b("GET"), Authority: b("a")}, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
		{"asterisk", message.Head{Method: b("OPTIONS"), Authority: b("a"), Path: b("*")}, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"},
		{"connect", message.Head{Method: b("CONNECT"), Authority: b("a:443")}, "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"},
		{"sized", message.Head{Method: b("PUT"), Authority: b("a"), Path: b("/"), Body: message.Sized, Length: 12, Expect: true}, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\nExpect: 100-continue\r\n\r\n"},
		{"chunked", message.Head{Method: b("PUT"), Authority: b("a"), Path: b("/"), Body: message.Streamed, Trailer: b("X")}, "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n"},
		{"POST without body", message.Head{Method: b("POST"), Authority: b("a"), Path: b("/"), Trailer: b("X")}, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"},
		{"connection", message.Head{Method: b("GET"), Authority: b("a"), Path: b("/"), Close: true, TE: true, Upgrade: b("websocket")}, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close, TE, upgrade\r\nUpgrade: websocket\r\nTE: trailers\r\n\r\n"},
		{"te alone", message.Head{Method: b("GET"), Authority: b("a"), Path: b("/"), TE: true}, "GET / HTTP/1.1\r\nHost: a\r\nConnection: TE\r\nTE: trailers\r\n\r\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(AppendRequest([]byte("> "), &tt.head)); got != "> "+tt.want {
				t.Errorf("got %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestAppendResponse(t *testing.T) {
	sized := message.Head{Status: 200, Body: message.Sized, Length: 5, Close: true}
	streamed := message.Head{Status: 200, Body: message.Streamed, Trailer: []byte("X")}
	until := message.Head{Status: 200, Body: message.UntilClose, Close: true}
	upgrade := message.Head{Status: 101, Upgrade: []byte("websocket")}
	const ok = "HTTP/1.1 200 OK\r\n"
	tests := []struct {
		name            string
		head            message.Head
		o               ResponseOptions
		want            string
		chunked, closes bool
	}{
		{"sized", sized, ResponseOptions{}, ok + "Content-Length: 5\r\n\r\n", false, false},
		{"close", sized, ResponseOptions{Close: true}, ok + "Connection: close\r\nContent-Length: 5\r\n\r\n", false, true},
		{"1.0", sized, ResponseOptions{HTTP10: true}, ok + "Connection: keep-alive\r\nContent-Length: 5\r\n\r\n", false, false},
		{"1.0 and close", sized, ResponseOptions{HTTP10: true, Close: true}, ok + "Connection: close\r\nContent-Length: 5\r\n\r\n", false, true},
		{"no body", message.Head{Status: 200}, ResponseOptions{}, ok + "Content-Length: 0\r\n\r\n", false, false},
		{"chunked", streamed, ResponseOptions{}, ok + "Transfer-Encoding: chunked\r\nTrailer: X\r\n\r\n", true, false},
		{"chunked to 1.0", streamed, ResponseOptions{HTTP10: true}, ok + "Connection: close\r\n\r\n", false, true},
		{"until close", until, ResponseOptions{}, ok + "Transfer-Encoding: chunked\r\n\r\n", true, false},
		{"until close to 1.0", until, ResponseOptions{HTTP10: true}, ok + "Connection: close\r\n\r\n", false, true},
		{"head, sized", sized, ResponseOptions{Head: true}, ok + "Content-Length: 5\r\n\r\n", false, false},
		{"head, length known", message.Head{Status: 200, Length: 5}, ResponseOptions{Head: true}, ok + "Content-Length: 5\r\n\r\n", false, false},
		{"head, length not known", message.Head{Status: 200}, ResponseOptions{Head: true}, ok + "\r\n", false, false},
		{"head, chunked", streamed, ResponseOptions{Head: true}, ok + "\r\n", false, false},
		{"head, chunked, 1.0", streamed, ResponseOptions{Head: true, HTTP10: true}, ok + "Connection: keep-alive\r\n\r\n", false, false},
		{"204", message.Head{Status: 204}, ResponseOptions{}, "HTTP/1.1 204 No Content\r\n\r\n", false, false},
		{"204, streamed", message.Head{Status: 204, Body: message.Streamed}, ResponseOptions{}, "HTTP/1.1 204 No Content\r\n\r\n", false, false},
		{"304", message.Head{Status: 304}, ResponseOptions{}, "HTTP/1.1 304 Not Modified\r\n\r\n", false, false},
		{"304, length known", message.Head{Status: 304, Length: 5}, ResponseOptions{}, "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", false, false},
		{"103", message.Head{Status: 103}, ResponseOptions{}, "HTTP/1.1 103 Early Hints\r\n\r\n", false, false},
		{"100 and close", message.Head{Status: 100}, ResponseOptions{Close: true}, "HTTP/1.1 100 Continue\r\n\r\n", false, true},
		{"101", upgrade, ResponseOptions{}, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", false, false},
		{"connect", message.Head{Status: 200}, ResponseOptions{Connect: true}, ok + "\r\n", false, false},
		{"connect, chunked", streamed, ResponseOptions{Connect: true}, ok + "\r\n", false, false},
		{"connect refused", message.Head{Status: 403}, ResponseOptions{Connect: true}, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", false, false},
		{"status without a name", message.Head{Status: 599}, ResponseOptions{}, "HTTP/1.1 599 \r\nContent-Length: 0\r\n\r\n", false, false},
		{"status 999", message.Head{Status: 999}, ResponseOptions{}, "HTTP/1.1 999 \r\nContent-Length: 0\r\n\r\n", false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := string(AppendResponse(nil, &tt.head, tt.o)); got != tt.want {
				t.Errorf("got %q\nwant %q", got, tt.want)
			}
			if chunked, closes := tt.o.Framing(&tt.head); chunked != tt.chunked || closes != tt.closes {
				t.Errorf("chunked %v, closes %v", chunked, closes)
			}
		})
	}
}

func TestAppendChunk(t *testing.T) {
	got := AppendChunk(nil, []byte("0123456789abcdef"))
	got = AppendChunk(got, nil)
	at := len(got)
	got = EndChunk(append(BeginChunk(got), "abc"...), at)
	at = len(got)
	got = EndChunk(BeginChunk(got), at)
	got = append(AppendChunkHeader(got, 1), "x\r\n"...)
	got = AppendLastChunk(got, []message.Field{field("A", "b"), {Name: []byte("X"), ID: message.Removed}, field("Content-Length", "1")})
	if want := "10\r\n0123456789abcdef\r\n00000003\r\nabc\r\n1\r\nx\r\n0\r\nA: b\r\n\r\n"; string(got) != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
	big := make([]byte, ReservedChunk+0x12345)
	if got := EndChunk(big, 0); string(got[:ReservedChunk-2]) != "00012345" {
		t.Errorf("size %q", got[:8])
	}
}

// The parts of messages that the writers can write and the parser reads as they were.
var (
	anyToken = rapid.StringMatching("[A-Za-z0-9!#$%&'*+.^_`|~-]{1,20}")
	anyName  = anyToken.Filter(func(s string) bool { return !hop[message.Identify([]byte(s))] })
	anyValue = rapid.StringMatching(`([!-~\x80-\xff]([ \t!-~\x80-\xff]{0,20}[!-~\x80-\xff])?)?`)
	anyPath  = rapid.StringMatching(`/([a-zA-Z0-9/;:@]|%[0-9a-f]{2}){0,20}(\?[a-z=&%]{0,10})?`)
	anyHost  = rapid.StringMatching(`([a-z0-9.-]{1,20}|\[::[0-9a-f]{1,4}\])(:[0-9]{1,4})?`)
)

func anyHead(t *rapid.T) *message.Head {
	h := &message.Head{Major: 1, Minor: 1}
	for range rapid.IntRange(0, 10).Draw(t, "fields") {
		h.Fields = append(h.Fields, field(anyName.Draw(t, "name"), anyValue.Draw(t, "value")))
	}
	h.Body = rapid.SampledFrom([]message.Body{message.None, message.Sized, message.Streamed}).Draw(t, "body")
	switch h.Body {
	case message.Sized:
		h.Length = rapid.Int64Range(0, 1000).Draw(t, "length")
	case message.Streamed:
		if rapid.Bool().Draw(t, "has trailer") {
			h.Trailer = []byte(anyName.Draw(t, "trailer"))
		}
	default:
	}
	if rapid.Bool().Draw(t, "upgrades") {
		h.Upgrade = []byte(anyToken.Draw(t, "upgrade"))
	}
	h.Close = rapid.Bool().Draw(t, "close")
	return h
}

// TestRequestRoundTrip: what is written is read as it was.
func TestRequestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := anyHead(t)
		h.Method, h.Authority, h.Path = []byte(anyToken.Draw(t, "method")), []byte(anyHost.Draw(t, "host")), []byte(anyPath.Draw(t, "path"))
		h.TE = rapid.Bool().Draw(t, "te")
		h.Expect = (h.Length > 0 || h.Body == message.Streamed) && rapid.Bool().Draw(t, "expect")
		text := AppendRequest(nil, h)
		got := readAll(nil, string(text))
		if got.head != describe(h) {
			t.Fatalf("%q\nis %v\nwant %s", text, got, describe(h))
		}
	})
}

// TestResponseRoundTrip: what is written is read as it was.
func TestResponseRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := anyHead(t)
		h.Status = rapid.OneOf(rapid.IntRange(200, 203), rapid.IntRange(205, 303), rapid.IntRange(305, 999)).Draw(t, "status")
		text := AppendResponse(nil, h, ResponseOptions{Close: h.Close})
		if h.Body == message.None {
			h.Body = message.Sized
		}
		got := readAll([]byte("GET"), string(text))
		if got.head != describe(h) {
			t.Fatalf("%q\nis %v\nwant %s", text, got, describe(h))
		}
	})
}

// TestBodyRoundTrip: chunks and trailers are read as they were, however they are cut.
func TestBodyRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(post + "Transfer-Encoding: chunked" + end)
		var payload strings.Builder
		for range rapid.IntRange(0, 8).Draw(t, "chunks") {
			data := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "data")
			payload.Write(data)
			if rapid.Bool().Draw(t, "reserved") {
				at := len(text)
				text = EndChunk(append(BeginChunk(text), data...), at)
			} else {
				text = AppendChunk(text, data)
			}
		}
		var trailers []message.Field
		for range rapid.IntRange(0, 4).Draw(t, "trailers") {
			name := anyName.Filter(func(s string) bool { return message.MayTrail(message.Identify([]byte(s)), []byte(s)) }).Draw(t, "name")
			trailers = append(trailers, field(name, anyValue.Draw(t, "value")))
		}
		text = AppendLastChunk(text, trailers)
		var pieces []string
		for rest := string(text); rest != ""; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "piece")
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		got := readAll(nil, pieces...)
		if got.payload != payload.String() || got.trailers != fieldText(trailers) || !got.done || got.n != len(text) {
			t.Fatalf("%q\nis %v", text, got)
		}
	})
}
