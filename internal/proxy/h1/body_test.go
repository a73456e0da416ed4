package h1

import (
	"strings"
	"testing"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

// TestBody is what bodies that are accepted hold.
func TestBody(t *testing.T) {
	const chunked = post + "Transfer-Encoding: chunked" + end
	tests := []struct {
		name, in          string
		payload, trailers string
	}{
		{"none", get + "\r\n", "", ""},
		{"sized", post + "Content-Length: 3" + end + "abc", "abc", ""},
		{"sized with nothing", post + "Content-Length: 0" + end, "", ""},
		{"no chunks", chunked + "0\r\n\r\n", "", ""},
		{"chunks", chunked + "3\r\nabc\r\n0A\r\n0123456789\r\n0\r\n\r\n", "abc0123456789", ""},
		{"leading zeros", chunked + "0000000000000003\r\nabc\r\n0000000000000000\r\n\r\n", "abc", ""},
		{"line ends in the data", chunked + "8\r\n\r\n0\r\n\r\n\r\r\n0\r\n\r\n", "\r\n0\r\n\r\n\r", ""},
		{"extensions", chunked + "1;a\r\na\r\n1;a=b;c=\"d\\\" ;\"\r\nb\r\n0;x\r\n\r\n", "ab", ""},
		{"long extension", chunked + "1;" + strings.Repeat("a", maxChunkExtension-1) + "\r\na\r\n0\r\n\r\n", "a", ""},
		{"longest extensions", chunked + fullExtensions + "0\r\n\r\n", strings.Repeat("a", maxExtensions/maxChunkExtension), ""},
		{"trailers", chunked + "1\r\na\r\n0\r\nGrpc-Status: 0\r\nX-Sum:\t1 \r\n\r\n", "a", "Grpc-Status:0|X-Sum:1|"},
		{"trailers that nobody may set late", chunked + "0\r\n" + dropped + "A: b\r\n\r\n", "", "A:b|"},
		{"longest trailers", chunked + "0\r\nA: " + strings.Repeat("b", testTrailer-5) + "\r\n\r\n", "", "A:" + strings.Repeat("b", testTrailer-5) + "|"},
		{"most trailers", chunked + "0\r\n" + strings.Repeat("A:\r\n", maxTrailers) + "\r\n", "", strings.Repeat("A:|", maxTrailers)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := split(t, nil, tt.in)
			want := outcome{head: got.head, payload: tt.payload, trailers: tt.trailers, n: len(tt.in), done: true}
			if got != want {
				t.Errorf("got %v\nwant %v", got, want)
			}
			more := readAll(nil, tt.in+smuggled)
			if more != want {
				t.Errorf("before another request: %v, want %v", more, want)
			}
		})
	}
}

// dropped are trailers that are not passed on.
const dropped = "Content-Length: 5\r\nTransfer-Encoding: chunked\r\nHost: b\r\nConnection: close\r\nAuthorization: x\r\nCookie: a=b\r\n" +
	"Set-Cookie: a=b\r\nContent-Type: a/b\r\nTrailer: a\r\nTE: trailers\r\nUpgrade: h2c\r\nExpect: 100-continue\r\nBanyan-Error: x\r\n" +
	"banyan_caller: x\r\nX-Request-Id: 1\r\nX_Forwarded-For: 1\r\nContent_Length: 5\r\nX_Other: 1\r\nX-Forwarded-Prefix: /\r\nContent-Encoding: gzip\r\nCache-Control: no-store\r\n"

// TestBodyAhead reads payload past Next, as a driver that splices does.
func TestBodyAhead(t *testing.T) {
	var b Body
	h := message.Head{Body: message.Streamed}
	b.Start(&h, testTrailer)
	steps := []struct {
		src        string
		skip, data int
		remaining  int64 // after it
		ahead      int
	}{
		{"1", 0, 0, 0, 0},
		{"10\r\nabc", 4, 3, 13, 10},
		{"", 0, 0, 3, 3},
		{"\r", 0, 0, 0, 0},
		{"\r\n5\r\n", 5, 0, 5, 5},
		{"\r\n0\r\n", 5, 0, 0, 0},
	}
	for i, s := range steps {
		skip, data, done, err := b.Next([]byte(s.src))
		if skip != s.skip || data != s.data || done || err != nil || b.Remaining() != s.remaining {
			t.Fatalf("step %d: %d, %d, %v, %v, remaining %d", i, skip, data, done, err, b.Remaining())
		}
		b.Skip(s.ahead)
	}
	if b.Done() || b.EOF() == nil {
		t.Error("it ended before its last line")
	}
	if skip, data, done, err := b.Next([]byte("\r\nGET")); skip != 2 || data != 0 || !done || err != nil || !b.Done() || b.EOF() != nil {
		t.Errorf("the end: %d, %d, %v, %v", skip, data, done, err)
	}
	if skip, data, done, err := b.Next([]byte("GET")); skip != 0 || data != 0 || !done || err != nil {
		t.Errorf("after the end: %d, %d, %v, %v", skip, data, done, err)
	}
}

func TestBodySized(t *testing.T) {
	var b Body
	h := message.Head{Body: message.Sized, Length: 10}
	b.Start(&h, 0)
	if b.EOF() == nil {
		t.Error("EOF is no error")
	}
	if skip, data, done, err := b.Next([]byte("abcd")); skip != 0 || data != 4 || done || err != nil || b.Remaining() != 6 {
		t.Errorf("%d, %d, %v, %v, remaining %d", skip, data, done, err, b.Remaining())
	}
	b.Skip(6)
	if _, _, done, _ := b.Next(nil); !done || b.Remaining() != 0 {
		t.Error("it has not ended")
	}
	defer func() {
		if recover() == nil {
			t.Error("more skipped than there was")
		}
	}()
	b.Skip(1)
}

func TestBodyUntilClose(t *testing.T) {
	var b Body
	h := message.Head{Body: message.UntilClose}
	b.Start(&h, 0)
	if skip, data, done, err := b.Next([]byte("abcd")); skip != 0 || data != 4 || done || err != nil || b.Remaining() != -1 {
		t.Errorf("%d, %d, %v, %v, remaining %d", skip, data, done, err, b.Remaining())
	}
	b.Skip(100)
	if err := b.EOF(); err != nil || !b.Done() {
		t.Errorf("at the end: %v, %v", err, b.Done())
	}
}

// TestBodyReuse: nothing of a body is left to the next one.
func TestBodyReuse(t *testing.T) {
	var b Body
	for _, n := range []int{1, 2 * keepTrailers, 2} { // the second's are more than are kept
		h := message.Head{Body: message.Streamed}
		b.Start(&h, 10*testTrailer)
		if len(b.Trailers()) != 0 {
			t.Fatal("trailers of the body before")
		}
		text := "0\r\n" + strings.Repeat("A: b\r\n", n) + "\r\n"
		if _, _, done, err := b.Next([]byte(text)); !done || err != nil || fieldText(b.Trailers()) != strings.Repeat("A:b|", n) {
			t.Fatalf("%v, %v, %s", done, err, fieldText(b.Trailers()))
		}
	}
}
