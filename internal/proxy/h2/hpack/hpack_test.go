package hpack

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	xhpack "golang.org/x/net/http2/hpack"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

// line is a field as text.
type line struct{ name, value string }

// decodeAll decodes a block with d.
func decodeAll(d *Decoder, block []byte, limit int) (lines []line, err error) {
	var h message.Head
	d.Begin(block, &h, limit)
	var fields []Field
	for {
		var f Field
		ok, err := d.Next(&f)
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		fields = append(fields, f)
	}
	for _, f := range fields { // only now: their text must have stayed
		name := string(f.Name)
		if f.Pseudo != Regular && f.Pseudo != Unknown {
			name = pseudoNames[f.Pseudo]
		}
		lines = append(lines, line{name, string(f.Value)})
	}
	return lines, nil
}

var pseudoNames = map[Pseudo]string{Method: ":method", Scheme: ":scheme", Authority: ":authority", Path: ":path", Status: ":status", Protocol: ":protocol"}

// encodeLine appends a field as the engine would.
func encodeLine(e *Encoder, dst []byte, l line) []byte {
	v := []byte(l.value)
	switch l.name {
	case ":method":
		return e.Method(dst, v)
	case ":scheme":
		return e.Scheme(dst, v)
	case ":authority":
		return e.Authority(dst, v)
	case ":path":
		return e.Path(dst, v)
	case ":status":
		return e.Status(dst, int(v[0]-'0')*100+int(v[1]-'0')*10+int(v[2]-'0'))
	}
	return e.Field(dst, []byte(l.name), v, message.Identify([]byte(l.name)), false)
}

// randomLines makes lists with repetition, long values and every kind of name.
func randomLines(r *rand.Rand) (lines []line) {
	names := []string{
		":method", ":scheme", ":authority", ":path", ":status", "content-type", "user-agent", "x-custom", "link",
		"authorization", "cookie", "accept-encoding", "x-other-" + strconv.Itoa(r.IntN(40)), "grpc-timeout",
	}
	for range r.IntN(20) {
		l := line{name: names[r.IntN(len(names))]}
		switch {
		case l.name == ":status":
			l.value = strconv.Itoa(100 + r.IntN(900))
		case r.IntN(3) == 0:
			l.value = []string{"GET", "POST", "/", "https", "gzip, deflate", "", "localhost:80"}[r.IntN(7)]
		case r.IntN(30) == 0:
			l.value = strings.Repeat("v", r.IntN(6000))
		default:
			b := make([]byte, r.IntN(80))
			for i := range b {
				b[i] = byte(r.IntN(256))
			}
			if r.IntN(2) == 0 {
				b = fmt.Appendf(nil, "value %d", r.IntN(60))
			}
			l.value = string(b)
		}
		lines = append(lines, l)
	}
	return lines
}

// TestEncodeForOthers has golang.org/x/net read what Encoder writes, with table sizes that change.
func TestEncodeForOthers(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		var e Encoder
		var own Decoder
		var got []line
		other := xhpack.NewDecoder(TableSize, func(f xhpack.HeaderField) { got = append(got, line{f.Name, f.Value}) })
		for range 200 {
			if r.IntN(20) == 0 {
				e.SetTableSize(uint32(r.IntN(6000)))
				if r.IntN(2) == 0 {
					e.SetTableSize(uint32(r.IntN(6000)))
				}
			}
			want := randomLines(r)
			block := e.Begin(nil)
			for _, l := range want {
				block = encodeLine(&e, block, l)
			}
			got = nil
			if _, err := other.Write(block); err != nil {
				t.Fatal(seed, err)
			}
			if err := other.Close(); err != nil {
				t.Fatal(seed, err)
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("seed %d: got\n%q\nwant\n%q", seed, got, want)
			}
			if got, err := decodeAll(&own, block, 1<<20); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("seed %d: own decoder: %v\n%q\nwant\n%q", seed, err, got, want)
			}
		}
	}
}

// TestDecodeOfOthers reads what golang.org/x/net writes.
func TestDecodeOfOthers(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 2))
		var buf bytes.Buffer
		other := xhpack.NewEncoder(&buf)
		var d Decoder
		for range 200 {
			buf.Reset()
			if r.IntN(10) == 0 {
				other.SetMaxDynamicTableSize(uint32(r.IntN(TableSize + 1)))
			}
			want := randomLines(r)
			for _, l := range want {
				if err := other.WriteField(xhpack.HeaderField{Name: l.name, Value: l.value, Sensitive: r.IntN(9) == 0}); err != nil {
					t.Fatal(err)
				}
			}
			if r.IntN(5) == 0 { // text that is dropped still counts for the table
				d.Begin(buf.Bytes(), nil, 0)
				if ok, err := d.Next(new(Field)); ok || err != nil {
					t.Fatal(ok, err)
				}
				continue
			}
			got, err := decodeAll(&d, buf.Bytes(), 1<<20)
			if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("seed %d: %v: got\n%q\nwant\n%q", seed, err, got, want)
			}
		}
	}
}
