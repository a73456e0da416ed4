package hpack

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	xhpack "golang.org/x/net/http2/hpack"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

func TestDecodeErrors(t *testing.T) {
	for block, want := range map[string]error{
		"\x80":                          errIndex,
		"\xbe":                          errIndex,
		"\xff\x80\x00":                  errIndex,
		"\xff\xff\xff\xff\xff\xff":      errInteger,
		"\xff\xff\xff\xff\xff\x0f":      errInteger,
		"\xff\x80":                      errTruncated,
		"\x40":                          errTruncated,
		"\x40\x01":                      errTruncated,
		"\x40\x01a":                     errTruncated,
		"\x40\x01a\x05abc":              errTruncated,
		"\x00\x01a\x01b\x3f":            errTruncated,
		"\x82\x20":                      errUpdate,
		"\x3f\xe2\x1f":                  errUpdate,
		"\x00\x01a\x81\x00":             errHuffman, // padding of zeros
		"\x00\x01a\x82\x1f\xff":         errHuffman, // more than seven bits
		"\x00\x01a\x84\xff\xff\xff\xff": errHuffman, // the end-of-string symbol
	} {
		var d Decoder
		if _, err := decodeAll(&d, []byte(block), 1000); !errors.Is(err, want) {
			t.Errorf("%x: %v, want %v", block, err, want)
		}
	}
}

// TestVerdicts: what a field's text is found to be stays with it in the table.
func TestVerdicts(t *testing.T) {
	var d Decoder
	for _, tc := range []struct {
		block             string
		badName, badValue bool
		pseudo            Pseudo
		id                message.ID
		never             bool
	}{
		{"\x40\x01A\x01b", true, false, Regular, message.Other, false},
		{"\xbe", true, false, Regular, message.Other, false},
		{"\x7e\x01c", true, false, Regular, message.Other, false}, // the name by index
		{"\x40\x01a\x02b ", false, true, Regular, message.Other, false},
		{"\xbe", false, true, Regular, message.Other, false},
		{"\x7e\x01c", false, false, Regular, message.Other, false},
		{"\x40\x00\x00", true, false, Regular, message.Other, false},
		{"\x10\x06cookie\x03a=b", false, false, Regular, message.Cookie, true},
		{"\x00\x04:foo\x01a", false, false, Unknown, message.Other, false},
		{"\x00\x05:path\x01a", false, false, Path, message.Other, false},
		{"\x04\x01\x7f", false, true, Path, message.Other, false},
		{"\x40\x03age\x015", false, false, Regular, message.Age, false},
		{"\xbe", false, false, Regular, message.Age, false},
		{"\x82", false, false, Method, message.Other, false},
	} {
		var h message.Head
		d.Begin([]byte(tc.block), &h, 1000)
		var f Field
		ok, err := d.Next(&f)
		if err != nil || !ok {
			t.Fatal(err)
		}
		if f.BadName != tc.badName || f.BadValue != tc.badValue || f.Pseudo != tc.pseudo || f.ID != tc.id || f.Never != tc.never {
			t.Errorf("%q: %+v", tc.block, f)
		}
	}
}

func TestLimit(t *testing.T) {
	var d Decoder
	block := "\x40\x01a\x03bcd" + "\x40\x01e\x03fgh" + "\xbe" // 36 each
	for limit, want := range map[int]int{35: 0, 36: 1, 71: 1, 72: 2, 107: 2, 108: 3} {
		got, err := decodeAll(&d, []byte(block), limit)
		if err != nil || len(got) != want || d.Over() != (want < 3) {
			t.Errorf("limit %d: %d fields, over %v, %v", limit, len(got), d.Over(), err)
		}
	}
	if got, err := decodeAll(&d, []byte("\xbe\xbf"), 1000); err != nil || fmt.Sprint(got) != "[{e fgh} {a bcd}]" {
		t.Errorf("%v, %v: what was left out is in the table", got, err)
	}
}

