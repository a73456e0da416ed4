package h1

import (
	"testing"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

const typicalRequest = "GET /api/orders/1234?expand=items HTTP/1.1\r\n" +
	"Host: shop.example.com\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n" +
	"Accept: application/json, text/plain, */*\r\n" +
	"Accept-Encoding: gzip, deflate, br\r\n" +
	"Accept-Language: en-GB,en;q=0.5\r\n" +
	"Referer: https://shop.example.com/orders\r\n" +
	"Cookie: session=0123456789abcdef0123456789abcdef\r\n" +
	"Connection: keep-alive\r\n\r\n"

const typicalResponse = "HTTP/1.1 200 OK\r\n" +
	"Date: Sat, 21 Nov 2026 17:00:00 GMT\r\n" +
	"Content-Type: application/json\r\n" +
	"Content-Length: 1024\r\n" +
	"Cache-Control: no-store\r\n" +
	"Vary: Accept-Encoding\r\n\r\n"

func BenchmarkRequest(b *testing.B) {
	src := []byte(typicalRequest)
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	var p Parser
	var h message.Head
	for b.Loop() {
		h.Reset()
		if n, err := p.Request(src, &h); n != len(src) || err != nil {
			b.Fatal(n, err)
		}
	}
}

func BenchmarkResponse(b *testing.B) {
	src, method := []byte(typicalResponse), []byte("GET")
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	var p Parser
	var h message.Head
	for b.Loop() {
		h.Reset()
		if n, err := p.Response(src, method, &h); n != len(src) || err != nil {
			b.Fatal(n, err)
		}
	}
}

func BenchmarkAppendRequest(b *testing.B) {
	var p Parser
	var h message.Head
	if _, err := p.Request([]byte(typicalRequest), &h); err != nil {
		b.Fatal(err)
	}
	dst := make([]byte, 0, 4<<10)
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendRequest(dst[:0], &h)
	}
}

func BenchmarkAppendResponse(b *testing.B) {
	var p Parser
	var h message.Head
	if _, err := p.Response([]byte(typicalResponse), []byte("GET"), &h); err != nil {
		b.Fatal(err)
	}
	dst := make([]byte, 0, 4<<10)
	b.ReportAllocs()
	for b.Loop() {
		dst = AppendResponse(dst[:0], &h, ResponseOptions{})
	}
}

// BenchmarkBody reads chunks of 1 KiB.
func BenchmarkBody(b *testing.B) {
	chunk := AppendChunk(nil, make([]byte, 1<<10))
	src := AppendLastChunk(append(append(chunk, chunk...), chunk...), nil)
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	var body Body
	h := message.Head{Body: message.Streamed}
	for b.Loop() {
		body.Start(&h, 1<<10)
		rest := src
		for done := false; !done; {
			var skip, data int
			var err error
			if skip, data, done, err = body.Next(rest); err != nil {
				b.Fatal(err)
			}
			rest = rest[skip+data:]
		}
	}
}