func TestDecoderEmptiesTable(t *testing.T) {
	var d Decoder
	large := "\x40\x01a\x7f\x81\x1f" + strings.Repeat("x", 127+0x81-0x80+31*128)
	for _, tc := range []struct{ block, want string }{
		{"\x40\x01a\x01b\xbe", "[{a b} {a b}]"},
		{"\x20\x3f\xe1\x1f", "[]"}, // to 0 and back
	} {
		if got, err := decodeAll(&d, []byte(tc.block), 1<<20); err != nil || fmt.Sprint(got) != tc.want {
			t.Errorf("%v, %v", got, err)
		}
	}
	if d.table.len() != 0 {
		t.Error("the table is not empty")
	}
	if _, err := decodeAll(&d, []byte("\x40\x01a\x01b"+large), 10); err != nil || d.table.len() != 0 || d.table.size != 0 {
		t.Errorf("%v; %d entries: one that is too large empties the table", err, d.table.len())
	}
}

func TestSensitive(t *testing.T) {
	var e Encoder
	e.Begin(nil)
	for _, tc := range []struct {
		name, value string
		want        byte
	}{
		{"authorization", "secret", 0x1f}, {"proxy-authorization", "secret", 0x1f}, {"set-cookie", "a=b", 0x1f},
		{"cookie", "short", 0x1f}, {"cookie", "long enough not to be guessed", 0x0f}, {"accept", "x", 0x0f},
	} {
		name := []byte(tc.name)
		for range 3 { // however often
			got := e.Field(nil, name, []byte(tc.value), message.Identify(name), false)
			if tc.want == 0x1f && got[0] != tc.want || len(got) == 0 {
				t.Errorf("%s: %x", tc.name, got)
			}
		}
	}
	name := []byte("X-Own")
	for range 3 {
		if got := e.Field(nil, name, []byte("v"), message.Other, true); string(got) != "\x10\x05x-own\x01v" {
			t.Errorf("%q", got)
		}
	}
}

// TestRepeated: a field is put into the table when it comes for the second time.
func TestRepeated(t *testing.T) {
	var e Encoder
	name := []byte("x-request-kind")
	field := func(v string) int { return len(e.Field(nil, name, []byte(v), message.Other, false)) }
	e.Begin(nil)
	once, twice, thrice := field("abcdefgh"), field("abcdefgh"), field("abcdefgh")
	if once != 1+1+14+1+8 || twice >= once || thrice != 1 {
		t.Errorf("%d, %d, %d octets", once, twice, thrice)
	}
	if n := field("other"); n != 2+1+5 {
		t.Errorf("%d octets: the name is in the table", n)
	}
	for i := range 10_000 {
		field(fmt.Sprint("never again ", i))
	}
	if field("abcdefgh") != 1 {
		t.Error("values that come once displaced one that comes often")
	}
}

// TestTableSizeChanges: the peer is told of the smallest size and of the last.
func TestTableSizeChanges(t *testing.T) {
	var e Encoder
	for _, tc := range []struct {
		sizes []uint32
		want  string
	}{
		{nil, ""}, {[]uint32{4096, 10_000}, ""}, {[]uint32{100}, "\x3f\x45"}, {[]uint32{50, 4096}, "\x20\x3f\xe1\x1f"}, {nil, ""},
		{[]uint32{0}, "\x20"}, {[]uint32{30}, "\x3e"},
	} {
		for _, n := range tc.sizes {
			e.SetTableSize(n)
		}
		if got := string(e.Begin(nil)); got != tc.want {
			t.Errorf("%d: %x, want %x", tc.sizes, got, tc.want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{"\x82\x86\x84\x41\x0fwww.example.com", "\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff", "\x3f\xe1\x1f\x40\x01a\x01b\xbe", "\x20\x40\x01a\x01b"} {
		f.Add([]byte(s), []byte("\xbe\x7e\x01c"))
	}
	f.Fuzz(differential)
}

// differential wants from two blocks what golang.org/x/net makes of them.
func differential(t *testing.T, first, second []byte) {
	var d Decoder
	var want []line
	other := xhpack.NewDecoder(TableSize, func(f xhpack.HeaderField) { want = append(want, line{f.Name, f.Value}) })
	for _, block := range [][]byte{first, second} {
		want = nil
		got, err := decodeAll(&d, bytes.Clone(block), 1<<30)
		_, otherErr := other.Write(block)
		if otherErr == nil {
			otherErr = other.Close()
		}
		switch {
		case errors.Is(err, errInteger), errors.Is(err, errUpdate), otherErr != nil && strings.Contains(otherErr.Error(), "size update MUST"):
			return // our integers are shorter, and updates are taken where RFC 7541 section 4.2 has them
		case (err == nil) != (otherErr == nil):
			t.Fatalf("%x: %v, and %v", block, err, otherErr)
		case err != nil:
			return
		case len(got) != len(want):
			t.Fatalf("%x: %q, and %q", block, got, want)
		}
		for i := range got {
			if got[i] != want[i] && !strings.EqualFold(got[i].name, want[i].name) || got[i].value != want[i].value {
				t.Fatalf("%x: %q, and %q", block, got[i], want[i])
			}
		}
		if size := d.table.size; size > TableSize {
			t.Fatalf("table of %d", size)
		}
	}
}

// FuzzHuffman has text encoded and decoded by both, and what is no encoding refused by both.
func FuzzHuffman(f *testing.F) {
	f.Add([]byte("www.example.com"))
	f.Add([]byte("\x00\xff\x80\n\r\x16"))
	f.Fuzz(func(t *testing.T, p []byte) {
		encoded := putHuffman(nil, p)
		if want := xhpack.AppendHuffmanString(nil, string(p)); !bytes.Equal(encoded, want) || len(want) != huffmanLength(p) {
			t.Fatalf("%x encoded as %x, not %x", p, encoded, want)
		}
		if back, err := appendHuffman(nil, encoded); err != nil || !bytes.Equal(back, p) {
			t.Fatalf("%x came back as %x: %v", p, back, err)
		}
		got, err := appendHuffman(nil, p)
		want, otherErr := xhpack.HuffmanDecodeToString(p)
		if (err == nil) != (otherErr == nil) || err == nil && string(got) != want {
			t.Fatalf("%x: %q %v, and %q %v", p, got, err, want, otherErr)
		}
	})
}

// grpcFields is a typical gRPC request.
var grpcFields = []line{
	{":method", "POST"}, {":scheme", "http"}, {":path", "/shop.v1.Cart/AddItem"}, {":authority", "cart.shop.internal:8080"},
	{"content-type", "application/grpc"}, {"user-agent", "grpc-go/1.85.0"}, {"te", "trailers"}, {"grpc-timeout", "4999m"},
	{"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
}

func BenchmarkEncode(b *testing.B) {
	var e Encoder
	values := make([][]byte, len(grpcFields))
	names := make([][]byte, len(grpcFields))
	ids := make([]message.ID, len(grpcFields))
	for i, l := range grpcFields {
		values[i], names[i], ids[i] = []byte(l.value), []byte(l.name), message.Identify([]byte(l.name))
	}
	var dst []byte
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		n++ // a trace is another each time
		for i := range 4 {
			values[8][10+i] = 'a' + byte(n>>(2*i)&3)
		}
		dst = e.Begin(dst[:0])
		dst = e.Method(dst, values[0])
		dst = e.Scheme(dst, values[1])
		dst = e.Path(dst, values[2])
		dst = e.Authority(dst, values[3])
		for i := 4; i < len(values); i++ {
			dst = e.Field(dst, names[i], values[i], ids[i], false)
		}
	}
	b.ReportMetric(float64(len(dst)), "octets")
}

func BenchmarkDecode(b *testing.B) {
	var buf bytes.Buffer
	other := xhpack.NewEncoder(&buf)
	block := func() []byte {
		buf.Reset()
		for _, l := range grpcFields {
			_ = other.WriteField(xhpack.HeaderField{Name: l.name, Value: l.value})
		}
		return bytes.Clone(buf.Bytes())
	}
	first, repeated := block(), block()
	var d Decoder
	var h message.Head
	var f Field
	run := func(p []byte) (n int) {
		h.Reset()
		d.Begin(p, &h, 1<<16)
		for {
			if ok, err := d.Next(&f); err != nil {
				b.Fatal(err)
			} else if !ok {
				return n
			}
			n++
		}
	}
	b.Run("first", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			run(first)
		}
	})
	b.Run("repeated", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			run(repeated)
		}
	})
}
